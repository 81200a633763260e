//! What a token needs of the credentials that it is made for.
//!
//! In: ids, and the secrets of whoever makes the token. Out: authenticated credentials, own and
//! shared, and just the keys that open them. Not here: boxing the keys (`tokens`).

use hardened_crypto::credential::CredentialKey;
use hardened_crypto::data_key::DataKey;
use hardened_crypto::token::GrantedDataKey;
use hardened_crypto::user_secret::Kek;
use secrecy::SecretSlice;
use vault_store::{CredentialRead, RecordId};

use super::open::not_found;
use super::sealing::owner_of;
use super::{CredentialProtection, key_place};
use crate::vault::Vault;
use crate::vault::access::Member;
use crate::vault::error::VaultError;
use crate::vault::keys::CheckedRing;
use crate::vault::records::FIRST_DATA_KEY;
use crate::vault::tokens::DataKeyOf;

/// A key that goes into a grant.
pub(in crate::vault) enum KeyToGrant {
    /// Of every version of a credential with a passphrase of its own.
    Passphrase(CredentialKey),
    /// Of one version of a credential that is sealed to users' keys.
    Version {
        key: DataKey,
        of: DataKeyOf,
        place: GrantedDataKey,
    },
}

impl Vault {
    /// Live credentials that `whose` owns or was given to use, in this order.
    ///
    /// # Errors
    /// `CredentialNotFound`; `Tampered`.
    pub(in crate::vault) async fn credentials_to_grant(
        &self,
        whose: Member,
        ids: &[RecordId],
    ) -> Result<Vec<CredentialRead>, VaultError> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let read = self.usable_credential(whose, *id).await;
            found.push(read.map_err(not_found)?);
        }
        Ok(found)
    }

    /// The keys of these credentials. One password hash for each with a passphrase: their salts
    /// differ.
    ///
    /// # Errors
    /// `PassphraseMissing`, `UserSecretMissing`; those of the passphrase; `Tampered`.
    pub(in crate::vault) async fn keys_to_grant(
        &self,
        whose: Member,
        credentials: &[CredentialRead],
        unlocked: Option<&(CheckedRing, Kek)>,
        passphrase: Option<&SecretSlice<u8>>,
    ) -> Result<Vec<KeyToGrant>, VaultError> {
        let mut keys = Vec::with_capacity(credentials.len());
        for read in credentials {
            let key = if needs_user_secret(read) {
                let (ring, kek) = unlocked.ok_or(VaultError::UserSecretMissing)?;
                // Others are served between two openings.
                tokio::task::yield_now().await;
                let key = self.credential_data_key(read, ring, kek)?;
                let (of, place) = data_key_of(read);
                KeyToGrant::Version { key, of, place }
            } else {
                let passphrase = passphrase.ok_or(VaultError::PassphraseMissing)?;
                let row = &read.credential;
                let key = self.unlock_credential(whose, row, passphrase).await?;
                KeyToGrant::Passphrase(key)
            };
            keys.push(key);
        }
        Ok(keys)
    }
}

/// Whether it takes the user secret of its reader to open it.
pub(in crate::vault) fn needs_user_secret(read: &CredentialRead) -> bool {
    CredentialProtection::of(&read.credential) == CredentialProtection::UserKeys
}

/// Which data key opens an authenticated version for its reader, and its place in a token.
pub(super) fn data_key_of(read: &CredentialRead) -> (DataKeyOf, GrantedDataKey) {
    let (credential, version) = (
        read.credential.credential_id,
        read.version.credential_version,
    );
    let of = DataKeyOf {
        credential,
        version,
        share: read.share.as_ref().map(|share| share.share_id),
    };
    let place = GrantedDataKey {
        place: key_place(owner_of(read), credential),
        version,
        data_key_generation: FIRST_DATA_KEY,
    };
    (of, place)
}
