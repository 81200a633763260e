//! What is swept, and what a crash left of files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use vault_server::vault::bootstrap::DATABASE_FILE_NAME;
use vault_server::vault::housekeeping::{LOST_KEPT, Swept, Tidied};
use vault_store::{FileChange, FileStore, Store};

use super::api_files::{bodies, content, raw, upload};
use super::api_support::{Api, Calls, START, TestUser, text};

#[tokio::test]
async fn expired_shares_of_values_and_files_are_swept() {
    let api = Api::start().await;
    let owner = api.org_with_keys("owner").await;
    let bob = api.add_user(&owner.key, &owner.org_id, "bob", false).await;
    let carol = api
        .add_user(&owner.key, &owner.org_id, "carol", false)
        .await;
    api.generate(&bob).await;
    api.generate(&carol).await;
    api.store_value(&owner, "a", "one").await;
    let file = upload(&api, &owner, "f", content(10)).await;
    for path in ["/v1/kv/a/shares", &format!("/v1/files/{file}/shares")] {
        for (who, expires) in [(&bob, Some("2027-01-15T09:00:00Z")), (&carol, None)] {
            let mut body = json!({"recipientUserId": who.user_id, "permission": "read"});
            if let Some(expires) = expires {
                body["expiresUtc"] = json!(expires);
            }
            let made = api.post(path).both(&owner).json(&body).answer().await;
            assert_eq!(made.status, 201, "{made:?}");
        }
    }
    assert_eq!(api.vault.sweep().await.unwrap(), Swept::default());
    assert_eq!(api.count("shares"), 4);
    api.clock.advance(Duration::from_secs(3_600));
    let swept = api.vault.sweep().await.unwrap();
    let expected = Swept {
        shares: 2,
        ..Swept::default()
    };
    assert_eq!(swept, expected);
    assert_eq!(api.count("shares"), 2);
    assert_eq!(api.vault.sweep().await.unwrap(), Swept::default());
    for inbox in ["/v1/kv/shared", "/v1/files/shared"] {
        let kept = api.get(inbox).both(&carol).answer().await.json();
        assert_eq!(kept.as_array().unwrap().len(), 1, "{inbox}");
        text(&kept[0], "shareId");
    }
}

#[tokio::test]
async fn bodies_of_erased_files_are_removed() {
    let api = Api::start().await;
    let owner = api.org_with_keys("owner").await;
    let file = upload(&api, &owner, "f", content(10)).await;
    let kept = upload(&api, &owner, "g", content(10)).await;
    erase(&api, &owner, &file).await;
    assert_eq!(bodies(&api).len(), 2);
    assert_eq!(api.vault.sweep().await.unwrap().bodies, 1);
    assert_eq!(bodies(&api).len(), 1);
    assert_eq!(api.vault.sweep().await.unwrap(), Swept::default());
    let read = api.get(&format!("/v1/files/{kept}")).both(&owner);
    assert_eq!(read.answer().await.status, 200);
}

/// Erases a file as if the process had ended between the commit and the removal of the body;
/// where that lies.
async fn erase(api: &Api, owner: &TestUser, file: &str) -> PathBuf {
    let id = |text: &str| uuid::Uuid::parse_str(text).unwrap();
    let user = id(&owner.user_id).into();
    let read = api
        .store
        .read_file(id(&owner.org_id).into(), user, id(file).into(), user);
    let row = read.await.unwrap().unwrap().file;
    let erase = FileChange::Delete {
        org_id: row.org_id,
        owner: row.owner,
        file_id: row.file_id,
        expected_version: row.version,
    };
    api.store.commit(erase.into()).await.unwrap();
    let body = row.body.as_uuid().simple().to_string();
    api.files().join(&body[30..]).join(body)
}

/// Puts something in the place of a body that cannot be removed as one.
fn make_unremovable(body: &Path) {
    std::fs::remove_file(body).unwrap();
    std::fs::create_dir(body).unwrap();
}

#[tokio::test]
async fn a_body_that_cannot_be_removed_keeps_nothing_else_from_being_tidied() {
    let api = Api::start().await;
    let owner = api.org_with_keys("owner").await;
    let mut places = Vec::new();
    for name in ["f", "g", "h"] {
        let file = upload(&api, &owner, name, content(10)).await;
        places.push(erase(&api, &owner, &file).await);
    }
    // The one that comes first in every round.
    places.sort_by_key(|place| place.file_name().unwrap().to_owned());
    make_unremovable(&places[0]);
    assert!(api.vault.sweep().await.is_err());
    assert!(!places[1].exists() && !places[2].exists());
    assert_eq!(api.count("erased_bodies"), 1);

    // The same at a start, in each of its steps.
    let stray = |name: &str| api.files().join("unfinished").join(name);
    let names = [1, 2].map(|number| uuid::Uuid::from_u128(number).simple().to_string());
    std::fs::create_dir(stray(&names[0])).unwrap();
    std::fs::write(stray(&names[1]), b"half").unwrap();
    let (place, lost) = plant(&api);
    assert!(api.vault.clear_after_crash().await.is_err());
    assert!(!stray(&names[1]).exists());
    assert!(lost.exists() && !place.exists());
    assert!(places[0].exists());
}

