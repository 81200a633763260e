//! Bodies travel frame by frame in both directions, trailers included.

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{KEY_A, PATIENCE, TestServer};
use super::upstream::{RawUpstream, TlsUpstream, read_exactly, read_head};

/// Opens a proxied chunked request by hand.
async fn open(server: &TestServer, url: &str) -> tokio::net::TcpStream {
    let mut client = server.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {url}\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

#[tokio::test]
async fn both_directions_flow_in_lock_step() {
    let upstream = RawUpstream::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        for n in 0..5 {
            // Answers a piece only after it has arrived.
            assert_eq!(
                read_exactly(&mut stream, 11).await,
                format!("6\r\nping-{n}\r\n")
            );
            stream
                .write_all(format!("6\r\npong-{n}\r\n").as_bytes())
                .await
                .unwrap();
        }
        assert_eq!(read_exactly(&mut stream, 5).await, "0\r\n\r\n");
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    })
    .await;
    let server = TestServer::start(|_| {}).await;
    let mut client = open(&server, &upstream.url("/")).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 "));
    for n in 0..5 {
        // Sends a piece only after the answer to the one before has arrived.
        client
            .write_all(format!("6\r\nping-{n}\r\n").as_bytes())
            .await
            .unwrap();
        assert_eq!(
            read_exactly(&mut client, 11).await,
            format!("6\r\npong-{n}\r\n")
        );
    }
    client.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(read_exactly(&mut client, 5).await, "0\r\n\r\n");
}

#[tokio::test]
async fn trailers_pass_both_ways_without_the_forbidden_ones() {
    let (seen, mut trailers_seen) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |request: Request<Incoming>| {
        let seen = seen.clone();
        async move {
            let collected = request.into_body().collect().await.unwrap();
            seen.send(collected.trailers().cloned()).unwrap();
            let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(2);
            let mut trailers = HeaderMap::new();
            trailers.insert("x-checksum", HeaderValue::from_static("down"));
            trailers.insert("set-cookie", HeaderValue::from_static("a=1"));
            for forged in ["x-sealgate-error", "x-sealgate-request-id", "x-request-id"] {
                trailers.insert(forged, HeaderValue::from_static("forged"));
            }
            tokio::spawn(async move {
                let _ = sender.send_data(collected.to_bytes()).await;
                let _ = sender.send(Frame::trailers(trailers)).await;
            });
            Response::builder()
                .header("trailer", "x-checksum, X-Sealgate-Error, x-request-id")
                .body(Body::new(body))
                .unwrap()
        }
    };
    for alpn in ["h2", "http/1.1"] {
        let upstream = TlsUpstream::start(&[alpn], handler.clone()).await;
        let ca_file = upstream.ca_file.clone();
        let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
        let mut client = server.connect().await;
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\nTE: trailers\r\nTrailer: X-Checksum\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
            upstream.url("/")
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client
            .write_all(b"4\r\nbody\r\n0\r\nX-Checksum: up\r\nAuthorization: no\r\n\r\n")
            .await
            .unwrap();
        let up = trailers_seen
            .recv()
            .await
            .unwrap()
            .expect("trailers arrive");
        assert_eq!(up.get("x-checksum").unwrap(), "up", "{alpn}");
        assert!(!up.contains_key("authorization"), "{alpn}");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("railer: x-checksum\r\n"), "{alpn}: {head}");
        assert!(!head.contains("forged"), "{alpn}: {head}");
        let body = body.to_ascii_lowercase();
        assert_eq!(body, "4\r\nbody\r\n0\r\nx-checksum: down\r\n\r\n", "{alpn}");
    }
}

#[tokio::test]
async fn a_body_larger_than_every_buffer_passes_unchanged() {
    // Sums what arrives and sends as much back, so neither side ever holds the whole.
    let handler =
        |request: Request<Incoming>| async move { Response::new(Body::new(request.into_body())) };
    for alpn in ["h2", "http/1.1"] {
        let upstream = TlsUpstream::start(&[alpn], handler).await;
        let ca_file = upstream.ca_file.clone();
        let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
        let client = server.connect().await;
        const PIECES: usize = 512;
        let url = upstream.url("/");
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {url}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            PIECES * 65_536
        );
        let (mut reading, mut writing) = client.into_split();
        let piece = |n: usize| vec![u8::try_from(n % 251).unwrap(); 65_536];
        let sending = tokio::spawn(async move {
            writing.write_all(head.as_bytes()).await.unwrap();
            for n in 0..PIECES {
                writing.write_all(&piece(n)).await.unwrap();
            }
            writing
        });
        let head = read_head(&mut reading).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(
            head.to_ascii_lowercase()
                .contains("content-length: 33554432")
                || head.to_ascii_lowercase().contains("chunked"),
            "{head}"
        );
        let chunked = head.to_ascii_lowercase().contains("chunked");
        let mut received = Vec::new();
        tokio::time::timeout(PATIENCE * 3, reading.read_to_end(&mut received))
            .await
            .unwrap()
            .unwrap();
        let received = if chunked {
            unchunk(&received)
        } else {
            received
        };
        assert_eq!(received.len(), PIECES * 65_536, "{alpn}");
        assert!(
            (0..PIECES).all(|n| received[n * 65_536..(n + 1) * 65_536] == piece(n)),
            "{alpn}"
        );
        sending.await.unwrap();
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = bytes.windows(2).position(|w| w == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_the_upstream_request_with_it() {
    // Before the answer begins, and in the middle of it.
    for begun in [false, true] {
        let (left, mut leaving) = tokio::sync::mpsc::unbounded_channel();
        let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
        let upstream = RawUpstream::start(move |mut stream| {
            let (left, arrived) = (left.clone(), arrived.clone());
            async move {
                read_head(&mut stream).await;
                if begun {
                    stream
                        .write_all(
                            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
                        )
                        .await
                        .unwrap();
                }
                let _ = arrived.send(());
                let _ = stream.read_to_end(&mut Vec::new()).await;
                let _ = left.send(());
            }
        })
        .await;
        let server = TestServer::start(|_| {}).await;
        let mut client = server.connect().await;
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\n\r\n",
            upstream.url("/")
        );
        client.write_all(head.as_bytes()).await.unwrap();
        arrivals.recv().await.unwrap();
        if begun {
            read_head(&mut client).await;
        }
        drop(client);
        tokio::time::timeout(PATIENCE, leaving.recv())
            .await
            .expect("the upstream's connection is closed");
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let (upstream, mut seen) =
        RawUpstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        upstream.url("/")
    );
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(
        read_head(&mut client).await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.write_all(b"body").await.unwrap();
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 "));
    assert!(seen.recv().await.unwrap().ends_with("\r\n\r\nbody"));
}
