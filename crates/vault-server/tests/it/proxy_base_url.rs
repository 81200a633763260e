//! Streams, trailers and WebSocket through the base-URL door, with an access token, as they go
//! through the other door.

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::api_credentials::make;
use super::api_support::Api;
use super::api_tokens::token;
use super::support::PATIENCE;
use super::upstream::{TlsUpstream, read_exactly, read_head};

/// A server before this upstream, and a token for a credential of its host.
async fn serve(ca_file: std::path::PathBuf, host: &str) -> (Api, String) {
    let api = Api::start_before(ca_file).await;
    let user = api.org_with_keys("a").await;
    let id = make(&api, &user, "n", host, "sk_live_1").await;
    let (token, _) = token(&api, &user, json!({"credentials": [id]})).await;
    (api, token)
}

fn door(upstream: &TlsUpstream, path: &str) -> String {
    upstream.url(path).replace("https://", "/to/")
}

fn is_injected(request: &Request<Incoming>) {
    let sent = request.headers().get("authorization").unwrap();
    assert_eq!(sent, "Bearer sk_live_1");
}

#[tokio::test]
async fn events_arrive_one_by_one_as_they_are_sent() {
    for alpn in ["h2", "http/1.1"] {
        // The upstream sends an event only when the test lets it.
        let (give, events) = mpsc::unbounded_channel::<&'static str>();
        let events = std::sync::Arc::new(tokio::sync::Mutex::new(events));
        let upstream = TlsUpstream::start(&[alpn], move |request| {
            let events = std::sync::Arc::clone(&events);
            async move {
                is_injected(&request);
                let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
                tokio::spawn(async move {
                    while let Some(event) = events.lock().await.recv().await {
                        let _ = sender.send_data(Bytes::from_static(event.as_bytes())).await;
                    }
                });
                Response::builder()
                    .header("content-type", "text/event-stream")
                    .body(Body::new(body))
                    .unwrap()
            }
        })
        .await;
        let (api, token) = serve(upstream.ca_file.clone(), "localhost").await;
        let mut client = TcpStream::connect(api.address).await.unwrap();
        let path = door(&upstream, "/v1/stream?live=1");
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        for event in ["data: a\n\n", "data: bb\n\n", ": ping\n\n"] {
            give.send(event).unwrap();
            let chunk = format!("{:X}\r\n{event}\r\n", event.len());
            assert_eq!(
                read_exactly(&mut client, chunk.len()).await,
                chunk,
                "{alpn}"
            );
        }
        drop(give);
        assert_eq!(read_exactly(&mut client, 5).await, "0\r\n\r\n", "{alpn}");
    }
}

/// Sends every piece back, and the request's trailers with one of its own.
async fn echo(request: Request<Incoming>) -> Response<Body> {
    is_injected(&request);
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let mut pieces = request.into_body();
    tokio::spawn(async move {
        let mut trailers = HeaderMap::new();
        while let Some(Ok(frame)) = pieces.frame().await {
            match frame.into_data() {
                Ok(data) => {
                    let _ = sender.send_data(data).await;
                }
                Err(frame) => trailers.extend(frame.into_trailers().unwrap()),
            }
        }
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let _ = sender.send(Frame::trailers(trailers)).await;
    });
    Response::builder()
        .header("trailer", "x-sum, grpc-status")
        .body(Body::new(body))
        .unwrap()
}

#[tokio::test]
async fn a_stream_both_ways_with_trailers_over_http2() {
    for alpn in ["h2", "http/1.1"] {
        let upstream = TlsUpstream::start(&[alpn], echo).await;
        let (api, token) = serve(upstream.ca_file.clone(), "localhost").await;
        let io = TokioIo::new(TcpStream::connect(api.address).await.unwrap());
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let (mut pieces, body) = Channel::<Bytes, std::io::Error>::new(1);
        let path = door(&upstream, "/pkg.Service/Method");
        let request = Request::post(format!("http://{}{path}", api.address))
            .header("authorization", format!("Bearer {token}"))
            .header("te", "trailers")
            .header("trailer", "x-sum, x-leak")
            .body(Body::new(body))
            .unwrap();
        let sending = client.send_request(request);
        pieces
            .send_data(Bytes::from_static(b"first"))
            .await
            .unwrap();
        let response = tokio::time::timeout(PATIENCE, sending).await.unwrap();
        let response = response.unwrap();
        assert_eq!(response.status(), 200);
        let mut answer = response.into_body();
        for (n, next) in ["second", "third", ""].into_iter().enumerate() {
            let frame = tokio::time::timeout(PATIENCE, answer.frame()).await;
            let data = frame.unwrap().unwrap().unwrap().into_data().unwrap();
            assert_eq!(data, ["first", "second", "third"][n], "{alpn}");
            if !next.is_empty() {
                pieces
                    .send_data(Bytes::from_static(next.as_bytes()))
                    .await
                    .unwrap();
            }
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("1"));
        trailers.insert("x-leak", HeaderValue::from_str(&token).unwrap());
        pieces.send(Frame::trailers(trailers)).await.unwrap();
        drop(pieces);
        let end = tokio::time::timeout(PATIENCE, answer.collect())
            .await
            .unwrap();
        let end = end.unwrap();
        let trailers = end.trailers().unwrap();
        assert_eq!(trailers.get("grpc-status").unwrap(), "0", "{alpn}");
        assert_eq!(trailers.get("x-sum").unwrap(), "1", "{alpn}");
        assert!(!trailers.contains_key("x-leak"), "{alpn}");
    }
}

/// Agrees to a handshake and sends back what comes.
async fn switch(request: Request<Incoming>) -> Response<Body> {
    is_injected(&request);
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut reading, &mut writing).await;
        let _ = writing.shutdown().await;
    });
    Response::builder()
        .status(101)
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_websocket_with_a_token_carries_bytes_both_ways() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let upstream = TlsUpstream::start(&["http/1.1"], move |request| {
        let head = format!("{} {:?}", request.uri(), request.headers());
        seen.send(head).unwrap();
        switch(request)
    })
    .await;
    let (api, token) = serve(upstream.ca_file.clone(), "localhost").await;
    let target = format!("X-Target-URL: {}\r\n", upstream.url("/chat?room=1"));
    let mut sent = Vec::new();
    for (path, target) in [
        ("/", target.as_str()),
        (&door(&upstream, "/chat?room=1"), ""),
    ] {
        let mut client = TcpStream::connect(api.address).await.unwrap();
        let handshake = format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n{target}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        client.write_all(handshake.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{path}: {head}");
        for piece in ["ping", "a longer piece"] {
            client.write_all(piece.as_bytes()).await.unwrap();
            assert_eq!(read_exactly(&mut client, piece.len()).await, piece);
        }
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
        sent.push(heads.recv().await.unwrap());
    }
    assert_eq!(sent[0], sent[1], "the upstream sees the same");
    assert!(sent[0].starts_with("/chat?room=1 "), "{}", sent[0]);
    assert!(!sent[0].contains(&token[4..]));
}
