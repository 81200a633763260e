//! The SQLite backend: one file, one process, one writer thread, a few readers.
//!
//! In: a path. Out: a [`Store`](crate::Store) whose acknowledged change sets survive a crash of
//! the process and a power cut. Not here: what the bytes mean.

mod api_key_scopes;
mod api_keys;
mod apply;
mod audit;
mod backup;
mod columns;
mod credentials;
mod database_file;
mod failure;
mod files;
mod keys;
mod lock;
mod migrate;
mod open;
mod orgs;
mod query;
mod readers;
mod recovery;
mod rotation;
mod shares;
mod store;
mod stored_version;
mod tokens;
mod users;
mod values;
mod wraps;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use self::failure::store_error;
use self::lock::Lock;
use self::readers::Readers;
use self::writer::Writer;
use crate::audit::AuditSealer;
use crate::error::StoreError;
use crate::limits::READERS_MAX;

pub(crate) use failure::is_refusal;

pub use backup::{BackupError, backup_file, verify_backup};
pub use database_file::{DatabaseFile, StoredBody};
pub use open::{ConnectionSettings, OpenError, OpenMode};
pub use stored_version::{RowOf, StoredVersion};

const CLOSED: StoreError = StoreError::unavailable("the store is closed");
const BROKEN: StoreError = StoreError::unavailable("writing failed before; reopen the store");

/// What can be chosen about a SQLite store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Reader connections, 1 to [`READERS_MAX`].
    pub readers: usize,
    /// Pages of 4 KiB the database file may grow to. Beyond that writes are answered
    /// [`StoreError::Unavailable`], reads go on.
    pub pages_max: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        // 4294967294 is SQLite's own limit (<https://www.sqlite.org/limits.html>).
        Self {
            readers: 4,
            pages_max: 4_294_967_294,
        }
    }
}

/// A store in one SQLite file.
///
/// Dropping it answers what is queued, moves the log into the file and closes it; this blocks for
/// as long as the last writes take.
pub struct SqliteStore {
    // In the order in which they are dropped: the readers let go of the log, the writer empties
    // it, the lock goes last.
    readers: Readers,
    writer: Writer,
    settings: Vec<ConnectionSettings>,
    path: PathBuf,
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the database with default options and without audit. Blocks; call it before serving.
    pub fn open(path: impl AsRef<Path>, mode: OpenMode) -> Result<Self, OpenError> {
        Self::open_with(path, mode, SqliteOptions::default())
    }

    /// Opens the database without audit: change sets with entries are refused. Blocks; call it
    /// before serving.
    pub fn open_with(
        path: impl AsRef<Path>,
        mode: OpenMode,
        options: SqliteOptions,
    ) -> Result<Self, OpenError> {
        Self::start(path.as_ref(), mode, options, None)
    }

    /// Opens the database; `sealer` chains its audit entries. Blocks; call it before serving.
    pub fn open_audited(
        path: impl AsRef<Path>,
        mode: OpenMode,
        options: SqliteOptions,
        sealer: Arc<dyn AuditSealer>,
    ) -> Result<Self, OpenError> {
        Self::start(path.as_ref(), mode, options, Some(sealer))
    }

    fn start(
        path: &Path,
        mode: OpenMode,
        options: SqliteOptions,
        sealer: Option<Arc<dyn AuditSealer>>,
    ) -> Result<Self, OpenError> {
        if !(1..=READERS_MAX).contains(&options.readers) {
            return Err(OpenError::Readers);
        }
        let opened = open::open(path, mode)?;
        let mut settings = vec![opened.settings];
        let mut connections = Vec::with_capacity(options.readers);
        for _ in 0..options.readers {
            let (connection, found) = open::open_reader(&opened.path)?;
            connections.push(connection);
            settings.push(found);
        }
        Ok(Self {
            readers: Readers::start(connections)?,
            writer: Writer::start(opened.writer, options.pages_max, sealer)?,
            settings,
            path: opened.path,
            _lock: opened.lock,
        })
    }

    /// Settings of every connection as SQLite reported them: the writer first, then each reader.
    pub fn connection_settings(&self) -> &[ConnectionSettings] {
        &self.settings
    }

    /// Changes [`SqliteOptions::pages_max`] for the writes to come. A limit below the pages in use
    /// counts as exactly those.
    pub fn limit_pages(&self, pages_max: u32) {
        self.writer.limit_pages(pages_max);
    }

    /// Reads the whole file and checks its structure and its references. Takes long on a large
    /// database.
    pub async fn verify(&self) -> Result<(), StoreError> {
        self.readers.run(|db| verify(db)).await
    }
}

fn verify(db: &Connection) -> Result<(), StoreError> {
    let report: String = db
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(store_error)?;
    if report != "ok" {
        return Err(StoreError::Corrupt(failure::DAMAGED_FILE));
    }
    let orphan = db
        .prepare("PRAGMA foreign_key_check")
        .and_then(|mut query| query.exists([]))
        .map_err(store_error)?;
    if orphan {
        return Err(StoreError::Corrupt("a row whose parent is missing"));
    }
    Ok(())
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}
