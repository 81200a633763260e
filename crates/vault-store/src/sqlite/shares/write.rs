//! Shares in SQLite: what is written.

use rusqlite::{Connection, params};

use super::{one, revision};
use crate::change_set::{Committed, ShareChange, conflict_on};
use crate::error::{StoreError, conflict};
use crate::ids::ShareId;
use crate::limits::SHARES_PER_RECORD_MAX;
use crate::rows::{AliasBoxRow, Grant, Record, RecordKind, ShareRow, WrapRow};
use crate::sqlite::columns::Count;
use crate::sqlite::failure::{expect_one, on_insert, store_error};
use crate::sqlite::{query, wraps};

const INSERT: &str = "INSERT INTO shares (share_id, org_id, kind, record_id, owner, recipient, \
    permission, created, expires, alias_wrap, owner_alias_box, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const REPLACE: &str = "UPDATE shares SET permission = ?7, expires = ?9, alias_wrap = ?10, \
    owner_alias_box = ?11, version = ?12, mac_key = ?13, mac = ?14 \
    WHERE share_id = ?1 AND org_id = ?2 AND kind = ?3 AND record_id = ?4 AND owner = ?5 \
    AND recipient = ?6 AND created = ?8 AND version = ?15";

// The box of the alias goes with it: a foreign key cascades.
const DELETE: &str = "DELETE FROM shares WHERE share_id = ?1";

const COUNT: &str = "SELECT count(*) FROM shares WHERE kind = ?1 AND record_id = ?2";

const GRANTS: &str = "SELECT 1 FROM shares \
    WHERE share_id = ?1 AND kind = ?2 AND record_id = ?3 AND recipient = ?4";

const DELETE_BOX: &str = "DELETE FROM share_boxes WHERE share_id = ?1";

const PUT_BOX: &str = "INSERT INTO share_boxes (share_id, share_version, alias_box) \
    SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM shares WHERE share_id = ?1 AND version = ?2) \
    ON CONFLICT DO UPDATE SET share_version = excluded.share_version, \
        alias_box = excluded.alias_box";

/// Counts up the revision of a record that is still the one the wraps were made for.
const fn bump_expected_sql(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Value => {
            "UPDATE vault_values SET share_revision = share_revision + 1 \
            WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND version = ?4"
        }
        RecordKind::File => {
            "UPDATE files SET share_revision = share_revision + 1 \
            WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND version = ?4"
        }
        RecordKind::Credential => {
            "UPDATE credentials SET share_revision = share_revision + 1 \
            WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND version = ?4"
        }
    }
}

const fn bump_sql(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Value => {
            "UPDATE vault_values SET share_revision = share_revision + 1 WHERE record_id = ?1"
        }
        RecordKind::File => {
            "UPDATE files SET share_revision = share_revision + 1 WHERE record_id = ?1"
        }
        RecordKind::Credential => {
            "UPDATE credentials SET share_revision = share_revision + 1 WHERE record_id = ?1"
        }
    }
}

pub(in crate::sqlite) fn apply(
    db: &Connection,
    change: &ShareChange,
    committed: &mut Committed,
) -> Result<(), StoreError> {
    match change {
        ShareChange::Insert {
            row,
            record_version,
            wraps,
        } => insert(db, row, *record_version, wraps),
        ShareChange::Replace {
            expected_version,
            row,
            record_version,
            wraps,
        } => replace(db, *expected_version, row, *record_version, wraps),
        ShareChange::Delete {
            share_id,
            expected_version,
        } => delete(db, *share_id, *expected_version),
        ShareChange::PutAliasBox(row) => put_box(db, row, committed),
    }
}

/// For a write that knows the record's recipients.
pub(in crate::sqlite) fn expect_revision(
    db: &Connection,
    record: Record,
    expected: u64,
) -> Result<(), StoreError> {
    if revision(db, record)? == Some(expected) {
        Ok(())
    } else {
        Err(StoreError::conflict(conflict::SHARE_REVISION))
    }
}

