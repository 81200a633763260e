//! Proxied calls: one entry each at their end, however they end, without query or secret.

use axum::body::Body;
use hardened_crypto::audit_chain::{Actor, ChainLink};
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;
use vault_store::OrgId;

use super::api_audit::{chain, chain_when};
use super::api_support::{Api, Calls, TestUser};
use super::upstream::TlsUpstream;

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

fn only<'a>(links: &'a [ChainLink], before: usize) -> &'a ChainLink {
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
