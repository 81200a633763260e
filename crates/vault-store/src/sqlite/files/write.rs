//! Files in SQLite: what is written.

use rusqlite::{Connection, params};

use crate::change_set::FileChange;
use crate::error::{StoreError, conflict};
use crate::ids::{BlobId, OrgId, RecordId, UserId};
use crate::rows::{FileRow, RecordKind, WrapRow};
use crate::sqlite::columns::Count;
use crate::sqlite::failure::{expect_one, on_insert, store_error};
use crate::sqlite::{query, shares, wraps};

const INSERT: &str = "INSERT INTO files (record_id, org_id, owner, body, content_version, \
    sealed_bytes, sha256, label_box, created, updated, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

const REPLACE: &str = "UPDATE files SET body = ?4, content_version = ?5, sealed_bytes = ?6, \
    sha256 = ?7, label_box = ?8, updated = ?10, version = ?11, mac_key = ?12, mac = ?13 \
    WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND created = ?9 AND version = ?14 \
    AND content_version = ?5 - 1 AND body <> ?4";

// Wraps, boxes and shares go with it: foreign keys cascade.
const DELETE: &str = "DELETE FROM files \
    WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND version = ?4";

const DELETE_WRAPS: &str = "DELETE FROM file_wraps WHERE record_id = ?1";

const ERASE_BODY: &str =
    "INSERT INTO erased_bodies (body) SELECT body FROM files WHERE record_id = ?1";

const ERASE_BODIES_OF: &str = "INSERT INTO erased_bodies (body) \
    SELECT body FROM files WHERE org_id = ?1 AND owner = ?2";

const IS_ERASED: &str = "SELECT 1 FROM erased_bodies WHERE body = ?1";

const FORGET: &str = "DELETE FROM erased_bodies WHERE body = ?1";

pub(in crate::sqlite) fn apply(db: &Connection, change: &FileChange) -> Result<(), StoreError> {
    match change {
        FileChange::Insert { row, wraps } => insert(db, row, wraps),
        FileChange::ReplaceBody {
            expected_version,
            share_revision,
            row,
            wraps,
        } => replace_body(db, *expected_version, *share_revision, row, wraps),
        FileChange::Delete {
            org_id,
            owner,
            file_id,
            expected_version,
        } => delete(db, (*org_id, *owner), *file_id, *expected_version),
        FileChange::ForgetErasedBody(body) => query::execute(db, FORGET, params![body])
            .map(drop)
            .map_err(store_error),
    }
}

/// Notes down the bodies of all files of a user whose rows are about to go.
pub(in crate::sqlite) fn erase_bodies_of(
    db: &Connection,
    org_id: OrgId,
    owner: UserId,
) -> Result<(), StoreError> {
    query::execute(db, ERASE_BODIES_OF, params![org_id, owner])
        .map(drop)
        .map_err(store_error)
}

fn insert(db: &Connection, row: &FileRow, wraps: &[WrapRow]) -> Result<(), StoreError> {
    require_new(db, row.body)?;
    run(db, INSERT, row, None).map_err(on_insert(conflict::FILE))?;
    insert_wraps(db, wraps)
}

fn replace_body(
    db: &Connection,
    expected: u64,
    share_revision: u64,
    row: &FileRow,
    wraps: &[WrapRow],
) -> Result<(), StoreError> {
    require_new(db, row.body)?;
    // The old wraps hang on the old version of the contents, so they go first; should the row not
    // be the expected one, all of this is undone.
    query::execute(db, ERASE_BODY, params![row.file_id]).map_err(store_error)?;
    query::execute(db, DELETE_WRAPS, params![row.file_id]).map_err(store_error)?;
    let changed =
        run(db, REPLACE, row, Some(Count(expected))).map_err(on_insert(conflict::FILE))?;
    expect_one(changed, StoreError::conflict(conflict::FILE))?;
    shares::expect_revision(db, row.record(), share_revision)?;
    insert_wraps(db, wraps)
}

fn delete(
    db: &Connection,
    (org_id, owner): (OrgId, UserId),
    file_id: RecordId,
    expected: u64,
) -> Result<(), StoreError> {
    query::execute(db, ERASE_BODY, params![file_id]).map_err(store_error)?;
    let values = params![file_id, org_id, owner, Count(expected)];
    let changed = query::execute(db, DELETE, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::FILE))
}

/// A body that is waiting to be removed is nobody's.
fn require_new(db: &Connection, body: BlobId) -> Result<(), StoreError> {
    match query::one(db, IS_ERASED, params![body], |_| Ok(()))? {
        None => Ok(()),
        Some(()) => Err(StoreError::conflict(conflict::FILE)),
    }
}

fn insert_wraps(db: &Connection, wraps: &[WrapRow]) -> Result<(), StoreError> {
    wraps
        .iter()
        .try_for_each(|wrap| wraps::insert(db, RecordKind::File, wrap))
}

fn run(
    db: &Connection,
    sql: &str,
    row: &FileRow,
    expected: Option<Count>,
) -> rusqlite::Result<usize> {
    let (content_version, sealed_bytes) = (Count(row.content_version), Count(row.sealed_bytes));
    let version = Count(row.version);
    let mut values = params![
        row.file_id,
        row.org_id,
        row.owner,
        row.body,
        content_version,
        sealed_bytes,
        row.sha256,
        row.label_box,
        row.created,
        row.updated,
        version,
        row.mac.key_id,
        row.mac.tag
    ]
    .to_vec();
    values.extend(expected.iter().map(|count| count as &dyn rusqlite::ToSql));
    query::execute(db, sql, &values)
}
