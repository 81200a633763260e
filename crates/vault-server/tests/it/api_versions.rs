//! Older versions of values, and many values at once.

use std::time::Duration;

use serde_json::{Value, json};
use vault_server::vault::limits::VaultLimits;

use super::api_support::{Api, Calls, START, TestUser, base64, generated_secret};
use super::futures_joined::join_all;
use super::support::Answer;

async fn versions(api: &Api, user: &TestUser, query: &str) -> Answer {
    let call = api.get(&format!("/v1/kv/a/versions{query}")).key(user);
    call.answer().await
}

async fn roll_back(api: &Api, user: &TestUser, version: u64) -> Answer {
    let call = api.post("/v1/kv/a/rollback").both(user);
    call.json(&json!({"version": version})).answer().await
}

async fn batch(api: &Api, user: &TestUser, body: Value) -> Answer {
    let call = api.post("/v1/kv/batch-get").both(user).json(&body);
    call.answer().await
}

#[tokio::test]
async fn versions_are_listed_in_pages_without_expired_ones() {
    let api = Api::start_with(VaultLimits {
        versions_kept: 4,
        ..VaultLimits::default()
    })
    .await;
    let user = api.org_with_keys("a").await;
    versions(&api, &user, "").await.is_problem(404, "not_found");
    for number in 1..=5 {
        let mut body = json!({"valueB64": ""});
        if number == 3 {
            body["expiresUtc"] = json!("2027-01-15T08:00:10Z");
        }
        let call = api.put("/v1/kv/a").key(&user).json(&body);
        assert!(call.answer().await.status < 300);
        api.clock.advance(Duration::from_secs(1));
    }
    let all = versions(&api, &user, "").await;
    assert_eq!(all.header("link"), None);
    assert_eq!(
        all.json(),
        json!([
            {"version": 2, "createdUtc": "2027-01-15T08:00:01Z"},
            {"version": 3, "createdUtc": "2027-01-15T08:00:02Z",
             "expiresUtc": "2027-01-15T08:00:10Z"},
            {"version": 4, "createdUtc": "2027-01-15T08:00:03Z"},
            {"version": 5, "createdUtc": "2027-01-15T08:00:04Z"},
        ])
    );
    let page = versions(&api, &user, "?limit=1&after=2").await;
    assert_eq!(page.json()[0]["version"], 3);
    let next = "</v1/kv/a/versions?after=3&limit=1>; rel=\"next\"";
    assert_eq!(page.header("link"), Some(next));
    api.clock.set_utc(START + 10_000);
    let page = versions(&api, &user, "?limit=1&after=2").await;
    assert_eq!((page.json(), page.header("link")), (json!([]), Some(next)));
    for malformed in ["?limit=0", "?after=x", "?after=-1", "?page=1"] {
        versions(&api, &user, malformed)
            .await
            .is_problem(400, "malformed_request");
    }
    api.delete("/v1/kv/a").key(&user).answer().await;
    versions(&api, &user, "").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn an_older_version_comes_back_as_a_new_one() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    roll_back(&api, &user, 1).await.is_problem(404, "not_found");
    let first = json!({"valueB64": base64(b"one"), "metadata": {"of": 1},
                       "expiresUtc": "2027-01-15T09:00:00Z"});
    let call = api.put("/v1/kv/a").key(&user).json(&first);
    assert_eq!(call.answer().await.status, 201);
    api.store_value(&user, "a", "two").await;
    let back = roll_back(&api, &user, 1).await;
    assert_eq!((back.status, back.header("etag")), (200, Some("\"3\"")));
    let read = api.get("/v1/kv/a").both(&user).answer().await.json();
    assert_eq!(
        read,
        json!({"key": "a", "valueB64": base64(b"one"), "version": 3, "metadata": {"of": 1},
               "createdUtc": "2027-01-15T08:00:00Z", "expiresUtc": "2027-01-15T09:00:00Z"})
    );
    roll_back(&api, &user, 9).await.is_problem(404, "not_found");
    roll_back(&api, &user, 0)
        .await
        .is_problem(400, "malformed_request");
    let wrong = TestUser {
        secret: generated_secret(),
        ..user.clone()
    };
    roll_back(&api, &wrong, 1)
        .await
        .is_problem(401, "wrong_user_secret");
    let stale = api
        .post("/v1/kv/a/rollback")
        .both(&user)
        .header("If-Match", "\"2\"");
    let stale = stale.json(&json!({"version": 1})).answer().await;
    stale.is_problem(412, "precondition_failed");
    for malformed in [
        json!({}),
        json!({"version": "1"}),
        json!({"version": 1, "x": 1}),
    ] {
        let call = api.post("/v1/kv/a/rollback").both(&user);
        let refused = call.json(&malformed).answer().await;
        refused.is_problem(400, "malformed_request");
    }
    let call = api.post("/v1/kv/a/rollback").key(&user);
    let refused = call.json(&json!({"version": 1})).answer().await;
    refused.is_problem(400, "missing_header");
    // An expired version does not come back.
    api.store_value(&user, "a", "four").await;
    api.clock.advance(Duration::from_secs(3_600));
    roll_back(&api, &user, 1).await.is_problem(404, "not_found");
    assert_eq!(api.read_value(&user, "a").await, "four");
}

