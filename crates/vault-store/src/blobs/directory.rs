//! Bodies as files in a directory of their own.
//!
//! A body is written under `unfinished/`, made durable there, renamed to its place under one of
//! 256 subdirectories, and that subdirectory is made durable too. So a crash leaves a whole body
//! or none. What is set aside lies under `lost/` and keeps its name; its time of modification is
//! when that happened. What was noted as old lies under `lost/old/` in the same way. Files are for their owner alone; one process has the directory at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::{BlobError, BlobReader, BlobStore, BlobWriter, Bodies, LostBodies, LostBody};
use crate::ids::{BlobId, UtcMillis};

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const UNFINISHED: &str = "unfinished";
const LOST: &str = "lost";
/// Below [`LOST`].
const OLD: &str = "old";
const LOCK: &str = "lock";

/// Bodies in a directory.
#[derive(Debug)]
pub struct BlobDirectory {
    root: PathBuf,
    _lock: File,
}

struct Unfinished {
    file: File,
    /// `None` once the body is in its place.
    path: Option<PathBuf>,
    shard: PathBuf,
    place: PathBuf,
    bytes: u64,
    failed: bool,
}

struct Opened {
    file: File,
    bytes: u64,
}

impl BlobDirectory {
    /// Opens the directory, or makes it; its parent must exist.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, BlobError> {
        make_directory(root.as_ref())?;
        let root = fs::canonicalize(root)?;
        fs::set_permissions(&root, Permissions::from_mode(DIRECTORY_MODE))?;
        let lock = take_lock(&root.join(LOCK))?;
        make_directory(&root.join(UNFINISHED))?;
        Ok(Self { root, _lock: lock })
    }

    /// Ids of one moment differ at their end, so that is what spreads them.
    fn shard(&self, body: BlobId) -> PathBuf {
        let [.., last] = *body.as_bytes();
        self.root.join(format!("{last:02x}"))
    }

    fn place(&self, body: BlobId) -> PathBuf {
        self.shard(body).join(file_name(body))
    }

    fn lost_place(&self, body: BlobId) -> PathBuf {
        self.root.join(LOST).join(file_name(body))
    }

    fn old_place(&self, body: BlobId) -> PathBuf {
        self.root.join(LOST).join(OLD).join(file_name(body))
    }
}

fn file_name(body: BlobId) -> String {
    body.as_uuid().simple().to_string()
}

/// Makes a directory, unless it is there. It is durable then, also when somebody else has just
/// made it and not yet made it durable.
fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

/// Moves a body, durably; whether there was one.
fn move_body(from: &Path, to: &Path) -> Result<bool, BlobError> {
    match fs::rename(from, to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    for directory in [to.parent(), from.parent()].into_iter().flatten() {
        sync_directory(directory)?;
    }
    Ok(true)
}

/// Removes a body, durably; whether there was one.
fn remove_body(path: &Path) -> Result<bool, BlobError> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    path.parent().map_or(Ok(()), sync_directory)?;
    Ok(true)
}

/// Notes in the file itself since when it lies where it is moved to; whether there is one.
fn note_time(path: &Path, now: UtcMillis) -> io::Result<bool> {
    let since = Duration::from_millis(u64::try_from(now.0).unwrap_or_default());
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    file.set_modified(UNIX_EPOCH + since)?;
    file.sync_all()?;
    Ok(true)
}

/// What lies aside in one directory.
fn lost_in(directory: &Path, is_old: bool) -> io::Result<Vec<Result<LostBody, BlobError>>> {
    let bodies = bodies_in(directory)?.into_iter().filter_map(|body| {
        let file = fs::metadata(directory.join(file_name(body)));
        match file.and_then(|file| file.modified()) {
            Ok(since) => Some(Ok(LostBody {
                body,
                since: millis(since),
                is_old,
            })),
            // The operator has just removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(error.into())),
        }
    });
    Ok(bodies.collect())
}

