//! Rows of the database against its audit log: what was put back is named, and nothing else.

use std::collections::BTreeMap;

use serde_json::json;
use vault_server::audit_files::{DatabaseSource, verify};

use super::api_credentials::{PASSPHRASE, make, send};
use super::api_files::upload;
use super::api_isolation::CALLS;
use super::api_recovery::{activate, entrust, restore};
use super::api_shares::Scene;
use super::api_support::{Api, Calls, TestUser, base64, text};
use super::api_tokens::token;
use super::support::Answer;

/// Rows that are older than their logs.
fn old_rows(api: &Api) -> Vec<String> {
    let source = DatabaseSource::open(&api.database()).unwrap();
    let findings = verify(&source, &BTreeMap::new()).unwrap();
    let reports = findings.into_iter().map(|one| one.outcome.unwrap());
    let rows = reports.flat_map(|report| report.old_rows);
    rows.map(|old| old.object).collect()
}

/// Copies the database; the path of the copy.
fn copy(api: &Api, directory: &tempfile::TempDir) -> String {
    let copy = directory.path().join("earlier.db");
    let copy = copy.to_str().unwrap().to_owned();
    let db = rusqlite::Connection::open(api.database()).unwrap();
    db.execute("VACUUM INTO ?1", [&copy]).unwrap();
    db.close().unwrap();
    copy
}

/// Puts rows of a copy back in place of those of now.
async fn put_back(api: Api, earlier: &str, table: &str) -> Api {
    let columns = match table {
        // All but those that are computed.
        "shares" => {
            "share_id, org_id, kind, record_id, owner, recipient, permission, created, expires, \
             alias_wrap, owner_alias_box, version, mac_key, mac"
        }
        _ => "*",
    };
    let into = if columns == "*" {
        String::new()
    } else {
        format!("({columns})")
    };
    api.restart(|db| {
        db.pragma_update(None, "foreign_keys", false).unwrap();
        db.execute("ATTACH ?1 AS earlier", [earlier]).unwrap();
        let statement = format!(
            "INSERT OR REPLACE INTO main.{table} {into} SELECT {columns} FROM earlier.{table}"
        );
        db.execute(&statement, []).unwrap();
        db.execute("DETACH earlier", []).unwrap();
    })
    .await
}

async fn rotate(api: &Api, by: &TestUser, user: &TestUser, grace_seconds: u32) -> Answer {
    let path = format!(
        "/admin/orgs/{}/users/{}/apikey/rotate",
        user.org_id, user.user_id
    );
    let body = json!({"graceSeconds": grace_seconds});
    api.post(&path).key(by).json(&body).answer().await
}