/// A wrap that names a share needs it.
pub(in crate::sqlite) fn require_grant(
    db: &Connection,
    record: Record,
    wrap: &WrapRow,
) -> Result<(), StoreError> {
    let Grant::Share(share_id) = wrap.grant else {
        return Ok(());
    };
    let values = params![share_id, record.kind, record.record_id, wrap.recipient];
    query::one(db, GRANTS, values, |_| Ok(()))?.ok_or(StoreError::conflict(conflict::SHARE))
}

fn insert(
    db: &Connection,
    row: &ShareRow,
    record_version: u64,
    wraps: &[WrapRow],
) -> Result<(), StoreError> {
    bump_expected(db, row, record_version)?;
    let values = params![row.kind, row.record_id];
    let stored = query::count(db, COUNT, values)?;
    if stored.is_none_or(|stored| stored >= SHARES_PER_RECORD_MAX.into()) {
        return Err(StoreError::TooLarge("shares of a record"));
    }
    run(db, INSERT, row, None).map_err(on_insert(conflict::SHARE))?;
    // Whatever the recipient held before the share was made, it holds by the share now.
    put_wraps(db, row, wraps)
}

fn replace(
    db: &Connection,
    expected: u64,
    row: &ShareRow,
    record_version: u64,
    wraps: &[WrapRow],
) -> Result<(), StoreError> {
    bump_expected(db, row, record_version)?;
    let changed = run(db, REPLACE, row, Some(Count(expected))).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::SHARE))?;
    query::execute(db, DELETE_BOX, params![row.share_id]).map_err(store_error)?;
    put_wraps(db, row, wraps)
}

fn delete(db: &Connection, share_id: ShareId, expected: u64) -> Result<(), StoreError> {
    let stored = one(db, share_id)?.filter(|row| row.version == expected);
    let row = stored.ok_or(StoreError::conflict(conflict::SHARE))?;
    wraps::delete_of(db, row.record(), row.recipient)?;
    query::execute(db, DELETE, params![share_id]).map_err(store_error)?;
    query::execute(db, bump_sql(row.kind), params![row.record_id])
        .map(drop)
        .map_err(store_error)
}

fn put_wraps(db: &Connection, row: &ShareRow, wraps: &[WrapRow]) -> Result<(), StoreError> {
    wraps::delete_of(db, row.record(), row.recipient)?;
    wraps
        .iter()
        .try_for_each(|wrap| match wraps::insert(db, row.kind, wrap) {
            // The recipient exists, so it is the version that does not.
            Err(StoreError::Conflict { .. }) => Err(StoreError::conflict(conflict_on(row.kind))),
            other => other,
        })
}

fn bump_expected(db: &Connection, row: &ShareRow, version: u64) -> Result<(), StoreError> {
    let values = params![row.record_id, row.org_id, row.owner, Count(version)];
    let changed = query::execute(db, bump_expected_sql(row.kind), values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict_on(row.kind)))
}

fn run(
    db: &Connection,
    sql: &str,
    row: &ShareRow,
    expected: Option<Count>,
) -> rusqlite::Result<usize> {
    let version = Count(row.version);
    let mut values = params![
        row.share_id,
        row.org_id,
        row.kind,
        row.record_id,
        row.owner,
        row.recipient,
        row.permission,
        row.created,
        row.expires,
        row.alias_wrap,
        row.owner_alias_box,
        version,
        row.mac.key_id,
        row.mac.tag
    ]
    .to_vec();
    values.extend(expected.iter().map(|count| count as &dyn rusqlite::ToSql));
    query::execute(db, sql, &values)
}

fn put_box(
    db: &Connection,
    row: &AliasBoxRow,
    committed: &mut Committed,
) -> Result<(), StoreError> {
    let values = params![row.share_id, Count(row.share_version), row.alias_box];
    let stored = query::execute(db, PUT_BOX, values).map_err(store_error)?;
    committed.alias_boxes_stored += stored as u64;
    Ok(())
}
