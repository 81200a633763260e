//! A user's keys: made once, shown in public part, put under another secret.
//!
//! In: a caller and user secrets. Out: public keys, and what protects the private ones.
//! Promise: keys are made once, also when two calls race; a rekey changes nothing but what
//! protects the private keys, and ends all access tokens, in one step, and of two at once exactly
//! one happens.
//! Rotation: `keys/rotate.rs`; a dearer hash of the same secret: `keys/strengthen.rs`.

mod private;
mod rotate;
mod strengthen;

pub use private::SealedKeys;
pub use rotate::{GENERATIONS_MAX, ROTATED_WRAPS_MAX, Rotation};
pub(crate) use strengthen::Strengthening;

use hardened_crypto::account::{FIRST_GENERATION, NewAccount};
use hardened_crypto::key_pair::{PrivateKeyBoxes, PrivateKeys, PublicKeys};
use hardened_crypto::rekey::{ProtectedKeys, StoredKeyPair, rekey};
use hardened_crypto::user_secret::{Kek, Protection, ProtectionKind, UserSecret};
use secrecy::{ExposeSecret, SecretSlice};
use vault_store::rows::{FIRST_VERSION, KeyPairRow, UserKeysRow};
use vault_store::{Change, ChangeSet, StoreError, TokenChange, UtcMillis, conflict};

use super::Vault;
use super::access::{self, Member};
use super::commit::CommitError;
use super::error::{Invalid, VaultError, made, stored};
use super::principal::Principal;
use super::row_integrity::{RowIntegrity, UNSIGNED};

/// The first secret that protects a user's keys.
const FIRST_SECRET_VERSION: u32 = 1;

/// What anyone may know about a user's keys.
#[derive(Debug, Clone)]
pub struct KeyInfo {
    /// Both public halves of the current generation.
    pub public: PublicKeys,
    /// Which generation is current.
    pub generation: u32,
    /// What kind of secret protects the private halves.
    pub protection: SecretForm,
}

/// Kinds of user secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// 256 random bits in our own format.
    Generated,
    /// Anything else.
    Passphrase,
}

impl Vault {
    /// Makes the caller's first key pair and account key, under `secret`.
    ///
    /// # Errors
    /// `KeysExist` the second time; `Invalid` for a secret that cannot be accepted;
    /// `Overloaded` when too many password hashes wait.
    pub async fn generate_keys(
        &self,
        caller: &Principal,
        secret: &SecretSlice<u8>,
    ) -> Result<KeyInfo, VaultError> {
        let whose = access::member(caller)?;
        if self.key_ring(whose).await?.is_some() {
            return Err(VaultError::KeysExist);
        }
        let secret = self.new_secret(secret)?;
        let (keys, pair) = self.new_key_rows(whose, secret).await?;
        let ring = CheckedRing::read(keys.clone(), vec![pair.clone()])?;
        let change = Change::InsertUserKeys {
            keys,
            pairs: vec![pair],
        };
        match self.commit(change).await {
            Ok(_) => ring.info(),
            Err(CommitError::Store(StoreError::Conflict {
                what: conflict::USER_KEYS,
            })) => Err(VaultError::KeysExist),
            Err(error) => Err(error.into()),
        }
    }

    /// The caller's current keys; `None` before [`Vault::generate_keys`].
    ///
    /// # Errors
    /// `Tampered` when a row did not authenticate.
    pub async fn key_status(&self, caller: &Principal) -> Result<Option<KeyInfo>, VaultError> {
        let whose = access::member(caller)?;
        let ring = self.key_ring(whose).await?;
        ring.as_ref().map(CheckedRing::info).transpose()
    }

    /// Puts the caller's private keys under another secret, and ends the caller's tokens. An old
    /// secret that is not the one in force may also open a staged restore whose waiting time is
    /// over: that one becomes active.
    ///
    /// # Errors
    /// `KeysMissing`; `WrongUserSecret`; `Invalid` for a new secret that is the old one or
    /// cannot be accepted; `Conflict` when another rekey was faster.
    pub async fn rekey(
        &self,
        caller: &Principal,
        old: &SecretSlice<u8>,
        new: &SecretSlice<u8>,
    ) -> Result<KeyInfo, VaultError> {
        let whose = access::member(caller)?;
        let attempt = |ring| self.try_rekey(whose, ring, old, new);
        self.change_keys(whose, attempt).await
    }

