//! Request heads and bodies that two readers could understand differently.

use super::support::{KEY_A, TestServer};
use super::upstream::RawUpstream;

#[tokio::test]
async fn ambiguous_heads_are_refused() {
    let server = TestServer::start(|_| {}).await;
    let host = "Host: a\r\n";
    for (what, head) in [
        ("no host", "GET /health HTTP/1.1\r\n\r\n".to_owned()),
        (
            "two hosts",
            format!("GET /health HTTP/1.1\r\n{host}Host: b\r\n\r\n"),
        ),
        (
            "host with user",
            "GET /health HTTP/1.1\r\nHost: u@a\r\n\r\n".to_owned(),
        ),
        (
            "host with path",
            "GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned(),
        ),
        (
            "two lengths",
            format!(
                "POST /health HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"
            ),
        ),
        (
            "list of lengths",
            format!("POST /health HTTP/1.1\r\n{host}Content-Length: 1, 2\r\n\r\nab"),
        ),
        (
            "signed length",
            format!("POST /health HTTP/1.1\r\n{host}Content-Length: +1\r\n\r\na"),
        ),
        (
            "coding not chunked",
            format!("POST /health HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n"),
        ),
        (
            "chunked not last",
            format!("POST /health HTTP/1.1\r\n{host}Transfer-Encoding: chunked, gzip\r\n\r\n"),
        ),
        (
            "coding before chunked",
            format!(
                "POST /health HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "chunked twice",
            format!(
                "POST /health HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "coding in HTTP/1.0",
            "POST /health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        ),
        (
            "space before colon",
            format!("GET /health HTTP/1.1\r\n{host}X-A : b\r\n\r\n"),
        ),
        (
            "folded line",
            format!("GET /health HTTP/1.1\r\n{host}X-A: b\r\n c\r\n\r\n"),
        ),
        (
            "NUL in a value",
            format!("GET /health HTTP/1.1\r\n{host}X-A: b\0c\r\n\r\n"),
        ),
    ] {
        // Closing tells the server that nothing more comes, whatever it thinks is missing.
        let head = head.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
        let answer = server.raw(head.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 "),
            "{what}: {answer}"
        );
    }
}

#[tokio::test]
async fn what_follows_a_doubly_framed_request_is_never_a_request() {
    let (upstream, mut seen) =
        RawUpstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let server = TestServer::start(|_| {}).await;
    for (first, second) in [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 4"),
    ] {
        let smuggled = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\n{first}\r\n{second}\r\n\r\n0\r\n\r\n{smuggled}",
            upstream.url("/")
        );
        let answers = server.raw(request.as_bytes()).await;
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
        // What went on is framed in one way only.
        let sent = seen.recv().await.unwrap().to_ascii_lowercase();
        assert!(!sent.contains("content-length"), "{sent}");
    }
}

#[tokio::test]
async fn methods_that_echo_or_tunnel_are_refused_at_both_doors() {
    let server = TestServer::start(|_| {}).await;
    for method in ["TRACE", "TRACK"] {
        for headers in [
            &[("X-Api-Key", KEY_A)][..],
            &[
                ("X-Api-Key", KEY_A),
                ("X-Target-URL", "https://example.com/"),
            ],
        ] {
            let answer = server.request(method, "/", headers).await;
            answer.is_problem(405, "method_not_allowed");
            assert!(answer.header("allow").unwrap().contains("POST"));
        }
    }
    let answer = server.raw(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn an_early_answer_does_not_turn_the_body_into_a_request() {
    let server = TestServer::start(|_| {}).await;
    let smuggled = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    // Refused for want of a key, before the body is read.
    let request = format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    );
    let request = request + "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = server.raw(request.as_bytes()).await;
    assert!(answers.starts_with("HTTP/1.1 401 "), "{answers}");
    assert!(
        answers.matches(r#"{"status":"ok"}"#).count() <= 1,
        "{answers}"
    );
}
