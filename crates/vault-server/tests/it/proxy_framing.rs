//! Framing at the proxy door: what two readers could understand differently is refused or goes on
//! in one reading, and what follows it is never a request of somebody's making.

use tokio::io::AsyncWriteExt;

use super::support::{KEY_A, TestServer};
use super::upstream::{RawUpstream, read_head};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends `framing` and `body`; gives all answers and every byte that reached the upstream.
async fn exchange(version: &str, framing: &str, body: &str) -> (String, String) {
    let (seen, mut bytes_seen) = tokio::sync::mpsc::unbounded_channel();
    let upstream = RawUpstream::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut all = String::new();
            let mut buffer = vec![0; 4_096];
            let mut answered = false;
            while let Ok(count) = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await {
                if count == 0 {
                    break;
                }
                all.push_str(&String::from_utf8_lossy(&buffer[..count]));
                let whole = all.ends_with("0\r\n\r\n") || !all.contains("chunked");
                if !answered && whole {
                    answered = true;
                    let _ = stream.write_all(OK.as_bytes()).await;
                }
            }
            let _ = seen.send(all);
        }
    })
    .await;
    let mut server = TestServer::start(|config| {
        config.workers = Some(1);
        config.limits.body_grace = std::time::Duration::from_millis(300);
        config.limits.keep_alive_timeout = std::time::Duration::from_millis(300);
    })
    .await;
    let request = format!(
        "POST / {version}\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\n{framing}\r\n\r\n{body}",
        upstream.url("/real")
    );
    let answers = server.raw(request.as_bytes()).await;
    server.stop();
    let _ = server.ended.take().unwrap().await;
    let mut reached = String::new();
    for _ in 0..upstream.connections() {
        reached.push_str(&bytes_seen.recv().await.unwrap_or_default());
    }
    (answers, reached)
}

#[tokio::test]
async fn ambiguous_framing_is_refused_or_goes_on_in_one_reading() {
    const CHUNKED: &str = "0\r\n\r\n";
    let mut rows = tokio::task::JoinSet::new();
    for (version, framing, body) in [
        (
            "HTTP/1.1",
            "Content-Length: 5\r\nContent-Length: 6",
            CHUNKED,
        ),
        ("HTTP/1.1", "Content-Length: 5, 5", CHUNKED),
        (
            "HTTP/1.1",
            "Content-Length: 5\r\nContent-Length: 5",
            CHUNKED,
        ),
        ("HTTP/1.1", "Content-Length: 0x5", CHUNKED),
        ("HTTP/1.1", "Content-Length: -1", CHUNKED),
        ("HTTP/1.1", "Content-Length:", CHUNKED),
        (
            "HTTP/1.1",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            CHUNKED,
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            CHUNKED,
        ),
        ("HTTP/1.1", "Transfer-Encoding: xchunked", CHUNKED),
        ("HTTP/1.1", "Transfer-Encoding: chunked, identity", CHUNKED),
        ("HTTP/1.1", "Transfer-Encoding: identity, chunked", CHUNKED),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            CHUNKED,
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            CHUNKED,
        ),
        ("HTTP/1.1", "Transfer-Encoding: \x0bchunked", CHUNKED),
        ("HTTP/1.1", "Transfer-Encoding : chunked", CHUNKED),
        ("HTTP/1.1", "Transfer-Encoding: chunked;q=1", CHUNKED),
        ("HTTP/1.1", "X: y\r\n Transfer-Encoding: chunked", CHUNKED),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked",
            "0x5\r\nhello\r\n0\r\n\r\n",
        ),
        ("HTTP/1.1", "Transfer-Encoding: chunked", "-1\r\n\r\n"),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked",
            "FFFFFFFFFFFFFFFFF\r\n",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked",
            "5\nhello\r\n0\r\n\r\n",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked",
            "5\r\nhelloX\r\n0\r\n\r\n",
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: chunked",
            "5;a\nb\r\nhello\r\n0\r\n\r\n",
        ),
        ("HTTP/1.0", "Transfer-Encoding: chunked", CHUNKED),
        (
            "HTTP/1.0",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            CHUNKED,
        ),
        (
            "HTTP/1.0",
            "Content-Length: 5\r\nContent-Length: 6",
            CHUNKED,
        ),
        ("HTTP/1.2", "Content-Length: 5", CHUNKED),
        ("HTTP/0.9", "Content-Length: 5", CHUNKED),
    ] {
        rows.spawn(check(version, framing, format!("{body}{SMUGGLED}")));
    }
    let checked = rows.join_all().await;
    assert!(!checked.is_empty());
}

