//! Backups: of one moment, whole, never over another file, and told from damaged ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use vault_store::conformance::sample;
use vault_store::{
    BackupError, Change, ChangeSet, OpenMode, SqliteStore, Store, ValueStore, verify_backup,
};

use crate::support::{add_people, create, new_path, put, reopen};

/// Versions that both values always have in common.
const VERSIONS: u64 = 60;

fn both(version: u64) -> ChangeSet {
    ChangeSet::new()
        .with(Change::PutValue(sample::put(1, 1, 1, "a", version)))
        .with(Change::PutValue(sample::put(1, 1, 2, "b", version)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_of_one_moment_while_writing_goes_on() {
    let (directory, path) = new_path();
    let store = Arc::new(create(&path));
    add_people(store.as_ref()).await;
    // Large enough that copying takes a while.
    for record in 10..20 {
        let large = put(record, &format!("large {record}"), 1_000_000);
        store.commit(large.into()).await.expect("room");
    }
    store.commit(both(1)).await.expect("both");
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for version in 2..=VERSIONS {
                store.commit(both(version)).await.expect("both");
            }
        }
    });
    let mut last = 0;
    for number in 0..3 {
        let copy = directory.path().join(format!("copy {number}.db"));
        store.backup(&copy).await.expect("a copy");
        verify_backup(&copy).expect("a whole copy");
        assert_eq!(mode_of(&copy), 0o600);
        let restored = SqliteStore::open(&copy, OpenMode::MustExist).expect("a database");
        let versions = [version(&restored, "a").await, version(&restored, "b").await];
        assert_eq!(versions[0], versions[1]);
        assert!(versions[0] >= last);
        last = versions[0];
    }
    writing.await.expect("the task ends");
    let copy = directory.path().join("last.db");
    store.backup(&copy).await.expect("a copy");
    drop(store);
    let restored = reopen(&copy);
    assert_eq!(version(&restored, "a").await, VERSIONS);
    // A restored copy is written to like any other.
    restored.commit(both(VERSIONS + 1)).await.expect("both");
    let left = fs::read_dir(&directory).expect("a directory");
    let partial = left
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().contains("partial"));
    assert_eq!(partial.count(), 0);
}

async fn version(store: &SqliteStore, name: &str) -> u64 {
    let found = store.value(sample::name(1, 1, name)).await;
    found.expect("readable").expect("stored").current_version
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[tokio::test]
async fn a_backup_replaces_no_file() {
    let (directory, path) = new_path();
    let store = create(&path);
    let taken = directory.path().join("taken");
    fs::write(&taken, "mine").expect("a file");
    for target in [&taken, &path] {
        let before = fs::read(target).expect("a file");
        let refused = store.backup(target).await;
        assert!(matches!(refused, Err(BackupError::Exists)), "{refused:?}");
        assert_eq!(fs::read(target).expect("a file"), before);
    }
    let nowhere = store.backup(directory.path().join("no/such/file")).await;
    assert!(matches!(nowhere, Err(BackupError::Io(_))), "{nowhere:?}");
    // What a copy that was cut off left does not stand in the way.
    let copy = directory.path().join("copy.db");
    fs::write(directory.path().join("copy.db-partial"), "half").expect("a file");
    store.backup(&copy).await.expect("a copy");
    verify_backup(&copy).expect("a whole copy");
}

#[tokio::test]
async fn a_damaged_or_foreign_backup_is_refused() {
    let (directory, path) = new_path();
    let copy = directory.path().join("copy.db");
    let store = create(&path);
    add_people(&store).await;
    for record in 0..20 {
        let change = put(record, &format!("n{record}"), 2000);
        store.commit(change.into()).await.expect("room");
    }
    store.backup(&copy).await.expect("a copy");
    let whole = fs::read(&copy).expect("a file");
    let check = |bytes: &[u8]| {
        fs::write(&copy, bytes).expect("a file");
        verify_backup(&copy)
    };
    check(&whole).expect("a whole copy");
    for bytes in [&whole[..whole.len() / 2], &whole[..whole.len() - 4096]] {
        let refused = check(bytes);
        assert!(
            matches!(refused, Err(BackupError::Store(_) | BackupError::Foreign)),
            "{refused:?}"
        );
    }
    let mut zeroed = whole.clone();
    zeroed[4096 * 3..4096 * 5].fill(0);
    let refused = check(&zeroed);
    assert!(matches!(refused, Err(BackupError::Store(_))), "{refused:?}");
    for foreign in [
        &b""[..],
        b"just a text, longer than the magic bytes of a database",
    ] {
        let refused = check(foreign);
        assert!(matches!(refused, Err(BackupError::Foreign)), "{refused:?}");
    }
    let missing = verify_backup(directory.path().join("missing"));
    assert!(matches!(missing, Err(BackupError::Io(_))), "{missing:?}");
}

#[tokio::test]
async fn another_process_may_copy_and_read_the_logs_while_the_store_is_open() {
    let (directory, path) = new_path();
    let store = create(&path);
    add_people(&store).await;
    let copy = directory.path().join("copy.db");
    vault_store::backup_file(&path, &copy).expect("a copy");
    verify_backup(&copy).expect("a good copy");
    let again = vault_store::backup_file(&path, &copy);
    assert!(matches!(again, Err(BackupError::Exists)), "{again:?}");
    let absent = vault_store::backup_file(directory.path().join("no"), directory.path().join("x"));
    assert!(absent.is_err());
    let logs = vault_store::DatabaseFile::open(&path).expect("the logs");
    assert!(logs.orgs(None).expect("a page").rows.is_empty());
    // The store did not notice.
    store.check().await.expect("open");
    add_people(&store).await;
    assert!(vault_store::DatabaseFile::open(directory.path().join("no")).is_err());
}
