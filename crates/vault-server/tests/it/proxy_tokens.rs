//! Access tokens and the base-URL door: what SDKs send, what upstreams see, and what is refused.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::api_credentials::{PASSPHRASE, make, send, with_passphrase};
use super::api_support::{Api, Calls, TestUser, base64};
use super::api_tokens::token;
use super::support::{Answer, KEY_A, TestServer, read_to_end};
use super::upstream::{RawUpstream, TlsUpstream, read_head};

/// An HTTPS upstream that remembers every request, and a server that may reach it.
struct Scene {
    api: Api,
    user: TestUser,
    upstream: TlsUpstream,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    async fn set() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let upstream = TlsUpstream::start(&["http/1.1"], move |request| {
            let headers = request.headers().iter();
            let headers = headers.map(|(name, value)| {
                format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
            });
            let headers: Vec<String> = headers.collect();
            let path = request.uri().path_and_query().unwrap();
            let line = format!("{} {path}\n{}", request.method(), headers.join("\n"));
            noted.lock().unwrap().push(line);
            async { Response::new(Body::from("done")) }
        })
        .await;
        let api = Api::start_before(upstream.ca_file.clone()).await;
        let user = api.org_with_keys("a").await;
        Self {
            api,
            user,
            upstream,
            seen,
        }
    }

    fn authority(&self) -> String {
        let url = self.upstream.url("/");
        let rest = url.strip_prefix("https://").unwrap();
        rest.trim_end_matches('/').to_owned()
    }

    /// A base URL as it is given to an SDK, with a path.
    fn to(&self, path: &str) -> String {
        format!("/to/{}{path}", self.authority())
    }

    async fn credential(&self, name: &str, pattern: &str, value: &str) -> String {
        make(&self.api, &self.user, name, pattern, value).await
    }

    async fn token(&self, scope: Value) -> String {
        token(&self.api, &self.user, scope).await.0
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        self.api.get(path).bearer_auth(token).answer().await
    }

    /// Sends a request line as it stands, which no client library would.
    async fn raw(&self, token: &str, method: &str, path: &str) -> Answer {
        let mut stream = TcpStream::connect(self.api.address).await.unwrap();
        let head = request(token, method, path, "close");
        stream.write_all(head.as_bytes()).await.unwrap();
        Answer::parse(&read_to_end(&mut stream).await)
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn request(token: &str, method: &str, path: &str, connection: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: {connection}\r\n\r\n"
    )
}

fn is_ours(answer: &Answer, status: u16, code: &str) {
    answer.is_problem(status, code);
    assert_eq!(answer.header("x-sealgate-error"), Some(code), "{answer:?}");
}

