//! Who is let in, and what strangers are told.

use axum::routing::{get, post};
use vault_server::layers::{NewUserSecret, UserSecret};
use vault_server::vault::principal::Principal;

use super::support::{KEY_A, KEY_B, TestServer};

/// Routes that show what the edge hands to handlers.
fn routes() -> axum::Router {
    axum::Router::new()
        .route(
            "/who",
            get(|caller: Principal| async move { caller.org_id().unwrap().to_string() }),
        )
        .route(
            "/secrets",
            post(|_: UserSecret, _: NewUserSecret| async { "both" }),
        )
}

#[tokio::test]
async fn a_key_is_recognised_in_every_place() {
    let server = TestServer::start_with(|_| {}, routes()).await;
    let bearer = format!("Bearer {KEY_A}");
    for (name, value) in [
        ("X-Api-Key", KEY_A),
        ("X-MirApi-Key", KEY_A),
        ("Authorization", &bearer),
        ("Proxy-Authorization", &bearer),
    ] {
        let answer = server.request("GET", "/who", &[(name, value)]).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(answer.body, "01010101-0101-0101-0101-010101010101");
    }
}

#[tokio::test]
async fn missing_and_unknown_keys_get_the_same_answer_before_routing() {
    let server = TestServer::start_with(|_| {}, routes()).await;
    let mut bodies = Vec::new();
    for path in ["/who", "/nowhere"] {
        for headers in [
            &[][..],
            &[("X-Api-Key", "sgk_unknown")],
            &[("X-Api-Key", "")],
        ] {
            let answer = server.request("GET", path, headers).await;
            answer.is_problem(401, "api_key_invalid");
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"sealgate\"")
            );
            let mut document = answer.json();
            document["requestId"].take();
            bodies.push(document);
        }
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test]
async fn different_keys_are_refused_and_the_same_key_twice_is_one() {
    let server = TestServer::start_with(|_| {}, routes()).await;
    let two = [("X-Api-Key", KEY_A), ("X-MirApi-Key", KEY_B)];
    server
        .request("GET", "/who", &two)
        .await
        .is_problem(400, "malformed_request");
    let repeated = [("X-Api-Key", KEY_A), ("X-Api-Key", KEY_B)];
    server
        .request("GET", "/who", &repeated)
        .await
        .is_problem(400, "malformed_request");
    let same = [("X-Api-Key", KEY_A), ("X-MirApi-Key", KEY_A)];
    assert_eq!(server.request("GET", "/who", &same).await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = TestServer::start_with(|_| {}, routes()).await;
    let key = [("X-Api-Key", KEY_A)];
    let answer = server
        .request("GET", "/nowhere/canary-7f3a?q=canary-7f3a", &key)
        .await;
    answer.is_problem(404, "not_found");
    assert!(!answer.body.contains("canary"));
    let answer = server.request("DELETE", "/who", &key).await;
    answer.is_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    let answer = server.request("POST", "/health", &[]).await;
    answer.is_problem(405, "method_not_allowed");
    let head = server.request("HEAD", "/health", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn secret_headers_are_needed_once_each() {
    let server = TestServer::start_with(|_| {}, routes()).await;
    let check = async |headers: &[(&str, &str)], expected: Result<(), &str>| {
        let with_key = [&[("X-Api-Key", KEY_A)], headers].concat();
        let answer = server.request("POST", "/secrets", &with_key).await;
        match expected {
            Ok(()) => assert_eq!(answer.body, "both"),
            Err(code) => answer.is_problem(400, code),
        }
    };
    let (old, new) = (("X-User-Secret", "one"), ("X-New-User-Secret", "two"));
    check(&[old, new], Ok(())).await;
    check(&[old], Err("missing_header")).await;
    check(&[new], Err("missing_header")).await;
    check(&[old, ("X-New-User-Secret", "")], Err("missing_header")).await;
    check(&[old, old, new], Err("malformed_request")).await;
}
