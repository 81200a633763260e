//! Planted credentials, tokens, keys and secrets of proxied calls: each is where it belongs, in the
//! one request it is for and there in its one place, and in nothing else that anybody sees or keeps.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::api_credentials::with_passphrase;
use super::api_support::{Api, Calls, TestUser, base64, text};
use super::logged;
use super::support::{Answer, read_to_end};
use super::upstream::TlsUpstream;

/// Part of every planted secret that the test makes up, and of nothing else.
const MARK: &str = "c4n4ry";
const PASSPHRASE: &str = "c4n4ry-passphrase-of-alice";

/// What an upstream was sent.
#[derive(Clone, Default)]
struct Sent {
    uri: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Sent {
    fn all(&self) -> String {
        let headers = self.headers.iter();
        let headers: String = headers.map(|(n, v)| format!("{n}: {v}\n")).collect();
        format!("{}\n{headers}\n{}", self.uri, self.body)
    }
}

struct Scene {
    api: Api,
    alice: TestUser,
    bob: TestUser,
    upstream: TlsUpstream,
    seen: Arc<Mutex<Vec<Sent>>>,
    /// Bodies and headers of answers that are errors.
    errors: Mutex<Vec<String>>,
}

/// A credential, where it stands in a request, and what it is there.
struct Planted {
    id: String,
    host: &'static str,
    place: Place,
    text: String,
    under_passphrase: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Header(&'static str),
    Query,
}

impl Scene {
    async fn set() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let upstream =
            TlsUpstream::start(&["h2", "http/1.1"], move |request: Request<Incoming>| {
                let noted = Arc::clone(&noted);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap();
                    let trailers = format!("{:?}", body.trailers());
                    let value =
                        |v: &http::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
                    let headers = head.headers.iter();
                    noted.lock().unwrap().push(Sent {
                        uri: head.uri.path_and_query().unwrap().to_string(),
                        headers: headers.map(|(n, v)| (n.to_string(), value(v))).collect(),
                        body: String::from_utf8_lossy(&body.to_bytes()).into_owned() + &trailers,
                    });
                    // Says everything again.
                    let echo = noted.lock().unwrap().last().unwrap().all();
                    Response::builder()
                        .header("x-echo", echo.replace('\n', " "))
                        .body(Body::from(echo))
                        .unwrap()
                }
            })
            .await;
        let api = Api::start_before(upstream.ca_file.clone()).await;
        let alice = api.org_with_keys("a").await;
        let bob = api.add_user(&alice.key, &alice.org_id, "bob", false).await;
        api.generate(&bob).await;
        Self {
            api,
            alice,
            bob,
            upstream,
            seen,
            errors: Mutex::new(Vec::new()),
        }
    }

    /// Keeps what an error says, and looks for planted text in every answer.
    async fn answer(&self, call: RequestBuilder) -> Answer {
        let answer = call.answer().await;
        let all = format!("{:?} {}", answer.headers, answer.body);
        assert!(!all.contains(MARK), "{all}");
        if answer.status >= 400 {
            self.errors.lock().unwrap().push(all);
        }
        answer
    }

    async fn plant(
        &self,
        what: &str,
        place: Place,
        template: &str,
        under_passphrase: bool,
    ) -> Planted {
        let value = format!("{MARK}:{what}");
        let mut body = json!({
            "name": what, "hostPattern": "localhost", "value": value, "template": template,
        });
        match place {
            Place::Header(name) => body["header"] = json!(name),
            Place::Query => body["queryParameter"] = json!("api_key"),
        }
        let call = self
            .api
            .post("/v1/credentials")
            .key(&self.alice)
            .json(&body);
        let call = match under_passphrase {
            true => with_passphrase(call, PASSPHRASE),
            false => call,
        };
        let made = self.answer(call).await;
        assert_eq!(made.status, 201, "{made:?}");
        let filled = match template.contains("base64") {
            true => template.replace("{{secret|base64}}", &base64(value.as_bytes())),
            false => template.replace("{{secret}}", &value),
        };
        let text = match place {
            Place::Header(_) => filled,
            Place::Query => format!("api_key={}", filled.replace(':', "%3A")),
        };
        Planted {
            id: text_of(&made.json(), "credentialId"),
            host: "localhost",
            place,
            text,
            under_passphrase,
        }
    }

    async fn token(&self, user: &TestUser, id: &str) -> String {
        let body = json!({"ttlSeconds": 3_600, "credentials": [id]});
        let call = with_passphrase(self.api.post("/v1/tokens").both(user), PASSPHRASE);
        let made = call.json(&body).answer().await;
        assert_eq!(made.status, 201, "{made:?}");
        text_of(&made.json(), "token")
    }

    /// What the upstream was sent by the last call, and nothing else.
    fn only(&self) -> Sent {
        let mut seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), 1);
        seen.pop().unwrap()
    }
}

fn text_of(document: &Value, field: &str) -> String {
    text(document, field)
}

