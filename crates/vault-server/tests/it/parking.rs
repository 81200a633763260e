//! Connections that fall quiet are parked between requests and before the first one. Whatever
//! they say next, and however it is cut, it arrives whole.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vault_server::Config;

use super::support::{KEY_A, PATIENCE, TestServer, read_to_end};
use super::upstream::{read_exactly, read_head};

/// Long enough for a quiet connection to be parked.
const QUIET: Duration = Duration::from_millis(700);
const GET: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
const HEALTHY: &str = r#"{"status":"ok"}"#;

/// The connection is only kept if nobody waits for a head while it is quiet.
fn impatient_with_heads(config: &mut Config) {
    config.limits.header_read_timeout = QUIET * 2 / 3;
}

async fn quiet() {
    tokio::time::sleep(QUIET).await;
}

/// Reads one answer of the health check.
async fn is_healthy(stream: &mut TcpStream) {
    let head = read_head(stream).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head:?}");
    assert_eq!(read_exactly(stream, HEALTHY.len()).await, HEALTHY);
}

async fn say(stream: &mut TcpStream, text: impl AsRef<[u8]>) {
    stream.write_all(text.as_ref()).await.unwrap();
}

#[tokio::test]
async fn a_quiet_connection_is_parked_and_served_again() {
    let server = TestServer::start(impatient_with_heads).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        // Longer than a head may take: nobody waits for one.
        quiet().await;
        for _ in 0..3 {
            say(&mut stream, GET).await;
            is_healthy(&mut stream).await;
        }
    }
    // A head that has begun has its deadline, also on a connection that was parked.
    quiet().await;
    say(&mut stream, "G").await;
    read_to_end(&mut stream).await;
}

#[tokio::test]
async fn a_request_may_be_cut_anywhere_around_a_quiet_time() {
    let server = TestServer::start(|_| {}).await;
    let address = server.address;
    let mut cuts = JoinSet::new();
    for at in 0..=GET.len() {
        // Behind a whole request, in the same write or in one of its own; and as the first.
        for before in [Some(true), Some(false), None] {
            cuts.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let (head, tail) = GET.split_at(at);
                match before {
                    Some(true) => say(&mut stream, [GET, head].concat()).await,
                    Some(false) => {
                        say(&mut stream, GET).await;
                        say(&mut stream, head).await;
                    }
                    None => say(&mut stream, head).await,
                }
                if before.is_some() {
                    is_healthy(&mut stream).await;
                }
                quiet().await;
                say(&mut stream, [tail, GET].concat()).await;
                is_healthy(&mut stream).await;
                is_healthy(&mut stream).await;
            });
        }
    }
    cuts.join_all().await;
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_across_quiet_times_arrives_whole() {
    let server = TestServer::start(|_| {}).await;
    let mut stream = server.connect().await;
    say(&mut stream, GET).await;
    is_healthy(&mut stream).await;
    for piece in ["\r\n", "G", "ET /health HTTP/1.1\r", "\nHost: a\r\n\r"] {
        quiet().await;
        say(&mut stream, piece).await;
    }
    quiet().await;
    say(&mut stream, "\n").await;
    is_healthy(&mut stream).await;
}

