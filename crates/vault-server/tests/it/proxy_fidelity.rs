//! What travels unchanged: paths, queries, header order, lengths, codings, expectations.

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::Incoming;
use tokio::io::AsyncWriteExt;

use super::support::{KEY_A, TestServer, read_to_end};
use super::upstream::{RawUpstream, TlsUpstream, read_exactly, read_head};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn head(method: &str, url: &str, more: &str) -> String {
    format!(
        "{method} / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {url}\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn every_byte_of_path_and_query_is_kept() {
    let server = TestServer::start(|_| {}).await;
    for path in [
        "/a%2Fb/c%2fd",
        "/%E2%82%AC;v=1?q=a+b%20c&q=&&empty=#".trim_end_matches('#'),
        "/a//b/./c/../d",
        "/a?x=%00%7f&y=/?&z=a:b@c",
        "/~user/(x)!*'$,;=:@",
        "/?",
        "/a|b?c|d",
    ] {
        let (upstream, mut seen) = RawUpstream::answering(OK).await;
        let answer = server
            .raw(head("GET", &upstream.url(path), "Connection: close\r\n").as_bytes())
            .await;
        if answer.starts_with("HTTP/1.1 200 ") {
            let sent = seen.recv().await.unwrap();
            assert!(
                sent.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
                "{sent}"
            );
        } else {
            // Refused whole, never repaired.
            assert!(answer.contains("\"target_invalid\""), "{path}: {answer}");
            assert!(path.contains('|'), "{path}");
        }
    }
}

#[tokio::test]
async fn repeated_headers_keep_their_order_both_ways() {
    let (upstream, mut seen) = RawUpstream::answering(
        "HTTP/1.1 200 OK\r\nSet-Cookie: c=1\r\nVia: 1.1 x\r\nSet-Cookie: a=2\r\nSet-Cookie: b=3\r\nX-Empty:\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    let server = TestServer::start(|_| {}).await;
    let more = "X-First: 1\r\nAccept: text/a\r\nAccept: text/b\r\nX-Empty:\r\nCookie: z=1\r\nAccept: text/c\r\nX-Last: \u{e9}t\u{e9}\r\nConnection: close\r\n";
    // The value of X-Last goes as bytes that are no UTF-8.
    let request: Vec<u8> = head("GET", &upstream.url("/"), more)
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let mut client = server.connect().await;
    client.write_all(&request).await.unwrap();
    let answer = read_to_end(&mut client).await;
    let values = |text: &str, name: &str| -> Vec<String> {
        text.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    };
    let sent = seen.recv().await.unwrap();
    assert_eq!(values(&sent, "accept"), ["text/a", "text/b", "text/c"]);
    assert_eq!(values(&sent, "x-empty"), [""]);
    let place = |name: &str| sent.find(name).unwrap_or_else(|| panic!("{name}: {sent}"));
    assert!(place("X-First") < place("Accept") && place("Cookie") < place("X-Last"));
    assert_eq!(values(&answer, "set-cookie"), ["c=1", "a=2", "b=3"]);
    assert_eq!(values(&answer, "x-empty"), [""]);
}

#[tokio::test]
async fn nothing_is_compressed_decompressed_or_reframed() {
    let server = TestServer::start(|_| {}).await;
    for (answer, framed) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x0b\x08x",
            "content-length: 4",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            "transfer-encoding: chunked",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "content-length: 0",
        ),
    ] {
        let (upstream, mut seen) = RawUpstream::answering(answer).await;
        let more = "Accept-Encoding: br;q=1.0, gzip\r\nConnection: close\r\n";
        let got = server
            .raw(head("GET", &upstream.url("/"), more).as_bytes())
            .await;
        let (got_head, got_body) = got.split_once("\r\n\r\n").unwrap();
        assert!(got_head.to_ascii_lowercase().contains(framed), "{got}");
        assert_eq!(got_body, answer.split_once("\r\n\r\n").unwrap().1, "{got}");
        assert_eq!(
            got_head.contains("ncoding: gzip"),
            answer.contains("ncoding: gzip")
        );
        // Without an injected credential the client's wish is not narrowed.
        let sent = seen.recv().await.unwrap();
        assert!(
            sent.contains("Accept-Encoding: br;q=1.0, gzip\r\n"),
            "{sent}"
        );
    }
}

