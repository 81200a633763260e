//! `/v1/kv`: stored, read, hidden, erased, listed.

use std::time::Duration;

use serde_json::{Value, json};
use vault_server::vault::limits::{VALUE_BYTES_MAX, VaultLimits};

use super::api_support::{Api, Calls, START, TestUser, base64, generated_secret, text, unbase64};
use super::futures_joined::join_all;
use super::support::Answer;

async fn put(api: &Api, user: &TestUser, name: &str, body: Value) -> Answer {
    let call = api.put(&format!("/v1/kv/{name}")).key(user);
    call.json(&body).answer().await
}

async fn get(api: &Api, user: &TestUser, name: &str) -> Answer {
    api.get(&format!("/v1/kv/{name}")).both(user).answer().await
}

#[tokio::test]
async fn a_value_comes_back_with_its_version_time_and_metadata() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let value = base64(b"postgres://app:pass@db:5432/main");
    let metadata = json!({"z": 1e300, "a": ["é", null, {"n": 12345678901234567890_u64}]});
    let first = put(
        &api,
        &user,
        "db-connection",
        json!({"valueB64": value, "metadata": metadata}),
    )
    .await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.header("etag"), Some("\"1\""));
    let stored = json!({
        "key": "db-connection", "version": 1, "createdUtc": "2027-01-15T08:00:00Z",
    });
    assert_eq!(first.json(), stored);
    let read = get(&api, &user, "db-connection").await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("etag"), Some("\"1\""));
    assert_eq!(read.header("cache-control"), Some("no-store"));
    assert_eq!(
        read.json(),
        json!({
            "key": "db-connection", "valueB64": value, "version": 1,
            "createdUtc": "2027-01-15T08:00:00Z", "metadata": metadata,
        })
    );
    api.clock.advance(Duration::from_millis(1_250));
    let second = put(&api, &user, "db-connection", json!({"valueB64": ""})).await;
    assert_eq!(second.status, 200);
    let read = get(&api, &user, "db-connection").await.json();
    assert_eq!(
        read,
        json!({
            "key": "db-connection", "valueB64": "", "version": 2,
            "createdUtc": "2027-01-15T08:00:01.25Z", "metadata": null,
        })
    );
    let old = get(&api, &user, "db-connection?version=1").await;
    assert_eq!(old.json()["valueB64"], value);
    get(&api, &user, "db-connection?version=3")
        .await
        .is_problem(404, "not_found");
    for malformed in ["0", "-1", "x", "", "18446744073709551616"] {
        get(&api, &user, &format!("db-connection?version={malformed}"))
            .await
            .is_problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn hot_reads_use_the_box_and_survive_without_it() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "value").await;
    assert_eq!(api.count("account_boxes"), 0);
    assert_eq!(api.read_value(&user, "a").await, "value");
    // The answer does not wait for the box; a later reading does not make a second one.
    for _ in 0..1_000 {
        if api.count("account_boxes") == 1 {
            break;
        }
        assert_eq!(api.read_value(&user, "a").await, "value");
    }
    assert_eq!(api.count("account_boxes"), 1);
    let api = api
        .restart(|db| {
            let spoilt = db.execute("UPDATE account_boxes SET account_box = zeroblob(7)", []);
            assert_eq!(spoilt.unwrap(), 1);
        })
        .await;
    assert_eq!(api.read_value(&user, "a").await, "value");
}

#[tokio::test]
async fn raw_bodies_travel_both_ways() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let call = api.put("/v1/kv/raw").key(&user).body(bytes.clone());
    let stored = call.header("Content-Type", "application/octet-stream");
    assert_eq!(stored.answer().await.status, 201);
    let call = api.get("/v1/kv/raw").both(&user);
    let read = call.header("Accept", "application/octet-stream");
    let read = read.send().await.unwrap();
    assert_eq!(read.headers()["content-type"], "application/octet-stream");
    assert_eq!(read.headers()["etag"], "\"1\"");
    assert_eq!(read.bytes().await.unwrap(), bytes);
    let as_json = get(&api, &user, "raw").await.json();
    assert_eq!(unbase64(&text(&as_json, "valueB64")), bytes);
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let call = api.put("/v1/kv/raw").key(&user).body("x");
        let refused = call.header("Content-Type", content_type).answer().await;
        refused.is_problem(415, "unsupported_media_type");
    }
    let untyped = api.put("/v1/kv/raw").key(&user).body("x").answer().await;
    untyped.is_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn sizes_are_bounded_to_the_byte() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let largest = vec![7; VALUE_BYTES_MAX];
    let fits = put(&api, &user, "a", json!({"valueB64": base64(&largest)})).await;
    assert_eq!(fits.status, 201);
    let mut over = largest.clone();
    over.push(7);
    put(&api, &user, "b", json!({"valueB64": base64(&over)}))
        .await
        .is_problem(413, "too_large");
    let long = |chars| json!({"valueB64": "", "metadata": {"a": "x".repeat(chars)}});
    // `{"a":""}` is 8 bytes.
    let most = put(&api, &user, "e", long(16 * 1024 - 8)).await;
    assert_eq!(most.status, 201);
    put(&api, &user, "f", long(16 * 1024 - 7))
        .await
        .is_problem(413, "too_large");
    let names = api.get("/v1/kv").key(&user).answer().await.json();
    assert_eq!(names, json!(["a", "e"]));
}

