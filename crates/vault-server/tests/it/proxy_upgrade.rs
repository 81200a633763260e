//! WebSocket through the proxy, and every upgrade that is none.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{KEY_A, PATIENCE, TestServer, read_to_end};
use super::upstream::{RawUpstream, TlsUpstream, read_exactly, read_head};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn handshake(url: &str, upgrade: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {url}\r\nX-Identity-Key: Bearer sk_live_socket\r\nConnection: keep-alive, Upgrade\r\nUpgrade: {upgrade}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Agrees to a handshake after `gate` has opened, and then echoes.
async fn echoing(
    gate: std::sync::Arc<tokio::sync::Semaphore>,
) -> (RawUpstream, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (seen, heads) = tokio::sync::mpsc::unbounded_channel();
    let upstream = RawUpstream::start(move |mut stream| {
        let (seen, gate) = (seen.clone(), gate.clone());
        async move {
            let head = read_head(&mut stream).await;
            gate.acquire().await.unwrap().forget();
            // Nothing but the head may have come by now.
            let mut early = [0];
            let none = stream.try_read(&mut early);
            assert!(none.is_err(), "bytes before the 101: {early:?}");
            let _ = seen.send(head);
            stream.write_all(SWITCH.as_bytes()).await.unwrap();
            let (mut reading, mut writing) = stream.split();
            let _ = tokio::io::copy(&mut reading, &mut writing).await;
            let _ = writing.shutdown().await;
        }
    })
    .await;
    (upstream, heads)
}

fn open_gate() -> std::sync::Arc<tokio::sync::Semaphore> {
    std::sync::Arc::new(tokio::sync::Semaphore::new(1_000))
}

async fn switched(server: &TestServer, upstream: &RawUpstream) -> TcpStream {
    let mut client = server.connect().await;
    let request = handshake(&upstream.url("/chat"), "websocket");
    client.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client
}

#[tokio::test]
async fn a_handshake_travels_with_its_credential_and_bytes_flow_both_ways() {
    let (upstream, mut heads) = echoing(open_gate()).await;
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    let request = handshake(&upstream.url("/chat?room=1"), "websocket");
    client.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut client).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    for line in [
        "\r\nupgrade: websocket\r\n",
        "\r\nconnection: upgrade\r\n",
        "\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n",
        "\r\nx-sealgate-request-id: ",
    ] {
        assert_eq!(head.matches(line).count(), 1, "{line:?}: {head}");
    }
    let sent = heads.recv().await.unwrap().to_ascii_lowercase();
    assert!(sent.starts_with("get /chat?room=1 http/1.1\r\n"), "{sent}");
    for line in [
        "\r\nauthorization: bearer sk_live_socket\r\n",
        "\r\nupgrade: websocket\r\n",
        "\r\nconnection: upgrade\r\n",
        "\r\nsec-websocket-key: dghlihnhbxbszsbub25jzq==\r\n",
    ] {
        assert_eq!(sent.matches(line).count(), 1, "{line:?}: {sent}");
    }
    assert!(!sent.contains("x-api-key") && !sent.contains("x-identity-key"));
    for n in 0..50 {
        let frame = format!("frame {n:04}");
        client.write_all(frame.as_bytes()).await.unwrap();
        assert_eq!(read_exactly(&mut client, frame.len()).await, frame);
    }
    // Half a close travels to the upstream, and the rest of its answer back.
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut client).await, "last");
}

#[tokio::test]
async fn bytes_behind_the_handshake_wait_for_the_101() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let (upstream, _heads) = echoing(gate.clone()).await;
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    let early = handshake(&upstream.url("/"), "websocket") + "early";
    client.write_all(early.as_bytes()).await.unwrap();
    // Give a proxy that does not wait every chance to show it.
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.add_permits(1);
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 101 "));
    assert_eq!(read_exactly(&mut client, 5).await, "early");
}

