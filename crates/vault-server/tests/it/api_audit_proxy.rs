//! Proxied calls: one entry each at their end, however they end, without query or secret.

use std::collections::BTreeMap;

use axum::body::Body;
use hardened_crypto::audit_chain::{Actor, ChainLink};
use http::Response;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;
use vault_store::OrgId;

use super::api_audit::{chain, chain_when};
use super::api_credentials::make;
use super::api_support::{Api, Calls, TestUser};
use super::api_tokens::token;
use super::upstream::{RawUpstream, TlsUpstream, read_exactly, read_head};

/// An upstream on loopback that takes one connection and answers with these bytes.
async fn upstream(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let seen = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        // Until the proxy closes.
        let _rest = stream.read(&mut [0; 64]).await;
        String::from_utf8(head).unwrap()
    });
    (origin, seen)
}

fn org_of(user: &TestUser) -> OrgId {
    user.org_id.parse::<Uuid>().unwrap().into()
}

/// The server reaches upstreams on loopback; the certificates it trusts last as long as the guard.
async fn start() -> (Api, TestUser, OrgId, usize, TlsUpstream) {
    let trusted = TlsUpstream::start(&[], |_| async { Response::new(Body::empty()) }).await;
    let api = Api::start_before(trusted.ca_file.clone()).await;
    let user = api.org_with_keys("a").await;
    let org_id = org_of(&user);
    let before = chain(&api, org_id).await.len();
    (api, user, org_id, before, trusted)
}

fn only(links: &[ChainLink], before: usize) -> &ChainLink {
    let [link] = &links[before..] else {
        panic!("{} entries", links.len() - before);
    };
    link
}

#[tokio::test]
async fn an_answered_call_has_one_entry_with_what_went_where() {
    let (api, user, org_id, before, _trusted) = start().await;
    let (origin, seen) =
        upstream("HTTP/1.1 418 Teapot\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
            .await;
    let call = api
        .post("/anything")
        .key(&user)
        .header(
            "X-Target-URL",
            format!("{origin}/v1/charges?q=c4n4ry-query"),
        )
        .header("X-Identity-Key", "Bearer c4n4ry-identity")
        .body("abc");
    let answer = call.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "hello"));
    assert!(seen.await.unwrap().contains("c4n4ry-query"));
    let links = chain_when(&api, org_id, |links| links.len() > before).await;
    let link = only(&links, before);
    let event = &link.entry.event;
    let user_id = user.user_id.parse::<Uuid>().unwrap();
    assert_eq!(event.actor, Actor::User((*user_id.as_bytes()).into()));
    assert_eq!(event.action.as_str(), "proxy.call");
    assert_eq!(event.outcome.as_str(), "ok");
    assert_eq!(event.target.as_str(), format!("to:{origin}/v1/charges"));
    assert_eq!(
        Some(event.request_id.as_str()),
        answer.header("x-sealgate-request-id")
    );
    let note = event.note.as_str();
    for told in [
        "method=POST",
        "status=418",
        "up=3",
        "down=5",
        "end=complete",
    ] {
        assert!(note.split(' ').any(|part| part == told), "{note}");
    }
    assert!(!link.to_line().contains("c4n4ry"));
}

#[tokio::test]
async fn refused_unreachable_and_abandoned_calls_have_one_entry() {
    let (api, user, org_id, mut before, _trusted) = start().await;
    for (target, code) in [
        ("no url", "target_invalid"),
        ("http://127.0.0.1:1/nobody", "upstream_unreachable"),
    ] {
        let call = api.get("/").key(&user).header("X-Target-URL", target);
        let answer = call.answer().await;
        assert_eq!(answer.header("x-sealgate-error"), Some(code));
        let links = chain_when(&api, org_id, |links| links.len() > before).await;
        assert_eq!(only(&links, before).entry.event.outcome.as_str(), code);
        before += 1;
    }
    // Half an answer, and nobody there to take it.
    let (origin, seen) = upstream("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf").await;
    let call = api.get("/").key(&user);
    let call = call.header("X-Target-URL", format!("{origin}/stream"));
    let response = call.send().await.unwrap();
    assert_eq!(response.status(), 200);
    drop(response);
    let links = chain_when(&api, org_id, |links| links.len() > before).await;
    let event = &only(&links, before).entry.event;
    assert_eq!(event.outcome.as_str(), "ok");
    assert!(event.note.as_str().ends_with("end=cut"), "{event:?}");
    seen.await.unwrap();
}

