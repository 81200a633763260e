//! Stored credentials and targets that are spoken to without TLS.

use serde_json::json;

use super::api_support::{Calls, TestUser, text};
use super::proxy_shared_credentials::Scene;
use super::support::Answer;
use super::upstream::RawUpstream;

const HOUR: u64 = 3_600;
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// A credential of Alice that Bob may use, and a token of hers for it.
pub(crate) async fn given(scene: &mut Scene, name: &str, place: &str, value: &str) -> String {
    scene.id = scene.make(&scene.alice, name, place, value).await;
    scene.share(&scene.bob, json!({})).await;
    let asked = json!({"credentials": [scene.id], "ttlSeconds": HOUR});
    let made = scene.api.post("/v1/tokens").both(&scene.alice).json(&asked);
    text(&made.answer().await.json(), "token")
}

/// What its owner, the colleague and the token get at `url`.
pub(crate) async fn calls(scene: &Scene, token: &str, url: &str, named: bool) -> [Answer; 3] {
    let bare = || {
        let call = scene.api.get("/").header("X-Target-URL", url);
        if named {
            call.header("X-Credential-ID", &scene.id)
        } else {
            call
        }
    };
    let of = async |user: &TestUser| bare().both(user).answer().await;
    let with_token = bare().bearer_auth(token).answer().await;
    [of(&scene.alice).await, of(&scene.bob).await, with_token]
}

#[tokio::test]
async fn a_value_goes_in_the_clear_only_where_its_pattern_names_the_port() {
    let mut scene = Scene::set().await;
    let (upstream, mut seen) = RawUpstream::answering(ANSWER).await;
    let url = upstream.url("/");
    let token = given(&mut scene, "any port", "127.0.0.1", "sk_any_port").await;
    for answer in calls(&scene, &token, &url, false).await {
        answer.is_problem(404, "credential_not_found");
    }
    for answer in calls(&scene, &token, &url, true).await {
        answer.is_problem(403, "forbidden");
    }
    let explain = scene.api.post("/v1/proxy/explain").key(&scene.alice);
    let explained = explain
        .json(&json!({"url": url, "method": "GET"}))
        .answer()
        .await;
    assert_eq!(explained.json()["matching"], json!([]), "{explained:?}");
    assert_eq!(upstream.connections(), 0);

    let place = upstream.address.to_string();
    let token = given(&mut scene, "one port", &place, "sk_one_port").await;
    for named in [false, true] {
        for answer in calls(&scene, &token, &url, named).await {
            assert_eq!(answer.status, 200, "{answer:?}");
            let sent = seen.recv().await.unwrap().to_ascii_lowercase();
            assert!(sent.contains("authorization: bearer sk_one_port"), "{sent}");
        }
    }
}
