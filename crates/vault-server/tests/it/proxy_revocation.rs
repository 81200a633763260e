//! What was revoked is refused on the next request of a connection that is open already: over
//! HTTP/1.1 and HTTP/2, through both doors.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::api_credentials::{PASSPHRASE, make};
use super::api_support::{Calls, TestUser, text};
use super::api_tokens;
use super::proxy_shared_credentials::{SECRET, Scene};
use super::support::PATIENCE;
use super::upstream::{RawUpstream, read_exactly, read_head};

/// One connection to the server.
enum Live {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Live {
    async fn open(scene: &Scene, version: Version) -> Self {
        let io = TokioIo::new(TcpStream::connect(scene.api.address).await.unwrap());
        if version == Version::HTTP_2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            Self::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            Self::Http1(sender)
        }
    }

    /// Status and code of a call, on this very connection.
    async fn call(&mut self, scene: &Scene, door: Door, headers: &[(&str, &str)]) -> (u16, String) {
        let url = scene.upstream.url("/v1/charges");
        let host = scene.api.address;
        let path = match door {
            Door::Explicit => "/".to_owned(),
            Door::BaseUrl => url.replace("https://", "/to/"),
        };
        let uri = match self {
            Self::Http1(_) => path,
            Self::Http2(_) => format!("http://{host}{path}"),
        };
        let mut request = Request::builder().method(Method::POST).uri(uri);
        if matches!(self, Self::Http1(_)) {
            request = request.header("host", host.to_string());
        }
        if door == Door::Explicit {
            request = request.header("x-target-url", url);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from("{}")).unwrap();
        let sending = async {
            match self {
                Self::Http1(sender) => {
                    sender.ready().await.expect("the connection is open");
                    sender.send_request(request).await.unwrap()
                }
                Self::Http2(sender) => {
                    sender.ready().await.expect("the connection is open");
                    sender.send_request(request).await.unwrap()
                }
            }
        };
        let response: Response<_> = tokio::time::timeout(PATIENCE, sending).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains(SECRET));
        let code = headers.get("x-sealgate-error");
        let code = code.map_or("", |code| code.to_str().unwrap());
        (status, code.to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Door {
    Explicit,
    BaseUrl,
}

/// What is taken away from whom.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    Token,
    ApiKey,
    User,
    /// Used with a token, and with the recipient's secret.
    Share {
        with_token: bool,
    },
    Credential,
    EverythingByRotation,
}

const LOSSES: [Loss; 7] = [
    Loss::Token,
    Loss::ApiKey,
    Loss::User,
    Loss::Share { with_token: true },
    Loss::Share { with_token: false },
    Loss::Credential,
    Loss::EverythingByRotation,
];

impl Loss {
    /// Status and code of the next call.
    fn answer(self) -> (u16, String) {
        match self {
            Self::Share { .. } | Self::Credential => (404, "credential_not_found".to_owned()),
            _ => (401, "api_key_invalid".to_owned()),
        }
    }

    fn with_token(self) -> bool {
        matches!(
            self,
            Self::Token | Self::Share { with_token: true } | Self::EverythingByRotation
        )
    }