#[tokio::test]
async fn a_stream_that_the_stop_ends_is_recorded_by_then() {
    let (api, user, org_id, before, _trusted) = start().await;
    let (origin, _seen) = upstream("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf").await;
    let call = api.get("/").key(&user);
    let call = call.header("X-Target-URL", format!("{origin}/stream"));
    let response = call.send().await.unwrap();
    assert_eq!(chain(&api, org_id).await.len(), before, "it goes on");
    drop(response);
    // The server's end waits for the recorder.
    let api = api.restart(|_| ()).await;
    let links = chain(&api, org_id).await;
    assert!(
        only(&links, before)
            .entry
            .event
            .note
            .as_str()
            .contains("end=cut")
    );
}

#[tokio::test]
async fn nothing_is_sent_that_cannot_be_recorded() {
    let (api, user, org_id, _, _trusted) = start().await;
    api.store.limit_pages(1);
    let mut codes = Vec::new();
    for _ in 0..1_000 {
        let call = api.get("/").key(&user);
        let call = call.header("X-Target-URL", "http://127.0.0.1:1/nobody");
        let answer = call.answer().await;
        codes.push(answer.header("x-sealgate-error").unwrap().to_owned());
        if codes.last().unwrap() == "audit_unavailable" {
            break;
        }
    }
    assert_eq!(codes.last().unwrap(), "audit_unavailable");
    api.store.limit_pages(u32::MAX - 1);
    // What was done and what was refused is told once there is room, each once.
    let all = codes.len();
    let links = chain_when(&api, org_id, |links| {
        let calls = links.iter().map(|link| link.entry.event.action.as_str());
        calls.filter(|action| *action == "proxy.call").count() >= all
    })
    .await;
    let told = links.iter().map(|link| &link.entry.event);
    let told = told.filter(|event| event.action.as_str() == "proxy.call");
    let mut told: Vec<_> = told
        .map(|event| event.outcome.as_str().to_owned())
        .collect();
    told.sort();
    codes.sort();
    assert_eq!(told, codes);
}