#[tokio::test]
async fn raw_sizes_are_bounded_to_the_byte() {
    let api = Api::start_with(VaultLimits {
        value_bytes_max: 10_000,
        ..VaultLimits::default()
    })
    .await;
    let user = api.org_with_keys("a").await;
    for (bytes, status) in [(0, 201), (10_000, 200), (10_001, 413)] {
        let call = api.put("/v1/kv/a").key(&user).body(vec![7; bytes]);
        let call = call.header("Content-Type", "application/octet-stream");
        assert_eq!(call.answer().await.status, status, "{bytes}");
    }
    assert_eq!(api.read_value(&user, "a").await.len(), 10_000);
}

#[tokio::test]
async fn a_write_needs_keys_and_a_read_the_right_secret() {
    let api = Api::start().await;
    let user = api.org("a").await;
    put(&api, &user, "a", json!({"valueB64": ""}))
        .await
        .is_problem(400, "keys_missing");
    get(&api, &user, "a").await.is_problem(404, "not_found");
    api.generate(&user).await;
    api.store_value(&user, "a", "value").await;
    let missing = api.get("/v1/kv/a").key(&user).answer().await;
    missing.is_problem(400, "missing_header");
    for secret in [
        generated_secret(),
        "a passphrase".to_owned(),
        "x".repeat(5_000),
    ] {
        let other = TestUser {
            secret,
            ..user.clone()
        };
        get(&api, &other, "a")
            .await
            .is_problem(401, "wrong_user_secret");
        // Absence is found out before any secret is looked at.
        get(&api, &other, "b").await.is_problem(404, "not_found");
    }
    assert_eq!(api.read_value(&user, "a").await, "value");
}

#[tokio::test]
async fn preconditions_hold_or_nothing_happens() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let put_if = |name: &str, header: &str, value: &str| {
        let call = api.put(&format!("/v1/kv/{name}")).key(&user);
        let call = call.json(&json!({"valueB64": base64(value.as_bytes())}));
        call.header(header.to_owned(), value.to_owned()).answer()
    };
    let absent = put_if("a", "If-Match", "\"1\"").await;
    absent.is_problem(412, "precondition_failed");
    put_if("a", "If-Match", "*")
        .await
        .is_problem(412, "precondition_failed");
    assert_eq!(put_if("a", "If-None-Match", "*").await.status, 201);
    put_if("a", "If-None-Match", "*")
        .await
        .is_problem(412, "precondition_failed");
    assert_eq!(put_if("a", "If-Match", "\"1\"").await.status, 200);
    put_if("a", "If-Match", "\"1\"")
        .await
        .is_problem(412, "precondition_failed");
    put_if("a", "If-Match", "W/\"2\"")
        .await
        .is_problem(412, "precondition_failed");
    assert_eq!(put_if("a", "If-Match", "\"9\", \"2\"").await.status, 200);
    for malformed in ["1", "\"1", "", "\"1\" \"2\""] {
        put_if("a", "If-Match", malformed)
            .await
            .is_problem(400, "malformed_request");
    }
    let call = api
        .delete("/v1/kv/a")
        .key(&user)
        .header("If-Match", "\"2\"");
    call.answer().await.is_problem(412, "precondition_failed");
    let call = api
        .delete("/v1/kv/a")
        .key(&user)
        .header("If-Match", "\"3\"");
    assert_eq!(call.answer().await.status, 204);
    // What is hidden is not there.
    let hidden = put_if("a", "If-Match", "*").await;
    hidden.is_problem(412, "precondition_failed");
    let again = put_if("a", "If-None-Match", "*").await;
    assert_eq!((again.status, again.header("etag")), (201, Some("\"4\"")));
}

