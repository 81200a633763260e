//! Users' keys in SQLite.

use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::{expect_one, on_insert, store_error};
use super::query;
use crate::change_set::NOT_A_CONTINUATION;
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, UserId};
use crate::rows::{FIRST_VERSION, KeyPairRow, UserKeysRow};
use crate::store::KeyRing;

/// Columns that [`decode_keys`] takes.
pub(super) const KEYS_WIDTH: usize = 9;
/// Columns that [`decode_pair`] takes.
pub(super) const PAIR_WIDTH: usize = 10;

const KEYS: &str = "SELECT user_id, org_id, protection, secret_version, account_key_box, \
    current_generation, version, mac_key, mac FROM user_keys WHERE org_id = ?1 AND user_id = ?2";

const PAIRS: &str = "SELECT user_id, org_id, generation, public_key, ecc_box, kyber_box, created, \
    version, mac_key, mac FROM key_pairs WHERE org_id = ?1 AND user_id = ?2 ORDER BY generation";

const CURRENT_PAIR: &str = "SELECT p.user_id, p.org_id, p.generation, p.public_key, p.ecc_box, \
    p.kyber_box, p.created, p.version, p.mac_key, p.mac FROM user_keys k \
    LEFT JOIN key_pairs p ON p.org_id = k.org_id AND p.user_id = k.user_id \
        AND p.generation = k.current_generation \
    WHERE k.org_id = ?1 AND k.user_id = ?2";

const INSERT: &str = "INSERT INTO user_keys (user_id, org_id, protection, secret_version, \
    account_key_box, current_generation, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const REPLACE: &str = "UPDATE user_keys SET protection = ?3, secret_version = ?4, \
    account_key_box = ?5, current_generation = ?6, version = ?7, mac_key = ?8, mac = ?9 \
    WHERE user_id = ?1 AND org_id = ?2 AND version = ?10";

const COUNT_PAIRS: &str = "SELECT count(*) FROM key_pairs WHERE org_id = ?1 AND user_id = ?2";

const INSERT_PAIR: &str = "INSERT INTO key_pairs (user_id, org_id, generation, public_key, \
    ecc_box, kyber_box, created, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const REPLACE_PAIR: &str = "UPDATE key_pairs SET ecc_box = ?5, kyber_box = ?6, version = ?8, \
    mac_key = ?9, mac = ?10 WHERE user_id = ?1 AND org_id = ?2 AND generation = ?3 \
    AND public_key = ?4 AND created = ?7 AND version = ?8 - 1";

/// The caller holds a transaction, so that both tables are seen at one moment.
pub(super) fn ring(
    db: &Connection,
    org_id: OrgId,
    user_id: UserId,
) -> Result<Option<KeyRing>, StoreError> {
    let Some(keys) = query::one(db, KEYS, params![org_id, user_id], decode_keys)? else {
        return Ok(None);
    };
    let pairs = query::all(db, PAIRS, params![org_id, user_id], decode_pair)?;
    if !pairs
        .iter()
        .any(|pair| pair.generation == keys.current_generation)
    {
        return Err(StoreError::Corrupt("keys without their current generation"));
    }
    Ok(Some(KeyRing { keys, pairs }))
}

/// Secret version and current generation.
pub(super) fn state(
    db: &Connection,
    org_id: OrgId,
    user_id: UserId,
) -> Result<Option<(u32, u32)>, StoreError> {
    let keys = query::one(db, KEYS, params![org_id, user_id], decode_keys)?;
    Ok(keys.map(|keys| (keys.secret_version, keys.current_generation)))
}

pub(super) fn current_pair(
    db: &Connection,
    org_id: OrgId,
    user_id: UserId,
) -> Result<Option<KeyPairRow>, StoreError> {
    let joined = |columns: &mut Columns<'_, '_>| columns.joined(PAIR_WIDTH, decode_pair);
    match query::one(db, CURRENT_PAIR, params![org_id, user_id], joined)? {
        None => Ok(None),
        Some(None) => Err(StoreError::Corrupt("keys without their current generation")),
        Some(pair) => Ok(pair),
    }
}

