//! Stored credentials through the proxy: found by host, injected there, and nowhere else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::Response;
use serde_json::json;

use super::api_credentials::{PASSPHRASE, make, send, with_passphrase};
use super::api_support::{Api, Calls, START, TestUser};
use super::logged;
use super::support::Answer;
use super::upstream::TlsUpstream;

/// An HTTPS upstream that remembers what it was sent, and a server that may reach it.
struct Scene {
    api: Api,
    user: TestUser,
    upstream: TlsUpstream,
    /// `Authorization`, and whether any control header came along.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    async fn set() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let upstream = TlsUpstream::start(&["http/1.1"], move |request| {
            let headers = request.headers();
            let sent = headers
                .get("authorization")
                .map(|v| v.to_str().unwrap().to_owned());
            let kept = headers.keys().any(|name| {
                [
                    "x-proxy-master-key",
                    "x-credential-id",
                    "x-api-key",
                    "x-target-url",
                ]
                .contains(&name.as_str())
            });
            let line = format!("{} {kept}", sent.unwrap_or_default());
            noted.lock().unwrap().push(line);
            async { Response::new(Body::from("done")) }
        })
        .await;
        let api = Api::start_before(upstream.ca_file.clone()).await;
        let user = api.org("a").await;
        Self {
            api,
            user,
            upstream,
            seen,
        }
    }

    /// Calls the upstream as the documents show it.
    async fn call(&self, passphrase: Option<&str>, id: Option<&str>) -> Answer {
        self.call_url(&self.upstream.url("/v1/charges?a=b"), passphrase, id)
            .await
    }

    async fn call_url(&self, url: &str, passphrase: Option<&str>, id: Option<&str>) -> Answer {
        let mut call = self.api.post("/").header("X-MirApi-Key", &self.user.key);
        call = call.header("X-Target-URL", url);
        if let Some(passphrase) = passphrase {
            call = with_passphrase(call, passphrase);
        }
        if let Some(id) = id {
            call = call.header("X-Credential-ID", id);
        }
        call.json(&json!({"amount": 2000})).answer().await
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn is_ours(answer: &Answer, status: u16, code: &str) {
    answer.is_problem(status, code);
    assert_eq!(answer.header("x-sealgate-error"), Some(code), "{answer:?}");
}

#[tokio::test]
async fn the_credential_of_the_host_is_injected_and_follows_its_rotation() {
    let scene = Scene::set().await;
    let id = make(&scene.api, &scene.user, "n", "localhost", "sk_live_1").await;
    let answer = scene.call(Some(PASSPHRASE), None).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    assert_eq!(scene.seen(), ["Bearer sk_live_1 false"]);
    assert_eq!(scene.call(Some(PASSPHRASE), Some(&id)).await.status, 200);
    assert_eq!(scene.seen(), ["Bearer sk_live_1 false"]);
    let body = json!({"value": "sk_live_2"});
    let path = format!("/{id}/value");
    let put = send(&scene.api, &scene.user, ("PUT", &path), PASSPHRASE, &body).await;
    assert_eq!(put.status, 200);
    scene.call(Some(PASSPHRASE), None).await;
    assert_eq!(scene.seen(), ["Bearer sk_live_2 false"]);
}

#[tokio::test]
async fn the_narrowest_pattern_wins_and_a_tie_names_the_ids() {
    let scene = Scene::set().await;
    let (api, user) = (&scene.api, &scene.user);
    let wide = make(api, user, "wide", "localhost", "wide").await;
    let url = scene.upstream.url("/");
    let authority = url.strip_prefix("https://").unwrap().trim_end_matches('/');
    let narrow = make(api, user, "narrow", authority, "narrow").await;
    scene.call(Some(PASSPHRASE), None).await;
    assert_eq!(scene.seen(), ["Bearer narrow false"]);
    let twin = make(api, user, "twin", authority, "twin").await;
    let tie = scene.call(Some(PASSPHRASE), None).await;
    is_ours(&tie, 409, "credential_ambiguous");
    assert_eq!(tie.json()["ids"], json!([narrow, twin]));
    for (id, value) in [(&wide, "wide"), (&narrow, "narrow"), (&twin, "twin")] {
        scene.call(Some(PASSPHRASE), Some(id)).await;
        assert_eq!(scene.seen(), [format!("Bearer {value} false")]);
    }
}

#[tokio::test]
async fn whoever_may_not_gets_nothing_and_the_upstream_hears_nothing() {
    let scene = Scene::set().await;
    is_ours(
        &scene.call(Some(PASSPHRASE), None).await,
        404,
        "credential_not_found",
    );
    let id = make(&scene.api, &scene.user, "n", "localhost", "v").await;
    let elsewhere = make(&scene.api, &scene.user, "e", "api.example.com", "v").await;
    is_ours(
        &scene.call(Some("wrong"), None).await,
        401,
        "wrong_passphrase",
    );
    is_ours(&scene.call(None, Some(&id)).await, 400, "missing_header");
    is_ours(&scene.call(Some(""), None).await, 400, "missing_header");
    let other_host = scene.call(Some(PASSPHRASE), Some(&elsewhere)).await;
    is_ours(&other_host, 403, "forbidden");
    let unknown = uuid::Uuid::now_v7().to_string();
    let unknown = scene.call(Some(PASSPHRASE), Some(&unknown)).await;
    is_ours(&unknown, 404, "credential_not_found");
    for look_alike in [
        "https://localhost.evil.example/",
        "https://evil-localhost/",
        "https://evil.example/localhost",
        "https://evil.example/?localhost",
        "https://127.0.0.1/",
    ] {
        let answer = scene.call_url(look_alike, Some(PASSPHRASE), None).await;
        is_ours(&answer, 404, "credential_not_found");
        let named = scene
            .call_url(look_alike, Some(PASSPHRASE), Some(&id))
            .await;
        is_ours(&named, 403, "forbidden");
    }
    let stranger = scene.api.org("b").await;
    let call = scene.api.post("/").key(&stranger);
    let call = call.header("X-Target-URL", scene.upstream.url("/"));
    let call = with_passphrase(call, PASSPHRASE).header("X-Credential-ID", &id);
    is_ours(&call.answer().await, 404, "credential_not_found");
    assert_eq!(scene.seen(), [""; 0]);
}

#[tokio::test]
async fn an_expired_credential_is_none() {
    let scene = Scene::set().await;
    let expires = "2027-01-15T08:00:01Z";
    let body =
        json!({"name": "n", "hostPattern": "localhost", "value": "v", "expiresUtc": expires});
    let made = send(&scene.api, &scene.user, ("POST", ""), PASSPHRASE, &body).await;
    let id = made.json()["credentialId"].as_str().unwrap().to_owned();
    assert_eq!(scene.call(Some(PASSPHRASE), None).await.status, 200);
    scene.api.clock.advance(Duration::from_secs(1));
    for id in [None, Some(id.as_str())] {
        let answer = scene.call(Some(PASSPHRASE), id).await;
        is_ours(&answer, 404, "credential_not_found");
    }
    scene.api.clock.set_utc(START);
    assert_eq!(scene.call(Some(PASSPHRASE), None).await.status, 200);
}

#[tokio::test]
async fn whoever_edits_the_database_gets_no_injection() {
    for sql in [
        "UPDATE credentials SET host_pattern = 'evil.example' WHERE name = 'one'",
        "UPDATE credentials SET header = 'x-other' WHERE name = 'one'",
        "UPDATE credentials SET template = '{{secret}}' WHERE name = 'one'",
        "UPDATE credentials SET expires = 4000000000000 WHERE name = 'one'",
        "UPDATE credentials SET protection = \
         (SELECT protection FROM credentials WHERE name = 'two') WHERE name = 'one'",
        "UPDATE credential_versions SET host_pattern = 'evil.example'",
        "UPDATE credential_versions SET template = '{{secret}}'",
        "UPDATE credential_versions SET sealed = zeroblob(80)",
        "UPDATE credential_versions SET (sealed, mac) = (SELECT sealed, mac FROM \
         credential_versions WHERE record_id = (SELECT record_id FROM credentials \
         WHERE name = 'two')) WHERE record_id = (SELECT record_id FROM credentials \
         WHERE name = 'one')",
        "UPDATE credential_versions SET mac = zeroblob(32)",
    ] {
        let mut scene = Scene::set().await;
        let id = make(&scene.api, &scene.user, "one", "localhost", "v").await;
        make(&scene.api, &scene.user, "two", "api.example.com", "w").await;
        let edit = |db: &rusqlite::Connection| {
            db.execute_batch("PRAGMA ignore_check_constraints = ON")
                .unwrap();
            assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
        };
        scene.api = scene.api.restart(edit).await;
        for named in [None, Some(id.as_str())] {
            let answer = scene.call(Some(PASSPHRASE), named).await;
            assert_eq!(answer.status, 400, "{sql}: {answer:?}");
            is_ours(&answer, 400, "tampered");
        }
        assert_eq!(scene.seen(), [""; 0], "{sql}");
    }
}

#[tokio::test]
async fn planted_values_and_passphrases_are_found_nowhere() {
    const VALUE: &str = "pl4nted-credential-value";
    const PHRASE: &str = "pl4nted-passphrase";
    let lines = logged::lines();
    let mut scene = Scene::set().await;
    let body = json!({"name": "n", "hostPattern": "localhost", "value": VALUE});
    let mut answers = vec![send(&scene.api, &scene.user, ("POST", ""), PHRASE, &body).await];
    answers.push(scene.call(Some(PHRASE), None).await);
    assert_eq!(scene.seen(), [format!("Bearer {VALUE} false")]);
    answers.push(scene.call(Some("pl4nted-wrong"), None).await);
    answers.push(send(&scene.api, &scene.user, ("POST", ""), PHRASE, &body).await);
    let broken = json!({"name": "m", "hostPattern": "localhost", "value": format!("{VALUE}\n")});
    answers.push(send(&scene.api, &scene.user, ("POST", ""), PHRASE, &broken).await);
    answers.push(
        scene
            .api
            .get("/v1/credentials")
            .key(&scene.user)
            .answer()
            .await,
    );
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 200, 401, 409, 400, 200]);
    for answer in &answers {
        assert!(!format!("{answer:?}").contains("pl4nted"), "{answer:?}");
    }
    scene.api = scene.api.restart(|_| ()).await;
    let log = lines.text();
    assert!(log.contains("/v1/credentials"), "something is logged");
    assert!(!log.contains("pl4nted"), "in the log");
    let stored = std::fs::read(scene.api.database()).unwrap();
    assert!(stored.len() > 50_000, "the file was read");
    assert!(
        !stored.windows(7).any(|bytes| bytes == b"pl4nted"),
        "in the database"
    );
}

