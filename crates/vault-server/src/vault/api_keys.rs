//! A user's API keys after the first one.
//!
//! In: a caller, whose keys, and what a new one may do and for how long. Out: a key, shown once.
//!
//! Promise: a key is stored as a keyed hash; no key makes one that may do more than itself, or
//! lasts longer; a key that was replaced or erased is unknown on its next request, or from the
//! millisecond in which its grace ends. A scope never changes, and the key's row authenticates it.
//! Not here: recognising keys (`authentication`), and a user's first key (`users`).

use std::time::Duration;

use secrecy::SecretString;
use vault_store::rows::{ApiKeyOwner, ApiKeyRow, ApiKeyScopeRow, FIRST_VERSION};
use vault_store::{
    ApiKeyChange, ApiKeyDetail, Change, ChangeSet, KeyId, OrgId, Page, TokenChange, UserId,
    UtcMillis,
};

use super::Vault;
use super::access::{self, Member};
use super::error::{Invalid, VaultError};
use super::limits::LIST_LIMIT_MAX;
use super::principal::Principal;
use super::row_integrity::UNSIGNED;
use super::scope::{KeyScope, ScopeTexts};

/// The longest that replaced API keys may go on working: a week.
pub const API_KEY_GRACE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// API keys of one user, about: callers at the same moment may go a little over it.
pub const API_KEYS_PER_USER_MAX: usize = 100;

/// Whose API keys a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysOf {
    /// The caller's own.
    Caller,
    /// Those of a user of the organisation that the caller administers.
    User {
        /// The organisation.
        org_id: OrgId,
        /// The user.
        user_id: UserId,
    },
}

impl KeysOf {
    fn holder(self, caller: &Principal) -> Result<Member, VaultError> {
        match self {
            Self::Caller => access::member(caller),
            Self::User { org_id, user_id } => {
                access::admin(caller, org_id)?;
                Ok(Member { org_id, user_id })
            }
        }
    }
}

/// What a new API key may do, and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// What it may do; `None` for all that its user may.
    pub scope: Option<KeyScope>,
    /// Unusable from this very millisecond.
    pub expires: Option<UtcMillis>,
}

impl KeyLimits {
    /// Whether a key with these limits does nothing that the caller's key does not.
    fn are_within(&self, caller: &Principal) -> bool {
        let ends_in_time = caller
            .expires
            .is_none_or(|last| self.expires.is_some_and(|expires| expires <= last));
        let is_narrow = match (&self.scope, caller.scope.as_deref()) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(wider)) => own.is_within(wider),
        };
        ends_in_time && is_narrow
    }
}

/// An API key as its owner lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyInfo {
    /// Its public id.
    pub key_id: KeyId,
    /// When it was made.
    pub created: UtcMillis,
    /// Unusable from this very millisecond.
    pub expires: Option<UtcMillis>,
    /// When it was last used, roughly.
    pub last_used: Option<UtcMillis>,
    /// What it may do.
    pub scope: ScopeTexts,
}

/// An API key that was just made, with the one sight of it.
#[derive(Debug)]
pub struct NewApiKey {
    /// Its public id.
    pub key_id: KeyId,
    /// The key. It cannot be shown again.
    pub api_key: SecretString,
    /// When it was made.
    pub created: UtcMillis,
    /// Unusable from this very millisecond.
    pub expires: Option<UtcMillis>,
    /// What it may do.
    pub scope: ScopeTexts,
}

/// What ends when a user is given a new API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The keys that do all that their user may: a planned rotation, in which scoped keys and
    /// access tokens, given to programs, go on working.
    UnscopedKeys {
        /// For how long the old ones go on working.
        grace: Duration,
    },
    /// Every key and every access token, at once: whoever had a key may have made more of them.
    Everything,
}

impl Vault {
    /// Makes a further API key.
    ///
    /// # Errors
    /// `Forbidden` for root, and for everybody but admins where the keys are another's; `NotFound`;
    /// `Invalid` for an expiry that is not in the future; `OutOfScope` for more than the caller's
    /// key may do; `TooManyApiKeys`; `Conflict` when others were faster many times.
    pub async fn create_api_key(
        &self,
        caller: &Principal,
        of: KeysOf,
        limits: KeyLimits,
    ) -> Result<NewApiKey, VaultError> {
        let whose = of.holder(caller)?;
        let now = self.clock.utc();
        if limits.expires.is_some_and(|expires| expires <= now) {
            return Err(VaultError::Invalid(Invalid::ExpiryInPast));
        }
        if !limits.are_within(caller) {
            return Err(VaultError::OutOfScope);
        }
        self.judge_again(caller).await?;
        let attempt = || self.try_create_key(whose, &limits);
        self.turns.retry(whose, attempt).await
    }

