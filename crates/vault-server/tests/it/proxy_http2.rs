//! HTTP/2 from the client to the upstream, as gRPC uses it.

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;

use super::support::{KEY_A, PATIENCE, TestServer};
use super::upstream::{RawUpstream, TlsUpstream};

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
async fn nothing_waits_behind_the_streams_of_a_full_connection() {
    let (opened, mut openings) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |request: Request<Incoming>| {
        let opened = opened.clone();
        async move {
            if request.uri().path() != "/events" {
                return Response::new(Body::from(request.method().to_string()));
            }
            let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
            opened.send(sender).unwrap();
            Response::new(Body::new(body))
        }
    };
    let two_streams = |builder: &mut auto::Builder<TokioExecutor>| {
        builder.http2().max_concurrent_streams(2);
    };
    let upstream = TlsUpstream::start_with(&["h2"], two_streams, handler).await;
    let ca_file = upstream.ca_file.clone();
    let server = TestServer::start(move |c| {
        c.workers = Some(1);
        c.egress.extra_ca_file = Some(ca_file);
    })
    .await;
    let client = connect(&server).await;
    let send = async |method: &str, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}/", server.address))
            .header("x-api-key", KEY_A)
            .header("x-target-url", upstream.url(path))
            .body(Body::empty())
            .unwrap();
        let answer = client.clone().send_request(request);
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let answer = answer.expect("nothing is waited for").unwrap();
        assert_eq!(answer.status(), 200, "{method} {path}");
        answer.into_body()
    };
    let text = async |body: Incoming| body.collect().await.unwrap().to_bytes();
    // By the end of an answer the upstream has said how many streams it permits.
    assert_eq!(text(send("GET", "/").await).await, "GET");
    let (first, second) = (send("GET", "/events").await, send("GET", "/events").await);
    assert_eq!(upstream.connections(), 1, "streams share a connection");
    for _ in 0..3 {
        assert_eq!(text(send("DELETE", "/").await).await, "DELETE");
    }
    assert_eq!(upstream.connections(), 2, "a full one is passed over");
    let third = send("GET", "/events").await;
    // Places come back with the end of an answer.
    for events in [first, second] {
        drop(openings.recv().await.unwrap());
        text(events).await;
    }
    let further = (send("GET", "/events").await, send("GET", "/events").await);
    assert_eq!(text(send("GET", "/").await).await, "GET");
    assert_eq!(upstream.connections(), 2);
    drop((third, further));
}

#[tokio::test]
async fn crumbs_of_a_cookie_reach_an_http1_upstream_as_one_field() {
    let (upstream, mut seen) =
        RawUpstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let server = TestServer::start(|_| {}).await;
    let request = Request::get(format!("http://{}/", server.address))
        .header("x-api-key", KEY_A)
        .header("x-target-url", upstream.url("/"))
        .header("cookie", "session=A")
        .header("x-between", "1")
        .header("cookie", "csrf=B; theme=dark")
        .body(Body::empty())
        .unwrap();
    let answer = connect(&server).await.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let sent = seen.recv().await.unwrap();
    assert!(
        sent.contains("cookie: session=A; csrf=B; theme=dark\r\n"),
        "{sent}"
    );
    assert_eq!(sent.matches("cookie:").count(), 1, "{sent}");
}

#[tokio::test]
async fn headers_keep_their_order_towards_an_http2_upstream() {
    let names = |request: Request<Incoming>| async move {
        let names: Vec<_> = request
            .headers()
            .keys()
            .map(http::HeaderName::as_str)
            .collect();
        Response::new(Body::from(names.join(" ")))
    };
    let upstream = TlsUpstream::start(&["h2"], names).await;
    let ca_file = upstream.ca_file.clone();
    let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
    let url = upstream.url("/");
    let headers = [
        ("X-Api-Key", KEY_A),
        ("X-Target-URL", url.as_str()),
        ("X-First", "1"),
        ("X-Second", "2"),
        ("X-Third", "3"),
        ("X-Last", "4"),
    ];
    let answer = server.request("GET", "/", &headers).await;
    assert_eq!(answer.body, "x-first x-second x-third x-last");
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