#[tokio::test]
async fn explain_says_which_credential_and_needs_no_passphrase() {
    let scene = Scene::set().await;
    let (api, user) = (&scene.api, &scene.user);
    let explain = |url: &str, method: &str| {
        let call = api.post("/v1/proxy/explain").key(user);
        call.json(&json!({"url": url, "method": method})).answer()
    };
    let url = "https://API.example.com/v1?secret=pl4ce";
    let none = explain(url, "GET").await;
    assert_eq!(none.status, 200, "{none:?}");
    assert_eq!(none.json()["outcome"], "credential_not_found");
    assert_eq!(none.json()["host"], "api.example.com");
    assert_eq!(none.json()["port"], 443);
    assert!(!none.body.contains("pl4ce"));
    let wide = make(api, user, "wide", "*.example.com", "hidden").await;
    let wide_only = explain(url, "POST").await.json();
    assert_eq!(wide_only["outcome"], "inject");
    assert_eq!(wide_only["credential"]["credentialId"], wide);
    let narrow = make(api, user, "narrow", "api.example.com", "hidden").await;
    let both = explain(url, "POST").await;
    assert_eq!(both.json()["credential"]["credentialId"], narrow);
    assert_eq!(both.json()["matching"].as_array().unwrap().len(), 2);
    assert!(!both.body.contains("hidden"));
    make(api, user, "twin", "api.example.com", "hidden").await;
    let tie = explain(url, "POST").await.json();
    assert_eq!(tie["outcome"], "credential_ambiguous");
    assert!(tie.get("credential").is_none());
    for (url, method, status, code) in [
        ("https://u@api.example.com/", "GET", 400, "target_invalid"),
        ("http://api.example.com/", "GET", 403, "target_forbidden"),
        (url, "TRACE", 405, "method_not_allowed"),
        (url, "G T", 400, "malformed_request"),
    ] {
        explain(url, method).await.is_problem(status, code);
    }
    let stranger = api.org("b").await;
    let call = api.post("/v1/proxy/explain").key(&stranger);
    let call = call.json(&json!({"url": url, "method": "GET"}));
    assert_eq!(
        call.answer().await.json()["outcome"],
        "credential_not_found"
    );
}