#[tokio::test]
async fn http2_is_recognised_by_a_preface_in_pieces() {
    let server = TestServer::start(|_| {}).await;
    let mut stream = server.connect().await;
    quiet().await;
    for piece in ["P", "RI * HTTP/2.0\r\n\r\nS"] {
        say(&mut stream, piece).await;
        quiet().await;
    }
    // The rest, and an empty SETTINGS frame.
    say(&mut stream, b"M\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let mut frame = [0; 9];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut frame))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(frame[3], 4, "SETTINGS come back: {frame:?}");
    // What begins like it and goes on otherwise is HTTP/1.1.
    let mut other = server.connect().await;
    say(&mut other, "P").await;
    quiet().await;
    say(&mut other, "ROPFIND /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = read_head(&mut other).await;
    assert!(head.starts_with("HTTP/1.1 4"), "{head}");
}

#[tokio::test]
async fn a_body_may_pause_and_its_tail_arrives() {
    let length = |body: Bytes| async move { body.len().to_string() };
    let routes = axum::Router::new().route("/length", post(length));
    let server = TestServer::start_with(|_| {}, routes).await;
    let mut stream = server.connect().await;
    let head = |framing: &str| {
        format!("POST /length HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\n{framing}\r\n\r\n")
    };
    for (framing, begin, end) in [
        ("Content-Length: 10", "01234", "56789"),
        (
            "Transfer-Encoding: chunked",
            "5\r\n01",
            "234\r\n5\r\n56789\r\n0\r\n\r\n",
        ),
    ] {
        say(&mut stream, head(framing) + begin).await;
        quiet().await;
        // The next request begins behind the tail.
        say(&mut stream, [end, "GET /hea"].concat()).await;
        assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200 "));
        assert_eq!(read_exactly(&mut stream, 2).await, "10");
        quiet().await;
        say(&mut stream, "lth HTTP/1.1\r\nHost: a\r\n\r\n").await;
        is_healthy(&mut stream).await;
    }
}

#[tokio::test]
async fn a_body_that_outlives_its_answer_is_read_to_its_end() {
    let (lengths, mut read) = mpsc::unbounded_channel();
    let answer_early = move |mut body: Body| {
        let lengths = lengths.clone();
        async move {
            tokio::spawn(async move {
                while let Some(Ok(frame)) = body.frame().await {
                    let _ = lengths.send(frame.data_ref().map_or(0, Bytes::len));
                }
            });
            "early"
        }
    };
    let routes = axum::Router::new().route("/early", post(answer_early));
    let server = TestServer::start_with(|_| {}, routes).await;
    let mut stream = server.connect().await;
    let head = format!(
        "POST /early HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nContent-Length: 10\r\n\r\n"
    );
    say(&mut stream, head + "0123").await;
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(read_exactly(&mut stream, 5).await, "early");
    for tail in ["456", "789"] {
        quiet().await;
        say(&mut stream, tail).await;
    }
    let mut length = 0;
    while length < 10 {
        let count = tokio::time::timeout(PATIENCE, read.recv()).await;
        length += count.unwrap().expect("the rest of the body");
    }
    assert_eq!(length, 10);
    for _ in 0..2 {
        say(&mut stream, GET).await;
        is_healthy(&mut stream).await;
        quiet().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_taken_late_is_taken_whole() {
    const BYTES: usize = 16 * 1_024 * 1_024;
    // In one piece: the server has handed all of it over before the peer takes any.
    let large = || async { Bytes::from(vec![b'x'; BYTES]) };
    let routes = axum::Router::new().route("/large", get(large));
    let server = TestServer::start_with(|_| {}, routes).await;
    let mut stream = server.connect().await;
    let head = format!("GET /large HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\n\r\n");
    say(&mut stream, head).await;
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200 "));
    quiet().await;
    let mut taken = vec![0; BYTES];
    let taking = stream.read_exact(&mut taken);
    tokio::time::timeout(PATIENCE, taking)
        .await
        .unwrap()
        .unwrap();
    say(&mut stream, GET).await;
    is_healthy(&mut stream).await;
}

#[tokio::test]
async fn a_refused_upgrade_costs_no_connection() {
    let server = TestServer::start(|_| {}).await;
    let mut stream = server.connect().await;
    let upgrade = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    for text in [upgrade, GET] {
        say(&mut stream, text).await;
        is_healthy(&mut stream).await;
        quiet().await;
    }
    say(&mut stream, GET).await;
    is_healthy(&mut stream).await;
}

#[tokio::test]
async fn a_parked_connection_ends_with_the_server() {
    let mut server = TestServer::start(|_| {}).await;
    let mut stream = server.connect().await;
    say(&mut stream, GET).await;
    is_healthy(&mut stream).await;
    quiet().await;
    server.stop();
    assert_eq!(read_to_end(&mut stream).await, "");
    let ended = server.ended.take().unwrap();
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the server ends")
        .unwrap();
}
