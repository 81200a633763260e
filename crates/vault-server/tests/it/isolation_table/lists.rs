//! What lists and batches show is the union of what single reads show.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api_credentials::{PASSPHRASE, send};
use crate::api_support::{Api, Calls, TestUser, base64, text};

/// Values in every state: current, of several versions, hidden, expired, destroyed.
const NAMES: [&str; 6] = ["plain", "twice", "hidden", "expired", "destroyed", "back"];

struct Scene {
    api: Api,
    users: Vec<TestUser>,
    /// Every share that was ever made.
    shares: Vec<String>,
    credentials: Vec<String>,
}

/// Three users of one organisation and one of another, each with the same names, shared round.
async fn set() -> Scene {
    let api = Api::start().await;
    let admin = api.org_with_keys("org").await;
    let mut users = vec![admin.clone()];
    for name in ["b", "c"] {
        let user = api.add_user(&admin.key, &admin.org_id, name, false).await;
        api.generate(&user).await;
        users.push(user);
    }
    users.push(api.org_with_keys("other").await);
    let (mut shares, mut credentials) = (Vec::new(), Vec::new());
    for (index, user) in users.iter().enumerate() {
        for name in NAMES {
            let mut body = json!({"valueB64": base64(format!("{name} {index}").as_bytes())});
            if name == "expired" {
                body["expiresUtc"] = json!("2027-01-15T08:00:01Z");
            }
            let call = api.put(&format!("/v1/kv/{name}")).key(user).json(&body);
            assert_eq!(call.answer().await.status, 201);
        }
        api.store_value(user, "twice", "again").await;
        for (name, to) in [
            ("plain", 1),
            ("twice", 2),
            ("hidden", 1),
            ("expired", 1),
            ("back", 2),
        ] {
            let to = &users[(index + to) % 3];
            if to.user_id == user.user_id || to.org_id != user.org_id {
                continue;
            }
            let mut body = json!({"recipientUserId": to.user_id, "permission": "read"});
            if name == "twice" && index == 1 {
                body["expiresUtc"] = json!("2027-01-15T08:00:01Z");
            }
            let call = api.post(&format!("/v1/kv/{name}/shares")).both(user);
            let made = call.json(&body).answer().await;
            assert_eq!(made.status, 201, "{made:?}");
            shares.push(text(&made.json(), "shareId"));
        }
        for path in ["hidden", "back", "destroyed?destroy=true"] {
            let gone = api.delete(&format!("/v1/kv/{path}")).key(user);
            assert_eq!(gone.answer().await.status, 204);
        }
        let back = api.post("/v1/kv/back/undelete").key(user).answer().await;
        assert_eq!(back.status, 200);
    }
    for user in &users[..2] {
        let body = json!({"name": "n", "hostPattern": "a.example", "value": "v"});
        let made = send(&api, user, ("POST", ""), PASSPHRASE, &body).await;
        credentials.push(text(&made.json(), "credentialId"));
    }
    api.clock.advance(Duration::from_secs(2));
    Scene {
        api,
        users,
        shares,
        credentials,
    }
}

/// The items of a list, by one of their fields.
async fn listed(api: &Api, user: &TestUser, path: &str, field: &str) -> BTreeMap<String, Value> {
    let listed = api.get(path).both(user).answer().await;
    assert_eq!(listed.status, 200, "{listed:?}");
    let items = listed.json();
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| (text(item, field), item.clone()))
        .collect()
}

/// Of these ids, what single reads answer with 200.
async fn single(
    api: &Api,
    user: &TestUser,
    path: &str,
    ids: impl IntoIterator<Item = &str>,
) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for id in ids {
        let read = api.get(&format!("{path}/{id}")).both(user).answer().await;
        match read.status {
            200 => {
                found.insert(id.to_owned(), read.json());
            }
            status => assert_eq!(status, 404, "{read:?}"),
        }
    }
    found
}

#[tokio::test]
async fn names_and_batches_are_the_union_of_single_reads() {
    let Scene { api, users, .. } = set().await;
    for user in &users {
        let single = single(&api, user, "/v1/kv", NAMES).await;
        let names = api.get("/v1/kv").key(user).answer().await.json();
        let expected: Vec<&String> = single.keys().collect();
        assert_eq!(names, json!(expected));
        assert_eq!(expected, ["back", "plain", "twice"]);
        let batch = api.post("/v1/kv/batch-get").both(user);
        let batch = batch.json(&json!({"keys": NAMES})).answer().await;
        let batch = batch.json().to_string();
        for name in NAMES {
            let value = single.get(name).map(|read| text(read, "valueB64"));
            let is_there = value.is_some_and(|value| batch.contains(&value));
            assert_eq!(is_there, single.contains_key(name), "{name} in {batch}");
        }
        for name in single.keys() {
            let path = format!("/v1/kv/{name}/versions");
            let versions = api.get(&path).key(user).answer().await.json();
            let listed = versions.as_array().unwrap().iter();
            let listed: Vec<u64> = listed.map(|v| v["version"].as_u64().unwrap()).collect();
            let mut readable = Vec::new();
            for version in 1..=3 {
                let path = format!("/v1/kv/{name}?version={version}");
                if api.get(&path).both(user).answer().await.status == 200 {
                    readable.push(version);
                }
            }
            assert_eq!(listed, readable, "{name}");
        }
    }
}

#[tokio::test]
async fn inboxes_are_the_union_of_single_reads() {
    let Scene {
        api, users, shares, ..
    } = set().await;
    let mut in_all = 0;
    for user in &users {
        let listed = listed(&api, user, "/v1/kv/shared", "shareId").await;
        let ids = shares.iter().map(String::as_str);
        let single = single(&api, user, "/v1/kv/shared", ids).await;
        let keys = |map: &BTreeMap<String, Value>| map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&listed), keys(&single));
        for (id, item) in &listed {
            for field in ["ownerUserId", "expiresUtc"] {
                assert_eq!(item[field], single[id][field], "{field} of {id}");
            }
        }
        in_all += listed.len();
    }
    // Not those of hidden and expired values, and not the one that expired.
    assert_eq!(in_all, shares.len() - 3 - 3 - 1);
}

#[tokio::test]
async fn lists_of_credentials_and_users_are_the_union_of_single_reads() {
    let Scene {
        api,
        users,
        credentials,
        ..
    } = set().await;
    for user in &users {
        let listed = listed(&api, user, "/v1/credentials", "credentialId").await;
        let ids = credentials.iter().map(String::as_str);
        assert_eq!(listed, single(&api, user, "/v1/credentials", ids).await);
    }
    for admin in [&users[0], &users[3]] {
        let path = format!("/admin/orgs/{}/users", admin.org_id);
        let listed = listed(&api, admin, &path, "userId").await;
        let ids = users.iter().map(|user| user.user_id.as_str());
        assert_eq!(listed, single(&api, admin, &path, ids).await);
    }
}
