//! Copies a data directory while a server may be using it, and brings such a copy back.
//!
//! In: directories. Out: a copy of one moment: checkpoints, then the database, then the bodies of
//! files, so that everything the database names is there. Nothing is ever written over.
//!
//! Promise: a backup that [`back_up`] reports is whole and durable, every body included; a
//! restore ends with a data directory that was checked, or with an error. Both are for their
//! owner alone. The root key stays out unless it is asked for: a backup with it opens what is
//! protected by the root key alone, one without it opens nothing on another machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hardened_crypto::audit_chain::Checkpoint;
use ring::digest;
use vault_store::{
    BackupError, DatabaseFile, OpenError, StoreError, StoredBody, backup_file, verify_backup,
};

use crate::audit_files::{DatabaseSource, SourceError, verify};
use crate::config::ROOT_KEY_FILE_NAME;
use crate::vault::audit::CHECKPOINT_FILE_NAME;
use crate::vault::bootstrap::{DATABASE_FILE_NAME, FILES_DIRECTORY_NAME};

const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Copies of the database while bodies are erased beside it.
const ATTEMPTS_MAX: usize = 10;
const BUFFER_BYTES: usize = 256 * 1024;

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Bodies of files.
    pub bodies: u64,
    /// Their bytes.
    pub body_bytes: u64,
    /// Whether the root key is among it.
    pub root_key: bool,
}

/// A reason there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The directory to fill holds something.
    #[error("the directory is not empty")]
    NotEmpty,
    /// There is no database where one should be.
    #[error("there is no database in the directory")]
    DatabaseMissing,
    /// The database has a write-ahead log with commits that a copy of it would lack.
    #[error(
        "this is the directory of a server, not a backup of it: take one with `sealgate backup`"
    )]
    NotABackup,
    /// The database, or its copy.
    #[error("the database: {0}")]
    Database(BackupError),
    /// A body is absent or not the one that its row tells of.
    #[error("the body of a file is missing or damaged")]
    Body,
    /// An audit chain is broken.
    #[error("an audit chain is broken: {0}")]
    Audit(String),
    /// The file system refused.
    #[error("the file system refused: {0}")]
    Io(#[from] io::Error),
}

impl From<BackupError> for CopyError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Io(error) => Self::Io(error),
            other => Self::Database(other),
        }
    }
}

impl From<OpenError> for CopyError {
    fn from(error: OpenError) -> Self {
        BackupError::from(error).into()
    }
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Database(error.into())
    }
}

/// Copies the data directory `from` into the directory `to`, which is made or empty. Blocks. A
/// server may be running; what it commits meanwhile may be in the copy or not.
///
/// # Errors
/// [`CopyError`]; `to` may then hold a part.
pub fn back_up(from: &Path, to: &Path, with_root_key: bool) -> Result<Copied, CopyError> {
    let database = from.join(DATABASE_FILE_NAME);
    if !database.try_exists()? {
        return Err(CopyError::DatabaseMissing);
    }
    make_empty(to)?;
    // Older than the database, so that none of them knows of entries that the copy lacks.
    copy_if_there(from, to, CHECKPOINT_FILE_NAME)?;
    let (bodies, body_bytes) = copy_one_moment(from, to)?;
    if with_root_key {
        copy(&from.join(ROOT_KEY_FILE_NAME), &to.join(ROOT_KEY_FILE_NAME))?;
    }
    verify_backup(to.join(DATABASE_FILE_NAME))?;
    sync_whole(to)?;
    Ok(Copied {
        bodies,
        body_bytes,
        root_key: with_root_key,
    })
}

/// Makes the data directory `to` of a backup. It is made or empty, and no server may be using
/// it. The backup is checked before, the data directory after. Blocks.
///
/// # Errors
/// [`CopyError`]; `to` may then hold a part.
pub fn restore(from: &Path, to: &Path) -> Result<Copied, CopyError> {
    let database = from.join(DATABASE_FILE_NAME);
    if !database.try_exists()? {
        return Err(CopyError::DatabaseMissing);
    }
    let log = from.join(format!("{DATABASE_FILE_NAME}-wal"));
    if fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return Err(CopyError::NotABackup);
    }
    verify_backup(&database)?;
    make_empty(to)?;
    copy_if_there(from, to, CHECKPOINT_FILE_NAME)?;
    copy(&database, &to.join(DATABASE_FILE_NAME))?;
    let (bodies, body_bytes) = copy_bodies(from, to)?;
    let root_key = copy_if_there(from, to, ROOT_KEY_FILE_NAME)?;
    sync_whole(to)?;
    let restored = to.join(DATABASE_FILE_NAME);
    verify_backup(&restored)?;
    check_chains(&restored)?;
    Ok(Copied {
        bodies,
        body_bytes,
        root_key,
    })
}

