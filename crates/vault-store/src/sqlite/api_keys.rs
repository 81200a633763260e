//! API keys in SQLite.

use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::{expect_one, on_insert, store_error};
use super::{query, users};
use crate::error::{StoreError, conflict};
use crate::ids::{KeyId, OrgId, UserId};
use crate::rows::{ApiKeyOwner, ApiKeyRow};
use crate::store::{ApiKeyAndUser, Page};

const ONE: &str = "SELECT a.key_id, a.org_id, a.user_id, a.key_hash, a.created, a.expires, \
    a.version, a.mac_key, a.mac, u.user_id, u.org_id, u.name, u.is_admin, u.disabled, u.created, \
    u.version, u.mac_key, u.mac FROM api_keys a \
    LEFT JOIN users u ON u.org_id = a.org_id AND u.user_id = a.user_id WHERE a.key_id = ?1";

const LIST: &str = "SELECT key_id, org_id, user_id, key_hash, created, expires, version, mac_key, \
    mac FROM api_keys WHERE org_id = ?2 AND user_id = ?3 AND key_id > ?4 ORDER BY key_id LIMIT ?1";

const LIST_ROOT: &str = "SELECT key_id, org_id, user_id, key_hash, created, expires, version, \
    mac_key, mac FROM api_keys WHERE org_id IS NULL AND user_id IS NULL AND key_id > ?2 \
    ORDER BY key_id LIMIT ?1";

const INSERT: &str = "INSERT INTO api_keys \
    (key_id, org_id, user_id, key_hash, created, expires, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

// IS compares nulls as equal: a key of root stays one.
const REPLACE: &str = "UPDATE api_keys SET key_hash = ?4, expires = ?6, version = ?7, \
    mac_key = ?8, mac = ?9 WHERE key_id = ?1 AND org_id IS ?2 AND user_id IS ?3 AND created = ?5 \
    AND version = ?10";

const DELETE: &str = "DELETE FROM api_keys WHERE key_id = ?1 AND version = ?2";

pub(super) fn one(db: &Connection, key_id: KeyId) -> Result<Option<ApiKeyAndUser>, StoreError> {
    let found = query::one(db, ONE, params![key_id], |columns| {
        Ok(ApiKeyAndUser {
            key: decode(columns)?,
            user: columns.joined(users::WIDTH, users::decode)?,
        })
    })?;
    match &found {
        Some(ApiKeyAndUser { key, user: None }) if key.owner != ApiKeyOwner::Root => {
            Err(StoreError::Corrupt("an API key without its user"))
        }
        _ => Ok(found),
    }
}

pub(super) fn list(
    db: &Connection,
    org_id: OrgId,
    user_id: UserId,
    after: Option<KeyId>,
    limit: u32,
) -> Result<Page<ApiKeyRow>, StoreError> {
    let after = after.as_ref().map_or("", KeyId::as_str);
    query::page(db, LIST, limit, params![org_id, user_id, after], decode)
}

pub(super) fn list_root(
    db: &Connection,
    after: Option<KeyId>,
    limit: u32,
) -> Result<Page<ApiKeyRow>, StoreError> {
    let after = after.as_ref().map_or("", KeyId::as_str);
    query::page(db, LIST_ROOT, limit, params![after], decode)
}

pub(super) fn insert(db: &Connection, row: &ApiKeyRow) -> Result<(), StoreError> {
    let (org_id, user_id) = owner_columns(row.owner);
    let version = Count(row.version);
    let values = params![
        row.key_id,
        org_id,
        user_id,
        row.key_hash,
        row.created,
        row.expires,
        version,
        row.mac.key_id,
        row.mac.tag
    ];
    query::execute(db, INSERT, values)
        .map(drop)
        .map_err(on_insert(conflict::API_KEY))
}

pub(super) fn replace(db: &Connection, expected: u64, row: &ApiKeyRow) -> Result<(), StoreError> {
    let (org_id, user_id) = owner_columns(row.owner);
    let (version, expected) = (Count(row.version), Count(expected));
    let values = params![
        row.key_id,
        org_id,
        user_id,
        row.key_hash,
        row.created,
        row.expires,
        version,
        row.mac.key_id,
        row.mac.tag,
        expected
    ];
    let changed = query::execute(db, REPLACE, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::API_KEY))
}

pub(super) fn delete(db: &Connection, key_id: KeyId, expected: u64) -> Result<(), StoreError> {
    let changed =
        query::execute(db, DELETE, params![key_id, Count(expected)]).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::API_KEY))
}

fn owner_columns(owner: ApiKeyOwner) -> (Option<OrgId>, Option<UserId>) {
    match owner {
        ApiKeyOwner::Root => (None, None),
        ApiKeyOwner::User { org_id, user_id } => (Some(org_id), Some(user_id)),
    }
}

pub(super) fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<ApiKeyRow> {
    Ok(ApiKeyRow {
        key_id: columns.take()?,
        owner: match (columns.take()?, columns.take()?) {
            (Some(org_id), Some(user_id)) => ApiKeyOwner::User { org_id, user_id },
            // A table constraint keeps both null or neither.
            _ => ApiKeyOwner::Root,
        },
        key_hash: columns.take()?,
        created: columns.take()?,
        expires: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}
