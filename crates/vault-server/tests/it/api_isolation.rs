//! Nobody reaches what is another's: by role, by organisation, by a key that no longer counts.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;
use vault_server::vault::limits::SNAPSHOT_LIFETIME;
use vault_store::rows::{ApiKeyRow, UserRow};
use vault_store::{Change, KeyId, KeyStore, Store, UserStore, UtcMillis};

use super::api_support::{Api, Calls, START, TestUser};

/// A share with nobody.
const SHARE: &str =
    r#"{"recipientUserId":"0190f5fe-7c00-7a00-8000-000000000001","permission":"read"}"#;

/// A share of a credential with nobody.
const USE: &str =
    r#"{"recipientUserId":"0190f5fe-7c00-7a00-8000-000000000001","permission":"use"}"#;

/// A file of nobody.
const FILE: &str = "/v1/files/0190f5fe-7c00-7a00-8000-00000000000f";

/// Every call of the API that needs a key, with a body that would be accepted.
pub(crate) const CALLS: &[(&str, &str, Option<&str>)] = &[
    ("POST", "/v1/keys/generate", None),
    ("GET", "/v1/keys/status", None),
    ("POST", "/v1/keys/rekey", None),
    ("POST", "/v1/keys/rotate", None),
    ("GET", "/v1/keys/private", None),
    ("GET", "/v1/recovery/trustees", None),
    (
        "PUT",
        "/v1/recovery/trustees/0190f5fe-7c00-7a00-8000-000000000001",
        Some(
            r#"{"encryptedPrivateKeyEccShareB64":"AA==","encryptedPrivateKeyKyberShareB64":"AA=="}"#,
        ),
    ),
    (
        "DELETE",
        "/v1/recovery/trustees/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    ("GET", "/v1/recovery/owners", None),
    (
        "GET",
        "/v1/recovery/owners/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    (
        "POST",
        "/v1/recovery/restore/0190f5fe-7c00-7a00-8000-000000000001",
        Some(r#"{"encryptedPrivateKeyEccB64":"AA==","encryptedPrivateKeyKyberB64":"AA=="}"#),
    ),
    ("GET", "/v1/recovery/restores", None),
    (
        "DELETE",
        "/v1/recovery/restores/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    (
        "POST",
        "/v1/recovery/restores/0190f5fe-7c00-7a00-8000-000000000001/activate",
        None,
    ),
    ("PUT", "/v1/kv/a", Some(r#"{"valueB64":""}"#)),
    ("GET", "/v1/kv/a", None),
    ("DELETE", "/v1/kv/a", None),
    ("DELETE", "/v1/kv/a?destroy=true", None),
    ("POST", "/v1/kv/a/undelete", None),
    ("GET", "/v1/kv", None),
    ("GET", "/v1/kv/a/versions", None),
    ("POST", "/v1/kv/a/rollback", Some(r#"{"version":1}"#)),
    ("POST", "/v1/kv/batch-get", Some(r#"{"keys":["a"]}"#)),
    (
        "POST",
        "/v1/credentials",
        Some(r#"{"name":"n","hostPattern":"a.example","value":"v"}"#),
    ),
    ("GET", "/v1/credentials", None),
    (
        "POST",
        "/v1/proxy/explain",
        Some(r#"{"url":"https://a.example/","method":"GET"}"#),
    ),
    ("POST", "/v1/kv/a/shares", Some(SHARE)),
    ("GET", "/v1/kv/a/shares", None),
    (
        "DELETE",
        "/v1/kv/a/shares/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    ("GET", "/v1/kv/shared", None),
    (
        "GET",
        "/v1/kv/shared/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    (
        "DELETE",
        "/v1/kv/shared/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    (
        "POST",
        "/v1/credentials/0190f5fe-7c00-7a00-8000-000000000002/shares",
        Some(USE),
    ),
    (
        "GET",
        "/v1/credentials/0190f5fe-7c00-7a00-8000-000000000002/shares",
        None,
    ),
    (
        "DELETE",
        "/v1/credentials/0190f5fe-7c00-7a00-8000-000000000002/shares/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    ("GET", "/v1/credentials/shared", None),
    (
        "DELETE",
        "/v1/credentials/shared/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    ("POST", "/v1/tokens", Some(r#"{"ttlSeconds":1,"kv":["a"]}"#)),
    ("GET", "/v1/tokens", None),
    (
        "POST",
        "/v1/files",
        Some(r#"{"fileName":"a","contentB64":""}"#),
    ),
    ("GET", "/v1/files", None),
    ("GET", FILE, None),
    ("DELETE", FILE, None),
    (
        "POST",
        "/v1/files/0190f5fe-7c00-7a00-8000-00000000000f/shares",
        Some(SHARE),
    ),
    (
        "GET",
        "/v1/files/0190f5fe-7c00-7a00-8000-00000000000f/shares",
        None,
    ),
    (
        "DELETE",
        "/v1/files/0190f5fe-7c00-7a00-8000-00000000000f/shares/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    ("GET", "/v1/files/shared", None),
    (
        "GET",
        "/v1/files/shared/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    (
        "DELETE",
        "/v1/files/shared/0190f5fe-7c00-7a00-8000-000000000001",
        None,
    ),
    ("GET", "/v1/users/org", None),
    ("GET", "/v1/users/me", None),
    ("POST", "/v1/apikeys", Some("{}")),
    ("GET", "/v1/apikeys", None),
    ("POST", "/admin/orgs", Some(r#"{"name":"x"}"#)),
    ("GET", "/admin/orgs", None),
    ("GET", "/openapi.json", None),
];

/// Makes one of [`CALLS`] with every secret in place.
fn call(api: &Api, index: usize, user: &TestUser) -> reqwest::RequestBuilder {
    let (method, path, body) = CALLS[index];
    let method: Method = method.parse().unwrap();
    let call = api.call(method, path).header("X-User-Secret", &user.secret);
    let call = call.header("X-New-User-Secret", "new secret");
    match body {
        Some(body) => call.header("Content-Type", "application/json").body(body),
        None => call,
    }
}

/// No call gets past the key, and nothing changes.
async fn is_unknown_everywhere(api: &Api, user: &TestUser) {
    for (index, (method, path, _)) in CALLS.iter().enumerate() {
        let answer = call(api, index, user).key(user).answer().await;
        assert_eq!(answer.status, 401, "{method} {path}");
        answer.is_problem(401, "api_key_invalid");
    }
}

#[tokio::test]
async fn without_a_valid_key_every_call_is_refused_alike() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    let (body, last) = user.key.split_at(user.key.len() - 1);
    let flipped = if last == "A" { "B" } else { "A" };
    let mut wrong_secret = other_key_with_id_of(&user.key);
    let mut unknown = other_key_with_id_of(&user.key);
    unknown.replace_range(4..12, "00000000");
    for key in [
        String::new(),
        "sgk_".to_owned(),
        format!("{body}{flipped}"),
        std::mem::take(&mut wrong_secret),
        unknown,
        user.key.to_ascii_lowercase(),
        format!("{} ", user.key).replace(' ', "A"),
        user.secret.clone(),
    ] {
        let stranger = TestUser {
            key,
            ..user.clone()
        };
        is_unknown_everywhere(&api, &stranger).await;
    }
    for (index, (method, path, _)) in CALLS.iter().enumerate() {
        let answer = call(&api, index, &user).answer().await;
        assert_eq!(answer.status, 401, "{method} {path} without a key");
    }
    assert_eq!(api.read_value(&user, "a").await, "value");
}

/// A well-formed API key with the public id of another one.
fn other_key_with_id_of(key: &str) -> String {
    use hardened_crypto::secret_format::{PresentedKey, SecretKind};
    use secrecy::ExposeSecret;
    let (_, other) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let other = other.expose_secret();
    let secret = &other[12..other.len() - 6];
    let body = format!("{}{secret}", &key[..12]);
    // The checksum is over everything in front of it: the first 36 bits of SHA-256.
    let hash = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    let checksum = super::api_support::base64(&hash.as_ref()[..6]);
    let checksum = checksum[..6].replace('+', "-").replace('/', "_");
    let made = format!("{body}{checksum}");
    assert!(PresentedKey::parse(SecretKind::ApiKey, made.as_bytes()).is_ok());
    made
}

#[tokio::test]
async fn the_same_name_is_another_value_for_every_user() {
    let api = Api::start().await;
    let a = api.org_with_keys("a").await;
    let colleague = api.add_user(&a.key, &a.org_id, "colleague", true).await;
    api.generate(&colleague).await;
    let b = api.org_with_keys("b").await;
    api.store_value(&a, "shared-name", "of a").await;
    for other in [&colleague, &b] {
        for (method, path) in [
            (Method::GET, "/v1/kv/shared-name"),
            (Method::DELETE, "/v1/kv/shared-name"),
            (Method::DELETE, "/v1/kv/shared-name?destroy=true"),
            (Method::POST, "/v1/kv/shared-name/undelete"),
        ] {
            let answer = api.call(method, path).both(other).answer().await;
            answer.is_problem(404, "not_found");
        }
        let names = api.get("/v1/kv").key(other).answer().await.json();
        assert_eq!(names, json!([]));
        api.store_value(other, "shared-name", "of another").await;
        let with_their_secret = TestUser {
            secret: a.secret.clone(),
            ..other.clone()
        };
        let read = api.get("/v1/kv/shared-name").both(&with_their_secret);
        read.answer().await.is_problem(401, "wrong_user_secret");
    }
    assert_eq!(api.read_value(&a, "shared-name").await, "of a");
}

#[tokio::test]
async fn root_reads_writes_and_lists_no_values() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    let root = TestUser {
        key: api.root.clone(),
        ..user.clone()
    };
    for (index, (method, path, _)) in CALLS.iter().enumerate() {
        if path.starts_with("/v1/") {
            let answer = call(&api, index, &user).key(&root).answer().await;
            assert_eq!(answer.status, 403, "{method} {path}");
            answer.is_problem(403, "forbidden");
        }
    }
    assert_eq!(api.read_value(&user, "a").await, "value");
}

async fn user_row(api: &Api, user: &TestUser) -> UserRow {
    let org_id = user.org_id.parse::<Uuid>().unwrap().into();
    let user_id = user.user_id.parse::<Uuid>().unwrap().into();
    api.store.user(org_id, user_id).await.unwrap().unwrap()
}

async fn key_row(api: &Api, user: &TestUser) -> ApiKeyRow {
    let id = KeyId::parse(&user.key[4..12]).unwrap();
    api.store.api_key(id).await.unwrap().unwrap().key
}

#[tokio::test]
async fn a_disabled_user_is_a_stranger_on_the_next_request() {
    let api = Api::start().await;
    let admin = api.org_with_keys("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", true).await;
    api.generate(&user).await;
    api.store_value(&user, "a", "value").await;
    let row = user_row(&api, &user).await;
    let expected_version = row.version;
    let row = api.integrity.sign(UserRow {
        disabled: true,
        version: expected_version + 1,
        ..row
    });
    let change = Change::ReplaceUser {
        expected_version,
        row,
    };
    api.store.commit(change.into()).await.unwrap();
    // Written past the server, which sees another writer once what it keeps is outdated.
    api.clock.advance(SNAPSHOT_LIFETIME);
    is_unknown_everywhere(&api, &user).await;
    let listed = api.get("/v1/users/org").key(&admin).answer().await.json();
    assert!(!listed.to_string().contains(&user.user_id));
    let path = format!("/admin/orgs/{}/users", admin.org_id);
    let listed = api.get(&path).key(&admin).answer().await.json();
    assert_eq!(listed[1]["disabled"], true);
}

#[tokio::test]
async fn a_key_is_a_stranger_from_the_millisecond_of_its_expiry() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    let row = key_row(&api, &user).await;
    let expected_version = row.version;
    let row = api.integrity.sign(ApiKeyRow {
        expires: Some(UtcMillis(START + 1_000)),
        version: expected_version + 1,
        ..row
    });
    let change = Change::ReplaceApiKey {
        expected_version,
        row,
    };
    api.store.commit(change.into()).await.unwrap();
    api.clock.advance(Duration::from_millis(999));
    assert_eq!(api.read_value(&user, "a").await, "value");
    api.clock.advance(Duration::from_millis(1));
    is_unknown_everywhere(&api, &user).await;
}