/// Without the root key: whether the chains are whole, not whether their ends are there.
fn check_chains(database: &Path) -> Result<(), CopyError> {
    let broken = |error: SourceError| CopyError::Audit(error.to_string());
    let source = DatabaseSource::open(database).map_err(broken)?;
    let none = std::collections::BTreeMap::<_, Vec<Checkpoint>>::new();
    let findings = verify(&source, &none).map_err(broken)?;
    match findings.into_iter().find_map(|found| found.outcome.err()) {
        Some(fault) => Err(CopyError::Audit(fault.to_string())),
        None => Ok(()),
    }
}

/// Copies the database and then its bodies; again from the database when a body was erased in
/// between. Bodies never change, so those that are there stay.
fn copy_one_moment(from: &Path, to: &Path) -> Result<(u64, u64), CopyError> {
    let (database, copy) = (from.join(DATABASE_FILE_NAME), to.join(DATABASE_FILE_NAME));
    for _ in 1..ATTEMPTS_MAX {
        backup_file(&database, &copy)?;
        match copy_bodies(from, to) {
            Err(CopyError::Body) => fs::remove_file(&copy)?,
            done => return done,
        }
    }
    backup_file(&database, &copy)?;
    copy_bodies(from, to)
}

/// Copies the bodies that the copied database names, each checked against its row.
fn copy_bodies(from: &Path, to: &Path) -> Result<(u64, u64), CopyError> {
    let database = DatabaseFile::open(to.join(DATABASE_FILE_NAME))?;
    let (mut count, mut bytes, mut after) = (0, 0, None);
    loop {
        let page = database.bodies(after)?;
        for body in &page.rows {
            copy_body(from, to, body)?;
            count += 1;
            bytes += body.sealed_bytes;
            after = Some(body.body);
        }
        if !page.more {
            return Ok((count, bytes));
        }
    }
}

fn copy_body(from: &Path, to: &Path, body: &StoredBody) -> Result<(), CopyError> {
    let place = body_place(body);
    let (from, to) = (from.join(&place), to.join(&place));
    let shard = to.parent().ok_or(CopyError::Body)?;
    DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(shard)?;
    let copied = match copy(&from, &to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CopyError::Body),
        // Of an attempt before, which checked it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        copied => copied?,
    };
    if copied != (body.sealed_bytes, body.sha256) {
        fs::remove_file(&to)?;
        return Err(CopyError::Body);
    }
    Ok(sync_directory(shard)?)
}

/// Where a body is, below the data directory.
fn body_place(body: &StoredBody) -> PathBuf {
    let [.., last] = *body.body.as_bytes();
    let name = body.body.as_uuid().simple().to_string();
    PathBuf::from(FILES_DIRECTORY_NAME)
        .join(format!("{last:02x}"))
        .join(name)
}

/// Makes the names in `directory`, those of the shards of bodies and its own durable.
fn sync_whole(directory: &Path) -> io::Result<()> {
    let files = directory.join(FILES_DIRECTORY_NAME);
    if files.is_dir() {
        sync_directory(&files)?;
    }
    sync_directory(directory)?;
    match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

fn make_empty(directory: &Path) -> Result<(), CopyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(directory)?;
    match fs::read_dir(directory)?.next() {
        None => Ok(()),
        Some(_) => Err(CopyError::NotEmpty),
    }
}

fn copy_if_there(from: &Path, to: &Path, name: &str) -> io::Result<bool> {
    match copy(&from.join(name), &to.join(name)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Copies a file to a new one, durably. Returns its length and its SHA-256.
fn copy(from: &Path, to: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut from = File::open(from)?;
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(to)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        bytes += count as u64;
    }
    to.sync_all()?;
    let mut sha256 = [0; digest::SHA256_OUTPUT_LEN];
    sha256.copy_from_slice(hash.finish().as_ref());
    Ok((bytes, sha256))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