#[tokio::test]
async fn sdks_send_the_token_as_their_key_and_the_upstream_sees_the_credential_alone() {
    let scene = Scene::set().await;
    let id = scene.credential("n", "localhost", "sk_live_1").await;
    let token = scene.token(json!({"credentials": [id]})).await;
    let basic = |pair: String| format!("Basic {}", base64(pair.as_bytes()));
    for (name, value) in [
        ("Authorization", format!("Bearer {token}")),
        ("Authorization", basic(format!("{token}:"))),
        ("Authorization", basic(format!("u:{token}"))),
        ("X-Api-Key", token.clone()),
        ("Api-Key", token.clone()),
        ("X-Goog-Api-Key", token.clone()),
        ("Proxy-Authorization", format!("Bearer {token}")),
    ] {
        let call = scene.api.post(&scene.to("/v1/charges?expand=a%20b"));
        let call = call.header(name, &value).header("Stripe-Version", "2024");
        let answer = call.body("amount=1").answer().await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "done"),
            "{name}"
        );
        let seen = scene.seen().join("");
        assert!(
            seen.starts_with("POST /v1/charges?expand=a%20b\n"),
            "{seen}"
        );
        assert_eq!(seen.matches("authorization: Bearer sk_live_1").count(), 1);
        assert!(seen.contains("stripe-version: 2024"), "{seen}");
        assert!(seen.contains(&format!("host: {}", scene.authority())));
        for ours in ["sgt_", &base64(token.as_bytes())[..40], "x-api-key"] {
            assert!(!seen.contains(ours), "{name}: {seen}");
        }
    }
    // Some upstreams would take another method or path than the one that was judged.
    for name in [
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Destination",
        "X-Amz-Copy-Source",
        "X-Ms-Copy-Source",
    ] {
        let call = scene.api.post(&scene.to("/v1/charges")).bearer_auth(&token);
        let refused = call.header(name, "DELETE").answer().await;
        is_ours(&refused, 403, "out_of_scope");
        assert!(scene.seen().is_empty(), "{name}");
    }
    for query in [
        "_method=DELETE",
        "a=1&%5fmethod=PUT",
        "a;_method",
        ".method=PUT",
    ] {
        let refused = scene
            .raw(&token, "POST", &scene.to(&format!("/v1/x?{query}")))
            .await;
        is_ours(&refused, 403, "out_of_scope");
        assert!(scene.seen().is_empty(), "{query}");
    }
    for innocent in ["/_method", "/?method=1&a_method=2", "/?a=_method"] {
        let sent = scene.raw(&token, "POST", &scene.to(innocent)).await;
        assert_eq!(sent.status, 200, "{innocent}: {sent:?}");
        assert_eq!(scene.seen().len(), 1);
    }
    // The explicit door takes it as well.
    let url = scene.upstream.url("/v1/a");
    let call = scene.api.get("/").header("X-Target-URL", url);
    assert_eq!(call.bearer_auth(&token).answer().await.status, 200);
    assert!(scene.seen().join("").contains("Bearer sk_live_1"));
}

