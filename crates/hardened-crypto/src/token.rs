//! What an access token (`sgt_`) opens: exactly the keys of its grant, boxed under a key
//! that comes from the token's own 256 bits.
//!
//! In: a presented token, the place of the token, keys its maker could open. Out: one box
//! for each key. A request that carries the token needs no other secret and pays for no
//! password hash; the stored boxes alone open nothing.
//!
//! Promise: a box opens with its token only, as the key it was boxed as, while scope and
//! expiry of the token are what they were. Widening a token or putting off its end takes a
//! new token.
//!
//! Not here: the look-up hash (`key_hash`), the row MAC, and the clock that ends a token.

use crate::{
    account_key::AccountKey,
    context::{Context, Domain},
    credential::{CredentialKey, CredentialPlace},
    data_key::DataKey,
    error::{Error, Result},
    ids::{OrgId, TokenId, UserId},
    secret_format::{PresentedKey, SecretKind},
    suite::{Header, ObjectKind},
    symmetric_box,
    user_secret::expand_key,
};
use ring::digest;
use secrecy::{ExposeSecret, SecretBox};
use std::fmt;

/// A token's key is derived once: its boxes know one version.
const TOKEN_KEY_VERSION: u32 = 1;

/// SHA-256 of what a token may do, over an encoding that its maker chooses and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeHash([u8; 32]);

impl ScopeHash {
    /// Hashes an encoded scope. The encoding must be canonical: hashed again from the stored
    /// scope at each use of the token.
    #[must_use]
    pub fn of(encoded_scope: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, encoded_scope).as_ref());
        Self(hash)
    }
}

/// The place in which a token and its boxes belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenContext {
    /// Organisation of the user.
    pub org: OrgId,
    /// Who made the token, and on whose behalf it acts.
    pub user: UserId,
    /// The token.
    pub token: TokenId,
    /// What it may do.
    pub scope: ScopeHash,
    /// When it ends: UTC milliseconds since the epoch, `None` for never.
    pub expires_utc_ms: Option<i64>,
}

impl TokenContext {
    fn bind(&self, context: Context) -> Context {
        context
            .bytes(&self.org.0)
            .bytes(&self.user.0)
            .bytes(&self.token.0)
            .bytes(&self.scope.0)
            .optional_i64(self.expires_utc_ms)
    }
}

/// Which data key of a credential a box holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GrantedDataKey {
    /// The credential and its owner.
    pub place: CredentialPlace,
    /// Version of the credential's value.
    pub version: u64,
    /// Generation of that version's data key.
    pub data_key_generation: u32,
}

/// What a box holds; bound into it.
#[derive(Clone, Copy)]
enum Granted {
    Account,
    Data(GrantedDataKey),
    Credential(CredentialPlace, u32),
}

impl Granted {
    fn bind(self, context: Context) -> Context {
        match self {
            Self::Account => context.u8(1),
            Self::Data(granted) => granted
                .place
                .bind(context.u8(2))
                .u64(granted.version)
                .u32(granted.data_key_generation),
            Self::Credential(place, secret_version) => {
                place.bind(context.u8(3)).u32(secret_version)
            }
        }
    }
}

/// The key of one access token, in memory while a request with it is served.
pub struct TokenKey {
    key: SecretBox<[u8; 32]>,
    context: TokenContext,
}

impl TokenKey {
    /// Derives the key of a presented token: HKDF-Expand-SHA256(the token's 256 random bits,
    /// public id and place).
    ///
    /// # Errors
    /// `Policy` when the key presented is not an access token.
    pub fn derive(token: &PresentedKey, context: &TokenContext) -> Result<Self> {
        if token.kind() != SecretKind::AccessToken {
            return Err(Error::policy("only access tokens box keys"));
        }
        let info = Context::new(Domain::Token).text(token.id().as_str());
        let info = context.bind(info).finish();
        Ok(Self {
            key: expand_key(token.expose(), &info)?,
            context: *context,
        })
    }

