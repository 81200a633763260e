//! The end: requests in flight finish, newcomers are refused, stragglers are cut off.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};

use super::support::{KEY_A, PATIENCE, TestServer, read_to_end};

/// A route that waits for a permit, and a channel that tells when a request has entered it.
fn gated() -> (axum::Router, Arc<Semaphore>, mpsc::UnboundedReceiver<()>) {
    let gate = Arc::new(Semaphore::new(0));
    let (entered, entries) = mpsc::unbounded_channel();
    let handler_gate = Arc::clone(&gate);
    let wait = move || {
        let (gate, entered) = (Arc::clone(&handler_gate), entered.clone());
        async move {
            let _ = entered.send(());
            let _place = gate.acquire().await;
            "finished"
        }
    };
    (axum::Router::new().route("/wait", get(wait)), gate, entries)
}

async fn enter(server: &TestServer, entries: &mut mpsc::UnboundedReceiver<()>) -> TcpStream {
    let mut stream = server.connect().await;
    let head = format!("GET /wait HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    entries.recv().await.unwrap();
    stream
}

async fn ends(server: &mut TestServer) {
    let ended = server.ended.take().unwrap();
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the server ends")
        .unwrap();
}

#[tokio::test]
async fn requests_in_flight_finish_and_then_the_server_ends() {
    let (routes, gate, mut entries) = gated();
    let mut server = TestServer::start_with(|_| {}, routes).await;
    let mut busy = enter(&server, &mut entries).await;
    let mut idle = server.connect().await;
    server.stop();
    // An idle connection is closed at once, a new one is refused once the listeners are gone.
    read_to_end(&mut idle).await;
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("newcomers are refused");
    gate.add_permits(1);
    let answer = read_to_end(&mut busy).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("finished"),
        "{answer}"
    );
    ends(&mut server).await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let (routes, _gate, mut entries) = gated();
    let adjust = |c: &mut vault_server::Config| c.limits.drain_timeout = Duration::from_millis(200);
    let mut server = TestServer::start_with(adjust, routes).await;
    let mut busy = enter(&server, &mut entries).await;
    server.stop();
    ends(&mut server).await;
    assert_eq!(read_to_end(&mut busy).await, "");
}