/// The credential stands in its place, once, and no other secret anywhere.
fn check(sent: &Sent, planted: &Planted, secrets: &[String]) {
    match planted.place {
        Place::Header(name) => {
            let found = sent.headers.iter().filter(|(n, _)| n == name);
            let found: Vec<_> = found.map(|(_, v)| v.as_str()).collect();
            assert_eq!(found, [planted.text.as_str()]);
        }
        Place::Query => assert!(
            sent.uri.ends_with(&format!("&{}", planted.text)),
            "{}",
            sent.uri
        ),
    }
    let all = sent.all();
    assert_eq!(all.matches(planted.text.as_str()).count(), 1, "{all}");
    let rest = all.replacen(&planted.text, "", 1);
    for secret in secrets {
        assert!(!rest.contains(secret), "{secret}: {rest}");
    }
}

#[tokio::test]
async fn a_planted_secret_is_in_its_place_and_nowhere_else() {
    let lines = logged::lines();
    let scene = Scene::set().await;
    let (api, alice, bob) = (&scene.api, &scene.alice, &scene.bob);
    let bearer = "Bearer {{secret}}";
    let basic = "Basic {{secret|base64}}";
    let mut all = Vec::new();
    for under_passphrase in [true, false] {
        for (what, place, template) in [
            ("bearer", Place::Header("authorization"), bearer),
            ("basic", Place::Header("authorization"), basic),
            ("bare", Place::Header("x-api-key"), "{{secret}}"),
            ("query", Place::Query, "{{secret}}"),
        ] {
            let what = format!("{what}-{under_passphrase}");
            all.push(scene.plant(&what, place, template, under_passphrase).await);
        }
    }
    let mut tokens = Vec::new();
    for planted in &all {
        tokens.push(scene.token(alice, &planted.id).await);
    }
    let shared = all.last().unwrap();
    let body = json!({"recipientUserId": bob.user_id, "permission": "use"});
    let share = api.post(&format!("/v1/credentials/{}/shares", shared.id));
    assert_eq!(share.both(alice).json(&body).answer().await.status, 201);
    let bobs = scene.token(bob, &shared.id).await;
    let mut secrets = vec![MARK.to_owned(), base64(MARK.as_bytes())];
    let keys = [&alice.key, &bob.key, &alice.secret, &bob.secret, &bobs];
    let keys = keys.into_iter().chain(&tokens);
    // What is behind the public id.
    secrets.extend(keys.map(|key| key[12..].to_owned()));

    let url = scene.upstream.url("/v1/x?page=1");
    let base = url.replace("https://", "/to/");
    for (planted, token) in all.iter().zip(&tokens) {
        assert_eq!(planted.host, "localhost");
        let own = match planted.under_passphrase {
            true => ("X-Proxy-Master-Key", PASSPHRASE),
            false => ("X-User-Secret", alice.secret.as_str()),
        };
        let named = |call: RequestBuilder| {
            let call = call.key(alice).header("X-Credential-ID", &planted.id);
            call.header(own.0, own.1)
        };
        for call in [
            api.post("/")
                .header("X-Target-URL", &url)
                .bearer_auth(token),
            api.post(&base).bearer_auth(token),
            api.post(&base).header("X-Goog-Api-Key", token),
            api.post(&base).basic_auth(token, Some("")),
            named(api.post("/").header("X-Target-URL", &url)),
            named(api.post(&base)),
        ] {
            let answer = scene.answer(call.body("amount=1")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            check(&scene.only(), planted, &secrets);
        }
    }
    let answer = scene.answer(api.post(&base).bearer_auth(&bobs)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    check(&scene.only(), shared, &secrets);

    // In places where they do not belong.
    for (name, value) in [
        ("Cookie", format!("a={bobs}")),
        ("X-Any", format!("k {}", alice.key)),
        ("Referer", format!("https://a/?{}", alice.secret)),
    ] {
        let call = api.post(&base).bearer_auth(&bobs).header(name, value);
        let refused = scene.answer(call).await;
        refused.is_problem(400, "key_in_request");
    }
    for stray in [&bobs, &alice.key, &alice.secret] {
        let call = api.get(&format!("{base}&k={stray}")).bearer_auth(&bobs);
        let refused = scene.answer(call).await;
        refused.is_problem(400, "key_in_request");
    }
    assert!(scene.seen.lock().unwrap().is_empty());
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    let trailer = format!(
        "POST {base} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {bobs}\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\nX-A: {}\r\nX-B: a {}\r\n\r\n",
        alice.key, alice.secret
    );
    stream.write_all(trailer.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.contains(" 200 "));
    check(&scene.only(), shared, &secrets);

    refusals(&scene, [&all[0], shared], &bobs).await;
    assert!(scene.seen.lock().unwrap().is_empty());

    let page = api.get("/audit?limit=1000").key(alice).answer().await;
    assert!(page.body.contains("proxy.call"), "something is recorded");
    let log = lines.text();
    assert!(log.contains("answered"), "something is logged");
    let errors = std::mem::take(&mut *scene.errors.lock().unwrap());
    assert!(errors.len() > 20, "the errors were looked at");
    let mut stored = bytes_of(api.directory());
    let api = scene.api.restart(|_| ()).await;
    stored.extend(bytes_of(api.directory()));
    assert!(stored.len() > 100_000, "the files were read");
    for secret in &secrets {
        let told = page.body.find(secret);
        let around = told.map(|at| &page.body[at.saturating_sub(200)..at + secret.len()]);
        assert_eq!(around, None, "in the audit log");
        assert!(!log.contains(secret), "in the log: {secret}");
        for error in &errors {
            assert!(!error.contains(secret), "in an error: {error}");
        }
        let found = stored.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "in a file: {secret}");
    }
}

/// Malformed, mistyped, oversized, wrong: everything that makes an error with a secret in it.
async fn refusals(scene: &Scene, [planted, sealed]: [&Planted; 2], token: &str) {
    let (api, alice) = (&scene.api, &scene.alice);
    let value = format!("{MARK}-value");
    let long = format!("{MARK}{}", "x".repeat(20_000));
    for body in [
        format!("{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":\"{value}"),
        format!("{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":[\"{value}\"]}}"),
        format!("{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":{{\"{value}\":1}}}}"),
        format!("{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"{value}\":\"v\"}}"),
        format!("{{\"name\":\"n\",\"hostPattern\":\"https://{value}\",\"value\":\"v\"}}"),
        format!(
            "{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":\"v\",\"template\":\"{value}\"}}"
        ),
        format!(
            "{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":\"v\",\"header\":\"{value} x\"}}"
        ),
        format!("{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":\"{value}\\n\"}}"),
        format!("{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":\"{long}\"}}"),
        format!(
            "{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":\"v\",\"expiresUtc\":\"{value}\"}}"
        ),
        format!(
            "{{\"name\":\"n\",\"hostPattern\":\"a.example\",\"value\":\"{}\"}}",
            long.repeat(40)
        ),
    ] {
        let call = api.post("/v1/credentials").key(alice).body(body);
        let call = call.header("Content-Type", "application/json");
        let answer = scene.answer(call).await;
        assert!(matches!(answer.status, 400 | 413), "{answer:?}");
    }
    for (field, wrong) in [
        ("ttlSeconds", json!(value)),
        ("credentials", json!([value])),
        ("hosts", json!([format!("https://{value}")])),
        ("methods", json!([value])),
        ("paths", json!([format!("/{value}/../x")])),
        ("kv", json!([format!("{value}\n")])),
        (value.as_str(), json!(1)),
    ] {
        let mut body = json!({"ttlSeconds": 60, "credentials": [planted.id]});
        body[field] = wrong;
        let call = api.post("/v1/tokens").both(alice).json(&body);
        let answer = scene.answer(call).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let target = scene.upstream.url("/");
    for (name, wrong, of) in [
        ("X-Proxy-Master-Key", format!("{MARK} wrong"), planted),
        ("X-User-Secret", format!("{MARK} wrong"), sealed),
        ("X-User-Secret", format!("sgs_{MARK}"), sealed),
        ("X-Proxy-Timeout", value.clone(), planted),
        ("X-Retry-Count", value.clone(), planted),
        ("X-Credential-ID", value.clone(), planted),
    ] {
        let mut call = api.get("/").key(alice).header(name, wrong);
        if name != "X-Credential-ID" {
            call = call.header("X-Credential-ID", &of.id);
        }
        let answer = scene.answer(call.header("X-Target-URL", &target)).await;
        assert!(matches!(answer.status, 400 | 401), "{name}: {answer:?}");
    }
    for wrong in [
        format!("https://10.0.0.1/?{value}"),
        format!("https://u:{value}@a.example/"),
        format!("https://a.example/#{value}"),
    ] {
        let call = api.get("/").key(alice).header("X-Target-URL", wrong);
        let answer = scene.answer(call).await;
        assert!(matches!(answer.status, 400 | 403), "{answer:?}");
    }
    for key in [
        format!("sgt_{MARK}"),
        format!("sgk_{MARK}"),
        format!("{token}x"),
    ] {
        let call = api.get("/").header("X-Target-URL", &target);
        let answer = scene.answer(call.bearer_auth(key)).await;
        answer.is_problem(401, "api_key_invalid");
    }
    let unknown = api
        .get(&format!("/to/user@a.example/?{MARK}"))
        .bearer_auth(token);
    assert_eq!(scene.answer(unknown).await.status, 400);
    let body = json!({"url": format!("https://{value}@x/"), "method": "GET"});
    let explained = api.post("/v1/proxy/explain").key(alice).json(&body);
    assert_eq!(scene.answer(explained).await.status, 400);
}

/// Every file below a directory.
fn bytes_of(directory: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(bytes_of(&path));
        } else {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    bytes
}
