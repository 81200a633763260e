//! Credentials over HTTP: made, listed, changed and erased, and their values never shown.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use vault_server::vault::limits::VaultLimits;

use super::api_support::{Api, Calls, TestUser, text};
use super::support::Answer;

pub(crate) const PASSPHRASE: &str = "my-master-passphrase";

pub(crate) fn with_passphrase(call: RequestBuilder, passphrase: &str) -> RequestBuilder {
    call.header("X-Proxy-Master-Key", passphrase)
}

/// Sends a call about credentials with a passphrase.
pub(crate) async fn send(
    api: &Api,
    user: &TestUser,
    (method, path): (&str, &str),
    passphrase: &str,
    body: &Value,
) -> Answer {
    let method: Method = method.parse().unwrap();
    let call = api.call(method, &format!("/v1/credentials{path}"));
    let call = with_passphrase(call.key(user), passphrase);
    call.json(body).answer().await
}

/// Makes a credential that must be accepted; returns its id.
pub(crate) async fn make(
    api: &Api,
    user: &TestUser,
    name: &str,
    host: &str,
    value: &str,
) -> String {
    let body = json!({"name": name, "hostPattern": host, "value": value});
    let made = send(api, user, ("POST", ""), PASSPHRASE, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json(), "credentialId")
}

#[tokio::test]
async fn a_credential_is_made_shown_without_its_value_and_erased() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let id = make(&api, &user, "stripe", "API.Stripe.com", "sk_live_value").await;
    let path = format!("/v1/credentials/{id}");
    let shown = api.get(&path).key(&user).answer().await;
    assert_eq!(shown.status, 200);
    let document = shown.json();
    assert_eq!(document["hostPattern"], "api.stripe.com");
    assert_eq!(document["header"], "authorization");
    assert_eq!(document["template"], "Bearer {{secret}}");
    assert_eq!(document["version"], 1);
    let listed = api.get("/v1/credentials").key(&user).answer().await;
    assert_eq!(listed.json(), json!([document]));
    assert!(!listed.body.contains("sk_live"));
    let other = api.org("b").await;
    for call in [api.get(&path), api.delete(&path)] {
        call.key(&other).answer().await.is_problem(404, "not_found");
    }
    assert_eq!(api.delete(&path).key(&user).answer().await.status, 204);
    let gone = api.get(&path).key(&user).answer().await;
    gone.is_problem(404, "not_found");
    assert_eq!(api.count("credential_versions"), 0);
}

#[tokio::test]
async fn what_cannot_be_a_credential_is_refused() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let good = json!({"name": "n", "hostPattern": "a.example", "value": "v"});
    for (field, value, code) in [
        (
            "hostPattern",
            json!("https://a.example"),
            "malformed_request",
        ),
        ("hostPattern", json!("*.com"), "malformed_request"),
        ("hostPattern", json!("contains:stripe"), "malformed_request"),
        ("header", json!("Host"), "malformed_request"),
        ("header", json!("X-Target-URL"), "malformed_request"),
        ("template", json!("Bearer"), "malformed_request"),
        ("value", json!(""), "malformed_request"),
        ("value", json!("a\r\nb"), "malformed_request"),
        ("value", json!("x".repeat(8_193)), "malformed_request"),
        ("name", json!(""), "malformed_request"),
        (
            "expiresUtc",
            json!("2020-01-01T00:00:00Z"),
            "expiry_in_past",
        ),
        (
            "expireUtc",
            json!("2030-01-01T00:00:00Z"),
            "malformed_request",
        ),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let refused = send(&api, &user, ("POST", ""), PASSPHRASE, &body).await;
        refused.is_problem(400, code);
    }
    let bare = api.post("/v1/credentials").key(&user).json(&good);
    bare.answer().await.is_problem(400, "keys_missing");
    let root = api.post("/v1/credentials").header("X-Api-Key", &api.root);
    let root = with_passphrase(root, PASSPHRASE).json(&good);
    root.answer().await.is_problem(403, "forbidden");
    assert_eq!(api.count("credentials"), 0);
    make(&api, &user, "n", "a.example", "v").await;
    let taken = send(&api, &user, ("POST", ""), PASSPHRASE, &good).await;
    taken.is_problem(409, "conflict");
}

#[tokio::test]
async fn changes_need_the_passphrase_where_the_seal_is_touched() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let id = make(&api, &user, "n", "a.example", "one").await;
    let (own, value) = (format!("/{id}"), format!("/{id}/value"));
    let two = json!({"value": "two"});
    let wrong = send(&api, &user, ("PUT", &value), "wrong", &two).await;
    wrong.is_problem(401, "wrong_passphrase");
    let put = send(&api, &user, ("PUT", &value), PASSPHRASE, &two).await;
    assert_eq!((put.status, &put.json()["version"]), (200, &json!(2)));

    let path = format!("/v1/credentials{own}");
    let patch = |body: Value| api.call(Method::PATCH, &path).key(&user).json(&body);
    let renamed = patch(json!({"name": "m", "expiresUtc": "2030-01-01T00:00:00Z"}));
    let renamed = renamed.answer().await.json();
    assert_eq!(
        (&renamed["name"], &renamed["version"]),
        (&json!("m"), &json!(2))
    );
    let moved = json!({"hostPattern": "b.example", "expiresUtc": null});
    let refused = patch(moved.clone()).answer().await;
    refused.is_problem(400, "missing_header");
    let wrong = send(&api, &user, ("PATCH", &own), "wrong", &moved).await;
    wrong.is_problem(401, "wrong_passphrase");
    let moved = send(&api, &user, ("PATCH", &own), PASSPHRASE, &moved)
        .await
        .json();
    assert_eq!(moved["hostPattern"], "b.example");
    assert_eq!(moved["version"], 3);
    assert!(moved.get("expiresUtc").is_none());

    let back = |version: u64| {
        let call = api.post(&format!("{path}/rollback")).key(&user);
        call.json(&json!({"version": version})).answer()
    };
    let first = back(1).await.json();
    assert_eq!(first["hostPattern"], "a.example");
    assert_eq!(first["version"], 1);
    back(4).await.is_problem(404, "not_found");
    let next = send(&api, &user, ("PUT", &value), PASSPHRASE, &two).await;
    assert_eq!(next.json()["version"], 4, "no number is given twice");
}

#[tokio::test]
async fn wrong_passphrases_are_bounded_for_each_owner_before_any_hash() {
    let api = Api::start_with(VaultLimits {
        wrong_secrets_max: 3,
        ..VaultLimits::default()
    })
    .await;
    let user = api.org_with_keys("a").await;
    let id = make(&api, &user, "n", "a.example", "one").await;
    let value = format!("/{id}/value");
    let body = json!({"value": "two"});
    for _ in 0..3 {
        let wrong = send(&api, &user, ("PUT", &value), "wrong", &body).await;
        wrong.is_problem(401, "wrong_passphrase");
    }
    let limited = send(&api, &user, ("PUT", &value), PASSPHRASE, &body).await;
    limited.is_problem(429, "too_many_attempts");
    assert_eq!(limited.header("retry-after"), Some("6"));
    // The user secret is counted apart.
    api.store_value(&user, "a", "value").await;
    assert_eq!(api.read_value(&user, "a").await, "value");
    api.clock.advance(std::time::Duration::from_secs(6));
    let right = send(&api, &user, ("PUT", &value), PASSPHRASE, &body).await;
    assert_eq!(right.status, 200);
}
