//! Values in SQLite: what is read. Writes are in `values/write.rs`.

mod write;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::columns::Columns;
use super::{query, shares, wraps};
use crate::error::StoreError;
use crate::ids::{RecordId, ShareId, UserId};
use crate::limits::{BATCH_BYTES_MAX, WRAPS_MAX};
use crate::rows::{AccountBoxRow, ValueRow, ValueVersionRow, WrapRow};
use crate::store::{ListValues, Page, SharedValueRead, ValueName, ValueRead, ValueVersionInfo};

pub(super) use write::{destroy, put, replace};

const VERSION_WIDTH: usize = 9;

const ONE: &str = "SELECT record_id, org_id, owner, name, current_version, created, updated, \
    deleted, expires, version, mac_key, mac FROM vault_values \
    WHERE org_id = ?1 AND owner = ?2 AND name = ?3";

/// What [`decode_read`] takes, of value `v`, version `n`, wrap `w` and box `b`.
macro_rules! read_columns {
    () => {
        concat!(
            "v.record_id, v.org_id, v.owner, v.name, v.current_version, v.created, \
            v.updated, v.deleted, v.expires, v.version, v.mac_key, v.mac, \
            n.record_id, n.value_version, n.header, n.payload, n.metadata_box, n.created, \
            n.expires, n.mac_key, n.mac, ",
            wraps::wrap_and_box_columns!()
        )
    };
}

/// Version ?2 of `v`, or the current one, and what `$reader` needs to open it.
macro_rules! read_joins {
    ($reader:literal) => {
        concat!(
            "LEFT JOIN value_versions n ON n.record_id = v.record_id \
                AND n.value_version = coalesce(?2, v.current_version) \
            LEFT JOIN wraps w ON w.record_id = n.record_id \
                AND w.value_version = n.value_version AND w.recipient = ",
            $reader,
            " LEFT JOIN account_boxes b ON b.record_id = w.record_id \
                AND b.value_version = w.value_version AND b.recipient = w.recipient "
        )
    };
}

// One statement sees one snapshot.
const READ: &str = concat!(
    "SELECT ",
    read_columns!(),
    " FROM vault_values v ",
    read_joins!("?1"),
    "WHERE v.org_id = ?3 AND v.owner = ?4 AND v.name = ?5"
);

const READ_SHARED: &str = concat!(
    "SELECT ",
    shares::share_columns!("s"),
    ", ",
    read_columns!(),
    " FROM shares s JOIN vault_values v ON v.record_id = s.of_value ",
    read_joins!("s.recipient"),
    "WHERE s.share_id = ?1"
);

const VERSIONS: &str = "SELECT n.record_id, n.value_version, n.created, n.expires, \
    length(n.payload) FROM vault_values v JOIN value_versions n ON n.record_id = v.record_id \
    WHERE v.org_id = ?2 AND v.owner = ?3 AND v.name = ?4 AND n.value_version > ?5 \
    ORDER BY n.value_version LIMIT ?1";

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
    let values = params![reader, wanted, name.org_id, name.owner, name.name];
    match query::one(db, READ, values, decode_read)? {
        Some(found) => found.whole(value_version),
        None => Ok(None),
    }
}

pub(super) fn read_shared(
    db: &Connection,
    share_id: ShareId,
    value_version: Option<u64>,
) -> Result<Option<SharedValueRead>, StoreError> {
    let Ok(wanted) = value_version.map(i64::try_from).transpose() else {
        return Ok(None);
    };
    let found = query::one(db, READ_SHARED, params![share_id, wanted], |columns| {
        Ok((shares::decode(columns)?, decode_read(columns)?))
    })?;
    let Some((share, found)) = found else {
        return Ok(None);
    };
    let read = found.whole(value_version)?;
    Ok(read.map(|read| SharedValueRead { share, read }))
}

/// The caller holds a transaction, so that all are seen at one moment.
pub(super) fn read_many(
    db: &Connection,
    names: &[ValueName<'_>],
    reader: UserId,
) -> Result<Vec<Option<ValueRead>>, StoreError> {
    let mut bytes = 0;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let one = read(db, *name, None, reader)?;
        bytes += one.as_ref().map_or(0, ValueRead::content_bytes);
        if bytes > BATCH_BYTES_MAX {
            return Err(StoreError::TooLarge("bytes of a batch read"));
        }
        found.push(one);
    }
    Ok(found)
}

pub(super) fn versions(
    db: &Connection,
    name: ValueName<'_>,
    after: Option<u64>,
    limit: u32,
) -> Result<Page<ValueVersionInfo>, StoreError> {
    let after = i64::try_from(after.unwrap_or(0)).unwrap_or(i64::MAX);
    let values = params![name.org_id, name.owner, name.name, after];
    query::page(db, VERSIONS, limit, values, |columns| {
        Ok(ValueVersionInfo {
            record_id: columns.take()?,
            value_version: columns.count()?,
            created: columns.take()?,
            expires: columns.take()?,
            payload_bytes: columns.count()?,
        })
    })
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
        wraps::decode,
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

/// What a read found, before it is known to be whole.
struct Found {
    value: ValueRow,
    version: Option<ValueVersionRow>,
    wrap: Option<WrapRow>,
    account_box: Option<AccountBoxRow>,
}

impl Found {
    /// `None` if the wanted version is absent, which the current one never is.
    fn whole(self, wanted: Option<u64>) -> Result<Option<ValueRead>, StoreError> {
        let current = self.value.current_version;
        match self.version {
            Some(version) => Ok(Some(ValueRead {
                value: self.value,
                version,
                wrap: self.wrap,
                account_box: self.account_box,
            })),
            None if wanted.is_none_or(|wanted| wanted == current) => {
                Err(StoreError::Corrupt("a value without its current version"))
            }
            None => Ok(None),
        }
    }
}

fn decode_read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Found> {
    Ok(Found {
        value: decode(columns)?,
        version: columns.joined(VERSION_WIDTH, decode_version)?,
        wrap: columns.joined(wraps::WIDTH, wraps::decode)?,
        account_box: columns.joined(wraps::BOX_WIDTH, wraps::decode_box)?,
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
