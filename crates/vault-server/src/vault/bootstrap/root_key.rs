//! The root key file: read strictly, made once, never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use hardened_crypto::root_key::RootKeyring;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::BootstrapError;
use crate::config::RootKeySource;

/// Longest root key file that is read, in bytes: eight keys and generous comments.
const FILE_BYTES_MAX: u64 = 16 * 1024;
const FILE_MODE: u32 = 0o600;
/// Permission bits of group and others.
const NOT_OWNER: u32 = 0o077;

/// Reads the root key from its source.
pub(super) fn load(source: &RootKeySource) -> Result<RootKeyring, BootstrapError> {
    match source {
        RootKeySource::File(path) => read_file(path),
        RootKeySource::EnvironmentVariable(name) => {
            let text = std::env::var(name).map(Zeroizing::new);
            let text = text.map_err(|_| BootstrapError::RootKeyVariable(name.clone()))?;
            parse(&text)
        }
    }
}

/// Reads the root key, and makes its file first if there is none.
pub(super) fn load_or_make(source: &RootKeySource) -> Result<RootKeyring, BootstrapError> {
    if let RootKeySource::File(path) = source {
        match make_file(path) {
            Err(BootstrapError::RootKeyFile(error))
                if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
    }
    load(source)
}

fn parse(text: &str) -> Result<RootKeyring, BootstrapError> {
    RootKeyring::parse(text).map_err(BootstrapError::RootKeyUnreadable)
}

fn read_file(path: &Path) -> Result<RootKeyring, BootstrapError> {
    let file = File::open(path).map_err(BootstrapError::RootKeyFile)?;
    let metadata = file.metadata().map_err(BootstrapError::RootKeyFile)?;
    if metadata.permissions().mode() & NOT_OWNER != 0 {
        return Err(BootstrapError::RootKeyExposed);
    }
    let bytes = metadata.len().min(FILE_BYTES_MAX);
    // Sized first: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(bytes).unwrap_or(0) + 1,
    ));
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(BootstrapError::RootKeyFile)?;
    parse(&text)
}

/// Makes the file durably: written and renamed into place only once it is whole.
fn make_file(path: &Path) -> Result<(), BootstrapError> {
    let text = RootKeyring::make_text().map_err(BootstrapError::RootKeyUnreadable)?;
    // Expose: this file is the one place where a root key is kept.
    write_new(path, text.expose_secret().as_bytes()).map_err(BootstrapError::RootKeyFile)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut half_done = path.as_os_str().to_owned();
    half_done.push(".new");
    let half_done = Path::new(&half_done);
    // Left by a start that was cut off; nothing was ever signed with it.
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
    // A link fails where the name is taken; a rename would replace another root key.
    let linked = std::fs::hard_link(half_done, path);
    std::fs::remove_file(half_done)?;
    linked?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_for_its_owner_alone_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let source = RootKeySource::File(path.clone());
        assert!(matches!(load(&source), Err(BootstrapError::RootKeyFile(_))));
        load_or_make(&source).unwrap();
        let first = std::fs::read(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        load_or_make(&source).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first, "never made again");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let source = RootKeySource::File(path.clone());
        load_or_make(&source).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert!(
                matches!(load(&source), Err(BootstrapError::RootKeyExposed)),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn an_absent_variable_is_named() {
        let name = "SEALGATE_TEST_NO_SUCH_VARIABLE";
        let source = RootKeySource::EnvironmentVariable(name.to_owned());
        assert!(matches!(
            load(&source),
            Err(BootstrapError::RootKeyVariable(named)) if named == name
        ));
    }
}
