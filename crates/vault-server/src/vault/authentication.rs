//! Recognises API keys, and hands access tokens on (`tokens`).
//!
//! In: what a request presents. Out: a [`Principal`], as of now: an expired key and a disabled
//! user are unknown on their next request. Known keys are kept in a snapshot (`snapshot.rs`).
//!
//! Promise: an id that was never issued costs the same work as a known id with a wrong secret,
//! and no password hash is ever reached without a valid key. The rows are authenticated before
//! any of their fields is believed.

use std::sync::Arc;

use hardened_crypto::key_hash;
use hardened_crypto::secret_format::{self, SecretKind};
use hardened_crypto::user_secret::SecretOwner;
use vault_store::rows::{ApiKeyOwner, ApiKeyRow, FIRST_VERSION, UserRow};
use vault_store::{ApiKeyAndUser, KeyId, OrgId, ScopedApiKey, UserId, UtcMillis};

use super::Vault;
use super::access::Member;
use super::error::VaultError;
use super::principal::{Principal, Role};
use super::row_integrity::{RowIntegrity, UNSIGNED};
use super::scope::KeyScope;
use crate::layers::{AuthenticateError, Authenticator, PresentedKey};

/// An API key with its user and its scope, authenticated and read.
pub(crate) struct KnownKey {
    key: ApiKeyAndUser,
    scope: Option<Arc<KeyScope>>,
}

impl KnownKey {
    fn read(integrity: &RowIntegrity, found: ScopedApiKey) -> Result<Self, VaultError> {
        integrity.check_api_key(&found.key.key, found.scope.as_ref())?;
        if let Some(user) = &found.key.user {
            integrity.check(user)?;
        }
        let scope = found.scope.map(|row| KeyScope::parse(&row.scope));
        Ok(Self {
            key: found.key,
            scope: scope.transpose()?.map(Arc::new),
        })
    }

    /// A key without a scope as the store hands it out.
    fn as_stored(&self) -> ScopedApiKey {
        ScopedApiKey {
            key: self.key.clone(),
            scope: None,
        }
    }
}

/// Recognises the API keys that a vault issued.
pub struct ApiKeyAuthenticator {
    vault: Arc<Vault>,
    decoy: KnownKey,
}

impl ApiKeyAuthenticator {
    /// Looks keys up in `vault`.
    #[must_use]
    pub fn new(vault: Arc<Vault>) -> Self {
        let decoy = decoy(&vault.integrity);
        Self { vault, decoy }
    }

    async fn recognise(&self, presented: &PresentedKey) -> Result<Principal, VaultError> {
        // Expose: parsed into a type that wipes itself. What does not parse was never issued,
        // which its sender can tell from the checksum alone.
        let text = presented.expose_secret().as_bytes();
        if text.starts_with(SecretKind::AccessToken.prefix().as_bytes()) {
            let token = secret_format::PresentedKey::parse(SecretKind::AccessToken, text)
                .map_err(|_| VaultError::NotFound)?;
            return self.vault.recognise_token(&token).await;
        }
        let key = secret_format::PresentedKey::parse(SecretKind::ApiKey, text)
            .map_err(|_| VaultError::NotFound)?;
        let key_id = KeyId::parse(key.id().as_str()).ok_or(VaultError::NotFound)?;
        let kept = self.kept(key_id);
        let principal = match self.judge(&key, kept.as_deref()) {
            Ok(principal) => principal,
            // What is not kept and what was presented with a wrong secret go the same way.
            Err(_) => {
                let loaded = self.load(key_id).await?;
                self.judge(&key, loaded.as_deref())?
            }
        };
        self.vault.note_key_use(key_id);
        Ok(principal)
    }

    /// The caller, if `found` is the key that was presented; the decoy is judged for an absent one.
    fn judge(
        &self,
        presented: &secret_format::PresentedKey,
        found: Option<&KnownKey>,
    ) -> Result<Principal, VaultError> {
        let row = found.unwrap_or(&self.decoy);
        let stored = found.map(|found| &found.key.key.key_hash);
        let owner = hash_owner(row.key.key.owner);
        key_hash::verify(&self.vault.root_keys, presented, owner, stored)
            .map_err(|_| VaultError::NotFound)?;
        principal(row, self.vault.clock.utc()).ok_or(VaultError::NotFound)
    }

    /// Whether a key still stands for the same caller. When it ends may have changed.
    async fn key_stands(&self, caller: &Principal) -> Result<bool, VaultError> {
        let known = match self.kept(caller.key_id) {
            Some(kept) => Some(kept),
            None => self.load(caller.key_id).await?,
        };
        let now = known.and_then(|known| principal(&known, self.vault.clock.utc()));
        Ok(now.is_some_and(|now| now.role == caller.role && now.scope == caller.scope))
    }

