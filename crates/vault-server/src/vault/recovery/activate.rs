//! Makes a staged restore the owner's own keys.
//!
//! In: the secret that opens the restore, and the one that shall protect the keys from now on.
//! Out: the same key pairs under the new secret, in one step with the end of every staged
//! restore.
//!
//! Promise: nothing is changed unless the secret opens the restore, it holds the private half
//! of *every* stored public key and an account key, and the owner's secret has not changed
//! since it was made. A wrong secret counts as any other does.

use std::sync::Arc;

use hardened_crypto::ErrorKind;
use hardened_crypto::key_pair::PublicKeys;
use hardened_crypto::recovery::{OpenedRestore, StagedRestore, StoredIdentity};
use hardened_crypto::rekey::{ProtectedKeys, StoredKeyPair};
use hardened_crypto::user_secret::{Argon2Arena, PassphraseCost, ProtectionKind, UserSecret};
use secrecy::{ExposeSecret, SecretSlice};
use vault_store::{RestoreId, StoreError};

use super::SealedPair;
use super::restores::{PendingRestore, erasure_of_all};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::commit::CommitError;
use crate::vault::error::{VaultError, made};
use crate::vault::keys::{CheckedRing, KeyInfo};
use crate::vault::principal::Principal;
use crate::vault::unlock::Attempt;

impl Vault {
    /// Makes one staged restore active. `new` protects the keys from now on; `None` for the
    /// secret that opens the restore.
    ///
    /// # Errors
    /// `NotFound`; `RestoreWaiting`; `TooManyAttempts`; `WrongUserSecret` when the secret does
    /// not open the restore; `RestoreUnusable`; `Invalid` for a new secret that cannot be
    /// accepted; `Conflict` when a rekey, a veto or another activation was faster.
    pub async fn activate_restore(
        &self,
        caller: &Principal,
        restore_id: RestoreId,
        secret: &SecretSlice<u8>,
        new: Option<&SecretSlice<u8>>,
    ) -> Result<KeyInfo, VaultError> {
        let owner = access::member(caller)?;
        let restore = self.pending_restore(owner, restore_id).await?;
        if self.clock.utc() < restore.0.not_before {
            return Err(VaultError::RestoreWaiting);
        }
        let attempt = |ring| self.try_activate(owner, ring, &restore, (secret, new));
        self.change_keys(owner, attempt).await
    }

    async fn try_activate(
        &self,
        owner: Member,
        ring: CheckedRing,
        restore: &PendingRestore,
        (secret, new): (&SecretSlice<u8>, Option<&SecretSlice<u8>>),
    ) -> Result<KeyInfo, VaultError> {
        let new = self.new_secret(new.unwrap_or(secret))?;
        let attempt = Attempt {
            whose: owner,
            clock: Arc::clone(&self.clock),
            wrong_secrets: Arc::clone(&self.wrong_secrets),
        };
        attempt.check()?;
        let opened = self.open_restore(owner, &ring, restore, secret, Some(attempt));
        let opened = opened.await?;
        self.activate(owner, &ring, (restore, opened), new).await
    }

    /// A rekey whose old secret is not the one in force: perhaps it opens a restore whose
    /// waiting time is over. The wrong secret has been counted, once, whatever comes of it.
    pub(in crate::vault) async fn rekey_from_restore(
        &self,
        owner: Member,
        ring: &CheckedRing,
        old: &SecretSlice<u8>,
        new: UserSecret,
    ) -> Result<KeyInfo, VaultError> {
        let now = self.clock.utc();
        for restore in self.pending_restores(owner).await? {
            if now < restore.0.not_before {
                continue;
            }
            match self.open_restore(owner, ring, &restore, old, None).await {
                Ok(opened) => return self.activate(owner, ring, (&restore, opened), new).await,
                // Another's restore, or rubbish: the next one may be right.
                Err(VaultError::WrongUserSecret | VaultError::RestoreUnusable) => {}
                Err(error) => return Err(error),
            }
        }
        Err(VaultError::WrongUserSecret)
    }

