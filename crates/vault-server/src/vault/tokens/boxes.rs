//! The keys of a grant, sealed under the token.
//!
//! In: keys that the maker of a token could open. Out: stored bytes, and from them each box under
//! the key it belongs to. What a box holds is bound into it: the descriptions beside the boxes
//! are only for finding them.

use hardened_crypto::account_key::AccountKey;
use hardened_crypto::credential::{CredentialKey, CredentialPlace};
use hardened_crypto::data_key::DataKey;
use hardened_crypto::token::{GrantedDataKey, TokenKey};
use vault_store::limits::TOKEN_BOXES_BYTES_MAX;
use vault_store::{RecordId, ShareId};

use super::TOKEN_CREDENTIALS_MAX;
use super::fields::{Fields, put_bytes};
use crate::vault::error::{VaultError, made, stored};

/// The stored form that is read and written.
const FORM: u8 = 1;
/// Boxes of one token: its credentials and the account key.
const BOXES_MAX: usize = TOKEN_CREDENTIALS_MAX + 1;

const ACCOUNT_KEY: u8 = 1;
const DATA_KEY: u8 = 2;
const CREDENTIAL_KEY: u8 = 3;
const SHARED_DATA_KEY: u8 = 4;

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
    Account,
    Credential { of: RecordId, secret_version: u32 },
    Version(DataKeyOf),
}

/// Which data key of a credential that is sealed to users' keys, and on what ground the token's
/// user could open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vault) struct DataKeyOf {
    pub(in crate::vault) credential: RecordId,
    pub(in crate::vault) version: u64,
    /// `None` for the owner. A share that ended does not come back with a later one.
    pub(in crate::vault) share: Option<ShareId>,
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
            holds: Holds::Account,
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
        let holds = Holds::Credential {
            of: RecordId::from_bytes(key.place().credential.0),
            secret_version: key.secret_version(),
        };
        self.0.push(KeyBox { holds, sealed });
        Ok(())
    }

    /// Boxes the data key of one version of a credential that is sealed to users' keys.
    pub(super) fn add_data_key(
        &mut self,
        token: &TokenKey,
        key: &DataKey,
        of: DataKeyOf,
        place: GrantedDataKey,
    ) -> Result<(), VaultError> {
        let sealed = token.box_data_key(key, place).map_err(made)?;
        self.0.push(KeyBox {
            holds: Holds::Version(of),
            sealed,
        });
        Ok(())
    }

    /// Opens the account key; `None` if the grant does not hold it.
    pub(super) fn account_key(&self, token: &TokenKey) -> Result<Option<AccountKey>, VaultError> {
        let found = self.find(Holds::Account);
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
        let found = self.find(Holds::Credential {
            of: RecordId::from_bytes(place.credential.0),
            secret_version,
        });
        let opened = found.map(|sealed| token.open_credential_key(sealed, place, secret_version));
        opened.transpose().map_err(stored("the boxes of a token"))
    }

    /// Opens the data key of a version of a credential; `None` if the grant does not hold this one.
    pub(super) fn data_key(
        &self,
        token: &TokenKey,
        of: DataKeyOf,
        place: GrantedDataKey,
    ) -> Result<Option<DataKey>, VaultError> {
        let found = self.find(Holds::Version(of));
        let opened = found.map(|sealed| token.open_data_key(sealed, place));
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
                Holds::Account => out.push(ACCOUNT_KEY),
                Holds::Credential { of, secret_version } => {
                    out.push(CREDENTIAL_KEY);
                    out.extend(of.as_bytes());
                    out.extend(secret_version.to_be_bytes());
                }
                Holds::Version(of) => {
                    out.push(of.share.map_or(DATA_KEY, |_| SHARED_DATA_KEY));
                    out.extend(of.credential.as_bytes());
                    out.extend(of.version.to_be_bytes());
                    if let Some(share) = of.share {
                        out.extend(share.as_bytes());
                    }
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
                [ACCOUNT_KEY] => Holds::Account,
                [CREDENTIAL_KEY] => Holds::Credential {
                    of: RecordId::from_bytes(fields.array()?),
                    secret_version: u32::from_be_bytes(fields.array()?),
                },
                [kind @ (DATA_KEY | SHARED_DATA_KEY)] => Holds::Version(DataKeyOf {
                    credential: RecordId::from_bytes(fields.array()?),
                    version: u64::from_be_bytes(fields.array()?),
                    share: match kind {
                        SHARED_DATA_KEY => Some(ShareId::from_bytes(fields.array()?)),
                        _ => None,
                    },
                }),
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
