//! What reaches the upstream, and what comes back.

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;

use super::support::{KEY_A, KEY_B, TestServer};
use super::upstream::{RawUpstream, TlsUpstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[tokio::test]
async fn the_injected_header_is_seen_exactly_once_and_control_headers_never() {
    let (upstream, mut seen) = RawUpstream::answering(OK).await;
    let server = TestServer::start(|_| {}).await;
    let url = upstream.url("/v1/charges?expand=a%2Fb");
    let headers = [
        ("X-MirApi-Key", KEY_A),
        ("X-Target-URL", url.as_str()),
        ("X-Identity-Key", "Bearer sk_live_1"),
        ("Authorization", "Bearer from-client"),
        ("X-User-Secret", "user-secret"),
        ("X-Proxy-Timeout", "20"),
        ("X-Request-Id", "of-the-client"),
        ("X-Custom-Case", "Kept"),
        ("Keep-Alive", "5"),
        ("X-Hop", "named"),
        ("Connection", "X-Hop"),
        ("Content-Type", "application/json"),
    ];
    let answer = server
        .send(
            "POST",
            "/ignored?also=ignored",
            &headers,
            b"{\"amount\":2000}",
        )
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "hi"));
    let sent = seen.recv().await.unwrap();
    let lower = sent.to_ascii_lowercase();
    assert!(
        sent.starts_with("POST /v1/charges?expand=a%2Fb HTTP/1.1\r\n"),
        "{sent}"
    );
    assert!(sent.ends_with("\r\n\r\n{\"amount\":2000}"), "{sent}");
    assert_eq!(lower.matches("\r\nauthorization:").count(), 1, "{sent}");
    assert!(
        lower.contains("\r\nauthorization: bearer sk_live_1\r\n"),
        "{sent}"
    );
    assert_eq!(lower.matches("\r\nhost:").count(), 1, "{sent}");
    assert!(
        lower.contains(&format!("\r\nhost: {}\r\n", upstream.address)),
        "{sent}"
    );
    assert!(
        sent.contains("\r\nX-Custom-Case: Kept\r\n"),
        "the case of names is kept: {sent}"
    );
    assert!(
        lower.contains("\r\nx-request-id: of-the-client\r\n"),
        "{sent}"
    );
    for gone in [
        "x-mirapi-key",
        "x-target-url",
        "x-identity-key",
        "x-user-secret",
        "x-proxy-timeout",
        "x-hop",
        "keep-alive",
        "from-client",
        KEY_A,
    ] {
        assert!(!lower.contains(gone), "{gone}: {sent}");
    }
}

#[tokio::test]
async fn the_clients_own_authorization_passes_but_never_our_key() {
    let (upstream, mut seen) = RawUpstream::answering(OK).await;
    let server = TestServer::start(|_| {}).await;
    let url = upstream.url("/");
    let base = [("X-Api-Key", KEY_A), ("X-Target-URL", url.as_str())];
    let own = [&base[..], &[("Authorization", "Bearer SG.own")]].concat();
    assert_eq!(server.request("GET", "/", &own).await.status, 200);
    let sent = seen.recv().await.unwrap().to_ascii_lowercase();
    assert!(
        sent.contains("\r\nauthorization: bearer sg.own\r\n"),
        "{sent}"
    );
    let bearer = format!("Bearer {KEY_A}");
    let ours = [
        ("Authorization", bearer.as_str()),
        ("X-Target-URL", url.as_str()),
    ];
    assert_eq!(server.request("GET", "/", &ours).await.status, 200);
    let sent = seen.recv().await.unwrap().to_ascii_lowercase();
    assert!(!sent.contains("authorization"), "{sent}");
}

#[tokio::test]
async fn answers_come_back_as_they_were_without_hop_by_hop_headers() {
    let answer = "HTTP/1.1 418 Short And Stout\r\nX-Request-Id: theirs\r\nX-Sealgate-Error: forged\r\nX-Sealgate-Request-Id: forged\r\nX-Api-Key: theirs\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\ntea";
    let (upstream, _) = RawUpstream::answering(answer).await;
    let server = TestServer::start(|_| {}).await;
    let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", &upstream.url("/"))];
    let answer = server.request("BREW", "/", &headers).await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "tea"));
    assert_eq!(answer.header("x-request-id"), Some("theirs"));
    assert!(
        answer
            .header("x-sealgate-request-id")
            .unwrap()
            .parse::<uuid::Uuid>()
            .is_ok()
    );
    assert_eq!(answer.header("x-api-key"), Some("theirs"));
    assert_eq!(
        answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .count(),
        2
    );
    assert_eq!(answer.header("x-hop"), None);
    assert_eq!(answer.header("x-sealgate-error"), None);
    assert_eq!(
        answer.header("cache-control"),
        None,
        "an upstream's answer is not ours to mark"
    );
}

