//! What the README promises a stranger.

use crate::support::{Sealgate, assert_problem, http};
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn the_lines_of_the_first_start_work_when_pasted() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    let keys = server.first_keys();
    assert!(
        server.stdout.contains(&server.base),
        "lines name the address"
    );

    let stored = http()
        .put(server.url("/v1/kv/db-connection"))
        .header("X-Api-Key", &keys.api_key)
        .header("Content-Type", "application/json")
        .body(r#"{"valueB64":"cG9zdGdyZXM6Ly9hcHA6cGFzc0BkYjo1NDMyL21haW4="}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(stored.status(), 201);

    let read = server
        .client(&keys.api_key)
        .read("db-connection", &keys.user_secret.as_str().into())
        .await
        .unwrap();
    assert_eq!(read.bytes.as_slice(), b"postgres://app:pass@db:5432/main");
}

#[tokio::test]
async fn a_later_start_keeps_everything_and_shows_no_key() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    let keys = server.first_keys();
    let client = server.client(&keys.api_key);
    client
        .put("kept", b"value", &Default::default())
        .await
        .unwrap();
    assert!(server.terminate().success());

    let server = Sealgate::dev(data.path(), &[]);
    for key in [&keys.api_key, &keys.user_secret, &keys.root_key] {
        assert!(!server.stdout.contains(key.as_str()));
    }
    let client = server.client(&keys.api_key);
    let secret = keys.user_secret.as_str().into();
    let read = client.read("kept", &secret).await.unwrap();
    assert_eq!(read.bytes.as_slice(), b"value");
}

#[tokio::test]
async fn health_needs_no_key_and_everything_else_does() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    let health = http().get(server.url("/health")).send().await.unwrap();
    assert_eq!(health.text().await.unwrap(), r#"{"status":"ok"}"#);
    for path in ["/v1/kv", "/v1/kv/x", "/v1/keys/status", "/admin/orgs", "/"] {
        let refused = http().get(server.url(path)).send().await.unwrap();
        assert_problem(refused, 401, "api_key_invalid").await;
    }
}

#[test]
fn only_the_owner_reads_what_the_server_keeps() {
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("kept");
    let _server = Sealgate::dev(&directory, &[]);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("root.key")), 0o600);
    assert_eq!(mode(&directory.join("sealgate.db")), 0o600);
}

#[test]
fn development_mode_says_so_and_stays_on_loopback() {
    let data = tempfile::tempdir().unwrap();
    let server = Sealgate::dev(data.path(), &[]);
    assert!(server.log().contains("DEVELOPMENT MODE"));
    drop(server);

    let refused = crate::support::command(&["serve", "--dev", "--listen", "0.0.0.0:0"])
        .arg("--data-dir")
        .arg(data.path())
        .output()
        .unwrap();
    assert!(!refused.status.success());
}
