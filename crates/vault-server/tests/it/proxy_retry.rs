//! Further tries: only where asked for, only where they do no harm, only to the same target.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::support::{Answer, KEY_A, TestServer};
use super::upstream::{RawUpstream, read_exactly, read_head};

/// Fails so many times with `failure` (empty: hangs up) and answers with the body then. Counts.
async fn failing(times: usize, failure: &'static str) -> (RawUpstream, Arc<AtomicUsize>) {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let upstream = RawUpstream::start(move |mut stream| {
        let counted = Arc::clone(&counted);
        async move {
            let head = read_head(&mut stream).await;
            assert!(!head.to_ascii_lowercase().contains("x-retry"), "{head}");
            assert_eq!(head.matches("Bearer sk_live_retry").count(), 1, "{head}");
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            let body = read_exactly(&mut stream, length).await;
            let answer = if counted.fetch_add(1, Ordering::SeqCst) < times {
                failure.to_owned()
            } else {
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            };
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    (upstream, tries)
}

const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno";

async fn send(upstream: &RawUpstream, method: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
    let server = TestServer::start(|_| {}).await;
    let url = upstream.url("/");
    let base = [
        ("X-Api-Key", KEY_A),
        ("X-Target-URL", url.as_str()),
        ("X-Identity-Key", "Bearer sk_live_retry"),
        ("X-Retry-Delay", "1"),
    ];
    server
        .send(method, "/", &[&base[..], more].concat(), body)
        .await
}

#[tokio::test]
async fn passing_faults_are_tried_again_with_the_same_request() {
    for failure in [
        "",
        UNAVAILABLE,
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    ] {
        for (method, more) in [
            ("PUT", &[("X-Retry-Count", "3")][..]),
            ("POST", &[("X-Retry-Count", "3"), ("Idempotency-Key", "k")]),
        ] {
            let (upstream, tries) = failing(3, failure).await;
            let answer = send(&upstream, method, more, b"the body").await;
            assert_eq!((answer.status, answer.body.as_str()), (200, "the body"));
            assert_eq!(tries.load(Ordering::SeqCst), 4, "{method} {failure}");
        }
    }
}

#[tokio::test]
async fn the_last_answer_is_passed_on_when_no_try_is_left() {
    let (upstream, tries) = failing(9, UNAVAILABLE).await;
    let answer = send(&upstream, "GET", &[("X-Retry-Count", "2")], b"").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "no"));
    assert_eq!(tries.load(Ordering::SeqCst), 3);
    let (upstream, tries) = failing(9, "").await;
    let answer = send(&upstream, "GET", &[("X-Retry-Count", "2")], b"").await;
    answer.is_problem(502, "upstream_unreachable");
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_could_do_harm_or_is_an_answer_is_sent_once() {
    let large = vec![b'x'; 64 * 1_024 + 1];
    let count = ("X-Retry-Count", "3");
    for (what, method, more, body, failure) in [
        (
            "no idempotency",
            "POST",
            &[count][..],
            &b"b"[..],
            UNAVAILABLE,
        ),
        ("a large body", "PUT", &[count], &large, UNAVAILABLE),
        (
            "none wanted",
            "GET",
            &[("X-Retry-Count", "0")],
            b"",
            UNAVAILABLE,
        ),
        (
            "a redirect",
            "GET",
            &[count],
            b"",
            "HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "an error of the upstream's own",
            "GET",
            &[count],
            b"",
            "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        let (upstream, tries) = failing(1, failure).await;
        let answer = send(&upstream, method, more, body).await;
        assert_ne!(answer.status, 200, "{what}");
        assert_eq!(tries.load(Ordering::SeqCst), 1, "{what}");
    }
}

#[tokio::test]
async fn without_the_header_nothing_is_tried_again_and_nonsense_is_refused() {
    let server = TestServer::start(|_| {}).await;
    let (upstream, tries) = failing(1, UNAVAILABLE).await;
    let url = upstream.url("/");
    let base = [
        ("X-Api-Key", KEY_A),
        ("X-Target-URL", url.as_str()),
        ("X-Identity-Key", "Bearer sk_live_retry"),
    ];
    assert_eq!(server.request("GET", "/", &base).await.status, 503);
    assert_eq!(tries.load(Ordering::SeqCst), 1);
    let nonsense = [&base[..], &[("X-Retry-Count", "many")]].concat();
    let answer = server.request("GET", "/", &nonsense).await;
    answer.is_problem(400, "malformed_request");
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn all_tries_end_within_the_time_of_the_request() {
    let (upstream, tries) = failing(9, UNAVAILABLE).await;
    let server = TestServer::start(|_| {}).await;
    let url = upstream.url("/");
    let headers = [
        ("X-Api-Key", KEY_A),
        ("X-Target-URL", url.as_str()),
        ("X-Identity-Key", "Bearer sk_live_retry"),
        ("X-Retry-Count", "5"),
        ("X-Retry-Delay", "10000"),
        ("X-Proxy-Timeout", "1"),
    ];
    let answer = server.request("GET", "/", &headers).await;
    answer.is_problem(504, "upstream_timeout");
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_body_that_is_kept_may_come_more_slowly_than_an_answer() {
    const FIRST_BYTE: Duration = Duration::from_secs(2);
    let (upstream, tries) = failing(0, "").await;
    let server = TestServer::start(|c| c.limits.proxy_first_byte_timeout = FIRST_BYTE).await;
    let mut client = server.connect().await;
    let head = format!(
        "PUT / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\n\
         X-Identity-Key: Bearer sk_live_retry\r\nX-Retry-Count: 1\r\nContent-Length: 2\r\n\r\n",
        upstream.url("/")
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(b"b").await.unwrap();
    tokio::time::sleep(FIRST_BYTE).await;
    client.write_all(b"o").await.unwrap();
    let answer = read_head(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(tries.load(Ordering::SeqCst), 1);
}