#[tokio::test]
async fn redirects_are_answers_like_any_other() {
    let redirect =
        "HTTP/1.1 302 Found\r\nLocation: https://other.example/x\r\nContent-Length: 0\r\n\r\n";
    let (upstream, _) = RawUpstream::answering(redirect).await;
    let server = TestServer::start(|_| {}).await;
    let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", &upstream.url("/"))];
    let answer = server.request("GET", "/", &headers).await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), Some("https://other.example/x"));
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn answers_without_a_body_stay_without_one() {
    let server = TestServer::start(|_| {}).await;
    for (method, upstream_answer, status, length) in [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
            200,
            Some("12"),
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, None),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
            304,
            None,
        ),
    ] {
        let (upstream, _) = RawUpstream::answering(upstream_answer).await;
        let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", &upstream.url("/"))];
        let answer = server.request(method, "/", &headers).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, ""),
            "{method} {answer:?}"
        );
        assert_eq!(
            answer.header("content-length"),
            length,
            "{method} {answer:?}"
        );
    }
}

#[tokio::test]
async fn an_identity_cannot_carry_a_line_break() {
    let (upstream, mut seen) = RawUpstream::answering(OK).await;
    let server = TestServer::start(|_| {}).await;
    let url = upstream.url("/");
    for value in ["a\rb", "a\nX-Evil: 1", "a\0b", "a\r\n b"] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {url}\r\nX-Identity-Key: {value}\r\n\r\n"
        );
        let answer = server.raw(request.as_bytes()).await;
        // A bare line feed ends a line for the parser: then the rest is a header of the client's
        // own making, which it could have sent anyway, and no part of the injected value.
        if answer.starts_with("HTTP/1.1 200 ") {
            let sent = seen.recv().await.unwrap();
            assert!(
                sent.to_ascii_lowercase()
                    .contains("\r\nauthorization: a\r\n"),
                "{value:?}: {sent}"
            );
        } else {
            assert!(answer.starts_with("HTTP/1.1 400 "), "{value:?}: {answer}");
        }
    }
}

async fn echo(request: Request<Incoming>) -> Response<Body> {
    let version = format!("{:?}", request.version());
    let authorization = request.headers().get_all("authorization").iter().count();
    let host = request
        .headers()
        .get("host")
        .map(|v| v.to_str().unwrap().to_owned());
    let seen = format!("{version} {} {authorization} {host:?}", request.uri());
    Response::builder()
        .header("x-seen", seen)
        .body(Body::new(request.into_body()))
        .unwrap()
}

#[tokio::test]
async fn https_upstreams_are_reached_in_both_versions_of_http() {
    for (alpn, version) in [("h2", "HTTP/2.0"), ("http/1.1", "HTTP/1.1")] {
        let upstream = TlsUpstream::start(&[alpn], echo).await;
        let ca_file = upstream.ca_file.clone();
        let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
        let url = upstream.url("/path?q=1");
        let headers = [
            ("X-Api-Key", KEY_A),
            ("X-Target-URL", url.as_str()),
            ("X-Identity-Key", "Bearer a"),
        ];
        for _ in 0..3 {
            let answer = server.send("PUT", "/", &headers, b"the body").await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (200, "the body"),
                "{answer:?}"
            );
            let seen = answer.header("x-seen").unwrap();
            assert!(
                seen.starts_with(version) && seen.contains("/path?q=1 1 "),
                "{seen}"
            );
        }
    }
}

#[tokio::test]
async fn connections_are_kept_for_the_same_organisation_only() {
    let upstream = RawUpstream::start(|mut stream| async move {
        loop {
            let mut probe = [0];
            if !matches!(stream.peek(&mut probe).await, Ok(1)) {
                return;
            }
            super::upstream::read_head(&mut stream).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, OK.as_bytes()).await;
        }
    })
    .await;
    // One worker, so that every request meets the same pool.
    let server = TestServer::start(|config| config.workers = Some(1)).await;
    let url = upstream.url("/");
    let as_org = async |key| {
        let headers = [("X-Api-Key", key), ("X-Target-URL", url.as_str())];
        assert_eq!(server.request("GET", "/", &headers).await.body, "hi");
    };
    for _ in 0..3 {
        as_org(KEY_A).await;
    }
    assert_eq!(upstream.connections(), 1);
    as_org(KEY_B).await;
    assert_eq!(upstream.connections(), 2);
    as_org(KEY_A).await;
    as_org(KEY_B).await;
    assert_eq!(upstream.connections(), 2);
}