    async fn try_rekey(
        &self,
        whose: Member,
        ring: CheckedRing,
        old: &SecretSlice<u8>,
        new: &SecretSlice<u8>,
    ) -> Result<KeyInfo, VaultError> {
        let new = self.new_secret(new)?;
        // Expose: compared in constant time. Both came with this request, so refusing tells
        // nothing about the stored one and can come before the hash.
        if UserSecret::for_unlock(old.expose_secret()).is_ok_and(|old| old.same_as(&new)) {
            return Err(VaultError::Invalid(Invalid::SecretUnchanged));
        }
        let old_kek = match self.unlock_alone(whose, old, &ring.protection).await {
            Err(VaultError::WrongUserSecret) => {
                return self.rekey_from_restore(whose, &ring, old, new).await;
            }
            opened => opened?,
        };
        let next_version = ring.keys.secret_version.checked_add(1);
        let next_version = next_version.ok_or(VaultError::Internal("secret versions used up"))?;
        let (protection, new_kek) = self.protect(whose, new, next_version).await?;
        let protected = rekey(&ring.protected_keys()?, &old_kek, &new_kek)
            .map_err(stored("a sealed private key"))?;
        let change = self.rekeyed(&ring, &protection, protected);
        self.commit(change).await?;
        ring.info_under(&protection)
    }

    /// The changes that put a user's keys under a new protection and end the user's tokens.
    pub(crate) fn rekeyed(
        &self,
        ring: &CheckedRing,
        protection: &Protection,
        protected: ProtectedKeys,
    ) -> ChangeSet {
        let end_tokens = TokenChange::DeleteAll {
            org_id: ring.keys.org_id,
            user_id: ring.keys.user_id,
        };
        let replace = replaced(&self.integrity, ring, protection, protected);
        ChangeSet::from(replace).with(end_tokens.into())
    }

    /// Signed rows of a user's first keys.
    pub(crate) async fn new_key_rows(
        &self,
        whose: Member,
        secret: UserSecret,
    ) -> Result<(UserKeysRow, KeyPairRow), VaultError> {
        let (protection, kek) = self.protect(whose, secret, FIRST_SECRET_VERSION).await?;
        let account = NewAccount::make(&kek).map_err(made)?;
        let now: UtcMillis = self.clock.utc();
        let keys = UserKeysRow {
            user_id: whose.user_id,
            org_id: whose.org_id,
            protection: protection.to_bytes().to_vec(),
            secret_version: FIRST_SECRET_VERSION,
            account_key_box: account.account_key,
            current_generation: FIRST_GENERATION,
            version: FIRST_VERSION,
            mac: UNSIGNED,
        };
        let pair = KeyPairRow {
            user_id: whose.user_id,
            org_id: whose.org_id,
            generation: FIRST_GENERATION,
            public_key: account.public.as_bytes().to_vec(),
            ecc_box: account.private.p256,
            kyber_box: account.private.ml_kem,
            created: now,
            version: FIRST_VERSION,
            mac: UNSIGNED,
        };
        Ok((self.integrity.sign(keys), self.integrity.sign(pair)))
    }

    /// A user's keys with every row authenticated.
    pub(crate) async fn key_ring(&self, whose: Member) -> Result<Option<CheckedRing>, VaultError> {
        let found = self.store.key_ring(whose.org_id, whose.user_id).await?;
        let Some(ring) = found else {
            return Ok(None);
        };
        self.integrity.check(&ring.keys)?;
        for pair in &ring.pairs {
            self.integrity.check(pair)?;
        }
        CheckedRing::read(ring.keys, ring.pairs).map(Some)
    }
}

/// The change that puts a user's keys under another protection.
fn replaced(
    integrity: &RowIntegrity,
    ring: &CheckedRing,
    protection: &Protection,
    protected: ProtectedKeys,
) -> Change {
    let keys = UserKeysRow {
        protection: protection.to_bytes().to_vec(),
        secret_version: protection.secret_version(),
        account_key_box: protected.account_key,
        version: ring.keys.version + 1,
        ..ring.keys.clone()
    };
    let pairs = ring.pairs.iter().zip(protected.key_pairs);
    let pairs = pairs.map(|(row, boxed)| {
        integrity.sign(KeyPairRow {
            ecc_box: boxed.private.p256,
            kyber_box: boxed.private.ml_kem,
            version: row.version + 1,
            ..row.clone()
        })
    });
    Change::ReplaceUserKeys {
        expected_version: ring.keys.version,
        pairs: pairs.collect(),
        keys: integrity.sign(keys),
    }
}

