//! At the finest log level nothing secret is written, on success or on any failure.

use super::logged;
use super::support::{KEY_A, TestServer};
use super::upstream::{RawUpstream, TlsUpstream};

#[tokio::test]
async fn no_secret_is_logged_at_the_finest_level() {
    let lines = logged::lines();

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
    let logged = lines.text();
    assert!(
        logged.contains("answered"),
        "the log is being written: {logged}"
    );
    assert!(logged.contains("no answer"), "failures are in the log");
    let lower = logged.to_ascii_lowercase();
    assert!(!lower.contains("canary"), "{logged}");
    assert!(!logged.contains(KEY_A), "{logged}");
}
