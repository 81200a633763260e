//! Values in SQLite: what is read. Writes are in `values/write.rs`.

mod write;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::columns::Columns;
use super::query;
use crate::error::StoreError;
use crate::ids::{RecordId, UserId};
use crate::limits::WRAPS_MAX;
use crate::rows::{AccountBoxRow, Grant, ValueRow, ValueVersionRow, WrapRow};
use crate::store::{ListValues, Page, ValueName, ValueRead};

pub(super) use write::{destroy, put, put_account_box, replace};

const VERSION_WIDTH: usize = 9;
const WRAP_WIDTH: usize = 6;
const BOX_WIDTH: usize = 4;

const ONE: &str = "SELECT record_id, org_id, owner, name, current_version, created, updated, \
    deleted, expires, version, mac_key, mac FROM vault_values \
    WHERE org_id = ?1 AND owner = ?2 AND name = ?3";

// One statement sees one snapshot.
const READ: &str = "SELECT v.record_id, v.org_id, v.owner, v.name, v.current_version, v.created, \
    v.updated, v.deleted, v.expires, v.version, v.mac_key, v.mac, \
    n.record_id, n.value_version, n.header, n.payload, n.metadata_box, n.created, n.expires, \
    n.mac_key, n.mac, \
    w.record_id, w.value_version, w.recipient, w.recipient_generation, w.share_id, w.wrap, \
    b.record_id, b.value_version, b.recipient, b.account_box \
    FROM vault_values v \
    LEFT JOIN value_versions n ON n.record_id = v.record_id \
        AND n.value_version = coalesce(?4, v.current_version) \
    LEFT JOIN wraps w ON w.record_id = n.record_id AND w.value_version = n.value_version \
        AND w.recipient = ?5 \
    LEFT JOIN account_boxes b ON b.record_id = w.record_id AND b.value_version = w.value_version \
        AND b.recipient = w.recipient \
    WHERE v.org_id = ?1 AND v.owner = ?2 AND v.name = ?3";

const LIST: &str = "SELECT record_id, org_id, owner, name, current_version, created, updated, \
    deleted, expires, version, mac_key, mac FROM vault_values \
    WHERE org_id = ?2 AND owner = ?3 AND name >= ?4 AND name < ?5 \
    AND deleted IS NULL AND (expires IS NULL OR expires > ?6) ORDER BY name LIMIT ?1";

const WRAPS: &str = "SELECT record_id, value_version, recipient, recipient_generation, share_id, \
    wrap FROM wraps WHERE record_id = ?1 AND value_version = ?2 ORDER BY recipient LIMIT ?3";

pub(super) fn one(db: &Connection, name: ValueName<'_>) -> Result<Option<ValueRow>, StoreError> {
    query::one(db, ONE, params![name.org_id, name.owner, name.name], decode)
}

pub(super) fn read(
    db: &Connection,
    name: ValueName<'_>,
    value_version: Option<u64>,
    reader: UserId,
) -> Result<Option<ValueRead>, StoreError> {
    let Ok(wanted) = value_version.map(i64::try_from).transpose() else {
        return Ok(None);
    };
    let values = params![name.org_id, name.owner, name.name, wanted, reader];
    let found = query::one(db, READ, values, |columns| {
        Ok((
            decode(columns)?,
            columns.joined(VERSION_WIDTH, decode_version)?,
            columns.joined(WRAP_WIDTH, decode_wrap)?,
            columns.joined(BOX_WIDTH, decode_box)?,
        ))
    })?;
    match found {
        None => Ok(None),
        Some((value, Some(version), wrap, account_box)) => Ok(Some(ValueRead {
            value,
            version,
            wrap,
            account_box,
        })),
        Some((value, None, ..)) if value_version.is_none_or(|n| n == value.current_version) => {
            Err(StoreError::Corrupt("a value without its current version"))
        }
        Some((_, None, ..)) => Ok(None),
    }
}

