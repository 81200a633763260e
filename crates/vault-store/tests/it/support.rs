//! What several tests share: temporary databases, and children of this very binary.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use vault_store::conformance::sample;
use vault_store::{BlobError, Change, OpenError, OpenMode, SqliteStore, Store, StoreError};

/// Tells a child which database to use.
const DATABASE_VARIABLE: &str = "VAULT_STORE_TEST_DATABASE";
/// How often and how long is waited for a lock that a starting process holds.
const FREE_TRIES: u32 = 250;
const FREE_PAUSE: Duration = Duration::from_millis(20);

/// A directory that goes away with the test, and a path in it where no file is yet.
pub(crate) fn new_path() -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("vault.db");
    (directory, path)
}

pub(crate) fn create(path: &Path) -> SqliteStore {
    once_free(|| SqliteStore::open(path, OpenMode::CreateIfMissing))
}

pub(crate) fn reopen(path: &Path) -> SqliteStore {
    once_free(|| SqliteStore::open(path, OpenMode::MustExist))
}

/// Opens what was closed before. A process that another test starts in the meantime has all that
/// is open here, locks included, until it runs its program.
pub(crate) fn once_free<T, E: InUse + Debug>(open: impl Fn() -> Result<T, E>) -> T {
    for _ in 0..FREE_TRIES {
        match open() {
            Err(error) if error.is_in_use() => thread::sleep(FREE_PAUSE),
            outcome => return outcome.expect("what can be opened"),
        }
    }
    open().expect("what nobody else has open")
}

/// Whether an error says that somebody else has it open.
pub(crate) trait InUse {
    fn is_in_use(&self) -> bool;
}

impl InUse for OpenError {
    fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse)
    }
}

impl InUse for BlobError {
    fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse)
    }
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