#[tokio::test]
async fn no_call_leaves_a_row_that_contradicts_its_entry() {
    let scene = Scene::set().await;
    let api = &scene.api;
    for caller in [&scene.owner, &scene.bob] {
        for (method, path, body) in CALLS {
            let mut call = api.call(method.parse().unwrap(), path).both(caller);
            if let Some(body) = body {
                call = call.body(*body).header("Content-Type", "application/json");
            }
            call.answer().await;
            assert_eq!(old_rows(api), Vec::<String>::new(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn what_was_changed_or_erased_and_is_back_is_named_by_kind_and_id() {
    let scene = Scene::set().await;
    let (api, user) = (&scene.api, &scene.owner);
    let id = make(api, user, "n", "a.example", "sk_live").await;
    let (_, token_id) = token(api, user, json!({"credentials": [id]})).await;
    let share = scene.share(&scene.bob, json!({})).await;
    let spare = api.post("/v1/apikeys").key(user).json(&json!({}));
    let key_id = text(&spare.answer().await.json(), "apiKeyId");
    let directory = tempfile::tempdir().unwrap();
    let earlier = copy(api, &directory);

    let change = json!({"hostPattern": "b.example"});
    let changed = send(api, user, ("PATCH", &format!("/{id}")), PASSPHRASE, &change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let user_path = format!("/admin/orgs/{}/users/{}", user.org_id, scene.bob.user_id);
    let disabled = api.call(reqwest::Method::PATCH, &user_path).key(user);
    let disabled = disabled.json(&json!({"disabled": true})).answer().await;
    assert_eq!(disabled.status, 200, "{disabled:?}");
    for path in [
        format!("/v1/tokens/{token_id}"),
        format!("/v1/kv/a/shares/{share}"),
        format!("/v1/apikeys/{key_id}"),
    ] {
        let erased = api.delete(&path).key(user).answer().await;
        assert_eq!(erased.status, 204, "{path}: {erased:?}");
    }
    assert_eq!(old_rows(api), Vec::<String>::new());

    let bob = scene.bob.user_id.clone();
    let mut api = scene.api;
    let mut back = Vec::new();
    for (table, object) in [
        ("credentials", format!("credential:{id}")),
        ("users", format!("user:{bob}")),
        ("tokens", format!("token:{token_id}")),
        ("shares", format!("share:{share}")),
        ("api_keys", format!("key:{key_id}")),
    ] {
        api = put_back(api, &earlier, table).await;
        back.push(object);
        back.sort();
        assert_eq!(old_rows(&api), back, "{table}");
    }
}

#[tokio::test]
async fn what_a_recovery_a_rotation_a_revocation_or_a_write_replaced_is_named() {
    let scene = Scene::set().await;
    let (api, owner, bob, carol) = (&scene.api, &scene.owner, &scene.bob, &scene.carol);
    entrust(api, owner, 1, &[bob], 0).await;
    let bobs = scene.share(bob, json!({})).await;
    let carols = scene.share(carol, json!({})).await;
    let file = upload(api, owner, "f", b"contents".to_vec()).await;
    let body = json!({"recipientUserId": bob.user_id, "permission": "read"});
    let of_file = api.post(&format!("/v1/files/{file}/shares")).both(owner);
    let of_file = text(&of_file.json(&body).answer().await.json(), "shareId");
    let directory = tempfile::tempdir().unwrap();
    let earlier = copy(api, &directory);

    for path in [
        format!("/v1/kv/a/shares/{bobs}?rekey=true"),
        format!("/v1/files/{file}/shares/{of_file}?rekey=true"),
    ] {
        let ended = api.delete(&path).both(owner).answer().await;
        assert_eq!(ended.status, 204, "{path}: {ended:?}");
    }
    // Over what is hidden: the share with Carol ends beside.
    let hidden = api.delete("/v1/kv/a").key(owner).answer().await;
    assert_eq!(hidden.status, 204, "{hidden:?}");
    let body = json!({"valueB64": base64(b"new")});
    let written = api.put("/v1/kv/a").key(owner).json(&body).answer().await;
    assert_eq!(written.status, 201, "{written:?}");
    let (restored, new) = restore(api, owner, bob).await;
    let active = activate(api, owner, &restored, &new).await;
    assert_eq!(active.status, 200, "{active:?}");
    for (user, grace_seconds) in [(bob, 0), (carol, 60)] {
        let rotated = rotate(api, owner, user, grace_seconds).await;
        assert_eq!(rotated.status, 200, "{rotated:?}");
    }
    assert_eq!(old_rows(api), Vec::<String>::new());

    let db = rusqlite::Connection::open(api.database()).unwrap();
    let sql = "SELECT record_id FROM vault_values WHERE name = 'a'";
    let value: [u8; 16] = db.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(db);
    let key = |user: &TestUser| format!("key:{}", &user.key[4..12]);
    let expected = [
        ("user_keys", vec![format!("keys:{}", owner.user_id)]),
        ("api_keys", vec![key(bob), key(carol)]),
        (
            "vault_values",
            vec![format!("value:{}", uuid::Uuid::from_bytes(value))],
        ),
        ("files", vec![format!("file:{file}")]),
        (
            "shares",
            [bobs, carols, of_file]
                .map(|id| format!("share:{id}"))
                .into(),
        ),
    ];
    let mut api = scene.api;
    let mut back = Vec::new();
    for (table, objects) in expected {
        api = put_back(api, &earlier, table).await;
        back.extend(objects);
        back.sort();
        assert_eq!(old_rows(&api), back, "{table}");
    }
}
