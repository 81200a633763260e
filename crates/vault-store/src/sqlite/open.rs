//! Opens the database file: only ours, only once, only with the settings that keep the promise.
//!
//! In: a path and whether the file may be made. Out: connections, each with its settings read
//! back. A setting that SQLite ignored is an error here, because SQLite ignores silently.
//!
//! Promise: a file that is not ours is not changed. The directory is left alone.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::failure::store_error;
use super::lock::Lock;
use super::migrate::{self, Found};
use crate::error::StoreError;

/// Whether a missing file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Make the file if there is none.
    CreateIfMissing,
    /// Refuse if there is none: a mistyped path must not start an empty vault.
    MustExist,
}

/// A reason the database stayed closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file, or it was never filled, and it may not be made.
    #[error("there is no database at this path")]
    Missing,
    /// The file is a database of something else, or no database at all. It was not changed.
    #[error("the file is not a database of this program")]
    Foreign,
    /// A newer build made or migrated the file. It was not changed.
    #[error("the database has schema {found}, this build knows up to {known}")]
    NewerSchema {
        /// Schema number of the file.
        found: usize,
        /// Newest schema number of this build.
        known: usize,
    },
    /// Another process, or another part of this one, has it open.
    #[error("the database is open elsewhere")]
    InUse,
    /// The file cannot be written.
    #[error("the database file is read-only")]
    ReadOnly,
    /// The number of readers is not between 1 and [`READERS_MAX`](crate::limits::READERS_MAX).
    #[error("the number of readers is out of range")]
    Readers,
    /// SQLite did not take a setting.
    #[error("SQLite did not accept the setting {0}")]
    Setting(&'static str),
    /// The file system refused.
    #[error("the file system refused: {0}")]
    Io(#[from] io::Error),
    /// SQLite refused.
    #[error(transparent)]
    Store(StoreError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(store_error(error))
    }
}

/// Only the owner of the process reads the files.
pub(super) const FILE_MODE: u32 = 0o600;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The log is cut back to this size after a checkpoint.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// More than the crate has statements.
const STATEMENTS_CACHED: usize = 256;
/// <https://www.sqlite.org/fileformat.html#the_database_header>
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What a connection says of itself, read back after it was set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionSettings {
    /// `PRAGMA journal_mode`.
    pub journal_mode: String,
    /// `PRAGMA synchronous`; 2 is FULL.
    pub synchronous: i64,
    /// `PRAGMA foreign_keys`.
    pub foreign_keys: bool,
    /// `PRAGMA secure_delete`; 1 is ON.
    pub secure_delete: i64,
    /// `PRAGMA trusted_schema`.
    pub trusted_schema: bool,
    /// `PRAGMA cell_size_check`.
    pub cell_size_check: bool,
    /// `PRAGMA query_only`: on for readers, off for the writer.
    pub query_only: bool,
    /// `PRAGMA busy_timeout`, milliseconds.
    pub busy_timeout_ms: i64,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Writer,
    Reader,
}

/// A database that is ours, locked, migrated, with its write connection.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
    pub(super) writer: Connection,
    pub(super) settings: ConnectionSettings,
}

pub(super) fn open(path: &Path, mode: OpenMode) -> Result<Opened, OpenError> {
    let path = resolve(path)?;
    if mode == OpenMode::MustExist && !path.try_exists()? {
        return Err(OpenError::Missing);
    }
    // The lock comes before the first touch of the file: SQLite's own locks on it are lost when
    // this process closes any other handle of the same file.
    let lock = Lock::take(&path)?;
    prepare_file(&path)?;
    let mut writer = connect(&path)?;
    let found = migrate::inspect(&writer)?;
    if found == Found::Blank && mode == OpenMode::MustExist {
        return Err(OpenError::Missing);
    }
    if writer.is_readonly("main")? {
        return Err(OpenError::ReadOnly);
    }
    restrict(&path)?;
    let settings = set_up(&writer, Role::Writer)?;
    migrate::migrate(&mut writer, found)?;
    Ok(Opened {
        path,
        lock,
        writer,
        settings,
    })
}

pub(super) fn open_reader(path: &Path) -> Result<(Connection, ConnectionSettings), OpenError> {
    let reader = connect(path)?;
    let settings = set_up(&reader, Role::Reader)?;
    Ok((reader, settings))
}

/// A connection that only reads, of a process that is not the one which has the lock.
pub(super) fn open_beside(path: &Path) -> Result<Connection, OpenError> {
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::Missing),
        Err(error) => return Err(error.into()),
    };
    // SQLite takes an empty file for an empty database.
    if fs::metadata(&path)?.len() == 0 {
        return Err(OpenError::Missing);
    }
    let db = connect(&path)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

/// The path without symbolic links, so that two names of one file share one lock.
fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(OpenError::Missing)?;
            Ok(fs::canonicalize(directory(path))?.join(name))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the file, durably and for its owner alone, or looks whether it can be ours.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
    {
        Ok(file) => {
            file.sync_all()?;
            File::open(directory(path))?.sync_all()?;
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_file(path),
        Err(error) => Err(error.into()),
    }
}

fn check_file(path: &Path) -> Result<(), OpenError> {
    let mut head = Vec::new();
    File::open(path)?
        .take(MAGIC.len() as u64)
        .read_to_end(&mut head)?;
    if !head.is_empty() && head != MAGIC {
        return Err(OpenError::Foreign);
    }
    // Asked by mode, not by access: to the superuser everything is writable.
    if fs::metadata(path)?.permissions().readonly() {
        return Err(OpenError::ReadOnly);
    }
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    Ok(db)
}

fn set_up(db: &Connection, role: Role) -> Result<ConnectionSettings, OpenError> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    if role == Role::Writer {
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    }
    // FULL is an fsync of the log with every commit: with less, a power cut loses commits that
    // were acknowledged.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "secure_delete", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    // Nothing spills into files elsewhere.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "query_only", role == Role::Reader)?;
    let settings = read_back(db)?;
    verify(&settings, role)?;
    Ok(settings)
}

fn read_back(db: &Connection) -> rusqlite::Result<ConnectionSettings> {
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let flag = |pragma| number(pragma).map(|value| value != 0);
    Ok(ConnectionSettings {
        journal_mode: db.pragma_query_value(None, "journal_mode", |row| row.get(0))?,
        synchronous: number("synchronous")?,
        foreign_keys: flag("foreign_keys")?,
        secure_delete: number("secure_delete")?,
        trusted_schema: flag("trusted_schema")?,
        cell_size_check: flag("cell_size_check")?,
        query_only: flag("query_only")?,
        busy_timeout_ms: number("busy_timeout")?,
    })
}

fn verify(found: &ConnectionSettings, role: Role) -> Result<(), OpenError> {
    let expectations = [
        ("journal_mode", found.journal_mode == "wal"),
        ("synchronous", found.synchronous == 2),
        ("foreign_keys", found.foreign_keys),
        ("secure_delete", found.secure_delete == 1),
        ("trusted_schema", !found.trusted_schema),
        ("cell_size_check", found.cell_size_check),
        ("query_only", found.query_only == (role == Role::Reader)),
        ("busy_timeout", found.busy_timeout_ms > 0),
    ];
    match expectations.iter().find(|(_, holds)| !holds) {
        Some((name, _)) => Err(OpenError::Setting(name)),
        None => Ok(()),
    }
}

/// Tightens the mode of a file that an operator copied here. SQLite gives its log the same mode.
fn restrict(path: &Path) -> Result<(), OpenError> {
    fs::set_permissions(path, Permissions::from_mode(FILE_MODE))?;
    Ok(())
}
