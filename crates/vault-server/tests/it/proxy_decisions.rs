//! What the door refuses before any upstream is contacted.

use super::support::{Answer, KEY_A, TestServer};
use super::upstream::RawUpstream;

const ID: &str = "4a2e5d18-df99-4d66-a212-3cb5d9f0f9b3";

fn is_ours(answer: &Answer, status: u16, code: &str) {
    answer.is_problem(status, code);
    assert_eq!(answer.header("x-sealgate-error"), Some(code), "{answer:?}");
}

#[tokio::test]
async fn contradicting_and_unknown_credentials_never_reach_the_upstream() {
    let (upstream, _) = RawUpstream::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let server = TestServer::start(|_| {}).await;
    let url = upstream.url("/");
    let base = [("X-Api-Key", KEY_A), ("X-Target-URL", url.as_str())];
    for (more, status, code) in [
        (
            &[("X-Identity-Key", "a"), ("X-Proxy-Master-Key", "b")][..],
            400,
            "two_credentials",
        ),
        (
            &[("X-Identity-Key", "a"), ("X-Credential-ID", ID)],
            400,
            "two_credentials",
        ),
        (
            &[("X-Identity-Key", "a"), ("X-Identity-Key", "a")],
            400,
            "malformed_request",
        ),
        (&[("X-Identity-Key", "")], 400, "malformed_request"),
        (&[("X-Proxy-Master-Key", "b")], 404, "credential_not_found"),
        (&[("X-Credential-ID", ID)], 404, "credential_not_found"),
        (
            &[("X-Proxy-Master-Key", "b"), ("X-Credential-ID", ID)],
            404,
            "credential_not_found",
        ),
        (
            &[("X-Credential-ID", "not-a-uuid")],
            400,
            "malformed_request",
        ),
        (&[("X-Proxy-Timeout", "0")], 400, "malformed_request"),
        (&[("X-Proxy-Timeout", "soon")], 400, "malformed_request"),
        (
            &[("Upgrade", "websocket"), ("Connection", "upgrade")],
            501,
            "upgrade_unsupported",
        ),
        (
            &[("X-Target-URL", "https://example.com/")],
            400,
            "malformed_request",
        ),
    ] {
        let answer = server
            .request("POST", "/", &[&base[..], more].concat())
            .await;
        is_ours(&answer, status, code);
    }
    let answer = server
        .request("GET", "/", &[("X-Target-URL", url.as_str())])
        .await;
    is_ours(&answer, 401, "api_key_invalid");
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn odd_targets_are_refused_without_repeating_them() {
    let server = TestServer::start(|_| {}).await;
    for (target, status, code) in [
        ("", 400, "target_invalid"),
        ("canary/path", 400, "target_invalid"),
        ("ftp://canary.example/", 400, "target_invalid"),
        ("https://user:canary@example.com/", 400, "target_invalid"),
        ("https://canary.example/#part", 400, "target_invalid"),
        ("https://0x7f.1/canary", 400, "target_invalid"),
        ("http://canary.example/", 403, "target_forbidden"),
        ("https://10.0.0.1/canary", 403, "target_forbidden"),
        ("https://169.254.169.254/canary", 403, "target_forbidden"),
        ("https://[fd00::1]/canary", 403, "target_forbidden"),
        ("https://[::ffff:10.0.0.1]/canary", 403, "target_forbidden"),
    ] {
        let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", target)];
        let answer = server.request("GET", "/", &headers).await;
        is_ours(&answer, status, code);
        assert!(
            !answer.body.contains("canary") && !answer.body.contains("10.0.0.1"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn without_development_rules_loopback_is_forbidden() {
    let (upstream, _) = RawUpstream::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let server = TestServer::start(|config| {
        config.dev = false;
        config.egress.allow_loopback = false;
    })
    .await;
    let port = upstream.address.port();
    for target in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::1]:{port}/"),
    ] {
        let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", target.as_str())];
        is_ours(
            &server.request("GET", "/", &headers).await,
            403,
            "target_forbidden",
        );
    }
    let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", &upstream.url("/"))];
    is_ours(
        &server.request("GET", "/", &headers).await,
        403,
        "target_forbidden",
    );
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn the_server_is_no_target_of_its_own() {
    let server =
        TestServer::start(|config| config.egress.own_hosts.push("vault.example.com".to_owned()))
            .await;
    let own = format!("http://{}/health", server.address);
    for target in [own.as_str(), "https://vault.example.com/v1/kv/a"] {
        let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", target)];
        is_ours(
            &server.request("GET", "/", &headers).await,
            400,
            "target_is_self",
        );
    }
}
