//! The keys of a grant, sealed under the token.
//!
//! In: keys that the maker of a token could open. Out: stored bytes, and from them each box under
//! the key it belongs to. What a box holds is bound into it: the descriptions beside the boxes
//! are only for finding them.

use hardened_crypto::account_key::AccountKey;
use hardened_crypto::credential::{CredentialKey, CredentialPlace};
use hardened_crypto::token::TokenKey;
use vault_store::RecordId;
use vault_store::limits::TOKEN_BOXES_BYTES_MAX;

use super::TOKEN_CREDENTIALS_MAX;
use super::fields::{Fields, put_bytes};
use crate::vault::error::{VaultError, made, stored};

/// The stored form that is read and written.
const FORM: u8 = 1;
/// Boxes of one token: its credentials and the account key.
const BOXES_MAX: usize = TOKEN_CREDENTIALS_MAX + 1;

const ACCOUNT_KEY: u8 = 1;
const CREDENTIAL_KEY: u8 = 3;

/// All boxes of one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenBoxes(Vec<KeyBox>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyBox {
    holds: Holds,
    sealed: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    AccountKey,
    CredentialKey { of: RecordId, secret_version: u32 },
}

impl TokenBoxes {
    /// Boxes the account key of the token's user.
    pub(super) fn add_account_key(
        &mut self,
        token: &TokenKey,
        key: &AccountKey,
    ) -> Result<(), VaultError> {
        let sealed = token.box_account_key(key).map_err(made)?;
        self.0.push(KeyBox {
            holds: Holds::AccountKey,
            sealed,
        });
        Ok(())
    }

    /// Boxes the key of a credential with a passphrase of its own.
    pub(super) fn add_credential_key(
        &mut self,
        token: &TokenKey,
        key: &CredentialKey,
    ) -> Result<(), VaultError> {
        let sealed = token.box_credential_key(key).map_err(made)?;
        let holds = Holds::CredentialKey {
            of: RecordId::from_bytes(key.place().credential.0),
            secret_version: key.secret_version(),
        };
        self.0.push(KeyBox { holds, sealed });
        Ok(())
    }

    /// Opens the account key; `None` if the grant does not hold it.
    pub(super) fn account_key(&self, token: &TokenKey) -> Result<Option<AccountKey>, VaultError> {
        let found = self.find(Holds::AccountKey);
        let opened = found.map(|sealed| token.open_account_key(sealed));
        opened.transpose().map_err(stored("the boxes of a token"))
    }

    /// Opens the key of a credential; `None` if the grant does not hold this one.
    pub(super) fn credential_key(
        &self,
        token: &TokenKey,
        place: CredentialPlace,
        secret_version: u32,
    ) -> Result<Option<CredentialKey>, VaultError> {
        let found = self.find(Holds::CredentialKey {
            of: RecordId::from_bytes(place.credential.0),
            secret_version,
        });
        let opened = found.map(|sealed| token.open_credential_key(sealed, place, secret_version));
        opened.transpose().map_err(stored("the boxes of a token"))
    }

    fn find(&self, holds: Holds) -> Option<&[u8]> {
        let found = self.0.iter().find(|one| one.holds == holds);
        found.map(|one| one.sealed.as_slice())
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![FORM];
        for KeyBox { holds, sealed } in &self.0 {
            match holds {
                Holds::AccountKey => out.push(ACCOUNT_KEY),
                Holds::CredentialKey { of, secret_version } => {
                    out.push(CREDENTIAL_KEY);
                    out.extend(of.as_bytes());
                    out.extend(secret_version.to_be_bytes());
                }
            }
            put_bytes(&mut out, sealed);
        }
        out
    }

    /// Reads stored boxes.
    ///
    /// # Errors
    /// `Tampered` for everything that [`TokenBoxes::to_bytes`] does not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        Self::read(bytes).ok_or(VaultError::Tampered("the boxes of a token"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > TOKEN_BOXES_BYTES_MAX {
            return None;
        }
        let mut fields = Fields(bytes);
        if fields.array()? != [FORM] {
            return None;
        }
        let mut boxes = Vec::new();
        while !fields.0.is_empty() {
            let holds = match fields.array()? {
                [ACCOUNT_KEY] => Holds::AccountKey,
                [CREDENTIAL_KEY] => Holds::CredentialKey {
                    of: RecordId::from_bytes(fields.array()?),
                    secret_version: u32::from_be_bytes(fields.array()?),
                },
                _ => return None,
            };
            let sealed = fields.bytes()?.to_vec();
            boxes.push(KeyBox { holds, sealed });
            if boxes.len() > BOXES_MAX {
                return None;
            }
        }
        Some(Self(boxes))
    }
}
