//! Files with secrets: for their owner alone, read strictly, made once, never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

/// Longest file that is read, in bytes: eight root keys and generous comments.
const FILE_BYTES_MAX: u64 = 16 * 1024;
const FILE_MODE: u32 = 0o600;
/// Permission bits of group and others.
const NOT_OWNER: u32 = 0o077;

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum OwnerFileError {
    /// The system could not.
    Io(io::Error),
    /// Others than its owner may read or write it.
    Exposed,
}

impl From<io::Error> for OwnerFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, OwnerFileError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.permissions().mode() & NOT_OWNER != 0 {
        return Err(OwnerFileError::Exposed);
    }
    let bytes = metadata.len().min(FILE_BYTES_MAX);
    // Sized first: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(bytes).unwrap_or(0) + 1,
    ));
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes a file durably: put into place only once it is whole.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut half_done = path.as_os_str().to_owned();
    half_done.push(".new");
    let half_done = Path::new(&half_done);
    // Left by a start that was cut off; nobody ever used it.
    match std::fs::remove_file(half_done) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(half_done)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A link fails where the name is taken; a rename would replace another secret.
    let linked = std::fs::hard_link(half_done, path);
    std::fs::remove_file(half_done)?;
    linked?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