#[tokio::test]
async fn of_64_writes_with_one_expectation_one_happens() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "first").await;
    let calls = (0..64).map(|index| {
        let call = api.put("/v1/kv/a").key(&user).header("If-Match", "\"1\"");
        let value = base64(format!("write {index}").as_bytes());
        call.json(&json!({"valueB64": value})).answer()
    });
    let answers = join_all(calls).await;
    let winners: Vec<usize> = (0..64).filter(|i| answers[*i].status == 200).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    for (index, answer) in answers.iter().enumerate() {
        if index != winners[0] {
            answer.is_problem(412, "precondition_failed");
        }
    }
    let expected = format!("write {}", winners[0]);
    assert_eq!(api.read_value(&user, "a").await, expected);
    let created = (0..64).map(|_| {
        let call = api.put("/v1/kv/b").key(&user).header("If-None-Match", "*");
        call.json(&json!({"valueB64": ""})).answer()
    });
    let created = join_all(created).await;
    assert_eq!(created.iter().filter(|a| a.status == 201).count(), 1);
    assert_eq!(created.iter().filter(|a| a.status == 412).count(), 63);
    assert_eq!(api.count("value_versions"), 3, "no version of a loser");
}

#[tokio::test]
async fn writes_without_expectation_all_happen_and_old_versions_go() {
    let api = Api::start_with(VaultLimits {
        versions_kept: 3,
        ..VaultLimits::default()
    })
    .await;
    let user = api.org_with_keys("a").await;
    let calls = (0..32).map(|_| api.store_value(&user, "a", "x"));
    let mut versions = join_all(calls).await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=32).collect::<Vec<u64>>());
    for (version, status) in [(29, 404), (30, 200), (32, 200), (33, 404)] {
        let read = get(&api, &user, &format!("a?version={version}")).await;
        assert_eq!(read.status, status, "{version}");
    }
    assert_eq!((api.count("value_versions"), api.count("wraps")), (3, 3));
}

#[tokio::test]
async fn what_expires_is_gone_from_its_very_millisecond() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let expiring = |expires: &str| json!({"valueB64": base64(b"v"), "expiresUtc": expires});
    for past in [
        "2027-01-15T08:00:00Z",
        "2027-01-15T10:00:00+02:00",
        "1970-01-01T00:00:00Z",
    ] {
        put(&api, &user, "a", expiring(past))
            .await
            .is_problem(400, "expiry_in_past");
    }
    for malformed in ["", "tomorrow", "2027-01-16", "2027-01-16T08:00:00"] {
        put(&api, &user, "a", expiring(malformed))
            .await
            .is_problem(400, "malformed_request");
    }
    let kept = put(&api, &user, "a", expiring("2027-01-15T03:00:01.0019-05:00")).await;
    assert_eq!(kept.status, 201);
    api.store_value(&user, "b", "stays").await;
    let read = get(&api, &user, "a").await.json();
    assert_eq!(read["expiresUtc"], "2027-01-15T08:00:01.001Z");
    api.clock.set_utc(START + 1_000);
    assert_eq!(get(&api, &user, "a").await.status, 200);
    let absent = get(&api, &user, "never-was").await;
    api.clock.set_utc(START + 1_001);
    let expired = get(&api, &user, "a").await;
    expired.is_problem(404, "not_found");
    assert_eq!(same_but_id(&expired), same_but_id(&absent));
    get(&api, &user, "a?version=1")
        .await
        .is_problem(404, "not_found");
    let names = api.get("/v1/kv").key(&user).answer().await.json();
    assert_eq!(names, json!(["b"]));
    for (path, method) in [("a", "DELETE"), ("a/undelete", "POST")] {
        let method = method.parse().unwrap();
        let call = api.call(method, &format!("/v1/kv/{path}")).key(&user);
        call.answer().await.is_problem(404, "not_found");
    }
    // Written again it is new to whoever sees it, and its expired version stays unreadable.
    let again = put(&api, &user, "a", json!({"valueB64": ""})).await;
    assert_eq!((again.status, again.header("etag")), (201, Some("\"2\"")));
    get(&api, &user, "a?version=1")
        .await
        .is_problem(404, "not_found");
    // An expired value can be erased.
    let soon = put(&api, &user, "c", expiring("2027-01-15T08:00:02Z")).await;
    assert_eq!(soon.status, 201);
    api.clock.set_utc(START + 2_000);
    let call = api.delete("/v1/kv/c?destroy=true").key(&user);
    assert_eq!(call.answer().await.status, 204);
}

/// Everything of a problem document but the id of its request.
fn same_but_id(answer: &Answer) -> (u16, Value) {
    let mut document = answer.json();
    document["requestId"] = Value::Null;
    (answer.status, document)
}

