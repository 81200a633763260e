//! The one call that needs no key.

use super::support::TestServer;

#[tokio::test]
async fn health_answers_without_a_key_and_with_a_fresh_request_id() {
    let server = TestServer::start(|_| {}).await;
    let answer = server
        .request("GET", "/health", &[("X-Request-Id", "chosen-by-client")])
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), serde_json::json!({"status": "ok"}));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let id: uuid::Uuid = answer.header("x-request-id").unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    let again = server.request("GET", "/health", &[]).await;
    assert_ne!(again.header("x-request-id"), answer.header("x-request-id"));
}
