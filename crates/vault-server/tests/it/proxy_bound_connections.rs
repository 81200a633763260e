//! Upstreams that authenticate a connection: it is not kept for the next request.

use tokio::io::AsyncWriteExt;

use super::support::{KEY_A, TestServer};
use super::upstream::{RawUpstream, read_head};

/// An upstream that keeps its connections open and answers every request with these lines.
async fn answering(lines: &'static str) -> RawUpstream {
    RawUpstream::start(move |mut stream| async move {
        loop {
            let mut first = [0];
            if !matches!(stream.peek(&mut first).await, Ok(1)) {
                return;
            }
            read_head(&mut stream).await;
            let answer = format!("HTTP/1.1 {lines}Content-Length: 2\r\n\r\nhi");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

/// Connections that the upstream takes for three requests in a row with this `Authorization`.
async fn connections(lines: &'static str, authorization: &str) -> usize {
    let upstream = answering(lines).await;
    let server = TestServer::start(|config| config.workers = Some(1)).await;
    for _ in 0..3 {
        let url = upstream.url("/");
        let headers = [
            ("X-Api-Key", KEY_A),
            ("X-Target-URL", url.as_str()),
            ("Authorization", authorization),
        ];
        let answer = server.send("GET", "/", &headers, b"").await;
        assert!(matches!(answer.status, 200 | 401), "{answer:?}");
        assert_eq!(answer.body, "hi");
    }
    upstream.connections()
}

#[tokio::test]
async fn a_connection_that_is_authenticated_itself_carries_one_request() {
    const OK: &str = "200 OK\r\n";
    for authorization in ["NTLM TlRMTVNTUAADAAAA", "negotiate YIIabc", "Negotiate x"] {
        assert_eq!(connections(OK, authorization).await, 3, "{authorization}");
    }
    for challenge in [
        "401 No\r\nWWW-Authenticate: NTLM\r\n",
        "401 No\r\nWWW-Authenticate: Basic realm=\"a, b\", Negotiate\r\n",
        "401 No\r\nWWW-Authenticate: Basic realm=a\r\nWWW-Authenticate: NTLM TlRM\r\n",
        "200 OK\r\nPersistent-Auth: true\r\n",
    ] {
        assert_eq!(connections(challenge, "Basic eDp5").await, 3, "{challenge}");
    }
    for harmless in [OK, "401 No\r\nWWW-Authenticate: Basic realm=\"NTLM\"\r\n"] {
        assert_eq!(connections(harmless, "Bearer NTLM").await, 1, "{harmless}");
    }
}
