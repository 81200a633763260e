//! At the finest log level nothing secret is written, on success or on any failure.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use super::support::{KEY_A, TestServer};
use super::upstream::{RawUpstream, TlsUpstream};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_the_finest_level() {
    let lines = Lines::default();
    let writer = lines.clone();
    // The filter of the server, opened as far as an operator can.
    let layer = fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .with_filter(filter_fn(vault_server::telemetry::may_be_logged));
    tracing_subscriber::registry().with(layer).init();

    let (upstream, _) = RawUpstream::answering(
        "HTTP/1.1 200 OK\r\nSet-Cookie: canary-cookie\r\nContent-Length: 11\r\n\r\ncanary-body",
    )
    .await;
    let (garbage, _) = RawUpstream::answering("canary-garbage\r\n\r\n").await;
    let tls = TlsUpstream::start(&["h2"], |_| async {
        http::Response::new(axum::body::Body::from("canary-body"))
    })
    .await;
    let ca_file = tls.ca_file.clone();
    let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
    let targets = [
        upstream.url("/canary-path?key=canary-query"),
        garbage.url("/canary-path?key=canary-query"),
        tls.url("/canary-path?key=canary-query"),
        "https://10.0.0.1/canary-path?key=canary-query".to_owned(),
        "https://canary-user:canary-password@x/".to_owned(),
    ];
    let secrets = [
        ("X-User-Secret", "canary-user-secret"),
        ("X-New-User-Secret", "canary-new-secret"),
        ("Authorization", "Bearer canary-authorization"),
        ("Cookie", "canary-cookie"),
    ];
    for key in [KEY_A, "sgk_canary-unknown-key"] {
        for target in &targets {
            for credential in [
                &[][..],
                &[("X-Identity-Key", "Bearer canary-identity")],
                &[("X-Proxy-Master-Key", "canary-passphrase")],
                &[
                    ("X-Identity-Key", "canary-identity"),
                    ("X-Proxy-Master-Key", "canary-passphrase"),
                ],
            ] {
                let base = [("X-Api-Key", key), ("X-Target-URL", target.as_str())];
                let headers = [&base[..], &secrets, credential].concat();
                server
                    .send(
                        "POST",
                        "/canary-path?canary-query",
                        &headers,
                        b"canary-body",
                    )
                    .await;
            }
        }
        let headers = [&[("X-Api-Key", key)], &secrets[..]].concat();
        server
            .send(
                "CANARY-METHOD",
                "/canary-path?canary-query",
                &headers,
                b"canary-body",
            )
            .await;
    }
    let logged = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(
        logged.contains("answered"),
        "the log is being written: {logged}"
    );
    assert!(logged.contains("no answer"), "failures are in the log");
    let lower = logged.to_ascii_lowercase();
    assert!(!lower.contains("canary"), "{logged}");
    assert!(!logged.contains(KEY_A), "{logged}");
}
