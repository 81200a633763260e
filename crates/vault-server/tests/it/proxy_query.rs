//! Credentials in a query parameter, and host patterns that the operator must enable.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use credential_injector::SubstringPatterns;
use http::Response;
use serde_json::json;
use vault_server::vault::limits::VaultLimits;

use super::api_credentials::{PASSPHRASE, make, send, with_passphrase};
use super::api_support::{Api, Calls, TestUser, text};
use super::logged;
use super::support::Answer;
use super::upstream::TlsUpstream;

const SECRET: &str = "canary+query/secret=";
const ENCODED: &str = "canary%2Bquery%2Fsecret%3D";

/// An upstream that answers with what it was sent, and remembers it.
async fn echo(alpn: &[&str]) -> (TlsUpstream, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let upstream = TlsUpstream::start(alpn, move |request| {
        let sent = request.uri().path_and_query().unwrap().as_str().to_owned();
        let header = request.headers().get("authorization");
        let header = header.map_or("", |value| value.to_str().unwrap());
        noted.lock().unwrap().push(format!("{sent} {header}"));
        let location = format!("/again{sent}");
        async move {
            let mut answer = Response::new(Body::from(format!("you sent {sent} {SECRET}")));
            let location = location.parse().unwrap();
            answer.headers_mut().insert("location", location);
            answer
        }
    })
    .await;
    (upstream, seen)
}

async fn call(api: &Api, user: &TestUser, url: &str) -> Answer {
    let call = api.get("/").key(user).header("X-Target-URL", url);
    with_passphrase(call, PASSPHRASE).answer().await
}

#[tokio::test]
async fn the_value_replaces_the_clients_own_parameter_and_is_shown_to_nobody() {
    for alpn in ["http/1.1", "h2"] {
        let (upstream, seen) = echo(&[alpn]).await;
        let api = Api::start_before(upstream.ca_file.clone()).await;
        let user = api.org("a").await;
        let lines = logged::lines();
        let body = json!({"name": "q", "hostPattern": "localhost", "value": SECRET, "queryParameter": "api_key"});
        let made = send(&api, &user, ("POST", ""), PASSPHRASE, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        assert_eq!(made["queryParameter"], "api_key");
        assert_eq!(made["template"], "{{secret}}");
        assert!(made.get("header").is_none());

        let url = upstream.url("/v1%2Fx?a=%2f&api%5Fkey=mine&&b=1&api_key=mine");
        let answer = call(&api, &user, &url).await;
        assert_eq!(answer.status, 200);
        let sent = format!("/v1%2Fx?a=%2f&api_key={ENCODED}&&b=1 ");
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [sent]);
        let shown = format!("{answer:?}");
        for secret in [SECRET, ENCODED] {
            assert!(!shown.contains(secret), "{shown}");
            assert!(!lines.text().contains(secret));
        }
        let stars = "*".repeat(ENCODED.len());
        let location = format!("/again/v1%2Fx?a=%2f&api_key={stars}&&b=1");
        assert_eq!(answer.header("location"), Some(location.as_str()));

        // To a header and back: each a new version, at the place it was sealed for.
        let path = format!("/{}", text(&made, "credentialId"));
        let patch = json!({"header": "Authorization", "template": "Bearer {{secret}}"});
        let patched = send(&api, &user, ("PATCH", &path), PASSPHRASE, &patch).await;
        assert_eq!(patched.json()["header"], "authorization");
        assert_eq!(call(&api, &user, &upstream.url("/?b=1")).await.status, 200);
        let sent = format!("/?b=1 Bearer {SECRET}");
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [sent]);
        let back = json!({"version": 1});
        let rolled = format!("{path}/rollback");
        let rolled = send(&api, &user, ("POST", &rolled), PASSPHRASE, &back).await;
        assert_eq!(rolled.json()["queryParameter"], "api_key");
        call(&api, &user, &upstream.url("/")).await;
        let sent = format!("/?api_key={ENCODED} ");
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [sent]);
    }
}

#[tokio::test]
async fn an_edited_parameter_opens_nothing() {
    let (upstream, seen) = echo(&["http/1.1"]).await;
    let api = Api::start_before(upstream.ca_file.clone()).await;
    let user = api.org("a").await;
    let body = json!({"name": "q", "hostPattern": "localhost", "value": SECRET, "queryParameter": "api_key"});
    let made = send(&api, &user, ("POST", ""), PASSPHRASE, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let api = api
        .restart(|database| {
            for table in ["credentials", "credential_versions"] {
                let edit = format!("UPDATE {table} SET header = '?callback'");
                assert_eq!(database.execute(&edit, []).unwrap(), 1);
            }
        })
        .await;
    let answer = call(&api, &user, &upstream.url("/")).await;
    answer.is_problem(400, "tampered");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_parameter_and_a_header_exclude_each_other() {
    let api = Api::start().await;
    let user = api.org("a").await;
    for wrong in [
        json!({"header": "Authorization", "queryParameter": "k"}),
        json!({"header": "?k"}),
        json!({"queryParameter": ""}),
        json!({"queryParameter": "a b"}),
        json!({"queryParameter": "a&b"}),
        json!({"queryParameter": "%61"}),
    ] {
        let mut body = json!({"name": "n", "hostPattern": "a.example", "value": "v"});
        let fields = wrong.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let refused = send(&api, &user, ("POST", ""), PASSPHRASE, &body).await;
        refused.is_problem(400, "malformed_request");
    }
    assert_eq!(api.count("credentials"), 0);
}

#[tokio::test]
async fn contains_patterns_need_the_operators_switch_at_creation_and_at_use() {
    let (upstream, seen) = echo(&["http/1.1"]).await;
    let limits = VaultLimits {
        substring_patterns: SubstringPatterns::AllowedByOperator,
        ..VaultLimits::default()
    };
    let mut api = Api::start_both(limits, upstream.ca_file.clone()).await;
    let user = api.org("a").await;
    let id = make(&api, &user, "c", "contains:calhos", "sk_contains").await;
    assert_eq!(call(&api, &user, &upstream.url("/")).await.status, 200);
    assert_eq!(seen.lock().unwrap().len(), 1);
    // An address has no name to look into, and a name has to be long enough.
    let address = upstream.url("/").replace("localhost", "127.0.0.1");
    let refused = call(&api, &user, &address).await;
    refused.is_problem(404, "credential_not_found");
    let short = json!({"name": "s", "hostPattern": "contains:ab", "value": "v"});
    let refused = send(&api, &user, ("POST", ""), PASSPHRASE, &short).await;
    refused.is_problem(400, "malformed_request");

    // The same database, the switch off.
    api.limits = VaultLimits::default();
    let api = api.restart(|_| {}).await;
    let off = json!({"name": "o", "hostPattern": "contains:calhos", "value": "v"});
    let refused = send(&api, &user, ("POST", ""), PASSPHRASE, &off).await;
    refused.is_problem(400, "malformed_request");
    let unused = call(&api, &user, &upstream.url("/")).await;
    unused.is_problem(404, "credential_not_found");
    let named = api
        .get("/")
        .key(&user)
        .header("X-Target-URL", upstream.url("/"));
    let named = with_passphrase(named, PASSPHRASE).header("X-Credential-ID", &id);
    named.answer().await.is_problem(403, "forbidden");
    assert_eq!(seen.lock().unwrap().len(), 1);
}
