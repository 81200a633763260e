//! What is opened, what is refused, and what is still there afterwards.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use vault_store::conformance::sample;
use vault_store::{
    Change, OpenError, OpenMode, OrgStore, SqliteOptions, SqliteStore, Store, UserStore, ValueStore,
};

use crate::support::{add_people, create, new_path, put, reopen};

fn refused(path: &Path, mode: OpenMode) -> OpenError {
    SqliteStore::open(path, mode).expect_err("the database must stay closed")
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[tokio::test]
async fn every_connection_has_the_settings_that_durability_needs() {
    let (_directory, path) = new_path();
    for mode in [OpenMode::CreateIfMissing, OpenMode::MustExist] {
        let options = SqliteOptions {
            readers: 5,
            ..SqliteOptions::default()
        };
        let store = SqliteStore::open_with(&path, mode, options).expect("a database");
        let settings = store.connection_settings();
        assert_eq!(settings.len(), 6);
        for (number, one) in settings.iter().enumerate() {
            assert_eq!(one.journal_mode, "wal", "connection {number}");
            assert_eq!(one.synchronous, 2, "connection {number}: FULL");
            assert_eq!(one.secure_delete, 1, "connection {number}");
            assert!(one.foreign_keys, "connection {number}");
            assert!(one.cell_size_check, "connection {number}");
            assert!(!one.trusted_schema, "connection {number}");
            assert!(one.busy_timeout_ms > 0, "connection {number}");
            assert_eq!(one.query_only, number > 0, "connection {number}");
        }
    }
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let (_directory, path) = new_path();
    {
        let store = create(&path);
        add_people(&store).await;
        for version in 1..=3 {
            let put = Change::PutValue(sample::put(1, 1, 1, "a", version));
            store.commit(put.into()).await.expect("a put");
        }
        let boxed = Change::PutAccountBox(sample::account_box(1, 3, 1, 5));
        store.commit(boxed.into()).await.expect("a box");
    }
    // Dropping moved the log into the file.
    assert!(!path.with_extension("db-wal").exists());
    let store = reopen(&path);
    store.verify().await.expect("a whole file");
    let user = store.user(sample::org_id(1), sample::user_id(2)).await;
    assert_eq!(user, Ok(Some(sample::user(1, 2))));
    for version in 1..=3 {
        let name = sample::name(1, 1, "a");
        let read = store
            .read_value(name, Some(version), sample::user_id(1))
            .await;
        let read = read.expect("readable").expect("stored");
        assert_eq!(read.version, sample::value_version(1, version));
        assert_eq!(read.account_box.is_some(), version == 3);
    }
}

#[tokio::test]
async fn queued_writes_are_finished_when_the_store_is_dropped() {
    let (_directory, path) = new_path();
    let store = create(&path);
    add_people(&store).await;
    for record in 0..40 {
        let mut commit = store.commit(put(record, &format!("n{record:02}"), 100).into());
        // Poll once, so that it is queued, then lose interest.
        let waker = std::task::Waker::noop();
        let _pending = commit
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker));
    }
    drop(store);
    let page = reopen(&path)
        .values(sample::list(1, 1))
        .await
        .expect("a page");
    assert_eq!(page.rows.len(), 40);
}

#[test]
fn a_missing_file_is_made_only_on_request() {
    let (directory, path) = new_path();
    assert!(matches!(
        refused(&path, OpenMode::MustExist),
        OpenError::Missing
    ));
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 0);
    let elsewhere = directory.path().join("no/such/directory/vault.db");
    assert!(matches!(
        refused(&elsewhere, OpenMode::CreateIfMissing),
        OpenError::Io(_)
    ));
    // A file that creation left empty is missing as well.
    fs::write(&path, "").expect("an empty file");
    assert!(matches!(
        refused(&path, OpenMode::MustExist),
        OpenError::Missing
    ));
    drop(create(&path));
    drop(reopen(&path));
}