async fn check(version: &str, framing: &str, body: String) {
    let (answers, reached) = exchange(version, framing, &body).await;
    let what = format!("{version} {framing:?} {body:?}: {answers} | {reached}");
    assert!(!reached.contains("smuggled"), "{what}");
    // At most the answer to this request and a refusal of what follows it.
    assert!(!answers.contains("\"not_found\""), "{what}");
    let head = reached.to_ascii_lowercase();
    let lengths = head.matches("\r\ncontent-length:").count();
    let codings = head.matches("\r\ntransfer-encoding:").count();
    assert!(lengths + codings <= 1, "{what}");
    assert!(head.matches("http/1.1\r\n").count() <= 1, "{what}");
}

#[tokio::test]
async fn a_bare_line_feed_never_frames_a_body() {
    // A bare LF may end a line of a head (RFC 9112 section 2.2), so what stands behind it is a
    // header that the client could have sent anyway; it must be one to both sides or to none.
    let (answers, reached) = exchange(
        "HTTP/1.1",
        "X-A: b\nTransfer-Encoding: chunked\nContent-Length: 3",
        &format!("0\r\n\r\n{SMUGGLED}"),
    )
    .await;
    assert!(!reached.contains("smuggled"), "{answers} | {reached}");
    assert!(!reached.to_ascii_lowercase().contains("content-length"));
}

#[tokio::test]
async fn an_early_refusal_never_turns_the_body_into_a_request() {
    let (upstream, _) = RawUpstream::answering(OK).await;
    let roomy = TestServer::start(|_| {}).await;
    let narrow = TestServer::start(|config| config.limits.proxy_body_bytes_max = 10).await;
    let url = upstream.url("/");
    let length = SMUGGLED.len();
    for (what, headers, status) in [
        ("no key", String::new(), "401"),
        ("wrong key", "X-Api-Key: sgk_no\r\n".to_owned(), "401"),
        (
            "too large",
            format!("X-Api-Key: {KEY_A}\r\nX-Target-URL: {url}\r\n"),
            "413",
        ),
        (
            "no target",
            format!("X-Api-Key: {KEY_A}\r\nX-Target-URL: ftp://x/\r\n"),
            "400",
        ),
        (
            "no upgrade",
            format!(
                "X-Api-Key: {KEY_A}\r\nX-Target-URL: {url}\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
            ),
            "501",
        ),
    ] {
        let server = if status == "413" { &narrow } else { &roomy };
        // A body that is a request, and behind it a real one.
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {length}\r\n\r\n{SMUGGLED}GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        );
        let answers = server.raw(request.as_bytes()).await;
        assert!(
            answers.starts_with(&format!("HTTP/1.1 {status} ")),
            "{what}: {answers}"
        );
        let count = answers.matches("HTTP/1.1 ").count();
        let healthy = answers.matches(r#"{"status":"ok"}"#).count();
        // Either the connection ended, or the body was read past and the real request answered.
        assert_eq!(count, 1 + healthy, "{what}: {answers}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn an_upstreams_early_answer_does_not_leave_a_body_for_the_next_request() {
    // Refuses on the head alone and keeps the connection open, as careless servers do.
    let (seen, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let upstream = RawUpstream::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            let _ = seen.send(read_head(&mut stream).await);
            let early = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno";
            let _ = stream.write_all(early).await;
            // Whatever comes next on this connection is taken for a request.
            let mut rest = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        }
    })
    .await;
    let server = TestServer::start(|config| config.workers = Some(1)).await;
    let mut first = server.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\nContent-Length: 100000\r\n\r\n",
        upstream.url("/first")
    );
    first.write_all(head.as_bytes()).await.unwrap();
    assert!(read_head(&mut first).await.starts_with("HTTP/1.1 413 "));
    assert!(heads.recv().await.unwrap().starts_with("POST /first "));
    // The second request goes over a connection of its own while the first body is unsent.
    let headers = [
        ("X-Api-Key", KEY_A),
        ("X-Target-URL", &upstream.url("/second")),
    ];
    assert_eq!(server.request("GET", "/", &headers).await.status, 413);
    assert!(heads.recv().await.unwrap().starts_with("GET /second "));
    assert_eq!(upstream.connections(), 2);
}
