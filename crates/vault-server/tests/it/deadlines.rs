//! Peers that are silent, slow, or take nothing. Limits are short; a test waits for the end of
//! a connection and fails only if it never comes.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vault_server::Config;
use vault_server::layers::read_body;

use super::frames::{self, END_HEADERS, HEADERS, SETTINGS};
use super::support::{KEY_A, PATIENCE, TestServer, read_to_end};
use super::upstream::read_head;

const SHORT: Duration = Duration::from_millis(300);

fn short(config: &mut Config) {
    let limits = &mut config.limits;
    limits.first_request_timeout = SHORT;
    limits.header_read_timeout = SHORT;
    limits.keep_alive_timeout = SHORT;
    limits.write_stall_timeout = SHORT;
    limits.body_grace = SHORT;
}

#[tokio::test]
async fn silent_connections_are_closed() {
    let server = TestServer::start(short).await;
    for said in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"GET /health HT",
        b"GET /health HTTP/1.1\r\nHost: a\r\n",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(said).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(!answer.contains(" 200 "), "{said:?}: {answer}");
    }
}

#[tokio::test]
async fn an_http2_connection_that_only_opens_is_closed() {
    let server = TestServer::start(short).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    // An empty SETTINGS frame, and then nothing.
    stream
        .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    read_to_end(&mut stream).await;
}

#[tokio::test]
async fn a_kept_connection_without_requests_is_closed() {
    let server = TestServer::start(short).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200 "));
    read_to_end(&mut stream).await;
}

#[tokio::test]
async fn a_slow_body_is_refused_even_if_it_trickles() {
    let collect = |body: Body| async move {
        read_body(body, 1_000_000)
            .await
            .map(|b| b.as_bytes().len().to_string())
    };
    let routes = axum::Router::new().route("/", post(collect));
    let server = TestServer::start_with(short, routes).await;
    let mut stream = server.connect().await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nContent-Length: 900000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let trickle = async {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 6).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        head = read_head(&mut reading) => assert!(head.starts_with("HTTP/1.1 408 "), "{head}"),
        () = trickle => unreachable!(),
    }
}

/// An answer without end, and a handle that tells when it was dropped.
fn endless() -> (axum::Router, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let (dropped, drops) = tokio::sync::mpsc::unbounded_channel();
    let handler = move || {
        let dropped = dropped.clone();
        async move {
            let (mut sender, body) =
                http_body_util::channel::Channel::<Bytes, std::io::Error>::new(1);
            tokio::spawn(async move {
                while sender
                    .send_data(Bytes::from(vec![b'x'; 64 * 1_024]))
                    .await
                    .is_ok()
                {}
                let _ = dropped.send(());
            });
            Body::new(body)
        }
    };
    (axum::Router::new().route("/endless", get(handler)), drops)
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_disconnected() {
    let (routes, mut drops) = endless();
    let server = TestServer::start_with(short, routes).await;
    let mut stream = server.connect().await;
    let head = format!("GET /endless HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    read_head(&mut stream).await;
    // The connection stays open on this side; nothing more is read.
    let gone = tokio::time::timeout(PATIENCE, drops.recv()).await;
    gone.expect("the server lets go of the answer");
    drop(stream);
}

#[tokio::test]
async fn an_unread_pipeline_is_disconnected() {
    let (routes, mut drops) = endless();
    let server = TestServer::start_with(short, routes).await;
    let mut stream = server.connect().await;
    let one = format!("GET /endless HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\n\r\n");
    let many = one.repeat(1_000);
    let sent = tokio::time::timeout(PATIENCE, stream.write_all(many.as_bytes()));
    // Fits into socket buffers or is cut off by the server.
    let _ = sent.await.expect("the server reads or closes");
    tokio::time::timeout(PATIENCE, drops.recv())
        .await
        .expect("the server lets go");
    // One answer had begun, none of the others.
    assert!(drops.try_recv().is_err());
}

#[tokio::test]
async fn an_http2_stream_without_a_window_is_disconnected() {
    let (routes, mut drops) = endless();
    let server = TestServer::start_with(short, routes).await;
    let stream = server.connect().await;
    let (mut sender, connection) =
        hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
            .initial_stream_window_size(1_024)
            .handshake::<_, Body>(hyper_util::rt::TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://{}/endless", server.address))
        .header("x-api-key", KEY_A)
        .body(Body::empty())
        .unwrap();
    // The body is kept and not read, so the window stays shut while pings are answered.
    let unread = sender.send_request(request).await.unwrap();
    assert_eq!(unread.status(), 200);
    tokio::time::timeout(PATIENCE, drops.recv())
        .await
        .expect("the server lets go");
    drop(unread);
}

#[tokio::test]
async fn an_http2_answer_of_one_frame_without_a_window_gives_its_place_back() {
    let routes = axum::Router::new().route("/small", get(|| async { "one frame" }));
    let adjust = |config: &mut Config| {
        short(config);
        config.limits.requests_in_flight_max = 1;
    };
    let server = TestServer::start_with(adjust, routes).await;
    let key = ("x-api-key", KEY_A);
    for (path, headers) in [("/small", &[key][..]), ("/health", &[]), ("/small", &[])] {
        let mut stream = server.connect().await;
        // INITIAL_WINDOW_SIZE 0: no byte of an answer's body is ever taken.
        let opening = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frames::frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
            frames::get_of(1, path, headers),
        ];
        stream.write_all(&opening.concat()).await.unwrap();
        let mut came = Vec::new();
        let reading = stream.read_to_end(&mut came);
        // An abrupt end is one.
        let _ = tokio::time::timeout(PATIENCE, reading)
            .await
            .unwrap_or_else(|_| panic!("{path}: the connection stayed open"));
        let head = [HEADERS, END_HEADERS, 0, 0, 0, 1];
        let answered = came.windows(head.len()).any(|bytes| bytes == head);
        assert!(answered, "{path}: {came:?}");
    }
    let ask = format!("GET /small HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\n\r\n");
    let place_is_back = async {
        while !server.raw(ask.as_bytes()).await.contains(" 200 OK\r\n") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, place_is_back)
        .await
        .expect("the place comes back");
}

#[tokio::test]
async fn a_silent_stream_of_events_is_not_a_stall() {
    let (entered, mut entries) = tokio::sync::mpsc::unbounded_channel();
    let handler = move || {
        let entered = entered.clone();
        async move {
            let (sender, body) = http_body_util::channel::Channel::<Bytes, std::io::Error>::new(1);
            let _ = entered.send(sender);
            Body::new(body)
        }
    };
    let routes = axum::Router::new().route("/events", get(handler));
    let server = TestServer::start_with(short, routes).await;
    let mut stream = server.connect().await;
    let head = format!("GET /events HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    read_head(&mut stream).await;
    let mut events = entries.recv().await.unwrap();
    // Longer than every limit of this server.
    tokio::time::sleep(SHORT * 5).await;
    events
        .send_data(Bytes::from_static(b"event"))
        .await
        .unwrap();
    let mut chunk = [0; 10];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut chunk))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&chunk, b"5\r\nevent\r\n");
}
