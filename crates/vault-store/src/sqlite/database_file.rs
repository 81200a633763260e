//! A database file, for whoever checks it beside the server.
//!
//! In: the path of a database. Out: audit blocks, versions of rows, and which bodies of files
//! belong to it, all of the moment of the first look. The lock of the server is not taken and
//! nothing is written, so a server may be running on the file.

use std::path::Path;

use rusqlite::{Connection, params};

use super::audit::blocks;
use super::columns::Columns;
use super::failure::store_error;
use super::migrate::{self, Found};
use super::open::{OpenError, open_beside};
use super::stored_version::{RowOf, StoredVersion, stored_version};
use crate::error::StoreError;
use crate::ids::{BlobId, OrgId};
use crate::limits::LIST_LIMIT_MAX;
use crate::rows::AuditBlockRow;
use crate::store::Page;

const ORGS: &str = "SELECT DISTINCT org_id FROM audit_blocks WHERE org_id > ?1 \
    ORDER BY org_id LIMIT ?2";

const BODIES: &str = "SELECT body, sealed_bytes, sha256 FROM files WHERE body > ?1 \
    ORDER BY body LIMIT ?2";

/// What a row says of the body of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBody {
    /// Its name.
    pub body: BlobId,
    /// Its length.
    pub sealed_bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

fn body(columns: &mut Columns<'_, '_>) -> rusqlite::Result<StoredBody> {
    Ok(StoredBody {
        body: columns.take()?,
        sealed_bytes: columns.count()?,
        sha256: columns.take()?,
    })
}

/// A database file that is only read.
pub struct DatabaseFile(Connection);

impl DatabaseFile {
    /// Opens the file. Blocks.
    ///
    /// # Errors
    /// [`OpenError`] for a file that is absent or not ours.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let db = open_beside(path.as_ref())?;
        // Never ended: what is read later belongs to what was read before.
        db.execute_batch("BEGIN")?;
        match migrate::inspect(&db)? {
            Found::Schema(_) => Ok(Self(db)),
            Found::Blank => Err(OpenError::Missing),
        }
    }

    /// Whose logs there are, ascending, after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn orgs(&self, after: Option<OrgId>) -> Result<Page<OrgId>, StoreError> {
        let after = after.map_or(Vec::new(), |org_id| org_id.as_bytes().to_vec());
        let limit = LIST_LIMIT_MAX as usize;
        let mut query = self.0.prepare_cached(ORGS).map_err(store_error)?;
        let mut rows = query
            .query(params![after, limit as i64 + 1])
            .map_err(store_error)?;
        let mut page = Page::new();
        while let Some(row) = rows.next().map_err(store_error)? {
            if page.rows.len() == limit {
                page.more = true;
                break;
            }
            page.rows
                .push(Columns::new(row).take().map_err(store_error)?);
        }
        Ok(page)
    }

    /// Bodies that files have, ascending by id, after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn bodies(&self, after: Option<BlobId>) -> Result<Page<StoredBody>, StoreError> {
        let after = after.map_or(Vec::new(), |body| body.as_bytes().to_vec());
        let limit = LIST_LIMIT_MAX as usize;
        let mut query = self.0.prepare_cached(BODIES).map_err(store_error)?;
        let mut rows = query
            .query(params![after, limit as i64 + 1])
            .map_err(store_error)?;
        let mut page = Page::new();
        while let Some(row) = rows.next().map_err(store_error)? {
            if page.rows.len() == limit {
                page.more = true;
                break;
            }
            page.rows
                .push(body(&mut Columns::new(row)).map_err(store_error)?);
        }
        Ok(page)
    }

    /// What a row says of its version; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn version(&self, row: RowOf) -> Result<Option<StoredVersion>, StoreError> {
        stored_version(&self.0, row)
    }

    /// As [`AuditStore::audit_blocks`](crate::AuditStore::audit_blocks).
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn blocks(
        &self,
        org_id: OrgId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Page<AuditBlockRow>, StoreError> {
        blocks(&self.0, org_id, after_seq, limit)
    }
}

impl std::fmt::Debug for DatabaseFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseFile").finish_non_exhaustive()
    }
}