    /// Boxes the data key of a credential.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn box_data_key(&self, data_key: &DataKey, granted: GrantedDataKey) -> Result<Vec<u8>> {
        self.seal(Granted::Data(granted), data_key.expose())
    }

    /// Opens the data key of a credential.
    ///
    /// # Errors
    /// `Malformed` for unreadable bytes; `Tampered` for a box of another token, scope,
    /// expiry or key.
    pub fn open_data_key(&self, sealed: &[u8], granted: GrantedDataKey) -> Result<DataKey> {
        self.open(Granted::Data(granted), sealed)
            .map(DataKey::from_secret)
    }

    /// Boxes the key of a credential that has a passphrase of its own.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn box_credential_key(&self, key: &CredentialKey) -> Result<Vec<u8>> {
        let granted = Granted::Credential(key.place(), key.secret_version());
        self.seal(granted, key.expose())
    }

    /// Opens the key of a credential that has a passphrase of its own.
    ///
    /// # Errors
    /// As [`open_data_key`](Self::open_data_key).
    pub fn open_credential_key(
        &self,
        sealed: &[u8],
        place: CredentialPlace,
        secret_version: u32,
    ) -> Result<CredentialKey> {
        self.open(Granted::Credential(place, secret_version), sealed)
            .map(|key| CredentialKey::from_secret(key, place, secret_version))
    }

    /// Boxes the account key of the token's user.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn box_account_key(&self, account_key: &AccountKey) -> Result<Vec<u8>> {
        self.seal(Granted::Account, account_key.expose())
    }

    /// Opens the account key of the token's user.
    ///
    /// # Errors
    /// As [`open_data_key`](Self::open_data_key).
    pub fn open_account_key(&self, sealed: &[u8]) -> Result<AccountKey> {
        self.open(Granted::Account, sealed)
            .map(AccountKey::from_secret)
    }

    fn seal(&self, granted: Granted, key: &[u8; 32]) -> Result<Vec<u8>> {
        symmetric_box::seal(
            Domain::Token,
            Header::new(ObjectKind::Token, TOKEN_KEY_VERSION),
            // Expose: keys this box only.
            self.key.expose_secret(),
            |fields| granted.bind(self.context.bind(fields)),
            key,
        )
    }

    fn open(&self, granted: Granted, sealed: &[u8]) -> Result<SecretBox<[u8; 32]>> {
        symmetric_box::open_key(
            Domain::Token,
            ObjectKind::Token,
            // Expose: keys this box only.
            self.key.expose_secret(),
            |fields| granted.bind(self.context.bind(fields)),
            sealed,
        )
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::ErrorKind, ids::CredentialId};

    const CONTEXT: TokenContext = TokenContext {
        org: OrgId([1; 16]),
        user: UserId([2; 16]),
        token: TokenId([3; 16]),
        scope: ScopeHash([4; 32]),
        expires_utc_ms: Some(1_800_000_000_000),
    };
    const PLACE: CredentialPlace = CredentialPlace {
        org: OrgId([1; 16]),
        owner: UserId([5; 16]),
        credential: CredentialId([6; 16]),
    };
    const GRANTED: GrantedDataKey = GrantedDataKey {
        place: PLACE,
        version: 7,
        data_key_generation: 0,
    };

    fn token() -> PresentedKey {
        PresentedKey::make(SecretKind::AccessToken).unwrap().0
    }

    #[test]
    fn a_token_opens_what_it_boxed() {
        let (token, text) = PresentedKey::make(SecretKind::AccessToken).unwrap();
        let key = TokenKey::derive(&token, &CONTEXT).unwrap();
        let (data_key, account_key) = (DataKey::make().unwrap(), AccountKey::make().unwrap());
        let bits = SecretBox::new(Box::new([8; 32]));
        let credential_key = CredentialKey::from_secret(bits, PLACE, 2);
        let boxed_data_key = key.box_data_key(&data_key, GRANTED).unwrap();
        let boxed_account_key = key.box_account_key(&account_key).unwrap();
        let boxed_credential_key = key.box_credential_key(&credential_key).unwrap();

        let token =
            PresentedKey::parse(SecretKind::AccessToken, text.expose_secret().as_bytes()).unwrap();
        let key = TokenKey::derive(&token, &CONTEXT).unwrap();
        let opened = key.open_data_key(&boxed_data_key, GRANTED).unwrap();
        assert_eq!(opened.expose(), data_key.expose());
        let opened = key.open_account_key(&boxed_account_key).unwrap();
        assert_eq!(opened.expose(), account_key.expose());
        let opened = key
            .open_credential_key(&boxed_credential_key, PLACE, 2)
            .unwrap();
        assert_eq!(opened.expose(), credential_key.expose());
        assert!(
            key.open_credential_key(&boxed_credential_key, PLACE, 3)
                .is_err()
        );

        // No box passes as one of another kind.
        assert!(key.open_account_key(&boxed_data_key).is_err());
        assert!(key.open_data_key(&boxed_account_key, GRANTED).is_err());
        assert!(key.open_account_key(&boxed_credential_key).is_err());
    }

    #[test]
    fn nothing_opens_elsewhere() {
        let token = token();
        let key = TokenKey::derive(&token, &CONTEXT).unwrap();
        let boxed = key
            .box_data_key(&DataKey::make().unwrap(), GRANTED)
            .unwrap();
        let contexts = [
            TokenContext {
                org: OrgId([9; 16]),
                ..CONTEXT
            },
            TokenContext {
                user: UserId([9; 16]),
                ..CONTEXT
            },
            TokenContext {
                token: TokenId([9; 16]),
                ..CONTEXT
            },
            TokenContext {
                scope: ScopeHash::of(b"everything"),
                ..CONTEXT
            },
            TokenContext {
                expires_utc_ms: Some(1_900_000_000_000),
                ..CONTEXT
            },
            TokenContext {
                expires_utc_ms: None,
                ..CONTEXT
            },
        ];
        for context in contexts {
            let other = TokenKey::derive(&token, &context).unwrap();
            let error = other.open_data_key(&boxed, GRANTED).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tampered, "{context:?}");
        }
        let credential = CredentialId([9; 16]);
        let grants = [
            GrantedDataKey {
                place: CredentialPlace {
                    credential,
                    ..PLACE
                },
                ..GRANTED
            },
            GrantedDataKey {
                version: 8,
                ..GRANTED
            },
            GrantedDataKey {
                data_key_generation: 1,
                ..GRANTED
            },
        ];
        for granted in grants {
            let error = key.open_data_key(&boxed, granted).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tampered, "{granted:?}");
        }
        let other = TokenKey::derive(&self::token(), &CONTEXT).unwrap();
        let error = other.open_data_key(&boxed, GRANTED).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tampered);
    }

    #[test]
    fn every_altered_byte_is_refused() {
        let key = TokenKey::derive(&token(), &CONTEXT).unwrap();
        let boxed = key.box_account_key(&AccountKey::make().unwrap()).unwrap();
        for at in 0..boxed.len() {
            let mut altered = boxed.clone();
            altered[at] ^= 0x80;
            assert!(key.open_account_key(&altered).is_err(), "byte {at}");
            assert!(key.open_account_key(&boxed[..at]).is_err(), "length {at}");
        }
    }

    #[test]
    fn an_api_key_is_no_token() {
        let (api_key, _) = PresentedKey::make(SecretKind::ApiKey).unwrap();
        let error = TokenKey::derive(&api_key, &CONTEXT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy);
    }
}
