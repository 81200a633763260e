//! Files in SQLite: what is read. Writes are in `files/write.rs`.

mod write;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::columns::Columns;
use super::shares::share_columns;
use super::wraps::wrap_and_box_columns;
use super::{SqliteStore, query, shares, wraps};
use crate::error::StoreError;
use crate::ids::{BlobId, OrgId, RecordId, ShareId, UserId};
use crate::limits::LIST_LIMIT_MAX;
use crate::rows::FileRow;
use crate::store::{FileRead, FileStore, Page, SharedFileRead};

pub(super) use write::{apply, erase_bodies_of};

/// What [`decode_read`] takes, of file `f`, wrap `w` and box `b`.
macro_rules! read_columns {
    () => {
        concat!(
            "f.record_id, f.org_id, f.owner, f.body, f.content_version, f.sealed_bytes, \
            f.sha256, f.label_box, f.created, f.updated, f.version, f.mac_key, f.mac, ",
            wrap_and_box_columns!()
        )
    };
}

/// What `$reader` needs to open `f`.
macro_rules! read_joins {
    ($reader:literal) => {
        concat!(
            " LEFT JOIN file_wraps w ON w.record_id = f.record_id \
                AND w.value_version = f.content_version AND w.recipient = ",
            $reader,
            " LEFT JOIN file_boxes b ON b.record_id = w.record_id \
                AND b.value_version = w.value_version AND b.recipient = w.recipient "
        )
    };
}

const READ: &str = concat!(
    "SELECT ",
    read_columns!(),
    " FROM files f",
    read_joins!("?4"),
    "WHERE f.record_id = ?3 AND f.org_id = ?1 AND f.owner = ?2"
);

const LIST: &str = concat!(
    "SELECT ",
    read_columns!(),
    " FROM files f",
    read_joins!("f.owner"),
    "WHERE f.org_id = ?2 AND f.owner = ?3 AND f.record_id > ?4 ORDER BY f.record_id LIMIT ?1"
);

const READ_SHARED: &str = concat!(
    "SELECT ",
    share_columns!("s"),
    ", ",
    read_columns!(),
    " FROM shares s JOIN files f ON f.record_id = s.of_file",
    read_joins!("s.recipient"),
    "WHERE s.share_id = ?1"
);

const IS_KNOWN: &str = "SELECT 1 FROM files WHERE body = ?1 \
     UNION SELECT 1 FROM erased_bodies WHERE body = ?1";

const ERASED: &str = "SELECT body FROM erased_bodies WHERE body > ?2 ORDER BY body LIMIT ?1";

fn unused(db: &Connection, bodies: Vec<BlobId>) -> Result<Vec<BlobId>, StoreError> {
    let mut unused = Vec::new();
    for body in bodies {
        if query::one(db, IS_KNOWN, params![body], |_| Ok(()))?.is_none() {
            unused.push(body);
        }
    }
    Ok(unused)
}

#[async_trait]
impl FileStore for SqliteStore {
    async fn read_file(
        &self,
        org_id: OrgId,
        owner: UserId,
        file_id: RecordId,
        reader: UserId,
    ) -> Result<Option<FileRead>, StoreError> {
        self.readers
            .run(move |db| {
                let values = params![org_id, owner, file_id, reader];
                query::one(db, READ, values, decode_read)
            })
            .await
    }

    async fn files(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Page<FileRead>, StoreError> {
        self.readers
            .run(move |db| {
                // An empty blob sorts before every id.
                let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
                query::page(db, LIST, limit, params![org_id, owner, after], decode_read)
            })
            .await
    }

    async fn shared_file(&self, share_id: ShareId) -> Result<Option<SharedFileRead>, StoreError> {
        self.readers
            .run(move |db| {
                query::one(db, READ_SHARED, params![share_id], |columns| {
                    Ok(SharedFileRead {
                        share: shares::decode(columns)?,
                        read: decode_read(columns)?,
                    })
                })
            })
            .await
    }

    async fn unused_bodies(&self, bodies: &[BlobId]) -> Result<Vec<BlobId>, StoreError> {
        if bodies.len() > LIST_LIMIT_MAX as usize {
            return Err(StoreError::TooLarge("bodies in one question"));
        }
        let bodies = bodies.to_vec();
        self.readers.run(move |db| unused(db, bodies)).await
    }

    async fn erased_bodies(
        &self,
        after: Option<BlobId>,
        limit: u32,
    ) -> Result<Page<BlobId>, StoreError> {
        self.readers
            .run(move |db| {
                // An empty blob sorts before every id.
                let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
                query::page(db, ERASED, limit, params![after], |columns| columns.take())
            })
            .await
    }
}

fn decode_read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<FileRead> {
    Ok(FileRead {
        file: decode(columns)?,
        wrap: columns.joined(wraps::WIDTH, wraps::decode)?,
        account_box: columns.joined(wraps::BOX_WIDTH, wraps::decode_box)?,
    })
}

fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<FileRow> {
    Ok(FileRow {
        file_id: columns.take()?,
        org_id: columns.take()?,
        owner: columns.take()?,
        body: columns.take()?,
        content_version: columns.count()?,
        sealed_bytes: columns.count()?,
        sha256: columns.take()?,
        label_box: columns.take()?,
        created: columns.take()?,
        updated: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}
