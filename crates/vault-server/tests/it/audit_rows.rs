//! Rows of the database against its audit log: what was put back is named, and nothing else.

use std::collections::BTreeMap;

use serde_json::json;
use vault_server::audit_files::{DatabaseSource, verify};

use super::api_credentials::{PASSPHRASE, make, send};
use super::api_isolation::CALLS;
use super::api_shares::Scene;
use super::api_support::{Api, Calls, text};
use super::api_tokens::token;

/// Rows that are older than their logs.
fn old_rows(api: &Api) -> Vec<String> {
    let source = DatabaseSource::open(&api.database()).unwrap();
    let findings = verify(&source, &BTreeMap::new()).unwrap();
    let reports = findings.into_iter().map(|one| one.outcome.unwrap());
    let rows = reports.flat_map(|report| report.old_rows);
    rows.map(|old| old.object).collect()
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
    let earlier = directory.path().join("earlier.db");
    let earlier = earlier.to_str().unwrap().to_owned();
    let db = rusqlite::Connection::open(api.database()).unwrap();
    db.execute("VACUUM INTO ?1", [&earlier]).unwrap();
    db.close().unwrap();

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
    for (table, columns, object) in [
        ("credentials", "*", format!("credential:{id}")),
        ("users", "*", format!("user:{bob}")),
        ("tokens", "*", format!("token:{token_id}")),
        (
            "shares",
            "share_id, org_id, kind, record_id, owner, recipient, permission, created, expires, \
             alias_wrap, owner_alias_box, version, mac_key, mac",
            format!("share:{share}"),
        ),
        ("api_keys", "*", format!("key:{key_id}")),
    ] {
        api = api
            .restart(|db| {
                db.pragma_update(None, "foreign_keys", false).unwrap();
                db.execute("ATTACH ?1 AS earlier", [&earlier]).unwrap();
                let into = if columns == "*" { String::new() } else { format!("({columns})") };
                let statement = format!(
                    "INSERT OR REPLACE INTO main.{table} {into} SELECT {columns} FROM earlier.{table}"
                );
                db.execute(&statement, []).unwrap();
                db.execute("DETACH earlier", []).unwrap();
            })
            .await;
        back.push(object);
        back.sort();
        assert_eq!(old_rows(&api), back, "{table}");
    }
}
