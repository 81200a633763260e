//! What opens and seals the versions of a credential: a passphrase of its own, or users' keys.
//!
//! Under users' keys every version has a data key of its own, wrapped to the owner and to whoever
//! may use it: sealing needs public keys alone.

use hardened_crypto::credential::{self, CredentialKey, CredentialValue};
use hardened_crypto::data_key::DataKey;
use hardened_crypto::user_secret::Kek;
use secrecy::SecretSlice;
use vault_store::CredentialRead;
use vault_store::rows::{CredentialRow, CredentialVersionRow};

use super::sealed_place;
use crate::vault::Vault;
use crate::vault::access::Member;
use crate::vault::error::{VaultError, made, stored};
use crate::vault::keys::CheckedRing;
use crate::vault::records::{FIRST_DATA_KEY, Holder};

/// The secret that came with a call about credentials.
#[derive(Debug)]
pub enum CredentialSecret {
    /// The passphrase of a credential (`X-Proxy-Master-Key`).
    Passphrase(SecretSlice<u8>),
    /// The secret of the caller's keys (`X-User-Secret`).
    UserSecret(SecretSlice<u8>),
}

/// What a credential is sealed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialProtection {
    /// A passphrase of its own.
    Passphrase,
    /// Its owner's keys, and those of everyone it is shared with.
    UserKeys,
}

impl CredentialProtection {
    pub(super) fn of(row: &CredentialRow) -> Self {
        match row.protection {
            Some(_) => Self::Passphrase,
            None => Self::UserKeys,
        }
    }

    /// What a secret can open.
    #[must_use]
    pub fn opened_by(secret: &CredentialSecret) -> Self {
        match secret {
            CredentialSecret::Passphrase(_) => Self::Passphrase,
            CredentialSecret::UserSecret(_) => Self::UserKeys,
        }
    }
}

/// Opens versions of one credential.
pub(super) enum Opener {
    Passphrase(CredentialKey),
    UserKeys(Box<(CheckedRing, Kek)>),
    /// Of one version, out of a token.
    DataKey(DataKey),
}

/// Seals one version.
pub(super) enum Sealer<'a> {
    Passphrase(&'a CredentialKey),
    DataKey(&'a DataKey),
}

impl Sealer<'_> {
    pub(super) fn seal(
        &self,
        owner: Member,
        row: &CredentialVersionRow,
        value: &CredentialValue,
    ) -> Result<Vec<u8>, VaultError> {
        let place = sealed_place(owner, row);
        let sealed = match self {
            Self::Passphrase(key) => key.seal(&place, value),
            Self::DataKey(key) => credential::seal(key, FIRST_DATA_KEY, &place, value),
        };
        sealed.map_err(made)
    }
}

impl Vault {
    /// Turns the secret that came into what opens `row` for `reader`.
    pub(super) async fn credential_opener(
        &self,
        reader: Member,
        row: &CredentialRow,
        secret: Option<&CredentialSecret>,
    ) -> Result<Opener, VaultError> {
        match (CredentialProtection::of(row), secret) {
            (CredentialProtection::Passphrase, Some(CredentialSecret::Passphrase(secret))) => {
                let unlocked = self.unlock_credential(reader, row, secret).await?;
                Ok(Opener::Passphrase(unlocked))
            }
            (CredentialProtection::Passphrase, _) => Err(VaultError::PassphraseMissing),
            (CredentialProtection::UserKeys, Some(CredentialSecret::UserSecret(secret))) => {
                let ring = self
                    .key_ring(reader)
                    .await?
                    .ok_or(VaultError::KeysMissing)?;
                let kek = self.unlock(reader, secret, &ring).await?;
                Ok(Opener::UserKeys(Box::new((ring, kek))))
            }
            (CredentialProtection::UserKeys, _) => Err(VaultError::UserSecretMissing),
        }
    }

    /// The value of an authenticated version.
    pub(super) fn open_credential(
        &self,
        opener: &Opener,
        read: &CredentialRead,
    ) -> Result<CredentialValue, VaultError> {
        let owner = owner_of(read);
        let (place, sealed) = (sealed_place(owner, &read.version), &read.version.sealed);
        let opened = match opener {
            Opener::Passphrase(key) => key.open(&place, sealed),
            Opener::UserKeys(keys) => {
                let data_key = self.credential_data_key(read, &keys.0, &keys.1)?;
                credential::open(&data_key, FIRST_DATA_KEY, &place, sealed)
            }
            Opener::DataKey(data_key) => credential::open(data_key, FIRST_DATA_KEY, &place, sealed),
        };
        opened.map_err(stored("a credential"))
    }

    /// As [`Vault::open_credential`], for a version that was read after `opener` was made: a
    /// rotation may have moved its wrap since.
    ///
    /// # Errors
    /// `Conflict` when the user secret has changed.
    pub(super) async fn open_credential_now(
        &self,
        reader: Member,
        opener: &Opener,
        read: &CredentialRead,
    ) -> Result<CredentialValue, VaultError> {
        let Opener::UserKeys(keys) = opener else {
            return self.open_credential(opener, read);
        };
        let ring = self.keys_now(reader, &keys.0).await?;
        let data_key = self.credential_data_key(read, &ring, &keys.1)?;
        self.open_credential(&Opener::DataKey(data_key), read)
    }

    /// The data key of an authenticated version that is sealed to its reader's keys.
    pub(super) fn credential_data_key(
        &self,
        read: &CredentialRead,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<DataKey, VaultError> {
        let holder = match &read.share {
            None => Holder::owner(owner_of(read)),
            Some(share) => Holder::of(share)?,
        };
        self.data_key(holder, read.into(), ring, kek)
    }
}

/// Whose credential it is.
pub(super) fn owner_of(read: &CredentialRead) -> Member {
    Member {
        org_id: read.credential.org_id,
        user_id: read.credential.owner,
    }
}
