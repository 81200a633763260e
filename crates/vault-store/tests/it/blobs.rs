//! Bodies in a directory: what a crash leaves, who may read, who may open.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use vault_store::conformance::sample;
use vault_store::{BlobDirectory, BlobError, BlobStore, FileStore, MemoryBlobs};

use crate::support::{add_people, create, new_path};

async fn memory() -> (Arc<MemoryBlobs>, ()) {
    (Arc::new(MemoryBlobs::new()), ())
}

async fn directory() -> (Arc<BlobDirectory>, TempDir) {
    let parent = TempDir::new().expect("a temporary directory");
    let blobs = BlobDirectory::open(parent.path().join("bodies")).expect("a directory");
    (Arc::new(blobs), parent)
}

vault_store::blob_conformance_suite!(in_memory, super::memory);
vault_store::blob_conformance_suite!(in_directory, super::directory);

fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn what_a_crash_left_unfinished_is_removed_and_nothing_else() {
    let parent = TempDir::new().expect("a temporary directory");
    let root = parent.path().join("bodies");
    let blobs = BlobDirectory::open(&root).expect("a directory");
    let mut writer = blobs.create(sample::blob_id(1)).expect("a new body");
    writer.write_all(b"whole").expect("room");
    writer.finish().expect("durable");
    // As a killed process leaves it.
    let unfinished = root.join("unfinished");
    let mut writer = blobs.create(sample::blob_id(2)).expect("a new body");
    writer.write_all(b"half").expect("room");
    let half = files_below(&unfinished).pop().expect("a file");
    let copy = parent.path().join("copy");
    fs::copy(&half, &copy).expect("a copy");
    drop(writer);
    fs::rename(&copy, &half).expect("moved back");
    fs::write(unfinished.join("notes.txt"), "not ours").expect("a file");
    drop(blobs);

    let blobs = BlobDirectory::open(&root).expect("the directory");
    let refused = blobs.create(sample::blob_id(2)).err();
    assert!(matches!(refused, Some(BlobError::Exists)), "{refused:?}");
    assert_eq!(blobs.remove_unfinished().expect("removed"), 1);
    assert_eq!(blobs.remove_unfinished().expect("removed"), 0);
    assert!(unfinished.join("notes.txt").exists());
    blobs.create(sample::blob_id(2)).expect("free again");
    assert!(blobs.open(sample::blob_id(1)).expect("readable").is_some());
}

#[test]
fn bodies_are_for_their_owner_alone() {
    let parent = TempDir::new().expect("a temporary directory");
    let root = parent.path().join("bodies");
    let blobs = BlobDirectory::open(&root).expect("a directory");
    let writer = blobs.create(sample::blob_id(1)).expect("a new body");
    writer.finish().expect("durable");
    assert_eq!(mode_of(&root), 0o700);
    let files = files_below(&root);
    assert_eq!(files.len(), 2, "body and lock: {files:?}");
    for file in files {
        assert_eq!(mode_of(&file), 0o600, "{file:?}");
    }
}

#[test]
fn a_second_open_of_the_directory_is_refused() {
    let parent = TempDir::new().expect("a temporary directory");
    let root = parent.path().join("bodies");
    let blobs = BlobDirectory::open(&root).expect("a directory");
    let second = BlobDirectory::open(&root);
    assert!(matches!(second, Err(BlobError::InUse)), "{second:?}");
    drop(blobs);
    BlobDirectory::open(&root).expect("free again");
    let nowhere = BlobDirectory::open(parent.path().join("no/such"));
    assert!(matches!(nowhere, Err(BlobError::Io(_))));
}

#[tokio::test]
async fn a_body_without_a_row_is_found_by_a_sweep() {
    let (_directory, path) = new_path();
    let store = create(&path);
    add_people(&store).await;
    let (blobs, _kept) = directory().await;
    for body in [1, 2] {
        let writer = blobs.create(sample::blob_id(body)).expect("a new body");
        writer.finish().expect("durable");
    }
    let mut insert = sample::insert_file(1, 7);
    if let vault_store::FileChange::Insert { row, .. } = &mut insert {
        row.body = sample::blob_id(2);
    }
    vault_store::Store::commit(&store, insert.into())
        .await
        .expect("a file");
    let bodies: Result<Vec<_>, _> = blobs.bodies().expect("readable").collect();
    let unused = store.unused_bodies(&bodies.expect("readable")).await;
    assert_eq!(unused, Ok(vec![sample::blob_id(1)]));
}
