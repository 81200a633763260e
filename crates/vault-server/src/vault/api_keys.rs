//! A user's API keys after the first one.
//!
//! Promise: a key is shown once and stored as a keyed hash; a key that was replaced or erased is
//! unknown on its next request, or from the millisecond in which its grace ends.
//! Not here: recognising keys (`authentication`), and a user's first key (`users`).

use std::time::Duration;

use secrecy::SecretString;
use vault_store::rows::{ApiKeyOwner, ApiKeyRow};
use vault_store::{ApiKeyDetail, Change, ChangeSet, KeyId, OrgId, UserId, UtcMillis};

use super::Vault;
use super::access::{self, Member};
use super::error::{Invalid, VaultError};
use super::limits::LIST_LIMIT_MAX;
use super::principal::Principal;

/// The longest that replaced API keys may go on working: a week.
pub const API_KEY_GRACE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// API keys of one user, about: callers at the same moment may go a little over it.
pub const API_KEYS_PER_USER_MAX: usize = 100;

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
}

impl Vault {
    /// Replaces a user's API keys by a new one. The old ones end now, or after `grace`.
    ///
    /// # Errors
    /// `Forbidden` for everybody but admins of the organisation; `NotFound`; `Invalid` for a
    /// grace over [`API_KEY_GRACE_MAX`]; `TooManyApiKeys`; `Conflict` when others were faster
    /// many times.
    pub async fn rotate_api_key(
        &self,
        caller: &Principal,
        org_id: OrgId,
        user_id: UserId,
        grace: Duration,
    ) -> Result<NewApiKey, VaultError> {
        access::admin(caller, org_id)?;
        if grace > API_KEY_GRACE_MAX {
            return Err(VaultError::Invalid(Invalid::Grace));
        }
        let whose = Member { org_id, user_id };
        let attempt = || self.try_rotate(whose, grace);
        self.turns.retry(whose, attempt).await
    }

    async fn try_rotate(&self, whose: Member, grace: Duration) -> Result<NewApiKey, VaultError> {
        self.user_row(whose).await?;
        let now = self.clock.utc();
        let until = after(now, grace);
        let (mut changes, kept) = self.without_expired(whose, now).await?;
        for ApiKeyDetail { key, .. } in kept {
            changes.push(self.ended(key, until, now));
        }
        self.insert_key(whose, changes).await
    }

    /// Commits `changes` with a new key of a user.
    async fn insert_key(&self, whose: Member, changes: ChangeSet) -> Result<NewApiKey, VaultError> {
        let (row, api_key) = self.new_api_key(owner(whose))?;
        let made = NewApiKey {
            key_id: row.key_id,
            api_key,
            created: row.created,
            expires: row.expires,
        };
        // An id that is taken is a conflict like any other: the next attempt has another.
        self.commit(changes.with(Change::InsertApiKey(row))).await?;
        Ok(made)
    }

    /// A user's keys that work now, and the changes that erase those that have expired.
    async fn without_expired(
        &self,
        whose: Member,
        now: UtcMillis,
    ) -> Result<(ChangeSet, Vec<ApiKeyDetail>), VaultError> {
        let found = self
            .store
            .api_key_details(whose.org_id, whose.user_id, None, LIST_LIMIT_MAX);
        let (mut changes, mut kept) = (ChangeSet::new(), Vec::new());
        for detail in found.await?.rows {
            self.integrity.check(&detail.key)?;
            if detail.key.expires.is_some_and(|expires| expires <= now) {
                changes.push(erased(&detail.key));
            } else {
                kept.push(detail);
            }
        }
        if kept.len() >= API_KEYS_PER_USER_MAX {
            return Err(VaultError::TooManyApiKeys);
        }
        Ok((changes, kept))
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
