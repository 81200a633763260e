//! HTTP/2 from the client to the upstream, as gRPC uses it.

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::support::{KEY_A, PATIENCE, TestServer};
use super::upstream::TlsUpstream;

/// Opens an HTTP/2 connection to the server.
async fn connect(server: &TestServer) -> SendRequest<Body> {
    let io = TokioIo::new(server.connect().await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// The next frame, which must be data.
async fn next_data(body: &mut Incoming) -> Bytes {
    let frame = tokio::time::timeout(PATIENCE, body.frame()).await;
    let frame = frame.expect("a frame arrives").expect("the body goes on");
    frame.unwrap().into_data().expect("data")
}

/// Answers each piece with the same piece, and the end with trailers.
async fn echo(request: Request<Incoming>) -> Response<Body> {
    assert_eq!(request.headers().get("te").unwrap(), "trailers");
    assert!(
        request
            .uri()
            .authority()
            .unwrap()
            .as_str()
            .starts_with("localhost:")
    );
    assert!(!request.headers().contains_key("x-api-key"));
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    let mut pieces = request.into_body();
    tokio::spawn(async move {
        while let Some(Ok(frame)) = pieces.frame().await {
            if let Ok(data) = frame.into_data() {
                let _ = sender.send_data(data).await;
            }
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let _ = sender.send(Frame::trailers(trailers)).await;
    });
    Response::new(Body::new(body))
}

#[tokio::test]
async fn a_call_in_lock_step_with_trailers() {
    let upstream = TlsUpstream::start(&["h2"], echo).await;
    let ca_file = upstream.ca_file.clone();
    let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
    let mut client = connect(&server).await;
    let (mut pieces, body) = Channel::<Bytes, std::io::Error>::new(1);
    let request = Request::post(format!("http://{}/ignored", server.address))
        .header("x-api-key", KEY_A)
        .header("x-target-url", upstream.url("/pkg.Service/Method"))
        .header("te", "trailers")
        .body(Body::new(body))
        .unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("x-request-id"));
    let mut answer = response.into_body();
    for n in 0..5 {
        let piece = Bytes::from(format!("piece-{n}"));
        pieces.send_data(piece.clone()).await.unwrap();
        assert_eq!(next_data(&mut answer).await, piece);
    }
    drop(pieces);
    let end = tokio::time::timeout(PATIENCE, answer.collect())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(end.trailers().unwrap().get("grpc-status").unwrap(), "0");
}

#[tokio::test]
async fn many_requests_share_connections_both_ways() {
    let handler = |request: Request<Incoming>| async move {
        Response::new(Body::from(request.uri().path().to_owned()))
    };
    let upstream = TlsUpstream::start(&["h2"], handler).await;
    let ca_file = upstream.ca_file.clone();
    let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
    let client = connect(&server).await;
    let mut calls = Vec::new();
    for n in 0..50 {
        let mut client = client.clone();
        let request = Request::get(format!("http://{}/", server.address))
            .header("x-api-key", KEY_A)
            .header("x-target-url", upstream.url(&format!("/item/{n}")))
            .body(Body::empty())
            .unwrap();
        calls.push(tokio::spawn(async move {
            let response = client.send_request(request).await.unwrap();
            assert_eq!(response.status(), 200);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("/item/{n}"));
        }));
    }
    for call in calls {
        tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_host_that_differs_from_the_authority_is_refused() {
    let server = TestServer::start(|_| {}).await;
    let mut client = connect(&server).await;
    for (host, status) in [("other.example", 400), (&server.address.to_string(), 200)] {
        let request = Request::get(format!("http://{}/health", server.address))
            .header("host", host)
            .body(Body::empty())
            .unwrap();
        assert_eq!(
            client.send_request(request).await.unwrap().status(),
            status,
            "{host}"
        );
    }
}
