//! Bodies of files in a backup: as the store keeps them, each checked against its row.

use std::fs;
use std::io::Write;
use std::path::Path;

use ring::digest::{SHA256, digest};
use uuid::Uuid;
use vault_server::backup::{CopyError, back_up, restore};
use vault_server::vault::bootstrap::FILES_DIRECTORY_NAME;
use vault_store::{BlobDirectory, BlobId, BlobStore};

use super::api_support::{Api, TestUser};

const BODY: &[u8] = b"a sealed body";

fn id(text: &str) -> Vec<u8> {
    text.parse::<Uuid>().unwrap().as_bytes().to_vec()
}

/// Keeps a body and its row, as the server does.
fn keep(api: &Api, user: &TestUser, number: u8) -> BlobId {
    let body = BlobId::from_bytes([number; 16]);
    let data_dir = api.database().parent().unwrap().to_owned();
    let blobs = BlobDirectory::open(data_dir.join(FILES_DIRECTORY_NAME)).unwrap();
    let mut writer = blobs.create(body).unwrap();
    writer.write_all(BODY).unwrap();
    writer.finish().unwrap();
    let db = rusqlite::Connection::open(api.database()).unwrap();
    let insert = "INSERT INTO files (record_id, org_id, owner, body, content_version, \
        sealed_bytes, sha256, label_box, created, updated, version, mac_key, mac) \
        VALUES (?1, ?2, ?3, ?1, 1, ?4, ?5, x'00', 0, 0, 1, 0, zeroblob(32))";
    let (org_id, owner) = (id(&user.org_id), id(&user.user_id));
    let hash = digest(&SHA256, BODY).as_ref().to_vec();
    let bytes = i64::try_from(BODY.len()).unwrap();
    let row = (body.as_bytes(), org_id, owner, bytes, hash);
    assert_eq!(db.execute(insert, row).unwrap(), 1);
    body
}

/// The only file below the directory of bodies that holds one.
fn body_below(directory: &Path) -> std::path::PathBuf {
    let shards = fs::read_dir(directory.join(FILES_DIRECTORY_NAME)).unwrap();
    let files = shards.flat_map(|shard| fs::read_dir(shard.unwrap().path()).into_iter().flatten());
    let mut bodies = files.map(|file| file.unwrap().path());
    let body = bodies.find(|path| path.is_file() && !fs::read(path).unwrap().is_empty());
    body.unwrap()
}

#[tokio::test]
async fn bodies_travel_with_their_database_and_are_checked_both_ways() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let body = keep(&api, &user, 7);
    let place = tempfile::tempdir().unwrap();
    let [copy, again, spoilt, missing] =
        ["copy", "again", "spoilt", "missing"].map(|name| place.path().join(name));
    let data_dir = api.database().parent().unwrap().to_owned();
    let made = back_up(&data_dir, &copy, false).unwrap();
    assert_eq!((made.bodies, made.body_bytes), (1, BODY.len() as u64));
    let restored = restore(&copy, &again).unwrap();
    assert_eq!(restored, made);
    let blobs = BlobDirectory::open(again.join(FILES_DIRECTORY_NAME)).unwrap();
    let mut read = Vec::new();
    let mut reader = blobs.open(body).unwrap().expect("the body is there");
    std::io::Read::read_to_end(&mut reader, &mut read).unwrap();
    assert_eq!(read, BODY);

    fs::write(body_below(&copy), b"a sealed b0dy").unwrap();
    let refused = restore(&copy, &spoilt).unwrap_err();
    assert!(matches!(refused, CopyError::Body), "{refused:?}");
    fs::remove_file(body_below(&data_dir)).unwrap();
    let refused = back_up(&data_dir, &missing, false).unwrap_err();
    assert!(matches!(refused, CopyError::Body), "{refused:?}");
}
