//! The calls of the use-case document, written as they stand there.

use crate::support::{FirstKeys, Sealgate, http};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};

struct Started {
    server: Sealgate,
    keys: FirstKeys,
    _data: tempfile::TempDir,
}

fn start() -> Started {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    Started {
        keys: server.first_keys(),
        server,
        _data: data,
    }
}

#[tokio::test]
async fn store_application_secrets_and_retrieve_them_at_run_time() {
    let Started {
        server,
        keys,
        _data,
    } = start();
    let connection = "postgres://app:pass@db:5432/main";
    let stored = http()
        .put(server.url("/v1/kv/db-connection"))
        .header("X-Api-Key", &keys.api_key)
        .json(&json!({ "valueB64": STANDARD.encode(connection) }))
        .send()
        .await
        .unwrap();
    assert!(stored.status().is_success());

    let payload: Json = http()
        .get(server.url("/v1/kv/db-connection"))
        .header("X-Api-Key", &keys.api_key)
        .header("X-User-Secret", &keys.user_secret)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let value = payload["valueB64"].as_str().unwrap();
    assert_eq!(STANDARD.decode(value).unwrap(), connection.as_bytes());
}

#[tokio::test]
async fn initialise_keys_once_per_user_then_change_the_secret() {
    let Started {
        server,
        keys,
        _data,
    } = start();
    let root = server.client(&keys.root_key);
    let org = root.create_org("acme").await.unwrap();
    let admin = root.create_user(&org.org_id, "ada", true).await.unwrap();
    let api_key = secrecy::ExposeSecret::expose_secret(&admin.api_key).to_owned();

    // Any non-empty string is a user secret.
    let (old, new) = ("old user secret", "new user secret");
    let generate = || {
        http()
            .post(server.url("/v1/keys/generate"))
            .header("X-Api-Key", &api_key)
            .header("X-User-Secret", old)
            .send()
    };
    let generated = generate().await.unwrap();
    assert_eq!(generated.status(), 201);
    let generated: Json = generated.json().await.unwrap();
    assert_eq!(generated["generation"], 1);
    let again = generate().await.unwrap();
    crate::support::assert_problem(again, 409, "keys_exist").await;

    let client = server.client(&api_key);
    client
        .put("kept", b"value", &Default::default())
        .await
        .unwrap();
    let rekeyed = http()
        .post(server.url("/v1/keys/rekey"))
        .header("X-Api-Key", &api_key)
        .header("X-User-Secret", old)
        .header("X-New-User-Secret", new)
        .send()
        .await
        .unwrap();
    assert_eq!(rekeyed.status(), 200);
    assert!(client.read("kept", &old.into()).await.is_err());
    let read = client.read("kept", &new.into()).await.unwrap();
    assert_eq!(read.bytes.as_slice(), b"value");
}

#[tokio::test]
async fn discover_users_of_the_organisation() {
    let Started {
        server,
        keys,
        _data,
    } = start();
    let users: Json = http()
        .get(server.url("/v1/users/org"))
        .header("X-Api-Key", &keys.api_key)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(users.as_array().unwrap().len(), 1);
    assert_eq!(users[0]["isAdmin"], true);
    assert_eq!(users[0]["hasKeys"], true);
}