#[tokio::test]
async fn path_and_query_arrive_byte_for_byte() {
    let scene = Scene::set().await;
    let id = scene.credential("n", "localhost", "sk_live_1").await;
    let token = scene.token(json!({"credentials": [id]})).await;
    for path in [
        "/",
        "//v1//a/",
        "/a%2Fb/%2e%2e/../c/./d",
        "/a;b=1?c=%20&d=/to/x&&e",
        "/?",
    ] {
        let answer = scene.raw(&token, "PROPFIND", &scene.to(path)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let seen = scene.seen().join("");
        assert!(
            seen.starts_with(&format!("PROPFIND {path}\n")),
            "{path}: {seen}"
        );
    }
    assert_eq!(scene.raw(&token, "GET", &scene.to("")).await.status, 200);
    assert!(scene.seen().join("").starts_with("GET /\n"));
}

#[tokio::test]
async fn outside_the_scope_nothing_is_opened_and_the_upstream_hears_nothing() {
    let scene = Scene::set().await;
    let authority = scene.authority();
    let id = scene.credential("n", "localhost", "sk_live_1").await;
    let scope = json!({
        "credentials": [id], "hosts": [authority], "methods": ["GET"], "paths": ["/v1/charges"],
    });
    let token = scene.token(scope).await;
    for path in ["/v1/charges", "/v1/charges/a%2Fb?x=../..", "/v1/%63harges/"] {
        let answer = scene.raw(&token, "GET", &scene.to(path)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    assert_eq!(scene.seen().len(), 3);
    for method in ["POST", "HEAD", "DELETE", "get"] {
        let answer = scene.raw(&token, method, &scene.to("/v1/charges")).await;
        assert_eq!(answer.status, 403, "{method}");
    }
    for path in [
        "/",
        "/v1/payouts",
        "/v1/charges/../payouts",
        "/v1/charges/%2e%2e/payouts",
        "/v1/charges/.%2E/payouts",
        "/v1/charges/%252e%252e/payouts",
        "/v1/charges/..%2Fpayouts",
        "/v1/charges/a%5C..%5C..%5Cpayouts",
        "/v1/charges/..;/payouts",
        "/v1/charges//payouts",
        "//v1/charges",
        "/v1%2Fcharges",
        "/v1/chargesX",
        "/v1/charges/%00",
    ] {
        let answer = scene.raw(&token, "GET", &scene.to(path)).await;
        is_ours(&answer, 403, "out_of_scope");
    }
    let backslash = scene
        .raw(&token, "GET", &scene.to("/v1/charges/..\\x"))
        .await;
    assert_eq!(backslash.status, 400, "{backslash:?}");
    for host in [
        "localhost",
        "localhost:1",
        "localhost.evil.example",
        "evil-localhost",
        "127.0.0.1",
        "[::1]",
        "api.example.com",
    ] {
        let path = format!("/to/{host}/v1/charges");
        is_ours(&scene.raw(&token, "GET", &path).await, 403, "out_of_scope");
    }
    for host in [
        "localhost.",
        "user@localhost",
        "localhost%2Ex",
        "LOCALHOST%00",
    ] {
        let path = format!("/to/{host}/v1/charges");
        is_ours(
            &scene.raw(&token, "GET", &path).await,
            400,
            "target_invalid",
        );
    }
    let both = scene.api.get(&scene.to("/v1/charges")).bearer_auth(&token);
    let both = both.header("X-Target-URL", scene.upstream.url("/v1/charges"));
    is_ours(&both.answer().await, 400, "target_invalid");
    assert_eq!(scene.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn only_granted_credentials_are_injected_and_a_tie_names_the_ids() {
    let scene = Scene::set().await;
    let authority = scene.authority();
    let wide = scene.credential("wide", "localhost", "sk_wide").await;
    let narrow = scene.credential("narrow", &authority, "sk_narrow").await;
    let twin = scene.credential("twin", &authority, "sk_twin").await;
    let elsewhere = scene.credential("e", "api.example.com", "sk_else").await;
    let check = |token: String, named: Option<String>| {
        let mut call = scene.api.get(&scene.to("/")).bearer_auth(token);
        if let Some(id) = named {
            call = call.header("X-Credential-ID", id);
        }
        call.answer()
    };
    let one = scene.token(json!({"credentials": [wide, elsewhere]})).await;
    assert_eq!(check(one.clone(), None).await.status, 200);
    assert!(scene.seen().join("").contains("Bearer sk_wide"));
    let ungranted = check(one.clone(), Some(narrow.clone())).await;
    is_ours(&ungranted, 404, "credential_not_found");
    let other_host = check(one.clone(), Some(elsewhere.clone())).await;
    is_ours(&other_host, 403, "forbidden");
    let two = scene.token(json!({"credentials": [wide, narrow]})).await;
    assert_eq!(check(two, None).await.status, 200);
    assert!(scene.seen().join("").contains("Bearer sk_narrow"));
    let three = scene
        .token(json!({"credentials": [wide, narrow, twin]}))
        .await;
    let tie = check(three.clone(), None).await;
    is_ours(&tie, 409, "credential_ambiguous");
    assert_eq!(tie.json()["ids"], json!([narrow, twin]));
    assert_eq!(check(three, Some(twin)).await.status, 200);
    assert!(scene.seen().join("").contains("Bearer sk_twin"));
    let none = scene.token(json!({"kv": ["a"]})).await;
    is_ours(&check(none, None).await, 403, "out_of_scope");
    for (name, value) in [
        ("X-Identity-Key", "Bearer x"),
        ("X-Proxy-Master-Key", PASSPHRASE),
    ] {
        let call = scene.api.get(&scene.to("/")).bearer_auth(&one);
        let refused = call.header(name, value).answer().await;
        is_ours(&refused, 400, "two_credentials");
    }
    assert_eq!(scene.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_follows_the_rotation_of_a_value_and_narrows_a_pattern_that_was_widened() {
    let scene = Scene::set().await;
    let id = scene.credential("n", &scene.authority(), "sk_live_1").await;
    let token = scene.token(json!({"credentials": [id]})).await;
    assert_eq!(scene.get(&token, &scene.to("/")).await.status, 200);
    assert!(scene.seen().join("").contains("Bearer sk_live_1"));
    let (api, user) = (&scene.api, &scene.user);
    let path = format!("/{id}/value");
    let put = send(
        api,
        user,
        ("PUT", &path),
        PASSPHRASE,
        &json!({"value": "sk_live_2"}),
    )
    .await;
    assert_eq!(put.status, 200);
    assert_eq!(scene.get(&token, &scene.to("/")).await.status, 200);
    assert!(scene.seen().join("").contains("Bearer sk_live_2"));
    let wider = json!({"hostPattern": "localhost"});
    let patched = send(api, user, ("PATCH", &format!("/{id}")), PASSPHRASE, &wider).await;
    assert_eq!(patched.status, 200);
    assert_eq!(scene.get(&token, &scene.to("/")).await.status, 200);
    let beyond = scene.get(&token, "/to/localhost:1/").await;
    is_ours(&beyond, 403, "out_of_scope");
    let gone = api
        .delete(&format!("/v1/credentials/{id}"))
        .key(user)
        .answer()
        .await;
    assert_eq!(gone.status, 204);
    let gone = scene.get(&token, &scene.to("/")).await;
    is_ours(&gone, 404, "credential_not_found");
}

#[tokio::test]
async fn a_revoked_token_is_unknown_on_the_next_request_of_a_live_connection() {
    let scene = Scene::set().await;
    let id = scene.credential("n", "localhost", "sk_live_1").await;
    let scope = json!({"credentials": [id]});
    let (token, token_id) = token(&scene.api, &scene.user, scope).await;
    let mut stream = TcpStream::connect(scene.api.address).await.unwrap();
    let call = request(&token, "GET", &scene.to("/"), "keep-alive");
    stream.write_all(call.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut body = vec![0; 64];
    let mut read = String::new();
    while !read.contains("done") {
        let count = stream.read(&mut body).await.unwrap();
        read.push_str(&String::from_utf8_lossy(&body[..count]));
    }
    // The end of a chunked body, if there is more of it.
    let path = format!("/v1/tokens/{token_id}");
    let ended = scene.api.delete(&path).key(&scene.user).answer().await;
    assert_eq!(ended.status, 204);
    scene.seen();
    let call = request(&token, "GET", &scene.to("/"), "close");
    stream.write_all(call.as_bytes()).await.unwrap();
    let rest = read_to_end(&mut stream).await;
    assert!(rest.contains("HTTP/1.1 401 "), "{rest}");
    assert!(rest.contains("x-sealgate-error: api_key_invalid"), "{rest}");
    assert_eq!(scene.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn an_api_key_takes_the_base_url_like_the_explicit_door() {
    let scene = Scene::set().await;
    scene.credential("n", "localhost", "sk_live_1").await;
    let call = scene.api.get(&scene.to("/v1/a")).key(&scene.user);
    let answer = with_passphrase(call, PASSPHRASE).answer().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(scene.seen().join("").contains("Bearer sk_live_1"));
    let call = scene.api.get(&scene.to("/v1/a")).key(&scene.user);
    let identity = call.header("X-Identity-Key", "Bearer own").answer().await;
    assert_eq!(identity.status, 200);
    assert!(scene.seen().join("").contains("Bearer own"));
    let keyless = scene.api.get(&scene.to("/v1/a")).answer().await;
    is_ours(&keyless, 401, "api_key_invalid");
}

#[tokio::test]
async fn a_websocket_and_plain_http_where_it_is_listed() {
    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let (seen, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let upstream = RawUpstream::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            let _ = seen.send(read_head(&mut stream).await);
            stream.write_all(SWITCH.as_bytes()).await.unwrap();
            let (mut reading, mut writing) = stream.split();
            let _ = tokio::io::copy(&mut reading, &mut writing).await;
        }
    })
    .await;
    let server = TestServer::start(|config| {
        config.egress.http_hosts.push("127.0.0.1".to_owned());
    })
    .await;
    let mut client = server.connect().await;
    let handshake = format!(
        "GET /to/{}/chat?room=1 HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Identity-Key: Bearer sk_live_socket\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        upstream.address
    );
    client.write_all(handshake.as_bytes()).await.unwrap();
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let sent = heads.recv().await.unwrap().to_ascii_lowercase();
    assert!(sent.starts_with("get /chat?room=1 http/1.1\r\n"), "{sent}");
    assert!(sent.contains("authorization: bearer sk_live_socket"));
    client.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    client.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hello");
}
