//! What each stored credential says about upstreams that repeat it.

use reqwest::Method;
use serde_json::{Value, json};

use super::api_support::Calls;
use super::proxy_in_the_clear::{calls, given};
use super::proxy_shared_credentials::{SECRET, Scene};
use super::upstream::RawUpstream;

/// Repeats [`SECRET`].
const ECHO: &str =
    "HTTP/1.1 200 OK\r\nX-Saw: Bearer sk_canary_of_alice\r\nContent-Length: 2\r\n\r\nhi";

/// The setting in the credential, in the list and in what a colleague is told.
async fn shown(scene: &Scene, url: &str) -> [Value; 3] {
    let path = format!("/v1/credentials/{}", scene.id);
    let one = scene.api.get(&path).key(&scene.alice).answer().await;
    let list = scene.api.get("/v1/credentials").key(&scene.alice);
    let list = list.answer().await.json();
    let listed = list.as_array().unwrap().iter();
    let mut listed = listed.filter(|one| one["credentialId"] == scene.id);
    let explain = scene.api.post("/v1/proxy/explain").key(&scene.bob);
    let explained = explain
        .json(&json!({"url": url, "method": "GET"}))
        .answer()
        .await;
    [
        one.json()["echo"].clone(),
        listed.next().unwrap()["echo"].clone(),
        explained.json()["matching"][0]["echo"].clone(),
    ]
}

#[tokio::test]
async fn each_credential_says_what_becomes_of_its_echoes() {
    let mut scene = Scene::set().await;
    assert!(ECHO.contains(SECRET));
    let (upstream, _requests) = RawUpstream::answering(ECHO).await;
    let (place, url) = (upstream.address.to_string(), upstream.url("/"));
    let token = given(&mut scene, "echoed", &place, SECRET).await;
    let path = format!("/v1/credentials/{}", scene.id);
    for change in [None, Some("refuse"), Some("off"), Some("redact")] {
        if let Some(echo) = change {
            let call = scene.api.call(Method::PATCH, &path).key(&scene.alice);
            let changed = call.json(&json!({"echo": echo})).answer().await;
            assert_eq!(changed.status, 200, "{changed:?}");
        }
        let echo = change.unwrap_or("redact");
        assert_eq!(shown(&scene, &url).await, [echo; 3]);
        for answer in calls(&scene, &token, &url, true).await {
            let saw = answer.header("x-saw");
            match echo {
                "refuse" => {
                    answer.is_problem(502, "upstream_echo");
                    assert_eq!(saw, None);
                }
                "off" => assert_eq!(saw, Some(format!("Bearer {SECRET}").as_str())),
                _ => assert_eq!(saw, Some(format!("Bearer {}", "*".repeat(18)).as_str())),
            }
        }
    }
    let of_bob = scene.api.call(Method::PATCH, &path).key(&scene.bob);
    let of_bob = of_bob.json(&json!({"echo": "off"})).answer().await;
    of_bob.is_problem(404, "not_found");
}

#[tokio::test]
async fn the_setting_is_given_with_a_new_credential_and_survives_its_versions() {
    let mut scene = Scene::set().await;
    let new = |echo: &str| {
        let body = json!({"name": "n", "hostPattern": "a.example", "value": "v", "echo": echo});
        let call = scene.api.post("/v1/credentials").key(&scene.alice);
        call.json(&body).answer()
    };
    for unknown in ["", "Redact", "leave"] {
        new(unknown).await.is_problem(400, "malformed_request");
    }
    let made = new("refuse").await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["echo"], "refuse");
    scene.id = made.json()["credentialId"].as_str().unwrap().to_owned();
    assert_eq!(scene.put_value("w").await.json()["echo"], "refuse");
    let path = format!("/v1/credentials/{}", scene.id);
    let moved = json!({"hostPattern": "b.example", "echo": "off"});
    let moved = scene
        .api
        .call(Method::PATCH, &path)
        .both(&scene.alice)
        .json(&moved);
    assert_eq!(moved.answer().await.json()["echo"], "off");
    let back = scene.api.post(&format!("{path}/rollback"));
    let back = back.both(&scene.alice).json(&json!({"version": 1}));
    let back = back.answer().await.json();
    assert_eq!(
        (&back["hostPattern"], &back["echo"]),
        (&json!("a.example"), &json!("off"))
    );
}
