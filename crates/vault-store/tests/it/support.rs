//! What several tests share: temporary databases, and children of this very binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use vault_store::conformance::sample;
use vault_store::{Change, OpenMode, SqliteStore, Store, StoreError};

/// Tells a child which database to use.
const DATABASE_VARIABLE: &str = "VAULT_STORE_TEST_DATABASE";

/// A directory that goes away with the test, and a path in it where no file is yet.
pub(crate) fn new_path() -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("vault.db");
    (directory, path)
}

pub(crate) fn create(path: &Path) -> SqliteStore {
    SqliteStore::open(path, OpenMode::CreateIfMissing).expect("a database")
}

pub(crate) fn reopen(path: &Path) -> SqliteStore {
    SqliteStore::open(path, OpenMode::MustExist).expect("the database")
}

/// Adds the sample organisations and users unless they are there.
pub(crate) async fn add_people(store: &dyn Store) {
    let outcome = store.commit(sample::people().into_iter().collect()).await;
    assert!(
        matches!(outcome, Ok(_) | Err(StoreError::Conflict { .. })),
        "{outcome:?}"
    );
}

/// Writes version 1 of a value of user 1 with this many bytes of payload.
pub(crate) fn put(record: u32, name: &str, payload_bytes: usize) -> Change {
    let mut put = sample::put(1, 1, record, name, 1);
    put.version_row.payload = vec![record as u8; payload_bytes];
    Change::PutValue(put)
}

/// A command that runs one ignored test of this binary in a process of its own. Arguments in
/// `before` come first, for a shell that sets limits.
pub(crate) fn child(before: &[&str], test: &str, database: &Path) -> Command {
    let this = std::env::current_exe().expect("the path of the test binary");
    let mut command = match before {
        [] => Command::new(this),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
    };
    command
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(DATABASE_VARIABLE, database)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// The database a child was told to use.
pub(crate) fn database_of_child() -> PathBuf {
    std::env::var_os(DATABASE_VARIABLE)
        .expect("run by another test only")
        .into()
}