    fn kept(&self, key_id: KeyId) -> Option<Arc<KnownKey>> {
        let vault = &self.vault;
        vault.known_keys.kept(&vault.epoch, vault.age(), &key_id)
    }

    /// An API key and its user, authenticated. The decoy's rows are checked for an absent one.
    async fn load(&self, key_id: KeyId) -> Result<Option<Arc<KnownKey>>, VaultError> {
        let vault = &self.vault;
        let load = async {
            let found = vault.store.scoped_api_key(key_id).await?;
            let is_known = found.is_some();
            let row = found.unwrap_or_else(|| self.decoy.as_stored());
            let read = KnownKey::read(&vault.integrity, row)?;
            Ok(is_known.then_some(read))
        };
        vault
            .known_keys
            .load(&vault.epoch, vault.age(), key_id, load)
            .await
    }
}

impl Vault {
    /// As [`Authenticator::judge_again`], by the rows as they are stored and to the letter: what
    /// hands out rights asks so, since a key that now ends may not make one that does not.
    ///
    /// # Errors
    /// `Forbidden` when the caller's key or rights are not what they were.
    pub(super) async fn judge_again(&self, caller: &Principal) -> Result<(), VaultError> {
        let found = self.store.scoped_api_key(caller.key_id).await?;
        let found = found.ok_or(VaultError::Forbidden)?;
        let known = KnownKey::read(&self.integrity, found)?;
        match principal(&known, self.clock.utc()) {
            Some(now) if now == *caller => Ok(()),
            _ => Err(VaultError::Forbidden),
        }
    }
}

#[async_trait::async_trait]
impl Authenticator for ApiKeyAuthenticator {
    async fn authenticate(&self, presented: &PresentedKey) -> Result<Principal, AuthenticateError> {
        self.recognise(presented)
            .await
            .map_err(|error| match error {
                VaultError::NotFound => AuthenticateError::Unknown,
                VaultError::Tampered(_) => AuthenticateError::Tampered,
                _ => AuthenticateError::Unavailable,
            })
    }

    async fn judge_again(&self, caller: &Principal) -> Result<(), VaultError> {
        let stands = match &caller.grant {
            Some(grant) => self.vault.token_stands(grant).await?,
            None => self.key_stands(caller).await?,
        };
        if stands {
            Ok(())
        } else {
            Err(VaultError::Forbidden)
        }
    }
}

/// The owner as it enters the keyed hash.
pub(crate) fn hash_owner(owner: ApiKeyOwner) -> Option<SecretOwner> {
    match owner {
        ApiKeyOwner::Root => None,
        ApiKeyOwner::User { org_id, user_id } => Some(Member { org_id, user_id }.owner()),
    }
}

/// Whom a key that was recognised stands for, unless it has expired or its user is disabled.
fn principal(found: &KnownKey, now: UtcMillis) -> Option<Principal> {
    let key = &found.key.key;
    if key.expires.is_some_and(|expires| expires <= now) {
        return None;
    }
    let role = match (key.owner, &found.key.user) {
        (ApiKeyOwner::Root, None) => Role::Root,
        (ApiKeyOwner::User { org_id, user_id }, Some(user))
            if (user.org_id, user.user_id) == (org_id, user_id) && !user.disabled =>
        {
            Role::User {
                org_id,
                user_id,
                is_admin: user.is_admin,
            }
        }
        _ => return None,
    };
    Some(Principal {
        key_id: key.key_id,
        role,
        scope: found.scope.clone(),
        expires: key.expires,
        grant: None,
    })
}

/// Rows that take the place of unknown ones, so that both paths do the same work.
fn decoy(integrity: &RowIntegrity) -> KnownKey {
    const NOBODY: [u8; 16] = [0; 16];
    let (org_id, user_id) = (OrgId::from_bytes(NOBODY), UserId::from_bytes(NOBODY));
    let key = ApiKeyRow {
        key_id: KeyId::parse("--------").expect("eight printable characters"),
        owner: ApiKeyOwner::User { org_id, user_id },
        key_hash: [0; 32],
        created: UtcMillis(0),
        expires: None,
        version: FIRST_VERSION,
        mac: UNSIGNED,
    };
    let user = UserRow {
        user_id,
        org_id,
        name: "nobody".to_owned(),
        is_admin: false,
        disabled: true,
        created: UtcMillis(0),
        version: FIRST_VERSION,
        mac: UNSIGNED,
    };
    let key = ApiKeyAndUser {
        key: integrity.sign(key),
        user: Some(integrity.sign(user)),
    };
    KnownKey { key, scope: None }
}
