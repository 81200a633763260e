//! Copies the database while it is in use, and checks such a copy.
//!
//! In: the path of a file that does not exist. Out: a database of one moment, complete in this
//! one file, durable, for its owner alone. Writing goes on meanwhile.
//!
//! Promise: the file appears under its name whole, or stays empty if the process dies in between.
//! Not here: bodies of files. Copy them after the database: a body is durable before its row, so
//! all are there but those of files that were deleted in between.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::failure::store_error;
use super::migrate::{self, Found};
use super::open::{FILE_MODE, OpenError, directory, open_beside, open_reader};
use super::{CLOSED, SqliteStore, verify};
use crate::error::StoreError;

/// All pages in one step: the copy is of one moment.
const ALL_PAGES: i32 = -1;

/// A reason there is no good copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is a file of this name. It was not changed.
    #[error("a file of this name exists")]
    Exists,
    /// The file is a database of something else, of a newer build, or no database at all.
    #[error("the file is not a backup that this build can read")]
    Foreign,
    /// The file system refused.
    #[error("the file system refused: {0}")]
    Io(#[from] io::Error),
    /// SQLite refused, or the copy is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => Self::Io(error),
            OpenError::Store(error) => Self::Store(error),
            _ => Self::Foreign,
        }
    }
}

impl SqliteStore {
    /// Copies the database to a new file at `path`, on a thread of its own.
    ///
    /// Dropping the future does not stop the copying. Space taken by writes that happen meanwhile
    /// is reused only afterwards.
    pub async fn backup(&self, path: impl AsRef<Path>) -> Result<(), BackupError> {
        let (source, target) = (self.path.clone(), path.as_ref().to_owned());
        let (reply, answer) = oneshot::channel();
        thread::Builder::new()
            .name("vault-store-copy".into())
            .spawn(move || {
                // Whoever asked may have gone; the copy is there nevertheless.
                let _unwanted = reply.send(copy(&source, &target));
            })?;
        answer.await.map_err(|_| CLOSED)?
    }
}

/// Copies the database file `source`, which a server may have open, to a new file `target`.
/// Blocks. As [`SqliteStore::backup`], for a process that is not that server.
///
/// # Errors
/// [`BackupError`]; `target` is absent or empty then.
pub fn backup_file(source: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<(), BackupError> {
    let source = fs::canonicalize(source)?;
    match migrate::inspect(&open_beside(&source)?)? {
        Found::Schema(_) => copy(&source, target.as_ref()),
        Found::Blank => Err(BackupError::Foreign),
    }
}

/// Reads a whole backup and checks that it is one of ours, its structure and its references.
/// Blocks, and takes long on a large one. The file is not changed.
pub fn verify_backup(path: impl AsRef<Path>) -> Result<(), BackupError> {
    let path = path.as_ref();
    // SQLite takes an empty file for an empty database.
    if File::open(path)?.metadata()?.len() == 0 {
        return Err(BackupError::Foreign);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(fs::canonicalize(path)?, flags).map_err(store_error)?;
    db.pragma_update(None, "cell_size_check", true)
        .map_err(store_error)?;
    match migrate::inspect(&db) {
        Ok(Found::Schema(_)) => Ok(verify(&db)?),
        Ok(Found::Blank) => Err(BackupError::Foreign),
        Err(OpenError::Store(StoreError::Corrupt(_))) => Err(BackupError::Foreign),
        Err(error) => Err(error.into()),
    }
}

fn copy(source: &Path, target: &Path) -> Result<(), BackupError> {
    // The empty file keeps the name; nobody else's file is ever replaced.
    create_new(target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists,
        _ => error.into(),
    })?;
    let partial = partial_path(target);
    let copied = copy_to(source, &partial).and_then(|()| Ok(fs::rename(&partial, target)?));
    if let Err(error) = copied {
        for leftover in [&partial, target] {
            // What cannot be removed is empty or not under the name of a backup.
            let _kept = fs::remove_file(leftover);
        }
        return Err(error);
    }
    File::open(directory(target))?.sync_all()?;
    Ok(())
}

fn copy_to(source: &Path, partial: &Path) -> Result<(), BackupError> {
    match fs::remove_file(partial) {
        // Of a copy that was cut off: its name was free again.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    create_new(partial)?;
    let (from, _) = open_reader(source)?;
    let partial = fs::canonicalize(partial)?;
    fill(&from, &partial).map_err(store_error)??;
    File::open(&partial)?.sync_all()?;
    Ok(())
}

fn fill(from: &Connection, partial: &Path) -> rusqlite::Result<Result<(), StoreError>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut to = Connection::open_with_flags(partial, flags)?;
    // The file is made durable once, at the end.
    to.pragma_update(None, "synchronous", "OFF")?;
    to.pragma_update(None, "temp_store", "MEMORY")?;
    let step = Backup::new(from, &mut to)?.step(ALL_PAGES)?;
    if step != StepResult::Done {
        return Ok(Err(StoreError::unavailable("the database is busy")));
    }
    // The original's log is not copied, and its copy needs none.
    to.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    Ok(Ok(()))
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}

fn partial_path(target: &Path) -> PathBuf {
    let mut path = OsString::from(target);
    path.push("-partial");
    path.into()
}