    /// Opens a restore and holds it against the stored public keys. `attempt` is what a wrong
    /// secret counts as; `None` where it has been counted.
    async fn open_restore(
        &self,
        owner: Member,
        ring: &CheckedRing,
        restore: &PendingRestore,
        secret: &SecretSlice<u8>,
        attempt: Option<Attempt>,
    ) -> Result<OpenedRestore, VaultError> {
        let sealed = SealedPair::stored(&restore.0.blobs)?;
        let staged = StagedRestore::parse(&sealed.ecc, &sealed.kyber).map_err(refused)?;
        // Expose: parsed into a type that wipes itself.
        let secret = counted(attempt.as_ref(), || {
            UserSecret::for_unlock(secret.expose_secret()).map_err(refused)
        })?;
        let kind = staged.protection().kind();
        let is_generated = kind == ProtectionKind::Generated;
        if let ProtectionKind::Passphrase(cost) = kind
            && cost.work()
                > self
                    .limits
                    .passphrase_cost
                    .work()
                    .max(PassphraseCost::STRONG.work())
        {
            // A trustee chose it: the server's threads and memory are not theirs to spend.
            return Err(VaultError::RestoreUnusable);
        }
        let public = ring.public()?;
        let secret_version = ring.keys.secret_version;
        let hashes = !is_generated && !secret.is_generated();
        let job = move |arena: &mut Argon2Arena| {
            let stored = StoredIdentity {
                owner: owner.owner(),
                secret_version,
                public: &public,
            };
            // Others may have failed since this one began to wait.
            attempt.as_ref().map_or(Ok(()), Attempt::check)?;
            counted(attempt.as_ref(), || {
                staged.open(&secret, &stored, arena).map_err(refused)
            })
        };
        if hashes {
            self.on_hash_pool(owner, job).await
        } else {
            job(&mut Argon2Arena::default())
        }
    }

    /// Puts opened keys under a new secret, in one step with the end of every staged restore.
    async fn activate(
        &self,
        owner: Member,
        ring: &CheckedRing,
        (restore, opened): (&PendingRestore, OpenedRestore),
        new: UserSecret,
    ) -> Result<KeyInfo, VaultError> {
        let account_key = opened.account_key.ok_or(VaultError::RestoreUnusable)?;
        let next_version = ring.keys.secret_version.checked_add(1);
        let next_version = next_version.ok_or(VaultError::Internal("secret versions used up"))?;
        let (protection, kek) = self.protect(owner, new, next_version).await?;
        let mut key_pairs = Vec::with_capacity(opened.key_pairs.len());
        for (generation, keys) in &opened.key_pairs {
            key_pairs.push(StoredKeyPair {
                generation: *generation,
                public: keys.public().clone(),
                private: keys.seal(&kek, *generation).map_err(made)?,
            });
        }
        let protected = ProtectedKeys {
            account_key: account_key.seal(&kek).map_err(made)?,
            key_pairs,
        };
        let mut changes = self.rekeyed(ring, &protection, protected);
        // As it was read: one that was vetoed since, or replaced, is a conflict.
        changes.push(restore.erasure().into());
        changes.push(erasure_of_all(owner, None).into());
        match self.commit(changes).await {
            Ok(_) => ring.info_under(&protection),
            Err(CommitError::Store(StoreError::Conflict { .. })) => Err(VaultError::Conflict),
            Err(error) => Err(error.into()),
        }
    }
}

/// Notes a wrong secret where it is found, so that it counts even when its sender has gone.
fn counted<T>(
    attempt: Option<&Attempt>,
    open: impl FnOnce() -> Result<T, VaultError>,
) -> Result<T, VaultError> {
    let opened = open();
    if let (Some(attempt), Err(VaultError::WrongUserSecret)) = (attempt, &opened) {
        attempt.note_wrong();
    }
    opened
}

/// Reads an error about a restore: what is wrong with it is its trustee's doing, not damage.
fn refused(error: hardened_crypto::Error) -> VaultError {
    match error.kind() {
        ErrorKind::WrongSecret => VaultError::WrongUserSecret,
        ErrorKind::Unavailable => VaultError::Internal("the system gave no randomness or memory"),
        _ => VaultError::RestoreUnusable,
    }
}

impl CheckedRing {
    /// Every generation with its public keys, ascending.
    pub(super) fn public(&self) -> Result<Vec<(u32, PublicKeys)>, VaultError> {
        let pairs = self.protected_keys()?.key_pairs.into_iter();
        Ok(pairs.map(|pair| (pair.generation, pair.public)).collect())
    }
}