pub(super) fn list(db: &Connection, list: ListValues<'_>) -> Result<Page<ValueRow>, StoreError> {
    let (from, to) = (
        lower_bound(list.prefix, list.after),
        upper_bound(list.prefix),
    );
    let values = params![list.org_id, list.owner, from, to, list.now];
    query::page(db, LIST, list.limit, values, decode)
}

pub(super) fn wraps(
    db: &Connection,
    record_id: RecordId,
    value_version: u64,
) -> Result<Vec<WrapRow>, StoreError> {
    let Ok(value_version) = i64::try_from(value_version) else {
        return Ok(Vec::new());
    };
    query::all(
        db,
        WRAPS,
        params![record_id, value_version, WRAPS_MAX as i64],
        decode_wrap,
    )
}

/// The least name of the list: the prefix itself, or the very next text after `after`.
fn lower_bound(prefix: &str, after: Option<&str>) -> String {
    match after {
        Some(after) if after >= prefix => format!("{after}\0"),
        _ => prefix.to_owned(),
    }
}

/// The least text above all that start with `prefix`. Texts sort by their UTF-8 bytes, which is
/// the order of their characters, so the last character that has a successor is replaced by it.
fn upper_bound(prefix: &str) -> Value {
    let mut bound = prefix.to_owned();
    while let Some(last) = bound.pop() {
        // The range of characters steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            bound.push(next);
            return Value::Text(bound);
        }
    }
    // SQLite sorts every blob above every text.
    Value::Blob(Vec::new())
}

fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<ValueRow> {
    Ok(ValueRow {
        record_id: columns.take()?,
        org_id: columns.take()?,
        owner: columns.take()?,
        name: columns.take()?,
        current_version: columns.count()?,
        created: columns.take()?,
        updated: columns.take()?,
        deleted: columns.take()?,
        expires: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}

fn decode_version(columns: &mut Columns<'_, '_>) -> rusqlite::Result<ValueVersionRow> {
    Ok(ValueVersionRow {
        record_id: columns.take()?,
        value_version: columns.count()?,
        header: columns.take()?,
        payload: columns.take()?,
        metadata_box: columns.take()?,
        created: columns.take()?,
        expires: columns.take()?,
        mac: columns.mac()?,
    })
}

fn decode_wrap(columns: &mut Columns<'_, '_>) -> rusqlite::Result<WrapRow> {
    Ok(WrapRow {
        record_id: columns.take()?,
        value_version: columns.count()?,
        recipient: columns.take()?,
        recipient_generation: columns.take()?,
        grant: columns
            .take::<Option<_>>()?
            .map_or(Grant::Owner, Grant::Share),
        wrap: columns.take()?,
    })
}

fn decode_box(columns: &mut Columns<'_, '_>) -> rusqlite::Result<AccountBoxRow> {
    Ok(AccountBoxRow {
        record_id: columns.take()?,
        value_version: columns.count()?,
        recipient: columns.take()?,
        account_box: columns.take()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_bounds_are_the_next_text_in_byte_order() {
        let check =
            |prefix: &str, bound: Value| assert_eq!(upper_bound(prefix), bound, "{prefix:?}");
        check("", Value::Blob(Vec::new()));
        check("a", Value::Text("b".into()));
        check("a%", Value::Text("a&".into()));
        check("a\u{7f}", Value::Text("a\u{80}".into()));
        check("\u{d7ff}", Value::Text("\u{e000}".into()));
        check("a\u{10ffff}", Value::Text("b".into()));
        check("\u{10ffff}", Value::Blob(Vec::new()));
    }

    #[test]
    fn lower_bounds_start_after_after_or_at_the_prefix() {
        assert_eq!(lower_bound("b", None), "b");
        assert_eq!(lower_bound("b", Some("a")), "b");
        assert_eq!(lower_bound("b", Some("b")), "b\0");
        assert_eq!(lower_bound("b", Some("c")), "c\0");
    }
}