#[tokio::test]
async fn files_are_for_their_owner_alone() {
    let (directory, path) = new_path();
    let directory_mode = mode_of(directory.path());
    let store = create(&path);
    add_people(&store).await;
    let files: Vec<_> = fs::read_dir(&directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(
        files.len(),
        4,
        "database, log, index of the log, lock: {files:?}"
    );
    for file in files {
        assert_eq!(mode_of(&file), 0o600, "{file:?}");
    }
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a wider mode");
    drop(reopen(&path));
    assert_eq!(mode_of(&path), 0o600);
    assert_eq!(mode_of(directory.path()), directory_mode);
}

#[test]
fn a_second_open_is_refused_under_any_name() {
    let (directory, path) = new_path();
    let store = create(&path);
    let link = directory.path().join("link.db");
    symlink(&path, &link).expect("a link");
    for name in [&path, &link, &directory.path().join("./vault.db")] {
        for mode in [OpenMode::CreateIfMissing, OpenMode::MustExist] {
            assert!(matches!(refused(name, mode), OpenError::InUse), "{name:?}");
        }
    }
    drop(store);
    drop(reopen(&link));
}

#[test]
fn a_read_only_file_is_refused() {
    let (_directory, path) = new_path();
    drop(create(&path));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("a narrower mode");
    assert!(matches!(
        refused(&path, OpenMode::MustExist),
        OpenError::ReadOnly
    ));
    assert_eq!(mode_of(&path), 0o400);
}

#[test]
fn foreign_files_are_refused_and_not_changed() {
    let foreign_database = |statements: &str| {
        let (directory, path) = new_path();
        let db = rusqlite::Connection::open(&path).expect("a database");
        db.execute_batch(statements).expect("statements");
        drop(db);
        (directory, path)
    };
    let text = new_path();
    fs::write(&text.1, "just a text, and longer than the magic bytes").expect("a file");
    let short = new_path();
    fs::write(&short.1, "x").expect("a file");
    let cases = [
        text,
        short,
        foreign_database("CREATE TABLE t (x)"),
        foreign_database("PRAGMA user_version = 1"),
        foreign_database("PRAGMA application_id = 7; CREATE TABLE t (x)"),
        foreign_database("PRAGMA journal_mode = WAL; CREATE TABLE orgs (x)"),
    ];
    for (_directory, path) in cases {
        let before = fs::read(&path).expect("a file");
        for mode in [OpenMode::CreateIfMissing, OpenMode::MustExist] {
            assert!(matches!(refused(&path, mode), OpenError::Foreign));
        }
        assert_eq!(fs::read(&path).expect("a file"), before);
    }
}

#[test]
fn a_newer_schema_is_refused_and_not_changed() {
    let (_directory, path) = new_path();
    drop(create(&path));
    let db = rusqlite::Connection::open(&path).expect("the database");
    db.pragma_update(None, "user_version", 99)
        .expect("a newer schema");
    drop(db);
    let before = fs::read(&path).expect("a file");
    let error = refused(&path, OpenMode::MustExist);
    assert!(
        matches!(
            error,
            OpenError::NewerSchema {
                found: 99,
                known: 2
            }
        ),
        "{error}"
    );
    assert_eq!(fs::read(&path).expect("a file"), before);
}

#[tokio::test]
async fn a_database_of_the_first_schema_is_migrated_with_its_rows() {
    let (_directory, path) = new_path();
    let db = rusqlite::Connection::open(&path).expect("a database");
    let first = include_str!("../../migrations/sqlite/0001_users_keys_values.sql");
    db.execute_batch(first).expect("the first schema");
    // "Sglt".
    db.pragma_update(None, "application_id", 0x5367_6C74)
        .expect("our mark");
    db.pragma_update(None, "user_version", 1)
        .expect("its number");
    let org = sample::org(1);
    db.execute(
        "INSERT INTO orgs VALUES (?1, ?2, ?3, 1, ?4, ?5)",
        rusqlite::params![
            org.org_id.as_bytes(),
            org.name,
            org.created.0,
            org.mac.key_id,
            org.mac.tag
        ],
    )
    .expect("a row");
    drop(db);
    let store = reopen(&path);
    assert_eq!(store.org(org.org_id).await, Ok(Some(org)));
    let user = Change::InsertUser(sample::user(1, 1));
    let put = Change::PutValue(sample::put(1, 1, 1, "a", 1));
    store
        .commit([user, put].into_iter().collect())
        .await
        .expect("writable");
    store.verify().await.expect("a whole file");
}

#[test]
fn the_number_of_readers_is_bounded() {
    let (_directory, path) = new_path();
    for readers in [0, vault_store::limits::READERS_MAX + 1] {
        let options = SqliteOptions {
            readers,
            ..SqliteOptions::default()
        };
        let outcome = SqliteStore::open_with(&path, OpenMode::CreateIfMissing, options);
        assert!(matches!(outcome, Err(OpenError::Readers)));
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn erased_values_are_gone_from_the_file() {
    let canary = b"erase-me-7c1f0a";
    let (_directory, path) = new_path();
    let found = |path: &Path| {
        let bytes = fs::read(path).expect("a file");
        bytes.windows(canary.len()).any(|window| window == canary)
    };
    let mut write = sample::put(1, 1, 1, "a", 1);
    write.version_row.payload = canary.repeat(1000);
    {
        let store = create(&path);
        add_people(&store).await;
        store
            .commit(Change::PutValue(write.clone()).into())
            .await
            .expect("a put");
    }
    assert!(found(&path), "the test sees what is stored");
    {
        let destroy = Change::DestroyValue {
            org_id: write.row.org_id,
            owner: write.row.owner,
            record_id: write.row.record_id,
            expected_version: 1,
        };
        reopen(&path).commit(destroy.into()).await.expect("erased");
    }
    assert!(!found(&path));
}

#[tokio::test]
async fn damage_is_reported_not_believed() {
    let (_directory, path) = new_path();
    {
        let store = create(&path);
        add_people(&store).await;
        store.commit(put(1, "a", 10).into()).await.expect("a put");
    }
    let db = rusqlite::Connection::open(&path).expect("the database");
    db.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM value_versions")
        .expect("damage");
    drop(db);
    let store = reopen(&path);
    let name = sample::name(1, 1, "a");
    for version in [None, Some(1)] {
        let read = store.read_value(name, version, sample::user_id(1)).await;
        assert!(
            matches!(read, Err(vault_store::StoreError::Corrupt(_))),
            "{read:?}"
        );
    }
    assert!(matches!(
        store.verify().await,
        Err(vault_store::StoreError::Corrupt(_))
    ));
}
