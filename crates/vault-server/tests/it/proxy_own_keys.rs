//! Sealgate's own keys and secrets do not travel to upstreams, wherever a client puts them.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::api_credentials::make;
use super::api_support::{Api, Calls, TestUser};
use super::api_tokens::token;
use super::support::read_to_end;
use super::upstream::TlsUpstream;

struct Scene {
    api: Api,
    user: TestUser,
    token: String,
    upstream: TlsUpstream,
    /// Everything that arrived, trailers included.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    async fn set() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let upstream = TlsUpstream::start(&["http/1.1"], move |request: Request<Incoming>| {
            let noted = Arc::clone(&noted);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap();
                let trailers = body.trailers().cloned().unwrap_or_default();
                let body = body.to_bytes();
                let all = format!("{} {:?} {trailers:?} {body:?}", head.uri, head.headers);
                noted.lock().unwrap().push(all);
                Response::new(Body::empty())
            }
        })
        .await;
        let api = Api::start_before(upstream.ca_file.clone()).await;
        let user = api.org_with_keys("a").await;
        let id = make(&api, &user, "n", "localhost", "sk_live_1").await;
        let (token, _) = token(&api, &user, json!({"credentials": [id]})).await;
        Self {
            api,
            user,
            token,
            upstream,
            seen,
        }
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

#[tokio::test]
async fn a_key_in_the_target_or_inside_a_header_is_refused_with_a_code() {
    let scene = Scene::set().await;
    let base = scene.upstream.url("");
    let door = base.replace("https://", "/to/");
    for key in [&scene.token, &scene.user.key, &scene.user.secret] {
        let escaped = key.replace('_', "%5f");
        for rest in [
            format!("/?token={key}"),
            format!("/?a=b&x%3D{key}"),
            format!("/?{escaped}"),
            format!("/bot/{key}/send"),
        ] {
            let by_url = scene.api.get(&format!("{door}{rest}"));
            let explicit = scene
                .api
                .get("/")
                .header("X-Target-URL", format!("{base}{rest}"));
            for call in [by_url, explicit] {
                let answer = call.bearer_auth(&scene.token).answer().await;
                answer.is_problem(400, "key_in_request");
                assert_eq!(answer.header("x-sealgate-error"), Some("key_in_request"));
                assert!(!answer.body.contains(key.as_str()));
            }
        }
        for (name, value) in [
            ("Cookie", format!("a=b; session={key}")),
            ("X-Any", format!("Token {key}")),
            ("Referer", format!("https://a.example/?k={key}")),
        ] {
            let call = scene.api.get(&format!("{door}/")).bearer_auth(&scene.token);
            let answer = call.header(name, value).answer().await;
            answer.is_problem(400, "key_in_request");
        }
    }
    assert_eq!(scene.seen(), Vec::<String>::new());
    // What only looks like one passes.
    let call = scene.api.get(&format!("{door}/?cursor=sgt_1&m=msgs_2"));
    let call = call.header("Cookie", "sgs_=1; a=sgk_b");
    assert_eq!(call.bearer_auth(&scene.token).answer().await.status, 200);
    assert_eq!(scene.seen().len(), 1);
}

#[tokio::test]
async fn a_key_in_a_trailer_is_dropped() {
    let scene = Scene::set().await;
    let door = scene.upstream.url("/").replace("https://", "/to/");
    let (token, key, secret) = (&scene.token, &scene.user.key, &scene.user.secret);
    let mut stream = TcpStream::connect(scene.api.address).await.unwrap();
    let request = format!(
        "POST {door} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nTE: trailers\r\n\
         Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\
         X-Sum: 1\r\nX-One: {token}\r\nX-Two: k={key}\r\nX-Three: {secret}\r\nX-Api-Key: {key}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = scene.seen().join("");
    assert!(seen.contains("\"x-sum\": \"1\""), "{seen}");
    for own in [token, key, secret] {
        assert!(!seen.contains(&own[4..]), "{seen}");
    }
    for name in ["x-one", "x-two", "x-three", "x-api-key"] {
        assert!(!seen.contains(name), "{seen}");
    }
}