    async fn strike(self, scene: &Scene, token_id: &str, share_id: &str) {
        let (api, bob) = (&scene.api, &scene.bob);
        let org = format!("/admin/orgs/{}/users/{}", bob.org_id, bob.user_id);
        let rotate = |body: Value| {
            let call = api.post(&format!("{org}/apikey/rotate")).key(&scene.carol);
            call.json(&body)
        };
        let call = match self {
            Self::Token => api.delete(&format!("/v1/tokens/{token_id}")).key(bob),
            Self::ApiKey => rotate(json!({})),
            Self::EverythingByRotation => rotate(json!({"endEverything": true})),
            Self::User => {
                let call = api.call(reqwest::Method::PATCH, &org).key(&scene.carol);
                call.json(&json!({"disabled": true}))
            }
            Self::Share { .. } => {
                let path = format!("/v1/credentials/{}/shares/{share_id}", scene.id);
                api.delete(&path).key(&scene.alice)
            }
            Self::Credential => {
                let path = format!("/v1/credentials/{}", scene.id);
                api.delete(&path).key(&scene.alice)
            }
        };
        let answer = call.answer().await;
        assert!(answer.status < 300, "{self:?}: {answer:?}");
    }
}

async fn token(scene: &Scene, user: &TestUser) -> (String, String) {
    let body = json!({"ttlSeconds": 3_600, "credentials": [scene.id]});
    let made = scene.api.post("/v1/tokens").both(user).json(&body);
    let made = made.answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    (text(&made.json(), "token"), text(&made.json(), "tokenId"))
}

#[tokio::test]
async fn the_next_request_of_a_live_connection_is_refused() {
    for loss in LOSSES {
        let scene = Scene::set().await;
        let share_id = scene.share(&scene.bob, json!({})).await;
        let (token, token_id) = token(&scene, &scene.bob).await;
        let bearer = format!("Bearer {token}");
        let with_token = [("authorization", bearer.as_str())];
        let with_key = [
            ("x-api-key", scene.bob.key.as_str()),
            ("x-user-secret", scene.bob.secret.as_str()),
        ];
        let headers: &[(&str, &str)] = if loss.with_token() {
            &with_token
        } else {
            &with_key
        };
        let mut open = Vec::new();
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for door in [Door::Explicit, Door::BaseUrl] {
                let mut live = Live::open(&scene, version).await;
                for _ in 0..2 {
                    let answer = live.call(&scene, door, headers).await;
                    assert_eq!(
                        answer,
                        (200, String::new()),
                        "{loss:?} {version:?} {door:?}"
                    );
                }
                open.push((version, door, live));
            }
        }
        assert_eq!(scene.seen.lock().unwrap().drain(..).count(), 8);
        loss.strike(&scene, &token_id, &share_id).await;
        for (version, door, live) in &mut open {
            for _ in 0..2 {
                let answer = live.call(&scene, *door, headers).await;
                assert_eq!(answer, loss.answer(), "{loss:?} {version:?} {door:?}");
            }
        }
        assert!(scene.seen.lock().unwrap().is_empty(), "{loss:?}");
    }
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A tunnel that is open at a revocation runs on, for the time that any tunnel may last
/// (`proxy_upgrade` shows its end); no other is opened.
#[tokio::test]
async fn a_tunnel_outlives_its_token_and_no_other_is_opened() {
    let scene = Scene::set().await;
    let upstream = RawUpstream::start(|mut stream| async move {
        let head = read_head(&mut stream).await.to_ascii_lowercase();
        assert!(
            head.contains("\r\nauthorization: bearer sk_socket\r\n"),
            "{head}"
        );
        stream.write_all(SWITCH.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let _ = tokio::io::copy(&mut reading, &mut writing).await;
    })
    .await;
    let place = upstream.address.to_string();
    let id = make(&scene.api, &scene.alice, "socket", &place, "sk_socket").await;
    let scope = json!({"credentials": [id]});
    let (token, token_id) = api_tokens::token(&scene.api, &scene.alice, scope).await;
    let handshake = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nX-Target-URL: {}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        upstream.url("/chat")
    );
    let open = async || {
        let mut client = TcpStream::connect(scene.api.address).await.unwrap();
        client.write_all(handshake.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        (client, head)
    };
    let (mut client, head) = open().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.write_all(b"before").await.unwrap();
    assert_eq!(read_exactly(&mut client, 6).await, "before");

    let ended = scene.api.delete(&format!("/v1/tokens/{token_id}"));
    assert_eq!(ended.key(&scene.alice).answer().await.status, 204);
    let (_, head) = open().await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert_eq!(upstream.connections(), 1);
    client.write_all(b"after").await.unwrap();
    assert_eq!(read_exactly(&mut client, 5).await, "after");
    scene.api.clock.advance(Duration::from_secs(10));
    // A passphrase makes no difference to who may call.
    let named = scene.api.get("/").header("X-Proxy-Master-Key", PASSPHRASE);
    let named = named.header("X-Target-URL", upstream.url("/"));
    let named = named.bearer_auth(&token).answer().await;
    named.is_problem(401, "api_key_invalid");
}