/// The parts of an entry's note, by name.
fn noted(link: &ChainLink) -> BTreeMap<String, String> {
    let parts = link.entry.event.note.as_str().split(' ');
    let pairs = parts.map(|part| part.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn both_doors_record_a_token_and_the_credential_that_it_opened() {
    let trusted = TlsUpstream::start(&[], |_| async { Response::new(Body::from("hello")) }).await;
    let api = Api::start_before(trusted.ca_file.clone()).await;
    let user = api.org_with_keys("a").await;
    let org_id = org_of(&user);
    let id = make(&api, &user, "n", "localhost", "c4n4ry-credential").await;
    let scope = json!({"credentials": [id], "paths": ["/v1"]});
    let (token, _) = token(&api, &user, scope).await;
    let mut before = chain(&api, org_id).await.len();
    let origin = trusted.url("").trim_end_matches('/').to_owned();
    let door = origin.replace("https://", "/to/");
    for path in [format!("{door}/v1/charges?q=c4n4ry-query"), "/".to_owned()] {
        let call = api.post(&path).bearer_auth(&token).body("abc");
        let call = match path.as_str() {
            "/" => call.header(
                "X-Target-URL",
                format!("{origin}/v1/charges?q=c4n4ry-query"),
            ),
            _ => call,
        };
        let answer = call.answer().await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "hello"),
            "{path}"
        );
        let links = chain_when(&api, org_id, |links| links.len() > before).await;
        let link = only(&links, before);
        let event = &link.entry.event;
        let user_id = user.user_id.parse::<Uuid>().unwrap();
        assert_eq!(event.actor, Actor::User((*user_id.as_bytes()).into()));
        assert_eq!(event.action.as_str(), "proxy.call");
        assert_eq!(event.outcome.as_str(), "ok");
        let target = format!("to:{origin}/v1/charges credential:{id}");
        assert_eq!(event.target.as_str(), target, "{path}");
        let note = noted(link);
        for (name, value) in [
            ("key", &token[4..12]),
            ("method", "POST"),
            ("status", "200"),
            ("up", "3"),
            ("down", "5"),
            ("end", "complete"),
        ] {
            assert_eq!(note[name], value, "{path}: {name}");
        }
        assert!(note["ms"].parse::<u64>().is_ok());
        for secret in ["c4n4ry", &token[12..]] {
            assert!(!link.to_line().contains(secret), "{path}");
        }
        before += 1;
    }
    // What is refused has its entry, with the status that the client saw.
    for (path, code, status) in [
        (format!("{door}/v2/charges"), "out_of_scope", "403"),
        ("/to/user@localhost/v1".to_owned(), "target_invalid", "400"),
    ] {
        let answer = api.get(&path).bearer_auth(&token).answer().await;
        assert_eq!(answer.header("x-sealgate-error"), Some(code), "{answer:?}");
        let links = chain_when(&api, org_id, |links| links.len() > before).await;
        let link = only(&links, before);
        assert_eq!(link.entry.event.action.as_str(), "proxy.call");
        assert_eq!(link.entry.event.outcome.as_str(), code);
        assert_eq!(noted(link)["status"], status);
        before += 1;
    }
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An upstream that agrees to every handshake and then echoes.
async fn echoing() -> RawUpstream {
    RawUpstream::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(SWITCH.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let _ = tokio::io::copy(&mut reading, &mut writing).await;
        let _ = writing.shutdown().await;
    })
    .await
}

/// A tunnel through the server, with five bytes sent and echoed.
async fn tunnel(api: &Api, user: &TestUser, upstream: &RawUpstream) -> TcpStream {
    let mut client = TcpStream::connect(api.address).await.unwrap();
    let (key, url) = (&user.key, upstream.url("/chat?room=c4n4ry"));
    let handshake = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nX-Target-URL: {url}\r\n\
        Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    client.write_all(handshake.as_bytes()).await.unwrap();
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.write_all(b"hello").await.unwrap();
    assert_eq!(read_exactly(&mut client, 5).await, "hello");
    client
}

#[tokio::test]
async fn a_tunnel_is_recorded_at_its_end_and_not_before() {
    let (api, user, org_id, before, _trusted) = start().await;
    let upstream = echoing().await;
    let mut client = tunnel(&api, &user, &upstream).await;
    // A call that ends meanwhile is recorded behind whatever ended before it.
    let call = api.get("/").key(&user);
    let call = call.header("X-Target-URL", "http://127.0.0.1:1/nobody");
    call.answer().await;
    let links = chain_when(&api, org_id, |links| links.len() > before).await;
    let event = &only(&links, before).entry.event;
    assert_eq!(event.outcome.as_str(), "upstream_unreachable");
    client.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    let links = chain_when(&api, org_id, |links| links.len() > before + 1).await;
    let link = only(&links, before + 1);
    assert_eq!(
        link.entry.event.target.as_str(),
        format!("to:{}", upstream.url("/chat"))
    );
    let note = noted(link);
    let told = ["method", "status", "up", "down", "end"].map(|name| note[name].as_str());
    assert_eq!(told, ["GET", "101", "5", "5", "complete"]);

    // One that the stop ends was cut.
    let _client = tunnel(&api, &user, &upstream).await;
    let api = api.restart(|_| ()).await;
    let links = chain(&api, org_id).await;
    let note = noted(only(&links, before + 2));
    let told = ["status", "up", "down", "end"].map(|name| note[name].as_str());
    assert_eq!(told, ["101", "5", "5", "cut"]);
}
