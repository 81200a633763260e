//! What is swept, and what a crash left of files.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use vault_server::vault::housekeeping::Swept;
use vault_store::{FileChange, FileStore, Store};

use super::api_files::{bodies, content, upload};
use super::api_support::{Api, Calls, text};

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
    let id = |text: &str| uuid::Uuid::parse_str(text).unwrap();
    // As if the process had ended between the commit and the removal of the body.
    let user = id(&owner.user_id).into();
    let read = api
        .store
        .read_file(id(&owner.org_id).into(), user, id(&file).into(), user);
    let row = read.await.unwrap().unwrap().file;
    let erase = FileChange::Delete {
        org_id: row.org_id,
        owner: row.owner,
        file_id: row.file_id,
        expected_version: row.version,
    };
    api.store.commit(erase.into()).await.unwrap();
    assert_eq!(bodies(&api).len(), 2);
    assert_eq!(api.vault.sweep().await.unwrap().bodies, 1);
    assert_eq!(bodies(&api).len(), 1);
    assert_eq!(api.vault.sweep().await.unwrap(), Swept::default());
    let read = api.get(&format!("/v1/files/{kept}")).both(&owner);
    assert_eq!(read.answer().await.status, 200);
}

#[tokio::test]
async fn what_a_crash_left_is_removed_and_nothing_else() {
    let api = Api::start().await;
    let owner = api.org_with_keys("owner").await;
    let kept = upload(&api, &owner, "f", content(10)).await;
    let known = bodies(&api);
    let stray = uuid::Uuid::now_v7().simple().to_string();
    let unfinished: PathBuf = api.files().join("unfinished").join(&stray);
    std::fs::write(unfinished, b"half").unwrap();
    let orphan = uuid::Uuid::now_v7().simple().to_string();
    let shard = api.files().join(&orphan[30..]);
    std::fs::create_dir_all(&shard).unwrap();
    std::fs::write(shard.join(&orphan), b"whole").unwrap();
    assert_eq!(bodies(&api).len(), 3);
    assert_eq!(api.vault.clear_after_crash().await.unwrap(), 2);
    assert_eq!(bodies(&api), known);
    let read = api.get(&format!("/v1/files/{kept}")).both(&owner);
    assert_eq!(read.answer().await.status, 200);
}