pub(super) fn insert(
    db: &Connection,
    keys: &UserKeysRow,
    pairs: &[KeyPairRow],
) -> Result<(), StoreError> {
    let version = Count(keys.version);
    let values = params![
        keys.user_id,
        keys.org_id,
        keys.protection,
        keys.secret_version,
        keys.account_key_box,
        keys.current_generation,
        version,
        keys.mac.key_id,
        keys.mac.tag
    ];
    query::execute(db, INSERT, values).map_err(on_insert(conflict::USER_KEYS))?;
    pairs.iter().try_for_each(|pair| insert_pair(db, pair))
}

pub(super) fn replace(
    db: &Connection,
    expected: u64,
    keys: &UserKeysRow,
    pairs: &[KeyPairRow],
) -> Result<(), StoreError> {
    let (version, expected) = (Count(keys.version), Count(expected));
    let values = params![
        keys.user_id,
        keys.org_id,
        keys.protection,
        keys.secret_version,
        keys.account_key_box,
        keys.current_generation,
        version,
        keys.mac.key_id,
        keys.mac.tag,
        expected
    ];
    let changed = query::execute(db, REPLACE, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::USER_KEYS))?;
    replace_pairs(db, keys, pairs)
}

/// Every stored generation must be continued: one left out could never be opened again.
fn replace_pairs(
    db: &Connection,
    keys: &UserKeysRow,
    pairs: &[KeyPairRow],
) -> Result<(), StoreError> {
    let stored = query::one(
        db,
        COUNT_PAIRS,
        params![keys.org_id, keys.user_id],
        |columns| columns.count(),
    )?;
    let mut continued = 0;
    for pair in pairs {
        if pair.version == FIRST_VERSION {
            insert_pair(db, pair)?;
        } else {
            replace_pair(db, pair)?;
            continued += 1;
        }
    }
    if stored == Some(continued) {
        Ok(())
    } else {
        Err(NOT_A_CONTINUATION)
    }
}

fn insert_pair(db: &Connection, pair: &KeyPairRow) -> Result<(), StoreError> {
    run_pair(db, INSERT_PAIR, pair).map(drop).map_err(|error| {
        match on_insert(conflict::USER_KEYS)(error) {
            StoreError::Conflict { .. } => NOT_A_CONTINUATION,
            other => other,
        }
    })
}

fn replace_pair(db: &Connection, pair: &KeyPairRow) -> Result<(), StoreError> {
    let changed = run_pair(db, REPLACE_PAIR, pair).map_err(store_error)?;
    expect_one(changed, NOT_A_CONTINUATION)
}

fn run_pair(db: &Connection, sql: &str, pair: &KeyPairRow) -> rusqlite::Result<usize> {
    let version = Count(pair.version);
    let values = params![
        pair.user_id,
        pair.org_id,
        pair.generation,
        pair.public_key,
        pair.ecc_box,
        pair.kyber_box,
        pair.created,
        version,
        pair.mac.key_id,
        pair.mac.tag
    ];
    query::execute(db, sql, values)
}

pub(super) fn decode_keys(columns: &mut Columns<'_, '_>) -> rusqlite::Result<UserKeysRow> {
    Ok(UserKeysRow {
        user_id: columns.take()?,
        org_id: columns.take()?,
        protection: columns.take()?,
        secret_version: columns.take()?,
        account_key_box: columns.take()?,
        current_generation: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}

pub(super) fn decode_pair(columns: &mut Columns<'_, '_>) -> rusqlite::Result<KeyPairRow> {
    Ok(KeyPairRow {
        user_id: columns.take()?,
        org_id: columns.take()?,
        generation: columns.take()?,
        public_key: columns.take()?,
        ecc_box: columns.take()?,
        kyber_box: columns.take()?,
        created: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}
