//! Everything that the users of a scene can read, in a form that can be compared.

use serde_json::{Value, json};
use uuid::Uuid;

use super::acts::{NEXT_SECRET, Scene};
use crate::api_audit::chain;
use crate::api_support::{Api, Calls, TestUser};

/// What differs between two runs of the same call.
const BY_CHANCE: [&str; 7] = [
    "fingerprint",
    "publicKeyB64",
    "publicKeyKyberB64",
    "shareId",
    "fileId",
    "restoreId",
    "setId",
];

/// All that everybody sees.
pub(crate) async fn seen(api: &Api, scene: &Scene) -> Value {
    let owner = with_the_right_secret(api, scene).await;
    let mut seen = Vec::new();
    for (who, user) in [
        ("owner", &owner),
        ("bob", &scene.bob),
        ("carol", &scene.carol),
    ] {
        seen.push(json!({"of": who, "sees": of_one(api, user).await}));
    }
    api.store.verify().await.unwrap();
    chain(api, scene.owner.org_id.parse::<Uuid>().unwrap().into()).await;
    Value::Array(seen)
}

/// One of the owner's secrets opens the keys; the others do not.
async fn with_the_right_secret(api: &Api, scene: &Scene) -> TestUser {
    let owner = &scene.owner;
    let with = |secret: &str| TestUser {
        secret: secret.to_owned(),
        ..owner.clone()
    };
    let secrets = [owner.secret.as_str(), NEXT_SECRET, &scene.restored_secret];
    let mut right = Vec::new();
    for user in secrets.map(with) {
        match api.get("/v1/kv/shared").both(&user).answer().await.status {
            200 => right.push(user),
            status => assert_eq!(status, 401),
        }
    }
    assert_eq!(right.len(), 1, "secrets that open the keys");
    right.remove(0)
}

async fn of_one(api: &Api, user: &TestUser) -> Value {
    let get = async |path: &str| {
        let answer = api.get(path).both(user).answer().await;
        assert!(matches!(answer.status, 200 | 404), "{path}: {answer:?}");
        let mut document = answer.json();
        strip(&mut document);
        (answer.json(), document)
    };
    let (names, _) = get("/v1/kv").await;
    let mut values = vec![get("/v1/keys/status").await.1];
    for name in names.as_array().unwrap() {
        let path = format!("/v1/kv/{}", name.as_str().unwrap());
        let (current, shown) = get(&path).await;
        values.push(shown);
        for version in 1..=current["version"].as_u64().unwrap() {
            values.push(get(&format!("{path}?version={version}")).await.1);
        }
        values.push(get(&format!("{path}/shares")).await.1);
    }
    for path in ["trustees", "owners", "restores"] {
        values.push(get(&format!("/v1/recovery/{path}")).await.1);
    }
    let (files, shown) = get("/v1/files").await;
    values.push(shown);
    for file in files.as_array().unwrap() {
        let id = file["fileId"].as_str().unwrap();
        let (read, shown) = get(&format!("/v1/files/{id}")).await;
        assert!(read["code"].is_null(), "listed and not readable: {read}");
        values.push(shown);
    }
    for inbox in ["/v1/kv/shared", "/v1/files/shared"] {
        let (listed, shown) = get(inbox).await;
        values.push(shown);
        for share in listed.as_array().unwrap() {
            let id = share["shareId"].as_str().unwrap();
            let (read, shown) = get(&format!("{inbox}/{id}")).await;
            assert!(read["code"].is_null(), "listed and not readable: {read}");
            values.push(shown);
        }
    }
    json!({"names": names, "values": values})
}

fn strip(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            for name in BY_CHANCE.iter().chain(&["requestId"]) {
                fields.remove(*name);
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