#[tokio::test]
async fn rollbacks_and_writes_at_once_all_happen() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "one").await;
    let calls = (0..12).map(async |index| {
        if index % 2 == 0 {
            let back = roll_back(&api, &user, 1).await;
            assert_eq!(back.status, 200, "{back:?}");
            back.json()["version"].as_u64().unwrap()
        } else {
            api.store_value(&user, "a", "other").await
        }
    });
    let mut written = join_all(calls).await;
    written.sort_unstable();
    assert_eq!(written, (2..=13).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_batch_answers_for_each_name() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let other = api.add_user(&user.key, &user.org_id, "u", false).await;
    api.generate(&other).await;
    api.store_value(&user, "a", "first").await;
    let with_metadata = json!({"valueB64": base64(b"second"), "metadata": {"of": "b"}});
    let call = api.put("/v1/kv/app%2Fb").key(&user).json(&with_metadata);
    assert_eq!(call.answer().await.status, 201);
    api.store_value(&user, "gone", "hidden").await;
    api.delete("/v1/kv/gone").key(&user).answer().await;
    api.store_value(&other, "others", "not yours").await;
    let keys = json!({"keys": ["app/b", "gone", "never", "others", "a", "shared", "x\n"]});
    let created = "2027-01-15T08:00:00Z";
    let absent = |key: &str| json!({"key": key, "status": 404, "code": "not_found"});
    let refused = |key: &str| json!({"key": key, "status": 400, "code": "malformed_request"});
    let a = json!({"key": "a", "valueB64": base64(b"first"), "version": 1,
                   "createdUtc": created, "metadata": null});
    // From the wraps, then from the boxes.
    for _ in 0..3 {
        let answer = batch(&api, &user, keys.clone()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(
            answer.json(),
            json!([
                {"key": "app/b", "valueB64": base64(b"second"), "version": 1,
                 "createdUtc": created, "metadata": {"of": "b"}},
                absent("gone"), absent("never"), absent("others"), a, refused("shared"),
                refused("x\n"),
            ])
        );
    }
    let wrong = TestUser {
        secret: generated_secret(),
        ..user.clone()
    };
    batch(&api, &wrong, keys)
        .await
        .is_problem(401, "wrong_user_secret");
    // Where there is nothing to open, no secret is looked at.
    let nothing = batch(&api, &wrong, json!({"keys": ["never"]})).await;
    assert_eq!(nothing.json(), json!([absent("never")]));
}

#[tokio::test]
async fn a_spoilt_value_does_not_spoil_its_batch() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "fine").await;
    api.store_value(&user, "b", "spoilt").await;
    let api = api
        .restart(|db| {
            let changed = db.execute(
                "UPDATE value_versions SET payload = zeroblob(99) WHERE record_id = \
                 (SELECT record_id FROM vault_values WHERE name = 'b')",
                [],
            );
            assert_eq!(changed.unwrap(), 1);
        })
        .await;
    let answer = batch(&api, &user, json!({"keys": ["a", "b"]})).await.json();
    assert_eq!(answer[0]["valueB64"], base64(b"fine"));
    assert_eq!(
        answer[1],
        json!({"key": "b", "status": 400, "code": "tampered"})
    );
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let longest = |number: u8| format!("{}{number:02x}", "\u{e9}".repeat(255));
    let names = |count: u8| (0..count).map(longest).collect::<Vec<_>>();
    let most = batch(&api, &user, json!({"keys": names(100)})).await;
    assert_eq!(most.json().as_array().unwrap().len(), 100);
    for body in [
        json!({"keys": names(101)}),
        json!({"keys": []}),
        json!({"keys": ["a", "b", "a"]}),
        json!({}),
        json!(["a"]),
        json!({"keys": "a"}),
        json!({"keys": ["a"], "version": 1}),
    ] {
        batch(&api, &user, body)
            .await
            .is_problem(400, "malformed_request");
    }
    batch(&api, &user, json!({"keys": ["x".repeat(1 << 20)]}))
        .await
        .is_problem(413, "too_large");
    let keys = ["a", "b", "c", "d"];
    for key in keys {
        let call = api.put(&format!("/v1/kv/{key}")).key(&user);
        let call = call.header("Content-Type", "application/octet-stream");
        let call = call.body(vec![7; 1 << 20]);
        assert_eq!(call.answer().await.status, 201);
    }
    let fits = batch(&api, &user, json!({"keys": keys[1..]})).await;
    assert_eq!(fits.status, 200);
    batch(&api, &user, json!({"keys": keys}))
        .await
        .is_problem(413, "too_large");
    let raw = api.post("/v1/kv/batch-get").both(&user).body("x");
    let raw = raw.header("Content-Type", "application/octet-stream");
    raw.answer().await.is_problem(415, "unsupported_media_type");
}
