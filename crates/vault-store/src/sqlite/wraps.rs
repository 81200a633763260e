//! Wraps and boxes in SQLite, in the same shape for every kind of record.

use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::{expect_one, on_insert, store_error};
use super::{query, shares};
use crate::change_set::{Committed, ReplaceWraps, WrapChange, conflict_on};
use crate::error::{StoreError, conflict};
use crate::ids::UserId;
use crate::rows::{AccountBoxRow, Grant, Record, RecordKind, WrapRow};

/// Columns that [`decode`] takes.
pub(super) const WIDTH: usize = 6;
/// Columns that [`decode_box`] takes.
pub(super) const BOX_WIDTH: usize = 4;

/// What [`decode`] and [`decode_box`] take, of wrap `w` and box `b`.
macro_rules! wrap_and_box_columns {
    () => {
        "w.record_id, w.value_version, w.recipient, w.recipient_generation, w.share_id, w.wrap, \
        b.record_id, b.value_version, b.recipient, b.account_box"
    };
}
pub(super) use wrap_and_box_columns;

struct Sql {
    insert: &'static str,
    delete: &'static str,
    delete_of: &'static str,
    rotate: &'static str,
    delete_box: &'static str,
    put_box: &'static str,
    at_version: &'static str,
}

macro_rules! sql {
    ($records:literal, $versions:literal, $wraps:literal, $boxes:literal) => {
        Sql {
            insert: concat!(
                "INSERT INTO ",
                $wraps,
                " (record_id, value_version, recipient, \
                recipient_generation, share_id, wrap) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            ),
            delete: concat!(
                "DELETE FROM ",
                $wraps,
                " WHERE record_id = ?1 AND value_version = ?2 AND recipient = ?3"
            ),
            // One look-up per version, however many recipients there are.
            delete_of: concat!(
                "DELETE FROM ",
                $wraps,
                " WHERE record_id = ?1 AND recipient = ?2 \
                AND value_version IN (",
                $versions,
                " WHERE record_id = ?1)"
            ),
            rotate: concat!(
                "UPDATE ",
                $wraps,
                " SET recipient_generation = ?4, wrap = ?6 \
                WHERE record_id = ?1 AND value_version = ?2 AND recipient = ?3 \
                AND share_id IS ?5 AND wrap = ?7"
            ),
            delete_box: concat!(
                "DELETE FROM ",
                $boxes,
                " WHERE record_id = ?1 AND value_version = ?2 AND recipient = ?3"
            ),
            put_box: concat!(
                "INSERT INTO ",
                $boxes,
                " (record_id, value_version, recipient, account_box) \
                SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM ",
                $wraps,
                " \
                    WHERE record_id = ?1 AND value_version = ?2 AND recipient = ?3) \
                ON CONFLICT DO UPDATE SET account_box = excluded.account_box"
            ),
            at_version: concat!(
                "SELECT 1 FROM ",
                $records,
                " WHERE record_id = ?1 AND version = ?2"
            ),
        }
    };
}

const VALUES: Sql = sql!(
    "vault_values",
    "SELECT value_version FROM value_versions",
    "wraps",
    "account_boxes"
);
const FILES: Sql = sql!(
    "files",
    "SELECT content_version FROM files",
    "file_wraps",
    "file_boxes"
);
const CREDENTIALS: Sql = sql!(
    "credentials",
    "SELECT value_version FROM credential_versions",
    "credential_wraps",
    "credential_boxes"
);

const fn of(kind: RecordKind) -> &'static Sql {
    match kind {
        RecordKind::Value => &VALUES,
        RecordKind::File => &FILES,
        RecordKind::Credential => &CREDENTIALS,
    }
}

pub(super) fn apply(
    db: &Connection,
    change: &WrapChange,
    committed: &mut Committed,
) -> Result<(), StoreError> {
    match change {
        WrapChange::Replace(change) => replace(db, change),
        WrapChange::Rotate {
            kind,
            old_wrap,
            row,
        } => rotate(db, *kind, old_wrap, row),
        WrapChange::PutBox { kind, row } => put_box(db, *kind, row, committed),
    }
}

fn replace(db: &Connection, change: &ReplaceWraps) -> Result<(), StoreError> {
    let Record { kind, record_id } = change.record;
    let expected = Count(change.expected_version);
    let found = query::one(
        db,
        of(kind).at_version,
        params![record_id, expected],
        |_| Ok(()),
    )?;
    found.ok_or(StoreError::conflict(conflict_on(kind)))?;
    for (value_version, recipient) in &change.removed {
        let values = params![record_id, Count(*value_version), recipient];
        query::execute(db, of(kind).delete, values).map_err(store_error)?;
    }
    for row in &change.wraps {
        shares::require_grant(db, change.record, row)?;
        let place = params![row.record_id, Count(row.value_version), row.recipient];
        query::execute(db, of(kind).delete, place).map_err(store_error)?;
        insert(db, kind, row)?;
    }
    Ok(())
}

fn rotate(
    db: &Connection,
    kind: RecordKind,
    old_wrap: &[u8],
    row: &WrapRow,
) -> Result<(), StoreError> {
    let value_version = Count(row.value_version);
    let values = params![
        row.record_id,
        value_version,
        row.recipient,
        row.recipient_generation,
        row.grant,
        row.wrap,
        old_wrap
    ];
    let changed = query::execute(db, of(kind).rotate, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::WRAP))?;
    let place = params![row.record_id, value_version, row.recipient];
    query::execute(db, of(kind).delete_box, place)
        .map(drop)
        .map_err(store_error)
}

/// Adds a wrap. Its place must be free, its version and its recipient must exist.
pub(super) fn insert(db: &Connection, kind: RecordKind, row: &WrapRow) -> Result<(), StoreError> {
    let value_version = Count(row.value_version);
    let values = params![
        row.record_id,
        value_version,
        row.recipient,
        row.recipient_generation,
        row.grant,
        row.wrap
    ];
    query::execute(db, of(kind).insert, values)
        .map(drop)
        .map_err(on_insert(conflict_on(kind)))
}

/// Erases every wrap of a record to one recipient, with the boxes.
pub(super) fn delete_of(
    db: &Connection,
    Record { kind, record_id }: Record,
    recipient: UserId,
) -> Result<(), StoreError> {
    query::execute(db, of(kind).delete_of, params![record_id, recipient])
        .map(drop)
        .map_err(store_error)
}

pub(super) fn put_box(
    db: &Connection,
    kind: RecordKind,
    row: &AccountBoxRow,
    committed: &mut Committed,
) -> Result<(), StoreError> {
    let value_version = Count(row.value_version);
    let values = params![row.record_id, value_version, row.recipient, row.account_box];
    let stored = query::execute(db, of(kind).put_box, values).map_err(store_error)?;
    committed.account_boxes_stored += stored as u64;
    Ok(())
}

pub(super) fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<WrapRow> {
    Ok(WrapRow {
        record_id: columns.take()?,
        value_version: columns.count()?,
        recipient: columns.take()?,
        recipient_generation: columns.take()?,
        grant: columns.take::<Grant>()?,
        wrap: columns.take()?,
    })
}

pub(super) fn decode_box(columns: &mut Columns<'_, '_>) -> rusqlite::Result<AccountBoxRow> {
    Ok(AccountBoxRow {
        record_id: columns.take()?,
        value_version: columns.count()?,
        recipient: columns.take()?,
        account_box: columns.take()?,
    })
}