/// Reads one request, with its chunks where it has them, and passes it on to the test.
async fn reading_chunks() -> (RawUpstream, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (seen, requests) = tokio::sync::mpsc::unbounded_channel();
    let upstream = RawUpstream::start(move |mut stream| {
        let seen = seen.clone();
        async move {
            let mut request = read_head(&mut stream).await.to_ascii_lowercase();
            let is_chunked = request.contains("\r\ntransfer-encoding: chunked\r\n");
            while is_chunked && !request.ends_with("\r\n0\r\n\r\n") {
                request.push_str(&read_exactly(&mut stream, 1).await);
            }
            let _ = seen.send(request);
            let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    (upstream, requests)
}

#[tokio::test]
async fn a_body_of_unknown_length_goes_on_whatever_the_method() {
    let (upstream, mut seen) = reading_chunks().await;
    let server = TestServer::start(|_| {}).await;
    let io = hyper_util::rt::TokioIo::new(server.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut http2, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    const CHUNKS: &str = "\r\n\r\n7\r\n{\"q\":1}\r\n0\r\n\r\n";
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST"] {
        let more = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
        let request = head(method, &upstream.url("/"), more) + &CHUNKS[4..];
        let answer = server.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 204 "), "{method}: {answer}");
        let sent = seen.recv().await.unwrap();
        assert!(sent.ends_with(CHUNKS), "{method}: {sent}");
        assert!(!sent.contains("content-length"), "{method}: {sent}");

        let (mut pieces, body) = Channel::<Bytes, std::io::Error>::new(1);
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}/", server.address))
            .header("x-api-key", KEY_A)
            .header("x-target-url", upstream.url("/"))
            .body(Body::new(body))
            .unwrap();
        let answer = http2.send_request(request);
        let piece = Bytes::from_static(b"{\"q\":1}");
        pieces.send_data(piece).await.unwrap();
        drop(pieces);
        assert_eq!(answer.await.unwrap().status(), 204, "{method}");
        let sent = seen.recv().await.unwrap();
        assert!(sent.ends_with(CHUNKS), "{method} over HTTP/2: {sent}");

        // Where there is no body, none is announced.
        let request = head(method, &upstream.url("/"), "Connection: close\r\n");
        server.raw(request.as_bytes()).await;
        let sent = seen.recv().await.unwrap();
        assert!(!sent.contains("transfer-encoding"), "{method}: {sent}");
    }
}

#[tokio::test]
async fn an_old_upstream_that_ends_by_closing_is_reframed_safely() {
    let (upstream, _) = RawUpstream::answering("HTTP/1.0 200 OK\r\n\r\nuntil the end").await;
    let server = TestServer::start(|_| {}).await;
    let answer = server
        .raw(head("GET", &upstream.url("/"), "Connection: close\r\n").as_bytes())
        .await;
    assert!(
        answer
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked"),
        "{answer}"
    );
    assert!(answer.ends_with("until the end\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_expects_100_hears_a_refusal_before_it_sends() {
    let (left, mut leaving) = tokio::sync::mpsc::unbounded_channel();
    let upstream = RawUpstream::start(move |mut stream| {
        let left = left.clone();
        async move {
            let head = read_head(&mut stream).await;
            assert!(head.contains("Expect: 100-continue\r\n"), "{head}");
            let refusal = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno";
            stream.write_all(refusal).await.unwrap();
            let rest = read_to_end(&mut stream).await;
            let _ = left.send(rest);
        }
    })
    .await;
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    let more = "Expect: 100-continue\r\nContent-Length: 1000000\r\n";
    let request = head("POST", &upstream.url("/"), more);
    client.write_all(request.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(
        answer.starts_with("HTTP/1.1 417 "),
        "no 100 before it: {answer}"
    );
    assert!(answer.ends_with("\r\n\r\nno"), "{answer}");
    // The upstream saw no byte of a body, and its connection is not kept for another request.
    let rest = tokio::time::timeout(super::support::PATIENCE, leaving.recv()).await;
    assert_eq!(rest.unwrap().unwrap(), "");
}

#[tokio::test]
async fn a_client_gets_its_100_when_the_upstream_says_so() {
    let (asked, asks) = tokio::sync::oneshot::channel::<()>();
    let asks = std::sync::Mutex::new(Some(asks));
    let upstream = RawUpstream::start(move |mut stream| {
        let asks = asks.lock().unwrap().take().unwrap();
        async move {
            read_head(&mut stream).await;
            asks.await.unwrap();
            let interim =
                b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
            stream.write_all(interim).await.unwrap();
            assert_eq!(read_exactly(&mut stream, 4).await, "body");
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    let more = "Expect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n";
    let request = head("POST", &upstream.url("/"), more);
    client.write_all(request.as_bytes()).await.unwrap();
    // A proxy that answers for itself would do so now.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(
        client.try_read(&mut [0]).is_err(),
        "a 100 of the proxy's own"
    );
    asked.send(()).unwrap();
    assert_eq!(
        read_head(&mut client).await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.write_all(b"body").await.unwrap();
    assert!(read_to_end(&mut client).await.ends_with("\r\n\r\nhi"));
}

#[tokio::test]
async fn a_grpc_answer_of_trailers_alone_passes_in_http2() {
    // gRPC's "trailers-only": one HEADERS frame with END_STREAM and grpc-status in it.
    let handler = |request: Request<Incoming>| async move {
        if request.uri().path().ends_with("/Only") {
            return Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "5")
                .header("grpc-message", "nothing%20there")
                .body(Body::empty())
                .unwrap();
        }
        let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        tokio::spawn(async move {
            let _ = sender.send(Frame::trailers(trailers)).await;
        });
        Response::new(Body::new(body))
    };
    let upstream = TlsUpstream::start(&["h2"], handler).await;
    let ca_file = upstream.ca_file.clone();
    let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
    let io = hyper_util::rt::TokioIo::new(server.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    for (method, only) in [("Only", true), ("Late", false)] {
        let request = Request::post(format!("http://{}/", server.address))
            .header("x-api-key", KEY_A)
            .header(
                "x-target-url",
                upstream.url(&format!("/pkg.Service/{method}")),
            )
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .body(Body::from(&b"\0\0\0\0\0"[..]))
            .unwrap();
        let answer = client.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().contains_key("grpc-status"), only);
        assert_eq!(
            http_body::Body::is_end_stream(answer.body()),
            only,
            "{method}"
        );
        let end = answer.into_body().collect().await.unwrap();
        assert_eq!(end.trailers().is_some(), !only, "{method}");
    }
}
