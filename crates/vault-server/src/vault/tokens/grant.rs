//! Recognises a token, and holds what it brought while its request is served.
//!
//! Promise: scope, expiry and owner are believed only from an authenticated row whose keyed hash
//! is that of the token presented. The hash comes first: without the secret a known id is answered
//! as an unknown one, for the same work but the look-up itself, whatever its row is like. Expiry
//! and a disabled user count from the very next request.

use std::fmt;
use std::sync::Arc;

use hardened_crypto::account_key::AccountKey;
use hardened_crypto::credential::{CredentialKey, CredentialPlace};
use hardened_crypto::data_key::DataKey;
use hardened_crypto::key_hash;
use hardened_crypto::secret_format::PresentedKey;
use hardened_crypto::token::{GrantedDataKey, TokenContext, TokenKey};
use hardened_crypto::user_secret::SecretOwner;
use vault_store::rows::TokenRow;
use vault_store::{KeyId, TokenAndUser, TokenId, UtcMillis};

use super::{DataKeyOf, TokenBoxes, TokenScope};
use crate::vault::Vault;
use crate::vault::access::Member;
use crate::vault::error::{VaultError, stored};
use crate::vault::principal::{Principal, Role};

/// An authenticated token with its user, taken apart.
pub(in crate::vault) struct KnownToken {
    found: TokenAndUser,
    scope: TokenScope,
    boxes: TokenBoxes,
    /// Where its boxes belong; hashing the scope for it is done once.
    place: TokenContext,
}

impl KnownToken {
    fn member(&self) -> Member {
        whose(&self.found.token)
    }

    fn is_good(&self, now: UtcMillis) -> bool {
        let TokenAndUser { token, user } = &self.found;
        let is_its_user = (user.org_id, user.user_id) == (token.org_id, token.user_id);
        now < token.expires && !user.disabled && is_its_user
    }
}

fn whose(row: &TokenRow) -> Member {
    Member {
        org_id: row.org_id,
        user_id: row.user_id,
    }
}

/// What a recognised token may do, and its key.
#[derive(Clone)]
pub struct Grant(Arc<Granted>);

struct Granted {
    known: Arc<KnownToken>,
    key: TokenKey,
}

impl Grant {
    /// Which token.
    #[must_use]
    pub fn token_id(&self) -> TokenId {
        self.0.known.found.token.token_id
    }

    /// What it may do.
    #[must_use]
    pub fn scope(&self) -> &TokenScope {
        &self.0.known.scope
    }

    /// Whom it stands for.
    pub(in crate::vault) fn member(&self) -> Member {
        self.0.known.member()
    }

    /// Opens the account key of its user.
    ///
    /// # Errors
    /// `TokenOutdated` without it; `Tampered`.
    pub(in crate::vault) fn account_key(&self) -> Result<AccountKey, VaultError> {
        let opened = self.0.known.boxes.account_key(&self.0.key)?;
        opened.ok_or(VaultError::TokenOutdated)
    }

    /// Opens the key of a granted credential.
    ///
    /// # Errors
    /// `TokenOutdated` when the credential has another passphrase by now; `Tampered`.
    pub(in crate::vault) fn credential_key(
        &self,
        place: CredentialPlace,
        secret_version: u32,
    ) -> Result<CredentialKey, VaultError> {
        let boxes = &self.0.known.boxes;
        let opened = boxes.credential_key(&self.0.key, place, secret_version)?;
        opened.ok_or(VaultError::TokenOutdated)
    }

    /// Opens the data key of a granted version of a credential that is sealed to users' keys.
    ///
    /// # Errors
    /// `TokenOutdated` when the credential has another version by now, or is shared anew;
    /// `Tampered`.
    pub(in crate::vault) fn data_key(
        &self,
        of: DataKeyOf,
        place: GrantedDataKey,
    ) -> Result<DataKey, VaultError> {
        let opened = self.0.known.boxes.data_key(&self.0.key, of, place)?;
        opened.ok_or(VaultError::TokenOutdated)
    }
}

/// Grants are equal when they are of one token.
impl PartialEq for Grant {
    fn eq(&self, other: &Self) -> bool {
        self.token_id() == other.token_id()
    }
}

impl Eq for Grant {}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("token_id", &self.token_id())
            .finish_non_exhaustive()
    }
}

/// The place of a token's boxes.
pub(super) fn place(whose: Member, row: &TokenRow, scope: &TokenScope) -> TokenContext {
    TokenContext {
        org: whose.owner().org,
        user: whose.owner().user,
        token: (*row.token_id.as_bytes()).into(),
        scope: scope.hash(),
        expires_utc_ms: Some(row.expires.0),
    }
}

