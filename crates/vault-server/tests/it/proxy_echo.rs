//! Upstreams that repeat the injected credential in every place where an answer has room.

use credential_injector::EchoScrub;
use tokio::io::AsyncWriteExt;

use super::support::{KEY_A, TestServer, read_to_end};
use super::upstream::{RawUpstream, read_exactly, read_head};

const SECRET: &str = "sk_live_echo_4242";
const STARS: &str = "*****************";

fn request(url: &str, more: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\nX-Target-URL: {url}\r\nX-Identity-Key: Bearer {SECRET}\r\nTE: trailers\r\n{more}Connection: close\r\n\r\n"
    )
}

async fn get(server: &TestServer, upstream: &RawUpstream) -> String {
    let request = request(&upstream.url("/"), "Accept-Encoding: gzip\r\n");
    server.raw(request.as_bytes()).await
}

/// An answer that repeats the secret in `place`.
fn echoing(place: &str) -> &'static str {
    let text = match place {
        "header" => {
            format!("HTTP/1.1 200 OK\r\nX-Saw: Bearer {SECRET}\r\nContent-Length: 2\r\n\r\nhi")
        }
        "location" => format!(
            "HTTP/1.1 302 Found\r\nLocation: https://x.example/?k={SECRET}\r\nContent-Length: 0\r\n\r\n"
        ),
        "reason" => format!("HTTP/1.1 400 Bad key {SECRET}\r\nContent-Length: 2\r\n\r\nhi"),
        "body" => {
            format!("HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n{{\"key\":\"{SECRET}\"}}hi it")
        }
        "chunks" => {
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
                + &SECRET
                    .chars()
                    .map(|c| format!("1\r\n{c}\r\n"))
                    .collect::<String>()
                + "0\r\n\r\n"
        }
        "close" => format!("HTTP/1.0 200 OK\r\n\r\nsk_live_{SECRET}sk_live"),
        "trailer" => format!(
            "HTTP/1.1 200 OK\r\nTrailer: X-Saw\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nsk_live\r\n0\r\nX-Saw: {SECRET}\r\n\r\n"
        ),
        other => panic!("{other}"),
    };
    Box::leak(text.into_boxed_str())
}

const PLACES: [&str; 7] = [
    "header", "location", "reason", "body", "chunks", "close", "trailer",
];

