//! A user's private keys as they are stored, for the user's own client to open.
//!
//! Splitting keys among trustees, and opening what others entrusted, happen at the client, which
//! needs the private keys for it. The secret is asked for although the answer holds no key in
//! the clear: otherwise a stolen API key would be enough to take the boxes away and try
//! passphrases on them without any limit on attempts.

use hardened_crypto::rekey::StoredKeyPair;
use secrecy::SecretSlice;

use crate::vault::Vault;
use crate::vault::access;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use vault_store::{OrgId, UserId};

/// Everything that a user secret protects, still sealed.
#[derive(Clone)]
pub struct SealedKeys {
    /// The user's organisation.
    pub org_id: OrgId,
    /// Whose keys.
    pub user_id: UserId,
    /// How the key that opens the boxes is derived from the secret.
    pub protection: Vec<u8>,
    /// The account key, boxed.
    pub account_key: Vec<u8>,
    /// Every generation, ascending.
    pub key_pairs: Vec<StoredKeyPair>,
    /// The generation that new wraps go to.
    pub generation: u32,
}

impl Vault {
    /// The caller's private keys, sealed, for a caller who has the secret.
    ///
    /// # Errors
    /// `KeysMissing`; those of the secret; `Tampered` when a row did not authenticate.
    pub async fn sealed_keys(
        &self,
        caller: &Principal,
        secret: &SecretSlice<u8>,
    ) -> Result<SealedKeys, VaultError> {
        let whose = access::member(caller)?;
        let ring = self.key_ring(whose).await?.ok_or(VaultError::KeysMissing)?;
        self.unlock(whose, secret, &ring).await?;
        let protected = ring.protected_keys()?;
        Ok(SealedKeys {
            org_id: whose.org_id,
            user_id: whose.user_id,
            protection: ring.keys.protection.clone(),
            account_key: protected.account_key,
            key_pairs: protected.key_pairs,
            generation: ring.keys.current_generation,
        })
    }
}
