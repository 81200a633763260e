//! Values in SQLite: what is written.

use rusqlite::{Connection, params};

use crate::change_set::{Committed, Expect, PutValue};
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, RecordId, UserId};
use crate::rows::{Record, RecordKind, ValueRow, ValueVersionRow};
use crate::sqlite::columns::Count;
use crate::sqlite::failure::{expect_one, on_insert, store_error};
use crate::sqlite::{query, shares, wraps};

const INSERT: &str = "INSERT INTO vault_values (record_id, org_id, owner, name, current_version, \
    created, updated, deleted, expires, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const REPLACE: &str = "UPDATE vault_values SET current_version = ?5, updated = ?7, deleted = ?8, \
    expires = ?9, version = ?10, mac_key = ?11, mac = ?12 \
    WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND name = ?4 AND created = ?6 \
    AND version = ?13 AND current_version = ?14";

const DESTROY: &str = "DELETE FROM vault_values \
    WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND version = ?4";

const INSERT_VERSION: &str = "INSERT INTO value_versions (record_id, value_version, header, \
    payload, metadata_box, created, expires, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

// Wraps and boxes go with their version: foreign keys cascade.
const ERASE_OLD: &str = "DELETE FROM value_versions WHERE record_id = ?1 AND value_version <= ?2";

const IS_SHARED: &str = "SELECT 1 FROM shares WHERE of_value = ?1 LIMIT 1";

pub(in crate::sqlite) fn put(
    db: &Connection,
    put: &PutValue,
    share_revision: Option<u64>,
    committed: &mut Committed,
) -> Result<(), StoreError> {
    match put.expected {
        Expect::Absent => insert(db, &put.row)?,
        // Versions have no gaps, so the new one is one above the stored one.
        Expect::Version(expected) => update(db, expected, put.row.current_version - 1, &put.row)?,
    }
    expect_shares(db, put.row.record_id, share_revision)?;
    insert_version(db, &put.version_row)?;
    put.wraps
        .iter()
        .try_for_each(|wrap| wraps::insert(db, RecordKind::Value, wrap))?;
    let newest_erased = put
        .row
        .current_version
        .saturating_sub(u64::from(put.versions_kept));
    let erased = query::execute(
        db,
        ERASE_OLD,
        params![put.row.record_id, Count(newest_erased)],
    )
    .map_err(store_error)?;
    committed.versions_erased += erased as u64;
    Ok(())
}

/// A write that knows of no shares expects none; another one expects those it knows.
fn expect_shares(
    db: &Connection,
    record_id: RecordId,
    share_revision: Option<u64>,
) -> Result<(), StoreError> {
    if let Some(expected) = share_revision {
        return shares::expect_revision(db, Record::value(record_id), expected);
    }
    match query::one(db, IS_SHARED, params![record_id], |_| Ok(()))? {
        None => Ok(()),
        Some(()) => Err(StoreError::conflict(conflict::SHARE_REVISION)),
    }
}

pub(in crate::sqlite) fn replace(
    db: &Connection,
    expected: u64,
    row: &ValueRow,
) -> Result<(), StoreError> {
    update(db, expected, row.current_version, row)
}

pub(in crate::sqlite) fn destroy(
    db: &Connection,
    (org_id, owner): (OrgId, UserId),
    record_id: RecordId,
    expected: u64,
) -> Result<(), StoreError> {
    let changed = query::execute(
        db,
        DESTROY,
        params![record_id, org_id, owner, Count(expected)],
    )
    .map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::VALUE))
}

fn insert(db: &Connection, row: &ValueRow) -> Result<(), StoreError> {
    let (current_version, version) = (Count(row.current_version), Count(row.version));
    let values = params![
        row.record_id,
        row.org_id,
        row.owner,
        row.name,
        current_version,
        row.created,
        row.updated,
        row.deleted,
        row.expires,
        version,
        row.mac.key_id,
        row.mac.tag
    ];
    query::execute(db, INSERT, values)
        .map(drop)
        .map_err(on_insert(conflict::VALUE))
}

fn update(
    db: &Connection,
    expected: u64,
    expected_current: u64,
    row: &ValueRow,
) -> Result<(), StoreError> {
    let (current_version, version) = (Count(row.current_version), Count(row.version));
    let (expected, expected_current) = (Count(expected), Count(expected_current));
    let values = params![
        row.record_id,
        row.org_id,
        row.owner,
        row.name,
        current_version,
        row.created,
        row.updated,
        row.deleted,
        row.expires,
        version,
        row.mac.key_id,
        row.mac.tag,
        expected,
        expected_current
    ];
    let changed = query::execute(db, REPLACE, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::VALUE))
}

fn insert_version(db: &Connection, row: &ValueVersionRow) -> Result<(), StoreError> {
    let value_version = Count(row.value_version);
    let values = params![
        row.record_id,
        value_version,
        row.header,
        row.payload,
        row.metadata_box,
        row.created,
        row.expires,
        row.mac.key_id,
        row.mac.tag
    ];
    // The row above it was just written, so a constraint can only mean damage.
    query::execute(db, INSERT_VERSION, values)
        .map(drop)
        .map_err(store_error)
}