#[tokio::test]
async fn echoes_are_overwritten_wherever_they_stand() {
    let server = TestServer::start(|_| {}).await;
    for place in PLACES {
        let (upstream, mut seen) = RawUpstream::answering(echoing(place)).await;
        let answer = get(&server, &upstream).await;
        // One byte per chunk of the upstream's is one run of bytes here, whatever the framing.
        let bytes: String = answer.split("\r\n").filter(|l| l.len() != 1).collect();
        assert!(answer.starts_with("HTTP/1.1 "), "{place}: {answer}");
        assert!(!bytes.contains(SECRET), "{place}: {answer}");
        if place != "reason" {
            assert!(bytes.contains(STARS), "{place}: {answer}");
        }
        let sent = seen.recv().await.unwrap().to_ascii_lowercase();
        assert!(sent.contains(&format!("\r\nauthorization: bearer {SECRET}\r\n")));
        assert!(sent.contains("\r\naccept-encoding: identity\r\n"), "{sent}");
        match place {
            "body" => {
                assert!(answer.ends_with("\"}hi it"), "{answer}");
                assert!(answer.contains("Content-Length: 32\r\n"), "{answer}");
            }
            "close" => assert!(answer.ends_with("sk_live\r\n0\r\n\r\n"), "{answer}"),
            "trailer" => assert!(answer.contains("\r\n7\r\nsk_live\r\n0\r\n"), "{answer}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn echoes_refuse_the_answer_or_break_it_off_where_that_is_wished() {
    let server = TestServer::start(|c| c.egress.identity_echo_scrub = EchoScrub::Refuse).await;
    for place in PLACES {
        let (upstream, _) = RawUpstream::answering(echoing(place)).await;
        let answer = get(&server, &upstream).await;
        assert!(!answer.contains(SECRET), "{place}: {answer}");
        if ["header", "location", "reason"].contains(&place) {
            assert!(answer.starts_with("HTTP/1.1 502 "), "{place}: {answer}");
            assert!(answer.contains("x-sealgate-error: upstream_echo\r\n"));
        } else {
            assert!(
                !answer.ends_with("0\r\n\r\n") && !answer.ends_with("hi it"),
                "{place}: {answer}"
            );
        }
    }
    let (compressed, _) = RawUpstream::answering(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    let answer = get(&server, &compressed).await;
    assert!(answer.contains("upstream_echo"), "{answer}");
}

#[tokio::test]
async fn nothing_is_searched_where_it_is_off_or_nothing_was_injected() {
    let server = TestServer::start(|c| {
        c.egress.identity_echo_scrub = EchoScrub::Off;
    })
    .await;
    let (upstream, mut seen) = RawUpstream::answering(echoing("body")).await;
    assert!(get(&server, &upstream).await.contains(SECRET));
    assert!(
        seen.recv()
            .await
            .unwrap()
            .contains("Accept-Encoding: gzip\r\n")
    );
    let server = TestServer::start(|c| c.egress.keep_accept_encoding = true).await;
    let (upstream, mut seen) = RawUpstream::answering(echoing("body")).await;
    assert!(get(&server, &upstream).await.contains(STARS));
    assert!(
        seen.recv()
            .await
            .unwrap()
            .contains("Accept-Encoding: gzip\r\n")
    );
    let (upstream, _) = RawUpstream::answering(echoing("body")).await;
    let passed = request(&upstream.url("/"), "").replace("X-Identity-Key", "Authorization");
    assert!(server.raw(passed.as_bytes()).await.contains(SECRET));
}

#[tokio::test]
async fn events_pass_at_once_while_they_are_searched() {
    let (next, mut steps) = tokio::sync::mpsc::channel::<()>(1);
    let steps = std::sync::Mutex::new(Some(async move || steps.recv().await));
    let upstream = RawUpstream::start(move |mut stream| {
        let mut step = steps.lock().unwrap().take().unwrap();
        async move {
            read_head(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream.write_all(head).await.unwrap();
            for piece in ["event 1\n\n", "sk_live_echo", "_4242 and sk", "_alm\n\n"] {
                let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
                stream.write_all(chunk.as_bytes()).await.unwrap();
                step().await;
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    client
        .write_all(request(&upstream.url("/"), "").as_bytes())
        .await
        .unwrap();
    read_head(&mut client).await;
    // The whole event, before the upstream says another word.
    assert_eq!(read_exactly(&mut client, 14).await, "9\r\nevent 1\n\n\r\n");
    next.send(()).await.unwrap();
    next.send(()).await.unwrap();
    // Two pieces have been sent; what may begin the secret is held, the rest is here.
    let expected = format!("16\r\n{STARS} and \r\n");
    assert_eq!(read_exactly(&mut client, expected.len()).await, expected);
    next.send(()).await.unwrap();
    assert_eq!(read_exactly(&mut client, 13).await, "8\r\nsk_alm\n\n\r\n");
    drop(next);
    assert_eq!(read_to_end(&mut client).await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_range_is_asked_for_only_where_an_echo_may_be_split() {
    let ranges = "Range: bytes=0-9\r\nIf-Range: \"v1\"\r\n";
    let travels = async |server: &TestServer, injects: bool| {
        let (upstream, mut seen) = RawUpstream::answering(echoing("body")).await;
        let mut request = request(&upstream.url("/"), ranges);
        if !injects {
            request = request.replace("X-Identity-Key", "X-Other");
        }
        server.raw(request.as_bytes()).await;
        let sent = seen.recv().await.unwrap().to_ascii_lowercase();
        let found = [
            sent.contains("\r\nrange: "),
            sent.contains("\r\nif-range: "),
        ];
        assert_eq!(found[0], found[1], "{sent}");
        found[0]
    };
    let server = TestServer::start(|_| {}).await;
    assert!(!travels(&server, true).await, "the whole is asked for");
    assert!(travels(&server, false).await, "nothing was injected");
    let server = TestServer::start(|c| c.egress.keep_range = true).await;
    assert!(travels(&server, true).await);
    let server = TestServer::start(|c| c.egress.identity_echo_scrub = EchoScrub::Off).await;
    assert!(travels(&server, true).await);
}
