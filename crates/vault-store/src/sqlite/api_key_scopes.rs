//! Scopes and use of API keys in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::{expect_one, on_insert, store_error};
use super::{SqliteStore, api_keys, query, users};
use crate::change_set::ApiKeyChange;
use crate::error::{StoreError, conflict};
use crate::ids::{KeyId, OrgId, UserId};
use crate::rows::{ApiKeyOwner, ApiKeyScopeRow};
use crate::store::{ApiKeyAndUser, ApiKeyDetail, ApiKeyScopeStore, Page, ScopedApiKey};

const WIDTH: usize = 5;

const ONE: &str = "SELECT a.key_id, a.org_id, a.user_id, a.key_hash, a.created, a.expires, \
    a.version, a.mac_key, a.mac, u.user_id, u.org_id, u.name, u.is_admin, u.disabled, u.created, \
    u.version, u.mac_key, u.mac, s.key_id, s.scope, s.version, s.mac_key, s.mac FROM api_keys a \
    LEFT JOIN users u ON u.org_id = a.org_id AND u.user_id = a.user_id \
    LEFT JOIN api_key_scopes s ON s.key_id = a.key_id WHERE a.key_id = ?1";

const LIST: &str = "SELECT a.key_id, a.org_id, a.user_id, a.key_hash, a.created, a.expires, \
    a.version, a.mac_key, a.mac, s.key_id, s.scope, s.version, s.mac_key, s.mac, l.last_used \
    FROM api_keys a LEFT JOIN api_key_scopes s ON s.key_id = a.key_id \
    LEFT JOIN api_key_uses l ON l.key_id = a.key_id \
    WHERE a.org_id = ?2 AND a.user_id = ?3 AND a.key_id > ?4 ORDER BY a.key_id LIMIT ?1";

const INSERT: &str = "INSERT INTO api_key_scopes (key_id, scope, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5)";

const REPLACE: &str = "UPDATE api_key_scopes SET scope = ?2, version = ?3, mac_key = ?4, \
    mac = ?5 WHERE key_id = ?1 AND version = ?6";

const NOTE_USE: &str = "INSERT INTO api_key_uses (key_id, last_used) \
    SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM api_keys WHERE key_id = ?1) \
    ON CONFLICT DO UPDATE SET last_used = max(last_used, excluded.last_used)";

pub(super) fn apply(db: &Connection, change: &ApiKeyChange) -> Result<(), StoreError> {
    match change {
        ApiKeyChange::InsertScope(row) => insert(db, row),
        ApiKeyChange::ReplaceScope {
            expected_version,
            row,
        } => replace(db, *expected_version, row),
        ApiKeyChange::NoteUse { key_id, used } => {
            query::execute(db, NOTE_USE, params![key_id, used])
                .map(drop)
                .map_err(store_error)
        }
    }
}

fn insert(db: &Connection, row: &ApiKeyScopeRow) -> Result<(), StoreError> {
    let version = Count(row.version);
    let values = params![row.key_id, row.scope, version, row.mac.key_id, row.mac.tag];
    query::execute(db, INSERT, values)
        .map(drop)
        .map_err(on_insert(conflict::API_KEY_SCOPE))
}

fn replace(db: &Connection, expected: u64, row: &ApiKeyScopeRow) -> Result<(), StoreError> {
    let (version, expected) = (Count(row.version), Count(expected));
    let values = params![
        row.key_id,
        row.scope,
        version,
        row.mac.key_id,
        row.mac.tag,
        expected
    ];
    let changed = query::execute(db, REPLACE, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::API_KEY_SCOPE))
}

fn one(db: &Connection, key_id: KeyId) -> Result<Option<ScopedApiKey>, StoreError> {
    let found = query::one(db, ONE, params![key_id], |columns| {
        let key = ApiKeyAndUser {
            key: api_keys::decode(columns)?,
            user: columns.joined(users::WIDTH, users::decode)?,
        };
        let scope = columns.joined(WIDTH, decode)?;
        Ok(ScopedApiKey { key, scope })
    })?;
    match &found {
        Some(found) if found.key.user.is_none() && found.key.key.owner != ApiKeyOwner::Root => {
            Err(StoreError::Corrupt("an API key without its user"))
        }
        _ => Ok(found),
    }
}

#[async_trait]
impl ApiKeyScopeStore for SqliteStore {
    async fn scoped_api_key(&self, key_id: KeyId) -> Result<Option<ScopedApiKey>, StoreError> {
        self.readers.run(move |db| one(db, key_id)).await
    }

    async fn api_key_details(
        &self,
        org_id: OrgId,
        user_id: UserId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyDetail>, StoreError> {
        self.readers
            .run(move |db| {
                let after = after.as_ref().map_or("", KeyId::as_str);
                let values = params![org_id, user_id, after];
                query::page(db, LIST, limit, values, |columns| {
                    Ok(ApiKeyDetail {
                        key: api_keys::decode(columns)?,
                        scope: columns.joined(WIDTH, decode)?,
                        last_used: columns.take()?,
                    })
                })
            })
            .await
    }
}

fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<ApiKeyScopeRow> {
    Ok(ApiKeyScopeRow {
        key_id: columns.take()?,
        scope: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}
