//! Bodies of files in a backup: as they were uploaded, each checked against its row.

use std::fs;
use std::path::{Path, PathBuf};

use vault_server::backup::{CopyError, back_up, restore};
use vault_server::vault::bootstrap::FILES_DIRECTORY_NAME;

use super::api_files::upload;
use super::api_support::Api;

/// The only file below the directory of bodies that holds one.
fn body_below(directory: &Path) -> PathBuf {
    let shards = fs::read_dir(directory.join(FILES_DIRECTORY_NAME)).unwrap();
    let files = shards.flat_map(|shard| fs::read_dir(shard.unwrap().path()).into_iter().flatten());
    let mut bodies = files.map(|file| file.unwrap().path());
    let body = bodies.find(|path| path.is_file() && !fs::read(path).unwrap().is_empty());
    body.unwrap()
}

#[tokio::test]
async fn bodies_travel_with_their_database_and_are_checked_both_ways() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    upload(&api, &user, "report", vec![b'x'; 100_000]).await;
    let place = tempfile::tempdir().unwrap();
    let [copy, again, spoilt, missing] =
        ["copy", "again", "spoilt", "missing"].map(|name| place.path().join(name));
    let data_dir = api.database().parent().unwrap().to_owned();
    let sealed = fs::read(body_below(&data_dir)).unwrap();
    let made = back_up(&data_dir, &copy, false).unwrap();
    assert_eq!((made.bodies, made.body_bytes), (1, sealed.len() as u64));
    let restored = restore(&copy, &again).unwrap();
    assert_eq!(restored, made);
    assert!(fs::read(body_below(&again)).unwrap() == sealed);

    let mut flipped = sealed;
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(body_below(&copy), flipped).unwrap();
    let refused = restore(&copy, &spoilt).unwrap_err();
    assert!(matches!(refused, CopyError::Body), "{refused:?}");
    fs::remove_file(body_below(&data_dir)).unwrap();
    let refused = back_up(&data_dir, &missing, false).unwrap_err();
    assert!(matches!(refused, CopyError::Body), "{refused:?}");
}
