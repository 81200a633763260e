//! One organisation at its share of the requests in flight, and the others served all the same.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Answer, KEY_A, KEY_B, PATIENCE, TestServer, read_to_end};
use super::upstream::{RawUpstream, read_exactly, read_head};

/// Places in all; one organisation has the half of them.
const REQUESTS_MAX: usize = 4;
const STREAM: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// Comes before the upload that it answers.
const EARLY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
/// A body that is announced and not sent.
const UPLOAD: &str = "Content-Length: 1000\r\n";

/// An upstream that answers every head with this and keeps the connection for as long as the other
/// end does.
async fn answering(answer: &'static str) -> RawUpstream {
    RawUpstream::start(move |mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await
}

async fn server() -> TestServer {
    TestServer::start(|config| config.limits.requests_in_flight_max = REQUESTS_MAX).await
}

/// Sends a request of the first organisation and reads the head of its answer.
async fn open(server: &TestServer, upstream: &RawUpstream, method: &str, more: &str) -> TcpStream {
    let mut client = server.connect().await;
    let head = format!(
        "{method} / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\n{more}\r\n",
        upstream.url("/")
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let head = read_head(&mut client).await;
    assert!(!head.starts_with("HTTP/1.1 5"), "{head}");
    client
}

async fn ask(server: &TestServer, key: &str) -> Answer {
    server
        .request("GET", "/elsewhere", &[("X-Api-Key", key)])
        .await
}

/// The first organisation is refused, the second is not; once `held` is gone, both are served.
async fn is_at_its_share(server: &TestServer, held: Vec<TcpStream>) {
    assert_eq!(held.len(), REQUESTS_MAX / 2);
    let refused = ask(server, KEY_A).await;
    refused.is_problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(ask(server, KEY_B).await.status, 404);
    drop(held);
    let served = async {
        while ask(server, KEY_A).await.status == 503 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, served)
        .await
        .expect("the places come back");
}

#[tokio::test]
async fn streaming_answers_hold_the_share_of_their_organisation() {
    let (server, upstream) = (server().await, answering(STREAM).await);
    let mut held = Vec::new();
    for _ in 0..REQUESTS_MAX / 2 {
        held.push(open(&server, &upstream, "GET", "").await);
    }
    is_at_its_share(&server, held).await;
}

#[tokio::test]
async fn tunnels_hold_the_share_of_their_organisation() {
    let (server, upstream) = (server().await, answering(SWITCH).await);
    let mut held = Vec::new();
    for _ in 0..REQUESTS_MAX / 2 {
        held.push(open(&server, &upstream, "GET", HANDSHAKE).await);
    }
    is_at_its_share(&server, held).await;
}

#[tokio::test]
async fn an_upload_that_stands_still_after_its_answer_ends_at_the_upstream() {
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let upstream = RawUpstream::start(move |mut stream| {
        let ended = ended.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(EARLY.as_bytes()).await.unwrap();
            let _ = ended.send(read_to_end(&mut stream).await);
        }
    })
    .await;
    let grace = Duration::from_millis(200);
    let server = TestServer::start(|config| config.limits.body_grace = grace).await;
    let mut client = open(&server, &upstream, "POST", UPLOAD).await;
    assert_eq!(read_exactly(&mut client, 2).await, "hi");
    let end = tokio::time::timeout(PATIENCE, ends.recv()).await;
    assert_eq!(end.expect("the upstream is let go").as_deref(), Some(""));
}

#[tokio::test]
async fn uploads_hold_the_share_of_their_organisation_beyond_their_answer() {
    let (server, upstream) = (server().await, answering(EARLY).await);
    let mut held = Vec::new();
    for _ in 0..REQUESTS_MAX / 2 {
        let mut client = open(&server, &upstream, "POST", UPLOAD).await;
        assert_eq!(read_exactly(&mut client, 2).await, "hi");
        held.push(client);
    }
    is_at_its_share(&server, held).await;
}
