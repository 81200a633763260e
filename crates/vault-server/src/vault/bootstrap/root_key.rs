//! The root key file: read strictly, made once, never overwritten.

use std::io;
use std::path::Path;

use hardened_crypto::root_key::RootKeyring;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::BootstrapError;
use super::owner_file::{self, OwnerFileError};
use crate::config::RootKeySource;

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
    let text = owner_file::read(path).map_err(|error| match error {
        OwnerFileError::Io(error) => BootstrapError::RootKeyFile(error),
        OwnerFileError::Exposed => BootstrapError::RootKeyExposed,
    })?;
    parse(&text)
}

fn make_file(path: &Path) -> Result<(), BootstrapError> {
    let text = RootKeyring::make_text().map_err(BootstrapError::RootKeyUnreadable)?;
    // Expose: this file is the one place where a root key is kept.
    owner_file::write_new(path, text.expose_secret().as_bytes())
        .map_err(BootstrapError::RootKeyFile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

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