    /// A user's API keys by ascending id, after `after`, without those that have expired: a page
    /// may hold fewer than `limit`. Beside it the last id looked at.
    ///
    /// # Errors
    /// As [`Vault::create_api_key`]; `Tampered` when a row did not authenticate.
    pub async fn api_keys(
        &self,
        caller: &Principal,
        of: KeysOf,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<(Page<ApiKeyInfo>, Option<KeyId>), VaultError> {
        let whose = of.holder(caller)?;
        self.user_row(whose).await?;
        let now = self.clock.utc();
        let found = self
            .store
            .api_key_details(whose.org_id, whose.user_id, after, limit);
        let Page { rows, more } = found.await?;
        let last = rows.last().map(|detail| detail.key.key_id);
        let mut listed = Vec::with_capacity(rows.len());
        for detail in rows {
            let info = self.checked_info(detail)?;
            if info.expires.is_none_or(|expires| now < expires) {
                listed.push(info);
            }
        }
        Ok((Page { rows: listed, more }, last))
    }

    /// Erases an API key.
    ///
    /// # Errors
    /// `NotFound` also for a key of somebody else; `ApiKeyInUse` for the key that makes the call,
    /// so that nobody locks themself out; as [`Vault::create_api_key`].
    pub async fn erase_api_key(
        &self,
        caller: &Principal,
        of: KeysOf,
        key_id: KeyId,
    ) -> Result<(), VaultError> {
        let whose = of.holder(caller)?;
        if key_id == caller.key_id {
            return Err(VaultError::ApiKeyInUse);
        }
        let attempt = || self.try_erase_key(whose, key_id);
        self.turns.retry(whose, attempt).await
    }

    /// Replaces a user's API keys by a new one: those without a scope, which end now or after a
    /// grace, or every key and every access token, now.
    ///
    /// # Errors
    /// `Forbidden` for everybody but admins of the organisation; `NotFound`; `OutOfScope` for an
    /// API key that has a scope or an end, since the new one has none; `Invalid` for a
    /// grace over [`API_KEY_GRACE_MAX`], and for one where everything ends; `TooManyApiKeys` when
    /// those that go on working, for a grace too, are as many as a user may have; `Conflict` when
    /// others were faster many times.
    pub async fn rotate_api_key(
        &self,
        caller: &Principal,
        org_id: OrgId,
        user_id: UserId,
        ends: Ends,
    ) -> Result<NewApiKey, VaultError> {
        access::admin(caller, org_id)?;
        access::unlimited(caller)?;
        if matches!(ends, Ends::UnscopedKeys { grace } if grace > API_KEY_GRACE_MAX) {
            return Err(VaultError::Invalid(Invalid::Grace));
        }
        self.judge_again(caller).await?;
        let whose = Member { org_id, user_id };
        let attempt = || self.try_rotate(whose, ends);
        self.turns.retry(whose, attempt).await
    }

    async fn try_rotate(&self, whose: Member, ends: Ends) -> Result<NewApiKey, VaultError> {
        self.user_row(whose).await?;
        let now = self.clock.utc();
        let (mut changes, kept) = self.without_expired(whose, now).await?;
        let mut left: usize = 0;
        for ApiKeyDetail { key, scope, .. } in kept {
            let change = match ends {
                Ends::Everything => erased(&key),
                Ends::UnscopedKeys { grace } if scope.is_none() => {
                    self.ended(key, after(now, grace), now)
                }
                Ends::UnscopedKeys { .. } => {
                    left += 1;
                    continue;
                }
            };
            left += usize::from(!matches!(change, Change::DeleteApiKey { .. }));
            changes.push(change);
        }
        if left >= API_KEYS_PER_USER_MAX {
            return Err(VaultError::TooManyApiKeys);
        }
        if ends == Ends::Everything {
            changes.push(Change::Token(TokenChange::DeleteAll {
                org_id: whose.org_id,
                user_id: whose.user_id,
            }));
        }
        self.insert_key(whose, changes, &KeyLimits::default()).await
    }

    async fn try_create_key(
        &self,
        whose: Member,
        limits: &KeyLimits,
    ) -> Result<NewApiKey, VaultError> {
        self.user_row(whose).await?;
        let (changes, kept) = self.without_expired(whose, self.clock.utc()).await?;
        if kept.len() >= API_KEYS_PER_USER_MAX {
            return Err(VaultError::TooManyApiKeys);
        }
        self.insert_key(whose, changes, limits).await
    }

    async fn try_erase_key(&self, whose: Member, key_id: KeyId) -> Result<(), VaultError> {
        let found = self.store.scoped_api_key(key_id).await?;
        let found = found.ok_or(VaultError::NotFound)?;
        let key = found.key.key;
        self.integrity.check_api_key(&key, found.scope.as_ref())?;
        let is_live = key.expires.is_none_or(|expires| self.clock.utc() < expires);
        if key.owner != owner(whose) || !is_live {
            return Err(VaultError::NotFound);
        }
        self.commit(erased(&key)).await?;
        Ok(())
    }

    /// Commits a new key of a user with what it replaces.
    async fn insert_key(
        &self,
        whose: Member,
        replaced: Vec<Change>,
        limits: &KeyLimits,
    ) -> Result<NewApiKey, VaultError> {
        let (row, api_key) = self.new_api_key(owner(whose))?;
        let scope = limits.scope.as_ref().map(|scope| {
            self.integrity.sign(ApiKeyScopeRow {
                key_id: row.key_id,
                scope: scope.to_bytes(),
                version: FIRST_VERSION,
                mac: UNSIGNED,
            })
        });
        let limited = ApiKeyRow {
            expires: limits.expires,
            ..row
        };
        let row = self.integrity.sign_api_key(limited, scope.as_ref());
        let made = NewApiKey {
            key_id: row.key_id,
            api_key,
            created: row.created,
            expires: row.expires,
            scope: texts(limits.scope.as_ref()),
        };
        // First, so that the entry is about the new key.
        let mut changes = ChangeSet::from(Change::InsertApiKey(row));
        if let Some(scope) = scope {
            changes.push(ApiKeyChange::InsertScope(scope).into());
        }
        replaced.into_iter().for_each(|change| changes.push(change));
        // An id that is taken is a conflict like any other: the next attempt has another.
        self.commit(changes).await?;
        Ok(made)
    }

    fn checked_info(&self, detail: ApiKeyDetail) -> Result<ApiKeyInfo, VaultError> {
        let (key, scope) = (&detail.key, &detail.scope);
        self.integrity.check_api_key(key, scope.as_ref())?;
        let scope = scope.as_ref().map(|row| KeyScope::parse(&row.scope));
        Ok(ApiKeyInfo {
            key_id: key.key_id,
            created: key.created,
            expires: key.expires,
            last_used: detail.last_used,
            scope: texts(scope.transpose()?.as_ref()),
        })
    }

    /// The changes that erase a user's expired keys, and all the others.
    async fn without_expired(
        &self,
        whose: Member,
        now: UtcMillis,
    ) -> Result<(Vec<Change>, Vec<ApiKeyDetail>), VaultError> {
        let (mut changes, mut kept) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let found =
                self.store
                    .api_key_details(whose.org_id, whose.user_id, after, LIST_LIMIT_MAX);
            let Page { rows, more } = found.await?;
            after = rows.last().map(|detail| detail.key.key_id);
            for detail in rows {
                self.integrity
                    .check_api_key(&detail.key, detail.scope.as_ref())?;
                if detail.key.expires.is_some_and(|expires| expires <= now) {
                    changes.push(erased(&detail.key));
                } else {
                    kept.push(detail);
                }
            }
            if !more || after.is_none() {
                return Ok((changes, kept));
            }
        }
    }

    /// Ends a key at `until`, if it does not end earlier.
    fn ended(&self, key: ApiKeyRow, until: UtcMillis, now: UtcMillis) -> Change {
        if until <= now {
            return erased(&key);
        }
        let expires = key.expires.map_or(until, |expires| expires.min(until));
        Change::ReplaceApiKey {
            expected_version: key.version,
            row: self.integrity.sign(ApiKeyRow {
                expires: Some(expires),
                version: key.version + 1,
                ..key
            }),
        }
    }
}

fn texts(scope: Option<&KeyScope>) -> ScopeTexts {
    scope.map(|scope| scope.texts().clone()).unwrap_or_default()
}

fn owner(whose: Member) -> ApiKeyOwner {
    ApiKeyOwner::User {
        org_id: whose.org_id,
        user_id: whose.user_id,
    }
}

fn erased(key: &ApiKeyRow) -> Change {
    Change::DeleteApiKey {
        key_id: key.key_id,
        expected_version: key.version,
    }
}

fn after(now: UtcMillis, time: Duration) -> UtcMillis {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    UtcMillis(now.0.saturating_add(millis))
}
