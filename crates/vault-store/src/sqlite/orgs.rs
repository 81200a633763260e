//! Organisations in SQLite.

use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::{expect_one, on_insert, store_error};
use super::query;
use crate::error::{StoreError, conflict};
use crate::ids::OrgId;
use crate::rows::OrgRow;
use crate::store::Page;

const ONE: &str = "SELECT org_id, name, created, version, mac_key, mac FROM orgs WHERE org_id = ?1";

const LIST: &str = "SELECT org_id, name, created, version, mac_key, mac FROM orgs \
    WHERE org_id > ?2 ORDER BY org_id LIMIT ?1";

const INSERT: &str = "INSERT INTO orgs (org_id, name, created, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const REPLACE: &str = "UPDATE orgs SET name = ?2, version = ?4, mac_key = ?5, mac = ?6 \
    WHERE org_id = ?1 AND created = ?3 AND version = ?7";

pub(super) fn one(db: &Connection, org_id: OrgId) -> Result<Option<OrgRow>, StoreError> {
    query::one(db, ONE, params![org_id], decode)
}

pub(super) fn list(
    db: &Connection,
    after: Option<OrgId>,
    limit: u32,
) -> Result<Page<OrgRow>, StoreError> {
    // An empty blob sorts before every id.
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    query::page(db, LIST, limit, params![after], decode)
}

pub(super) fn insert(db: &Connection, row: &OrgRow) -> Result<(), StoreError> {
    let version = Count(row.version);
    let values = params![
        row.org_id,
        row.name,
        row.created,
        version,
        row.mac.key_id,
        row.mac.tag
    ];
    query::execute(db, INSERT, values)
        .map(drop)
        .map_err(on_insert(conflict::ORG))
}

pub(super) fn replace(db: &Connection, expected: u64, row: &OrgRow) -> Result<(), StoreError> {
    let (version, expected) = (Count(row.version), Count(expected));
    let values = params![
        row.org_id,
        row.name,
        row.created,
        version,
        row.mac.key_id,
        row.mac.tag,
        expected
    ];
    let changed = query::execute(db, REPLACE, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::ORG))
}

fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<OrgRow> {
    Ok(OrgRow {
        org_id: columns.take()?,
        name: columns.take()?,
        created: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}
