//! Upstreams that are not there, not trusted, slow, or stop half-way.

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::io::AsyncReadExt;
use vault_server::config::defaults::HEADER_COUNT_MAX;

use super::support::{KEY_A, TestServer};
use super::upstream::{RawUpstream, TlsUpstream};

async fn get(server: &TestServer, url: &str, more: &[(&str, &str)]) -> super::support::Answer {
    let headers = [&[("X-Api-Key", KEY_A), ("X-Target-URL", url)], more].concat();
    server.request("GET", "/", &headers).await
}

#[tokio::test]
async fn failures_have_their_status_and_code_and_name_no_address() {
    let server = TestServer::start(|_| {}).await;
    let closed = {
        // A port that was free a moment ago.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let (garbage, _) = RawUpstream::answering("this is not HTTP\r\n\r\n").await;
    let (hangs_up, _) = RawUpstream::answering("").await;
    let (bad_framing, _) = RawUpstream::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    )
    .await;
    let (switches, _) = RawUpstream::answering(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    )
    .await;
    let untrusted = TlsUpstream::start(&["http/1.1"], |_: Request<Incoming>| async {
        Response::new(Body::empty())
    })
    .await;
    let plain = RawUpstream::start(|mut stream| async move {
        let _ =
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await;
    })
    .await;
    let not_tls = format!("https://{}/", plain.address);
    for (what, url, status, code) in [
        (
            "closed port",
            format!("http://{closed}/"),
            502,
            "upstream_unreachable",
        ),
        (
            "no such name",
            "https://no-such-name.invalid/".to_owned(),
            502,
            "upstream_unreachable",
        ),
        ("hangs up", hangs_up.url("/"), 502, "upstream_unreachable"),
        ("garbage", garbage.url("/"), 502, "upstream_protocol"),
        (
            "two lengths",
            bad_framing.url("/"),
            502,
            "upstream_protocol",
        ),
        ("switches", switches.url("/"), 502, "upstream_protocol"),
        ("untrusted", untrusted.url("/"), 502, "upstream_tls"),
        ("not TLS", not_tls, 502, "upstream_tls"),
    ] {
        let answer = get(&server, &url, &[]).await;
        assert_eq!(
            answer.header("x-sealgate-error"),
            Some(code),
            "{what}: {answer:?}"
        );
        answer.is_problem(status, code);
        assert!(!answer.body.contains("127.0.0.1"), "{what}: {answer:?}");
    }
}

/// The bound is hyper's own, which it is not told.
#[tokio::test]
async fn an_answer_has_as_many_headers_as_a_request_may_have() {
    let server = TestServer::start(|_| {}).await;
    for (more, status) in [(0, 200), (1, 502)] {
        let lines = "X-Line: a\r\n".repeat(HEADER_COUNT_MAX - 1 + more);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n");
        let (upstream, _) = RawUpstream::answering(answer.leak()).await;
        let answer = get(&server, &upstream.url("/"), &[]).await;
        assert_eq!(answer.status, status, "{more}: {answer:?}");
        let refused = answer.header("x-sealgate-error");
        assert_eq!(refused, (more > 0).then_some("upstream_protocol"));
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_a_504() {
    let silent = RawUpstream::start(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let server = TestServer::start(|_| {}).await;
    let answer = get(&server, &silent.url("/"), &[("X-Proxy-Timeout", "1")]).await;
    answer.is_problem(504, "upstream_timeout");
    // A handshake that never ends is bounded by the time to connect.
    let server = TestServer::start(|c| {
        c.limits.proxy_connect_timeout = std::time::Duration::from_millis(300)
    })
    .await;
    let answer = get(&server, &format!("https://{}/", silent.address), &[]).await;
    answer.is_problem(504, "upstream_timeout");
}

#[tokio::test]
async fn a_client_that_starves_the_upstream_is_told_so() {
    let patient = RawUpstream::start(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let server =
        TestServer::start(|c| c.limits.body_grace = std::time::Duration::from_millis(300)).await;
    let mut client = server.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\nContent-Length: 1000\r\n\r\nx",
        patient.url("/")
    );
    tokio::io::AsyncWriteExt::write_all(&mut client, head.as_bytes())
        .await
        .unwrap();
    let answer = super::upstream::read_head(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn an_upstream_that_breaks_off_breaks_the_clients_transfer() {
    for (what, answer) in [
        (
            "length",
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        ),
        (
            "chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
        ),
    ] {
        let (upstream, _) = RawUpstream::answering(answer).await;
        let server = TestServer::start(|_| {}).await;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\n\r\n",
            upstream.url("/")
        );
        let text = server.raw(request.as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{what}: {text}");
        assert!(text.contains("only this"), "{what}: {text}");
        assert!(
            !text.ends_with("0\r\n\r\n"),
            "{what}: the end would look complete: {text}"
        );
    }
}

#[tokio::test]
async fn a_stale_kept_connection_is_replaced_unseen() {
    // Answers once per connection and then closes without announcing it.
    let (upstream, _) =
        RawUpstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let server = TestServer::start(|c| c.workers = Some(1)).await;
    for n in 1..=20 {
        let answer = get(&server, &upstream.url("/"), &[]).await;
        assert_eq!((answer.status, upstream.connections()), (200, n));
    }
}

#[tokio::test]
async fn an_answer_whose_length_is_in_doubt_is_refused() {
    const CHUNKS: &str = "5\r\nhello\r\n0\r\n\r\n";
    let server = TestServer::start(|_| {}).await;
    for (framing, fine) in [
        ("Transfer-Encoding: chunked", true),
        ("Transfer-Encoding: Chunked", true),
        ("Content-Length: 2\r\nTransfer-Encoding: chunked", false),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2", false),
        ("Transfer-Encoding: gzip, chunked", false),
        (
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            false,
        ),
        ("Transfer-Encoding: chunked, chunked", false),
        ("Transfer-Encoding: gzip", false),
        ("Transfer-Encoding: identity", false),
    ] {
        let text = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{CHUNKS}");
        let (upstream, _) = RawUpstream::answering(text.leak()).await;
        let answer = get(&server, &upstream.url("/"), &[]).await;
        if fine {
            assert_eq!(answer.status, 200, "{framing}: {answer:?}");
            assert_eq!(answer.body, CHUNKS, "{framing}");
        } else {
            assert_eq!(
                answer.header("x-sealgate-error"),
                Some("upstream_protocol"),
                "{framing}: {answer:?}"
            );
            answer.is_problem(502, "upstream_protocol");
        }
    }
}
