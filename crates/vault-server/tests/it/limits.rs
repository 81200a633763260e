//! Sizes and counts.

use std::sync::Arc;

use axum::routing::post;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use vault_server::layers::read_body;

use super::support::{Answer, KEY_A, KEY_B, PATIENCE, TestServer, read_to_end};
use super::upstream::{read_exactly, read_head};

const BODY_BYTES_MAX: usize = 1_000;

fn routes() -> axum::Router {
    axum::Router::new()
        .route(
            "/extracted",
            post(|body: axum::body::Bytes| async move { body.len().to_string() }),
        )
        .route(
            "/collected",
            post(|body: axum::body::Body| async move {
                read_body(body, BODY_BYTES_MAX)
                    .await
                    .map(|body| body.as_bytes().len().to_string())
            }),
        )
}

#[tokio::test]
async fn bodies_over_the_bound_are_refused_declared_or_not() {
    let server =
        TestServer::start_with(|c| c.limits.api_body_bytes_max = BODY_BYTES_MAX, routes()).await;
    for path in ["/extracted", "/collected"] {
        let fits = vec![b'x'; BODY_BYTES_MAX];
        let answer = server
            .send("POST", path, &[("X-Api-Key", KEY_A)], &fits)
            .await;
        assert_eq!(answer.body, "1000", "{path}");
        let over = vec![b'x'; BODY_BYTES_MAX + 1];
        let answer = server
            .send("POST", path, &[("X-Api-Key", KEY_A)], &over)
            .await;
        answer.is_problem(413, "too_large");
        // Chunked, without end: the answer comes while the client still sends.
        let mut stream = server.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
        for _ in 0..2 {
            let _ = stream.write_all(chunk.as_bytes()).await;
        }
        let answer = read_head(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_user_who_announces_many_bodies_leaves_room_for_others() {
    const BODIES: usize = 10;
    let server = TestServer::start_with(
        |c| {
            c.limits.api_body_bytes_max = BODY_BYTES_MAX;
            c.limits.collected_bytes_max = BODIES * BODY_BYTES_MAX;
        },
        routes(),
    )
    .await;
    let announce = async |key: &str| {
        let mut stream = server.connect().await;
        let head = format!(
            "POST /collected HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\
             Content-Length: {BODY_BYTES_MAX}\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_head(&mut stream).await;
        (stream, answer)
    };
    // Each waits for a byte that does not come.
    let mut open = Vec::new();
    for _ in 0..BODIES / 2 {
        let (stream, answer) = announce(KEY_A).await;
        assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
        open.push(stream);
    }
    let (_, refused) = announce(KEY_A).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    let answer = server
        .send("POST", "/collected", &[("X-Api-Key", KEY_A)], b"x")
        .await;
    answer.is_problem(503, "overloaded");
    assert!(answer.header("retry-after").is_some());
    let whole = vec![b'x'; BODY_BYTES_MAX];
    for _ in 0..BODIES {
        let answer = server
            .send("POST", "/collected", &[("X-Api-Key", KEY_B)], &whole)
            .await;
        assert_eq!(answer.body, "1000");
    }
    // What they held is free once they are gone.
    drop(open);
    let accepted = async {
        loop {
            let answer = server
                .send("POST", "/collected", &[("X-Api-Key", KEY_A)], &whole)
                .await;
            if answer.status == 200 {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, accepted).await.unwrap();
}

#[tokio::test]
async fn heads_over_the_bound_are_refused() {
    let server = TestServer::start(|c| c.limits.header_bytes_max = 16 * 1_024).await;
    let long = format!(
        "GET /health HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n",
        "x".repeat(17 * 1_024)
    );
    assert!(
        server
            .raw(long.as_bytes())
            .await
            .starts_with("HTTP/1.1 431 ")
    );
    let mut many = String::from("GET /health HTTP/1.1\r\nHost: a\r\n");
    for n in 0..200 {
        many.push_str(&format!("X-{n}: v\r\n"));
    }
    many.push_str("\r\n");
    assert!(
        server
            .raw(many.as_bytes())
            .await
            .starts_with("HTTP/1.1 431 ")
    );
    let line = format!(
        "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
        "x".repeat(80 * 1_024)
    );
    let answer = server.raw(line.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 414 ") || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

#[tokio::test]
async fn connections_over_the_bound_are_closed_and_places_come_back() {
    let server = TestServer::start(|c| c.limits.connections_per_peer_max = 2).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        read_head(&mut stream).await;
        kept.push(stream);
    }
    let mut third = server.connect().await;
    assert_eq!(read_to_end(&mut third).await, "");
    kept.clear();
    let served = async {
        loop {
            let text = server.raw(b"GET /health HTTP/1.0\r\n\r\n").await;
            if !text.is_empty() {
                return Answer::parse(&text);
            }
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, served)
        .await
        .expect("a place comes back");
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn requests_over_the_bound_get_503_and_when_to_come_back() {
    let gate = Arc::new(Semaphore::new(0));
    let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
    let handler_gate = Arc::clone(&gate);
    let wait = move || {
        let (gate, entered) = (Arc::clone(&handler_gate), entered.clone());
        async move {
            let _ = entered.send(());
            let _place = gate.acquire().await;
            "done"
        }
    };
    let routes = axum::Router::new().route("/wait", post(wait));
    let server = TestServer::start_with(|c| c.limits.requests_in_flight_max = 1, routes).await;
    let mut first = server.connect().await;
    let head = format!(
        "POST /wait HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nContent-Length: 0\r\n\r\n"
    );
    first.write_all(head.as_bytes()).await.unwrap();
    entries.recv().await.unwrap();
    let healthy = server.request("GET", "/health", &[]).await;
    assert_eq!(healthy.status, 200);
    let refused = server.request("GET", "/elsewhere", &[]).await;
    refused.is_problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    gate.add_permits(1);
    assert!(read_head(&mut first).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(read_exactly(&mut first, 4).await, "done");
}