/// Puts a finished body there that no row has; where it lies, and where once it was set aside.
fn plant(api: &Api) -> (PathBuf, PathBuf) {
    let orphan = uuid::Uuid::now_v7().simple().to_string();
    let shard = api.files().join(&orphan[30..]);
    std::fs::create_dir_all(&shard).unwrap();
    let place = shard.join(&orphan);
    std::fs::write(&place, b"whole").unwrap();
    (place, api.files().join("lost").join(orphan))
}

#[tokio::test]
async fn what_a_crash_left_is_removed_or_set_aside_and_nothing_else() {
    let api = Api::start().await;
    let owner = api.org_with_keys("owner").await;
    let kept = upload(&api, &owner, "f", content(10)).await;
    let known = bodies(&api);
    let stray = uuid::Uuid::now_v7().simple().to_string();
    let unfinished: PathBuf = api.files().join("unfinished").join(&stray);
    std::fs::write(unfinished, b"half").unwrap();
    let (place, lost) = plant(&api);
    assert_eq!(bodies(&api).len(), 3);
    let expected = Tidied {
        unfinished: 1,
        set_aside: 1,
        ..Tidied::default()
    };
    assert_eq!(api.vault.clear_after_crash().await.unwrap(), expected);
    assert!(!place.exists());
    assert_eq!(std::fs::read(&lost).unwrap(), b"whole");

    // It stays for as long as was said, and then for as long again.
    let noted_old = Tidied {
        noted_old: 1,
        ..Tidied::default()
    };
    let given_up = Tidied {
        given_up: 1,
        ..Tidied::default()
    };
    for (expected, place) in [(noted_old, &lost), (given_up, &old_place(&lost))] {
        let almost = LOST_KEPT - Duration::from_millis(1);
        api.clock.advance(almost);
        let tidied = api.vault.clear_after_crash().await.unwrap();
        assert_eq!(tidied, Tidied::default());
        assert_eq!(std::fs::read(place).unwrap(), b"whole");
        api.clock.advance(Duration::from_millis(1));
        assert_eq!(api.vault.clear_after_crash().await.unwrap(), expected);
    }
    assert_eq!(bodies(&api), known);
    let read = api.get(&format!("/v1/files/{kept}")).both(&owner);
    assert_eq!(read.answer().await.status, 200);
}

/// Where a body that was set aside lies once it is noted as old.
fn old_place(lost: &Path) -> PathBuf {
    let name = lost.file_name().unwrap();
    lost.parent().unwrap().join("old").join(name)
}

/// Starts, by the days that the clock tells at them, with a body in `lost` or `lost/old`.
#[tokio::test]
async fn a_clock_that_is_wrong_at_one_start_gives_up_nothing() {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    const YEARS: i64 = 10_000 * DAY;
    for days in [
        // In the first start, in a later one, and once it was noted as old.
        [START - YEARS, START, START + DAY, START + 20 * DAY],
        [START, START + YEARS, START + DAY, START + 20 * DAY],
        [START, START - YEARS, START + DAY, START + 20 * DAY],
        [START, START + 31 * DAY, START - YEARS, START + 60 * DAY],
    ] {
        let api = Api::start().await;
        let (_, lost) = plant(&api);
        for now in days {
            api.clock.set_utc(now);
            let tidied = api.vault.clear_after_crash().await.unwrap();
            assert_eq!(tidied.given_up, 0, "{days:?}");
        }
        assert!(lost.exists() || old_place(&lost).exists());
    }
}

#[tokio::test]
async fn files_newer_than_a_database_put_back_are_there_once_theirs_is_back() {
    let api = Api::start().await;
    let (owner, root) = (api.org_with_keys("owner").await, api.root.clone());
    let old = upload(&api, &owner, "old", content(10)).await;
    let older = api.close().await;
    let api = Api::serve_copy(older.path(), root.clone()).await;
    let new = upload(&api, &owner, "new", content(200_000)).await;
    let newer = api.close().await;
    let path = |file: &str| format!("/v1/files/{file}");

    // The older database beside the newer bodies.
    let newest = std::fs::read(newer.path().join(DATABASE_FILE_NAME)).unwrap();
    put_back(
        &newer,
        &std::fs::read(older.path().join(DATABASE_FILE_NAME)).unwrap(),
    );
    let api = Api::serve_copy(newer.path(), root.clone()).await;
    let expected = Tidied {
        set_aside: 1,
        ..Tidied::default()
    };
    assert_eq!(api.vault.clear_after_crash().await.unwrap(), expected);
    let read = api.get(&path(&old)).both(&owner).answer().await;
    assert_eq!(read.status, 200);
    let read = api.get(&path(&new)).both(&owner).answer().await;
    read.is_problem(404, "not_found");
    let mixed = api.close().await;

    put_back(&mixed, &newest);
    let api = Api::serve_copy(mixed.path(), root).await;
    let expected = Tidied {
        taken_back: 1,
        ..Tidied::default()
    };
    assert_eq!(api.vault.clear_after_crash().await.unwrap(), expected);
    let (status, _, read) = raw(&api, &owner, &path(&new), &[]).await;
    assert_eq!(status, 200);
    assert!(read == content(200_000));
}

fn put_back(directory: &tempfile::TempDir, database: &[u8]) {
    let path = directory.path().join(DATABASE_FILE_NAME);
    std::fs::write(path, database).unwrap();
    for rest in ["-wal", "-shm"] {
        let rest = format!("{DATABASE_FILE_NAME}{rest}");
        let _absent = std::fs::remove_file(directory.path().join(rest));
    }
}