/// A user's keys, authenticated and read.
#[derive(Clone)]
pub(crate) struct CheckedRing {
    pub(crate) keys: UserKeysRow,
    pairs: Vec<KeyPairRow>,
    pub(crate) protection: Protection,
}

impl CheckedRing {
    fn read(keys: UserKeysRow, pairs: Vec<KeyPairRow>) -> Result<Self, VaultError> {
        const REFUSED: VaultError = VaultError::Tampered("the protection of the keys");
        let protection = Protection::parse(&keys.protection).map_err(|_| REFUSED)?;
        if protection.secret_version() != keys.secret_version {
            return Err(REFUSED);
        }
        Ok(Self {
            keys,
            pairs,
            protection,
        })
    }

    /// Secret version and key pair generation: who says the same holds the same keys.
    pub(crate) fn state(&self) -> (u32, u32) {
        (self.keys.secret_version, self.keys.current_generation)
    }

    /// Whether a secret waits to be hashed before it opens these keys: what was read before is to
    /// be read again.
    pub(crate) fn opens_slowly(&self) -> bool {
        self.protection.kind() != ProtectionKind::Generated
    }

    /// The key pair that new wraps go to.
    pub(crate) fn current(&self) -> Result<StoredKeyPair, VaultError> {
        self.generation(self.keys.current_generation)
    }

    /// One key pair.
    pub(crate) fn generation(&self, generation: u32) -> Result<StoredKeyPair, VaultError> {
        let row = self.pairs.iter().find(|row| row.generation == generation);
        read_pair(row.ok_or(VaultError::Tampered("key_pairs"))?)
    }

    fn info(&self) -> Result<KeyInfo, VaultError> {
        let current = self.current()?;
        Ok(KeyInfo {
            public: current.public,
            generation: current.generation,
            protection: form(&self.protection),
        })
    }

    /// The same keys once `protection` protects them.
    pub(crate) fn info_under(&self, protection: &Protection) -> Result<KeyInfo, VaultError> {
        Ok(KeyInfo {
            protection: form(protection),
            ..self.info()?
        })
    }

    pub(crate) fn protected_keys(&self) -> Result<ProtectedKeys, VaultError> {
        Ok(ProtectedKeys {
            account_key: self.keys.account_key_box.clone(),
            key_pairs: self.pairs.iter().map(read_pair).collect::<Result<_, _>>()?,
        })
    }

    /// Opens the private keys of one generation.
    pub(crate) fn private_keys(
        &self,
        kek: &Kek,
        generation: u32,
    ) -> Result<PrivateKeys, VaultError> {
        let pair = self.generation(generation)?;
        pair.private
            .open(kek, pair.generation, &pair.public)
            .map_err(stored("a sealed private key"))
    }

    /// Opens the account key.
    pub(crate) fn account_key(
        &self,
        kek: &Kek,
    ) -> Result<hardened_crypto::account_key::AccountKey, VaultError> {
        hardened_crypto::account_key::AccountKey::open(kek, &self.keys.account_key_box)
            .map_err(stored("the sealed account key"))
    }
}

fn read_pair(row: &KeyPairRow) -> Result<StoredKeyPair, VaultError> {
    Ok(StoredKeyPair {
        generation: row.generation,
        public: public_keys(row)?,
        private: PrivateKeyBoxes {
            p256: row.ecc_box.clone(),
            ml_kem: row.kyber_box.clone(),
        },
    })
}

/// The public keys in an authenticated row.
pub(crate) fn public_keys(row: &KeyPairRow) -> Result<PublicKeys, VaultError> {
    PublicKeys::parse(&row.public_key).map_err(stored("a public key"))
}

fn form(protection: &Protection) -> SecretForm {
    match protection.kind() {
        ProtectionKind::Generated => SecretForm::Generated,
        ProtectionKind::Passphrase(_) => SecretForm::Passphrase,
    }
}