impl Vault {
    /// The user for whom a presented token stands, with its grant.
    ///
    /// # Errors
    /// `NotFound` for an unknown, expired or deleted token and for one of a disabled user; then
    /// `Tampered` when a row did not authenticate.
    pub(in crate::vault) async fn recognise_token(
        &self,
        presented: &PresentedKey,
    ) -> Result<Principal, VaultError> {
        let key_id = KeyId::parse(presented.id().as_str()).ok_or(VaultError::NotFound)?;
        let kept = self.known_tokens.kept(&self.epoch, self.age(), &key_id);
        let row = kept.as_ref().map(|known| &known.found.token);
        let verified = self.verify_token(presented, row);
        if let (Ok(()), Some(known)) = (verified, kept) {
            return self.grant(presented, known);
        }
        // What is not kept and what was presented with a wrong secret go the same way from here.
        let load = self.load_token(presented, key_id);
        let loading = self
            .known_tokens
            .load(&self.epoch, self.age(), key_id, load);
        let loaded = loading.await?;
        self.grant(presented, loaded.ok_or(VaultError::NotFound)?)
    }

    /// The token, if it is the one that was presented. Nothing of a row is looked into before.
    async fn load_token(
        &self,
        presented: &PresentedKey,
        key_id: KeyId,
    ) -> Result<Option<KnownToken>, VaultError> {
        let found = self.store.token(key_id).await?;
        self.verify_token(presented, found.as_ref().map(|found| &found.token))?;
        found.map(|found| self.known_token(found)).transpose()
    }

    /// A token that was verified, authenticated and taken apart.
    fn known_token(&self, found: TokenAndUser) -> Result<KnownToken, VaultError> {
        self.integrity.check(&found.token)?;
        self.integrity.check(&found.user)?;
        let scope = TokenScope::parse(&found.token.scope)?;
        let boxes = TokenBoxes::parse(&found.token.boxes)?;
        let whose = Member {
            org_id: found.token.org_id,
            user_id: found.token.user_id,
        };
        let place = place(whose, &found.token, &scope);
        Ok(KnownToken {
            found,
            scope,
            boxes,
            place,
        })
    }

    /// Verifies against nobody's hash where there is no row.
    fn verify_token(
        &self,
        presented: &PresentedKey,
        row: Option<&TokenRow>,
    ) -> Result<(), VaultError> {
        const NOBODY: SecretOwner = SecretOwner {
            org: hardened_crypto::ids::OrgId([0; 16]),
            user: hardened_crypto::ids::UserId([0; 16]),
        };
        let owner = row.map_or(NOBODY, |row| whose(row).owner());
        let hash = row.map(|row| &row.key_hash);
        key_hash::verify(&self.root_keys, presented, Some(owner), hash)
            .map_err(|_| VaultError::NotFound)
    }

    /// Whether the token of a grant is good now.
    ///
    /// # Errors
    /// `Tampered` when a row did not authenticate.
    pub(in crate::vault) async fn token_stands(&self, grant: &Grant) -> Result<bool, VaultError> {
        let key_id = grant.0.known.found.token.key_id;
        let known = match self.known_tokens.kept(&self.epoch, self.age(), &key_id) {
            Some(kept) => Some(kept),
            None => {
                // Whoever has the grant has presented the token.
                let load = async {
                    let found = self.store.token(key_id).await?;
                    found.map(|found| self.known_token(found)).transpose()
                };
                let tokens = &self.known_tokens;
                tokens.load(&self.epoch, self.age(), key_id, load).await?
            }
        };
        Ok(known.is_some_and(|known| {
            known.found.token.token_id == grant.token_id() && known.is_good(self.clock.utc())
        }))
    }

    /// Judges a verified token by the clock and its user's state.
    fn grant(
        &self,
        presented: &PresentedKey,
        known: Arc<KnownToken>,
    ) -> Result<Principal, VaultError> {
        if !known.is_good(self.clock.utc()) {
            return Err(VaultError::NotFound);
        }
        let (token, whose) = (&known.found.token, known.member());
        let key_id = token.key_id;
        let key = TokenKey::derive(presented, &known.place).map_err(stored("a token"))?;
        Ok(Principal {
            key_id,
            role: Role::User {
                org_id: whose.org_id,
                user_id: whose.user_id,
                is_admin: false,
            },
            scope: None,
            expires: Some(token.expires),
            grant: Some(Grant(Arc::new(Granted { known, key }))),
        })
    }
}