/// Before 1970 is not when anything was lost.
fn millis(time: SystemTime) -> UtcMillis {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn take_lock(path: &Path) -> Result<File, BlobError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BlobError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

impl BlobStore for BlobDirectory {
    fn create(&self, body: BlobId) -> Result<Box<dyn BlobWriter>, BlobError> {
        let (shard, place) = (self.shard(body), self.place(body));
        let path = self.root.join(UNFINISHED).join(file_name(body));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => BlobError::Exists,
                _ => error.into(),
            })?;
        // From here on dropping it removes the file.
        let unfinished = Unfinished {
            file,
            path: Some(path),
            shard,
            place,
            bytes: 0,
            failed: false,
        };
        // Asked while the unfinished file keeps others away from this id.
        if unfinished.place.try_exists()? {
            return Err(BlobError::Exists);
        }
        Ok(Box::new(unfinished))
    }

    fn open(&self, body: BlobId) -> Result<Option<Box<dyn BlobReader>>, BlobError> {
        match File::open(self.place(body)) {
            Ok(file) => {
                let bytes = file.metadata()?.len();
                Ok(Some(Box::new(Opened { file, bytes })))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn delete(&self, body: BlobId) -> Result<bool, BlobError> {
        remove_body(&self.place(body))
    }

    fn set_aside(&self, body: BlobId, now: UtcMillis) -> Result<bool, BlobError> {
        let place = self.place(body);
        if !note_time(&place, now)? {
            return Ok(false);
        }
        make_directory(&self.root.join(LOST))?;
        move_body(&place, &self.lost_place(body))
    }

    fn lost(&self) -> Result<LostBodies<'_>, BlobError> {
        let lost = self.root.join(LOST);
        let mut bodies = lost_in(&lost, false)?;
        bodies.extend(lost_in(&lost.join(OLD), true)?);
        Ok(Box::new(bodies.into_iter()))
    }

    fn note_old(&self, body: BlobId, now: UtcMillis) -> Result<bool, BlobError> {
        let place = self.lost_place(body);
        if !note_time(&place, now)? {
            return Ok(false);
        }
        make_directory(&self.root.join(LOST).join(OLD))?;
        move_body(&place, &self.old_place(body))
    }

    fn take_back(&self, body: BlobId) -> Result<bool, BlobError> {
        make_directory(&self.shard(body))?;
        let place = self.place(body);
        Ok(move_body(&self.lost_place(body), &place)? || move_body(&self.old_place(body), &place)?)
    }

    fn delete_lost(&self, body: BlobId) -> Result<bool, BlobError> {
        Ok(remove_body(&self.lost_place(body))? || remove_body(&self.old_place(body))?)
    }

    fn bodies(&self) -> Result<Bodies<'_>, BlobError> {
        let shards = (0..=u8::MAX).map(|number| self.root.join(format!("{number:02x}")));
        Ok(Box::new(shards.flat_map(|shard| match bodies_in(&shard) {
            Ok(bodies) => bodies.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error.into())],
        })))
    }

    fn remove_unfinished(&self) -> Result<u64, BlobError> {
        let unfinished = self.root.join(UNFINISHED);
        let (mut removed, mut failed) = (0, None);
        for body in bodies_in(&unfinished)? {
            match fs::remove_file(unfinished.join(file_name(body))) {
                Ok(()) => removed += 1,
                // It does not keep the others there.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        sync_directory(&unfinished)?;
        failed.map_or(Ok(removed), |error| Err(error.into()))
    }
}

/// The bodies in one subdirectory. A file that was not put there by us is none.
fn bodies_in(directory: &Path) -> io::Result<Vec<BlobId>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bodies = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let body = name.to_str().and_then(|name| Uuid::try_parse(name).ok());
        let ours = body
            .map(BlobId::from)
            .filter(|body| name.to_str() == Some(&file_name(*body)));
        bodies.extend(ours);
    }
    Ok(bodies)
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(count) => {
                self.bytes += count as u64;
                Ok(count)
            }
            Err(error) => {
                self.failed |= error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobWriter for Unfinished {
    fn finish(mut self: Box<Self>) -> Result<u64, BlobError> {
        if self.failed {
            return Err(BlobError::Broken);
        }
        self.file.sync_all()?;
        make_directory(&self.shard)?;
        if let Some(path) = &self.path {
            fs::rename(path, &self.place)?;
        }
        // In its place: should the next step fail, the body is an orphan, which a sweep finds.
        self.path = None;
        sync_directory(&self.shard)?;
        Ok(self.bytes)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.path.take().map(fs::remove_file) {
            tracing::warn!(kind = %error.kind(), "an unfinished body stays until the next start");
        }
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl BlobReader for Opened {
    fn byte_count(&self) -> u64 {
        self.bytes
    }
}