#[tokio::test]
async fn bytes_behind_a_refused_handshake_are_no_request() {
    let smuggled = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let (upstream, mut seen) =
        RawUpstream::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let server = TestServer::start(|_| {}).await;
    let request = handshake(&upstream.url("/"), "websocket") + smuggled;
    let answers = server.raw(request.as_bytes()).await;
    assert!(answers.starts_with("HTTP/1.1 403 "), "{answers}");
    assert!(answers.ends_with("\r\n\r\nno"), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(!seen.recv().await.unwrap().contains("/health"));
}

#[tokio::test]
async fn other_upgrades_and_false_handshakes_never_reach_an_upstream() {
    let (upstream, _) = RawUpstream::answering(SWITCH).await;
    let server = TestServer::start(|_| {}).await;
    let url = upstream.url("/");
    let good = handshake(&url, "websocket");
    let mut refused: Vec<String> = ["h2c", "websocket, h2c", "notwebsocket", "TLS/1.0", ""]
        .iter()
        .map(|protocol| handshake(&url, protocol))
        .collect();
    refused.push(handshake(&url, "h2c").replace(
        "Connection: keep-alive, Upgrade",
        "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    ));
    refused.push(good.replace("keep-alive, Upgrade", "keep-alive"));
    refused.push(good.replace("GET", "POST"));
    refused.push(good.replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx"));
    refused.push(good.replace("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: h2c"));
    for request in refused {
        let mut client = server.connect().await;
        client.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 501 "), "{request}: {head}");
        assert!(head.contains("x-sealgate-error: upgrade_unsupported"));
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn an_upstream_that_switches_to_something_else_is_refused() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let (upstream, _) = RawUpstream::answering(answer).await;
        let server = TestServer::start(|_| {}).await;
        let mut client = server.connect().await;
        let request = handshake(&upstream.url("/"), "websocket");
        client.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{answer}: {head}");
    }
}

#[tokio::test]
async fn an_upstream_that_prefers_http2_is_asked_over_http1() {
    // Over TLS the version is chosen before the request is seen.
    let handler = |request: http::Request<hyper::body::Incoming>| async move {
        let version = format!("{:?}", request.version());
        http::Response::builder()
            .status(418)
            .header("x-version", version)
            .body(axum::body::Body::empty())
            .unwrap()
    };
    let upstream = TlsUpstream::start(&["h2", "http/1.1"], handler).await;
    let ca_file = upstream.ca_file.clone();
    let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
    let answer = server
        .raw(handshake(&upstream.url("/"), "websocket").as_bytes())
        .await;
    assert!(answer.starts_with("HTTP/1.1 418 "), "{answer}");
    assert!(answer.contains("x-version: HTTP/1.1\r\n"), "{answer}");
}

#[tokio::test]
async fn a_tunnel_ends_by_idleness_by_its_total_time_and_with_the_server() {
    for what in ["idle", "total", "stop"] {
        let (upstream, _heads) = echoing(open_gate()).await;
        let mut server = TestServer::start(|config| match what {
            "idle" => config.limits.proxy_stream_idle = Duration::from_millis(300),
            "total" => config.limits.proxy_tunnel_total = Duration::from_millis(300),
            _ => {}
        })
        .await;
        let mut client = switched(&server, &upstream).await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(read_exactly(&mut client, 1).await, "x", "{what}");
        match what {
            "stop" => server.stop(),
            "total" => {
                // Busy all the time, and ended all the same.
                let busy = async {
                    let mut byte = [0];
                    while client.write_all(b"x").await.is_ok()
                        && matches!(client.read(&mut byte).await, Ok(1))
                    {}
                };
                tokio::time::timeout(PATIENCE, busy).await.expect(what);
            }
            _ => {}
        }
        read_to_end(&mut client).await;
        if what == "stop" {
            let ended = server.ended.take().unwrap();
            tokio::time::timeout(PATIENCE, ended)
                .await
                .unwrap()
                .unwrap();
        }
    }
}

#[tokio::test]
async fn a_tunnel_counts_as_the_connection_that_it_is() {
    let (upstream, _heads) = echoing(open_gate()).await;
    let server = TestServer::start(|c| c.limits.connections_per_peer_max = 1).await;
    let mut client = switched(&server, &upstream).await;
    let mut second = server.connect().await;
    assert_eq!(read_to_end(&mut second).await, "");
    client.shutdown().await.unwrap();
    read_to_end(&mut client).await;
    let served = async {
        while !server
            .raw(b"GET /health HTTP/1.0\r\n\r\n")
            .await
            .contains(" 200 ")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, served)
        .await
        .expect("the place comes back");
}
