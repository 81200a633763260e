//! Users in SQLite.

mod remove;
mod standing;

use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::{expect_one, on_insert, store_error};
use super::{keys, query};
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, UserId};
use crate::rows::UserRow;
use crate::store::{Page, UserAndPublicKey};

pub(super) use remove::{expect_other_admin, remove};
pub(super) use standing::expect_standing;

/// Columns that [`decode`] takes.
pub(super) const WIDTH: usize = 9;

const ONE: &str = "SELECT user_id, org_id, name, is_admin, disabled, created, version, mac_key, mac \
    FROM users WHERE org_id = ?1 AND user_id = ?2";

const LIST: &str = "SELECT u.user_id, u.org_id, u.name, u.is_admin, u.disabled, u.created, \
    u.version, u.mac_key, u.mac, k.user_id, k.org_id, k.protection, k.secret_version, \
    k.account_key_box, k.current_generation, k.version, k.mac_key, k.mac, p.user_id, p.org_id, p.generation, p.public_key, p.ecc_box, \
    p.kyber_box, p.created, p.version, p.mac_key, p.mac FROM users u \
    LEFT JOIN user_keys k ON k.org_id = u.org_id AND k.user_id = u.user_id \
    LEFT JOIN key_pairs p ON p.org_id = k.org_id AND p.user_id = k.user_id \
        AND p.generation = k.current_generation \
    WHERE u.org_id = ?2 AND u.user_id > ?3 ORDER BY u.user_id LIMIT ?1";

const INSERT: &str = "INSERT INTO users \
    (user_id, org_id, name, is_admin, disabled, created, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const REPLACE: &str = "UPDATE users SET name = ?3, is_admin = ?4, disabled = ?5, version = ?7, \
    mac_key = ?8, mac = ?9 \
    WHERE user_id = ?1 AND org_id = ?2 AND created = ?6 AND version = ?10";

pub(super) fn one(
    db: &Connection,
    org_id: OrgId,
    user_id: UserId,
) -> Result<Option<UserRow>, StoreError> {
    query::one(db, ONE, params![org_id, user_id], decode)
}

pub(super) fn list(
    db: &Connection,
    org_id: OrgId,
    after: Option<UserId>,
    limit: u32,
) -> Result<Page<UserAndPublicKey>, StoreError> {
    // An empty blob sorts before every id.
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    query::page(db, LIST, limit, params![org_id, after], |columns| {
        Ok(UserAndPublicKey {
            user: decode(columns)?,
            keys: columns.joined(keys::KEYS_WIDTH, keys::decode_keys)?,
            pair: columns.joined(keys::PAIR_WIDTH, keys::decode_pair)?,
        })
    })
}

pub(super) fn insert(db: &Connection, row: &UserRow) -> Result<(), StoreError> {
    let version = Count(row.version);
    let values = params![
        row.user_id,
        row.org_id,
        row.name,
        row.is_admin,
        row.disabled,
        row.created,
        version,
        row.mac.key_id,
        row.mac.tag
    ];
    query::execute(db, INSERT, values)
        .map(drop)
        .map_err(on_insert(conflict::USER))
}

pub(super) fn replace(db: &Connection, expected: u64, row: &UserRow) -> Result<(), StoreError> {
    let (version, expected) = (Count(row.version), Count(expected));
    let values = params![
        row.user_id,
        row.org_id,
        row.name,
        row.is_admin,
        row.disabled,
        row.created,
        version,
        row.mac.key_id,
        row.mac.tag,
        expected
    ];
    let changed = query::execute(db, REPLACE, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::USER))
}

pub(super) fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<UserRow> {
    Ok(UserRow {
        user_id: columns.take()?,
        org_id: columns.take()?,
        name: columns.take()?,
        is_admin: columns.take()?,
        disabled: columns.take()?,
        created: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}
