//! From the passphrase of a credential to the key that seals its versions.

use std::sync::Arc;

use hardened_crypto::credential::CredentialKey;
use hardened_crypto::user_secret::{Argon2Arena, Protection, ProtectionKind, UserSecret};
use secrecy::{ExposeSecret, SecretSlice};
use vault_store::RecordId;
use vault_store::rows::CredentialRow;

use super::key_place;
use crate::vault::Vault;
use crate::vault::access::Member;
use crate::vault::error::{Invalid, VaultError, made};
use crate::vault::unlock::Attempt;

/// The first passphrase of a credential.
const FIRST_PASSPHRASE: u32 = 1;

impl Vault {
    /// Derives the key of a new credential.
    pub(super) async fn protect_credential(
        &self,
        owner: Member,
        credential_id: RecordId,
        presented: &SecretSlice<u8>,
    ) -> Result<(Protection, CredentialKey), VaultError> {
        let passphrase = self.new_secret(presented).map_err(|error| match error {
            VaultError::Invalid(_) => VaultError::Invalid(Invalid::PassphraseUnusable),
            other => other,
        })?;
        let (place, cost) = (key_place(owner, credential_id), self.limits.passphrase_cost);
        let is_generated = passphrase.is_generated();
        let job = move |arena: &mut Argon2Arena| {
            CredentialKey::protect(&passphrase, place, FIRST_PASSPHRASE, cost, arena).map_err(made)
        };
        if is_generated {
            job(&mut Argon2Arena::default())
        } else {
            self.on_hash_pool(owner, job).await
        }
    }

    /// Derives the key of a stored credential again. Wrong passphrases of one owner are counted
    /// together, whichever credential they were for.
    pub(in crate::vault) async fn unlock_credential(
        &self,
        owner: Member,
        row: &CredentialRow,
        presented: &SecretSlice<u8>,
    ) -> Result<CredentialKey, VaultError> {
        const REFUSED: VaultError = VaultError::Tampered("the protection of a credential");
        let protection = row.protection.as_deref().ok_or(REFUSED)?;
        let protection = Protection::parse(protection).map_err(|_| REFUSED)?;
        let attempt = Attempt {
            whose: owner,
            clock: Arc::clone(&self.clock),
            wrong_secrets: Arc::clone(&self.wrong_passphrases),
        };
        attempt.check()?;
        // Expose: parsed into a type that wipes itself.
        let passphrase = match UserSecret::for_unlock(presented.expose_secret()) {
            Ok(passphrase) => passphrase,
            Err(error) => return Err(wrong(attempt.failed(error))),
        };
        let place = key_place(owner, row.credential_id);
        let hashes = protection.kind() != ProtectionKind::Generated && !passphrase.is_generated();
        let unlock = move |arena: &mut Argon2Arena| {
            // Others may have failed since this one began to wait.
            attempt.check()?;
            CredentialKey::unlock(&passphrase, place, &protection, arena)
                .map_err(|error| wrong(attempt.failed(error)))
        };
        if hashes {
            self.on_hash_pool(owner, unlock).await
        } else {
            unlock(&mut Argon2Arena::default())
        }
    }
}

fn wrong(error: VaultError) -> VaultError {
    match error {
        VaultError::WrongUserSecret => VaultError::WrongPassphrase,
        other => other,
    }
}