#[tokio::test]
async fn hiding_is_undone_and_erasing_is_not() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let delete = |query: &str| {
        let call = api.delete(&format!("/v1/kv/a{query}")).key(&user);
        call.answer()
    };
    let undelete = || api.post("/v1/kv/a/undelete").key(&user).answer();
    delete("").await.is_problem(404, "not_found");
    undelete().await.is_problem(404, "not_found");
    api.store_value(&user, "a", "one").await;
    api.store_value(&user, "a", "two").await;
    let hidden = delete("").await;
    assert_eq!((hidden.status, hidden.body.as_str()), (204, ""));
    get(&api, &user, "a").await.is_problem(404, "not_found");
    get(&api, &user, "a?version=1")
        .await
        .is_problem(404, "not_found");
    delete("").await.is_problem(404, "not_found");
    let names = api.get("/v1/kv").key(&user).answer().await.json();
    assert_eq!(names, json!([]));
    let back = undelete().await;
    assert_eq!((back.status, back.header("etag")), (200, Some("\"2\"")));
    assert_eq!(undelete().await.status, 200, "already back");
    assert_eq!(api.read_value(&user, "a").await, "two");
    for malformed in [
        "?destroy=1",
        "?destroy=",
        "?purge=true",
        "?destroy=true&destroy=true",
    ] {
        delete(malformed).await.is_problem(400, "malformed_request");
    }
    assert_eq!(api.read_value(&user, "a").await, "two");
    assert_eq!(delete("?destroy=false").await.status, 204);
    assert_eq!(
        delete("?destroy=true").await.status,
        204,
        "hidden ones, too"
    );
    delete("?destroy=true").await.is_problem(404, "not_found");
    undelete().await.is_problem(404, "not_found");
    for table in ["vault_values", "value_versions", "wraps", "account_boxes"] {
        assert_eq!(api.count(table), 0, "{table}");
    }
    assert_eq!(api.store_value(&user, "a", "new").await, 1, "counted anew");
}

#[tokio::test]
async fn names_are_listed_in_pages_that_join_up() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    for name in ["b", "app%2Fdb", "app%2Fkey", "B", "%C3%A9%20%22%3E", "app"] {
        api.store_value(&user, name, "x").await;
    }
    let all = api.get("/v1/kv").key(&user).answer().await;
    assert_eq!(all.header("link"), None);
    assert_eq!(
        all.json(),
        json!(["B", "app", "app/db", "app/key", "b", "é \">"])
    );
    let mut path = "/v1/kv?limit=2".to_owned();
    let mut collected = Vec::new();
    loop {
        let page = api.get(&path).key(&user).answer().await;
        collected.extend(page.json().as_array().unwrap().clone());
        let Some(link) = page.header("link") else {
            break;
        };
        let target = link.strip_prefix('<').unwrap();
        path = target.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    assert_eq!(Value::from(collected), all.json());
    let prefixed = api.get("/v1/kv?prefix=app/&limit=1").key(&user);
    let prefixed = prefixed.answer().await;
    assert_eq!(prefixed.json(), json!(["app/db"]));
    assert_eq!(
        prefixed.header("link"),
        Some("</v1/kv?after=app%2Fdb&limit=1&prefix=app%2F>; rel=\"next\"")
    );
    let next = api.get("/v1/kv?after=app%2Fdb&limit=1&prefix=app%2F");
    let next = next.key(&user).answer().await;
    assert_eq!(
        (next.json(), next.header("link")),
        (json!(["app/key"]), None)
    );
    for malformed in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=",
        "page=2",
        "limit=1&limit=1",
        "after=%FF",
    ] {
        let refused = api.get(&format!("/v1/kv?{malformed}")).key(&user);
        refused.answer().await.is_problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn undelete_honours_its_precondition() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "one").await;
    api.store_value(&user, "a", "two").await;
    api.delete("/v1/kv/a").key(&user).answer().await;
    for (header, value, status) in [
        ("If-Match", "\"1\"", 412),
        ("If-None-Match", "*", 412),
        ("If-None-Match", "\"2\"", 412),
        ("If-Match", "2", 400),
        ("If-Match", "\"2\"", 200),
    ] {
        let call = api.post("/v1/kv/a/undelete").key(&user);
        let answer = call.header(header, value).answer().await;
        assert_eq!(answer.status, status, "{header}: {value}: {answer:?}");
        let read = api.get("/v1/kv/a").both(&user).answer().await;
        assert_eq!(read.status == 200, status == 200, "{header}: {value}");
    }
}
