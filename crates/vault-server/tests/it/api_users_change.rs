//! Users are changed and removed by their admins alone, API keys are replaced, and every
//! organisation keeps an admin.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;
use vault_store::rows::{ApiKeyRow, RowMac, TokenRow};
use vault_store::{Change, ChangeSet, KeyId, KeyStore, Store, TokenChange, TokenStore, UtcMillis};

use super::api_support::{Api, Calls, START, TestUser, text};
use super::futures_joined::join_all;
use super::support::{Answer, read_to_end};

/// Calls about one user of an organisation, each with the status that an admin gets for it.
const CALLS: &[(&str, &str, Option<&str>, u16)] = &[
    ("GET", "", None, 200),
    ("PATCH", "", Some(r#"{"name":"renamed"}"#), 200),
    ("POST", "/apikey/rotate", Some("{}"), 200),
    ("DELETE", "", None, 204),
];

async fn call(api: &Api, key: &str, org: &str, user: &str, index: usize) -> Answer {
    let (method, rest, body, _) = CALLS[index];
    let path = format!("/admin/orgs/{org}/users/{user}{rest}");
    let call = api.call(method.parse().unwrap(), &path);
    let call = call.header("X-Api-Key", key);
    match body {
        Some(body) => call.header("Content-Type", "application/json").body(body),
        None => call,
    }
    .answer()
    .await
}

async fn patch(api: &Api, by: &TestUser, user: &TestUser, body: Value) -> Answer {
    let path = format!("/admin/orgs/{}/users/{}", user.org_id, user.user_id);
    let call = api.call(Method::PATCH, &path).key(by);
    call.json(&body).answer().await
}

async fn remove(api: &Api, by: &TestUser, user: &TestUser) -> Answer {
    let path = format!("/admin/orgs/{}/users/{}", user.org_id, user.user_id);
    api.delete(&path).key(by).answer().await
}

async fn rotate(api: &Api, by: &TestUser, user: &TestUser, body: Value) -> Answer {
    let path = format!(
        "/admin/orgs/{}/users/{}/apikey/rotate",
        user.org_id, user.user_id
    );
    api.post(&path).key(by).json(&body).answer().await
}

async fn is_known(api: &Api, key: &str) -> bool {
    let me = api.get("/v1/users/me").header("X-Api-Key", key);
    let me = me.answer().await;
    assert!(matches!(me.status, 200 | 401), "{me:?}");
    me.status == 200
}

#[tokio::test]
async fn only_admins_of_the_organisation_change_its_users() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let plain = api
        .add_user(&admin.key, &admin.org_id, "plain", false)
        .await;
    let other = api.org("b").await;
    let (absent, org) = (
        "01900000-0000-7000-8000-000000000000",
        admin.org_id.as_str(),
    );
    let disabled = api.add_user(&admin.key, org, "off", true).await;
    let off = patch(&api, &admin, &disabled, json!({"disabled": true})).await;
    assert_eq!((off.status, &off.json()["disabled"]), (200, &json!(true)));
    for (index, (_, _, _, allowed)) in CALLS.iter().enumerate() {
        let root_status = if index == 0 { 200 } else { 403 };
        for (key, org, user, status) in [
            (&api.root, org, plain.user_id.as_str(), root_status),
            (&plain.key, org, plain.user_id.as_str(), 403),
            (&plain.key, org, admin.user_id.as_str(), 403),
            (&disabled.key, org, plain.user_id.as_str(), 401),
            (&other.key, org, plain.user_id.as_str(), 404),
            (
                &other.key,
                other.org_id.as_str(),
                plain.user_id.as_str(),
                404,
            ),
            (&other.key, absent, plain.user_id.as_str(), 404),
            (
                &admin.key,
                other.org_id.as_str(),
                other.user_id.as_str(),
                404,
            ),
            (&admin.key, org, other.user_id.as_str(), 404),
            (&admin.key, org, absent, 404),
            (&admin.key, org, "x", 400),
            (&admin.key, "x", plain.user_id.as_str(), 400),
        ] {
            let answer = call(&api, key, org, user, index).await;
            assert_eq!(answer.status, status, "{:?}: {answer:?}", CALLS[index]);
        }
        let victim = api.add_user(&admin.key, org, "victim", false).await;
        let answer = call(&api, &admin.key, org, &victim.user_id, index).await;
        assert_eq!(answer.status, *allowed, "{:?}: {answer:?}", CALLS[index]);
    }
    assert!(is_known(&api, &plain.key).await && is_known(&api, &other.key).await);
    for (key, org, status) in [
        (&api.root, org, 200),
        (&admin.key, org, 200),
        (&plain.key, org, 403),
        (&other.key, org, 404),
        (&admin.key, absent, 404),
    ] {
        let one = api.get(&format!("/admin/orgs/{org}"));
        let one = one.header("X-Api-Key", key).answer().await;
        assert_eq!(one.status, status, "{one:?}");
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let api = Api::start().await;
    let admin = api.org_with_keys("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    api.generate(&user).await;
    let renamed = patch(&api, &admin, &user, json!({"name": "ü"}))
        .await
        .json();
    assert_eq!(
        (&renamed["name"], &renamed["isAdmin"], &renamed["disabled"]),
        (&json!("ü"), &json!(false), &json!(false))
    );
    assert_eq!(renamed["hasKeys"], true);
    let same = patch(&api, &admin, &user, json!({})).await;
    assert_eq!((same.status, same.json()), (200, renamed));
    let raised = patch(&api, &admin, &user, json!({"isAdmin": true})).await;
    assert_eq!(raised.json()["isAdmin"], true);
    // The role counts on the next request.
    let listed = api.get(&format!("/admin/orgs/{}/users", admin.org_id));
    assert_eq!(listed.key(&user).answer().await.status, 200);
    for body in [
        json!({"name": ""}),
        json!({"name": "a\nb"}),
        json!({"isAdmin": "true"}),
        json!({"isadmin": true}),
        json!({"userId": user.user_id}),
        json!([]),
    ] {
        let refused = patch(&api, &admin, &user, body).await;
        refused.is_problem(400, "malformed_request");
    }
    let shown = api.get(&format!(
        "/admin/orgs/{}/users/{}",
        user.org_id, user.user_id
    ));
    let shown = shown.key(&admin).answer().await.json();
    assert_eq!(
        (&shown["name"], &shown["isAdmin"]),
        (&json!("ü"), &json!(true))
    );
}

fn token(user: &TestUser, id: &str) -> TokenRow {
    let parsed = |text: &str| text.parse::<Uuid>().unwrap();
    TokenRow {
        key_id: KeyId::parse(id).unwrap(),
        token_id: Uuid::now_v7().into(),
        org_id: parsed(&user.org_id).into(),
        user_id: parsed(&user.user_id).into(),
        key_hash: [1; 32],
        scope: vec![1],
        boxes: vec![1],
        created: UtcMillis(START),
        expires: UtcMillis(START + 1_000_000),
        version: 1,
        mac: RowMac {
            key_id: 1,
            tag: [0; 32],
        },
    }
}

#[tokio::test]
async fn disabling_and_another_role_end_every_token_and_names_end_none() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    let bystander = token(&admin, "bystandr");
    api.store
        .commit(TokenChange::Insert(bystander).into())
        .await
        .unwrap();
    for (number, (body, stay)) in [
        (json!({"name": "v"}), true),
        (json!({"isAdmin": true}), false),
        (json!({"isAdmin": true, "name": "w"}), true),
        (json!({"isAdmin": false}), false),
        (json!({"disabled": true}), false),
        (json!({"disabled": false}), true),
    ]
    .into_iter()
    .enumerate()
    {
        let row = token(&user, &format!("token-{number:02}"));
        let key_id = row.key_id;
        api.store
            .commit(TokenChange::Insert(row).into())
            .await
            .unwrap();
        let changed = patch(&api, &admin, &user, body.clone()).await;
        assert_eq!(changed.status, 200, "{body}: {changed:?}");
        let found = api.store.token(key_id).await.unwrap();
        assert_eq!(found.is_some(), stay, "{body}");
        let enabled = body["disabled"] != json!(true);
        assert_eq!(is_known(&api, &user.key).await, enabled, "{body}");
    }
    let bystander = KeyId::parse("bystandr").unwrap();
    assert!(api.store.token(bystander).await.unwrap().is_some());
}

#[tokio::test]
async fn the_last_admin_stays() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    api.org("other organisations do not count").await;
    api.add_user(&admin.key, &admin.org_id, "u", false).await;
    let second = api
        .add_user(&admin.key, &admin.org_id, "second", true)
        .await;
    // A disabled admin is none.
    let off = patch(&api, &admin, &second, json!({"disabled": true})).await;
    assert_eq!(off.status, 200);
    for body in [json!({"isAdmin": false}), json!({"disabled": true})] {
        let refused = patch(&api, &admin, &admin, body).await;
        refused.is_problem(409, "last_admin");
    }
    remove(&api, &admin, &admin)
        .await
        .is_problem(409, "last_admin");
    assert_eq!(
        patch(&api, &admin, &admin, json!({"name": "x"}))
            .await
            .status,
        200
    );
    let back = patch(&api, &admin, &second, json!({"disabled": false})).await;
    assert_eq!(back.status, 200);
    // With a successor one may go, even oneself.
    assert_eq!(remove(&api, &admin, &admin).await.status, 204);
    assert!(!is_known(&api, &admin.key).await);
    remove(&api, &second, &second)
        .await
        .is_problem(409, "last_admin");
}

#[tokio::test]
async fn of_two_admins_who_act_against_each_other_one_stays() {
    let api = Api::start().await;
    for round in 0..12 {
        let one = api.org("a").await;
        let two = api.add_user(&one.key, &one.org_id, "two", true).await;
        let act = async |by: &TestUser, against: &TestUser| match round % 3 {
            0 => patch(&api, by, against, json!({"isAdmin": false})).await,
            1 => patch(&api, by, against, json!({"disabled": true})).await,
            _ => remove(&api, by, against).await,
        };
        let pairs = [(&one, &two), (&two, &one)];
        let answers = join_all(pairs.map(|(by, against)| act(by, against))).await;
        let won = answers.iter().filter(|a| matches!(a.status, 200 | 204));
        assert_eq!(won.count(), 1, "{answers:?}");
        for lost in answers.iter().filter(|a| a.status >= 400) {
            // Judged before or after the other act.
            assert!(matches!(lost.status, 401 | 403 | 404 | 409), "{lost:?}");
        }
        let users = api.get(&format!("/admin/orgs/{}/users", one.org_id));
        let users = users.header("X-Api-Key", &api.root).answer().await.json();
        let acting = users.as_array().unwrap().iter();
        let acting = acting.filter(|u| u["isAdmin"] == true && u["disabled"] == false);
        assert_eq!(acting.count(), 1, "{users}");
    }
}

#[tokio::test]
async fn a_removed_user_leaves_nothing_and_shares_end() {
    let api = Api::start().await;
    let admin = api.org_with_keys("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    api.generate(&user).await;
    api.store_value(&user, "theirs", "value").await;
    api.store_value(&admin, "ours", "value").await;
    for (owner, name, recipient) in [(&user, "theirs", &admin), (&admin, "ours", &user)] {
        let body = json!({"recipientUserId": recipient.user_id, "permission": "read"});
        let call = api.post(&format!("/v1/kv/{name}/shares")).both(owner);
        assert_eq!(call.json(&body).answer().await.status, 201);
    }
    let before = api.count("shares");
    assert_eq!(before, 2);
    let with_body = format!("/admin/orgs/{}/users/{}", user.org_id, user.user_id);
    let with_body = api.delete(&with_body).key(&admin).body("{}");
    with_body
        .answer()
        .await
        .is_problem(400, "malformed_request");
    assert_eq!(remove(&api, &admin, &user).await.status, 204);
    remove(&api, &admin, &user)
        .await
        .is_problem(404, "not_found");
    assert!(!is_known(&api, &user.key).await);
    for (table, rows) in [
        ("users", 1),
        ("user_keys", 1),
        ("key_pairs", 1),
        ("vault_values", 1),
        ("shares", 0),
        ("wraps", 1),
    ] {
        assert_eq!(api.count(table), rows, "{table}");
    }
    let inbox = api.get("/v1/kv/shared").both(&admin).answer().await.json();
    assert_eq!(inbox, json!([]));
    let listed = api.get("/v1/kv/ours/shares").key(&admin).answer().await;
    assert_eq!(listed.json(), json!([]));
    // Writes go on without the recipient.
    api.store_value(&admin, "ours", "again").await;
    assert_eq!(api.read_value(&admin, "ours").await, "again");
}

#[tokio::test]
async fn old_keys_end_at_once_or_with_their_grace() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    let first = user.key.clone();
    let made = rotate(&api, &admin, &user, json!({})).await;
    assert_eq!(made.status, 200, "{made:?}");
    let second = text(&made.json(), "apiKey");
    assert_eq!(text(&made.json(), "apiKeyId"), second[4..12]);
    assert!(made.json().get("expiresUtc").is_none());
    assert!(!is_known(&api, &first).await && is_known(&api, &second).await);

    let made = rotate(&api, &admin, &user, json!({"graceSeconds": 60})).await;
    let third = text(&made.json(), "apiKey");
    assert!(is_known(&api, &second).await && is_known(&api, &third).await);
    api.clock.advance(Duration::from_millis(30_000));
    // A second rotation does not prolong what already ends.
    let made = rotate(&api, &admin, &user, json!({"graceSeconds": 604_800})).await;
    let fourth = text(&made.json(), "apiKey");
    api.clock.advance(Duration::from_millis(29_999));
    assert!(is_known(&api, &second).await && is_known(&api, &third).await);
    api.clock.advance(Duration::from_millis(1));
    assert!(!is_known(&api, &second).await && is_known(&api, &third).await);

    // At once ends also what still had its grace, and what had expired is swept.
    let made = rotate(&api, &admin, &user, json!({"graceSeconds": 0})).await;
    let fifth = text(&made.json(), "apiKey");
    assert!(!is_known(&api, &third).await && !is_known(&api, &fourth).await);
    assert!(is_known(&api, &fifth).await);
    assert_eq!(api.count("api_keys"), 3, "root, admin, user");

    for body in [
        json!({"graceSeconds": 604_801}),
        json!({"graceSeconds": -1}),
        json!({"graceSeconds": 1.5}),
        json!({"graceSeconds": "60"}),
        json!({"grace": 60}),
        json!([60]),
    ] {
        let refused = rotate(&api, &admin, &user, body).await;
        refused.is_problem(400, "malformed_request");
    }
    assert!(is_known(&api, &fifth).await);
}

#[tokio::test]
async fn rotations_at_once_leave_one_key() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    let calls = (0..6).map(|_| rotate(&api, &admin, &user, json!({})));
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|a| a.status == 200), "{answers:?}");
    let mut known = 0;
    for answer in &answers {
        known += usize::from(is_known(&api, &text(&answer.json(), "apiKey")).await);
    }
    assert_eq!((known, api.count("api_keys")), (1, 3));
}

#[tokio::test]
async fn a_rotation_looks_at_every_key_and_leaves_no_more_than_are_allowed() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    let id = KeyId::parse(&user.key[4..12]).unwrap();
    let own = api.store.api_key(id).await.unwrap().unwrap().key;
    // More than a page, all of them before the user's own one.
    let more = (0..=vault_store::limits::LIST_LIMIT_MAX).map(|number| {
        let key_id = KeyId::parse(&format!("-{number:07}")).unwrap();
        let row = ApiKeyRow {
            key_id,
            ..own.clone()
        };
        Change::InsertApiKey(api.integrity.sign(row))
    });
    let more: ChangeSet = more.collect();
    api.store.commit(more).await.unwrap();
    let stored = api.count("api_keys");
    assert_eq!(stored, 1_004, "root, admin, user and 1,001 more");
    // With a grace all of them would stay.
    let refused = rotate(&api, &admin, &user, json!({"graceSeconds": 60})).await;
    refused.is_problem(409, "too_many_api_keys");
    assert_eq!(api.count("api_keys"), stored);
    assert!(is_known(&api, &user.key).await);
    let made = rotate(&api, &admin, &user, json!({"graceSeconds": 0})).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert!(!is_known(&api, &user.key).await);
    assert!(is_known(&api, &text(&made.json(), "apiKey")).await);
    assert_eq!(api.count("api_keys"), 3, "root, admin, user");
}

#[tokio::test]
async fn rights_that_went_while_the_body_came_are_gone() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let other = api.add_user(&admin.key, &admin.org_id, "o", true).await;
    let path = format!("/admin/orgs/{}/users/{}", other.org_id, other.user_id);
    let body = r#"{"isAdmin":true,"disabled":false}"#;
    for (method, path, body) in [
        ("PATCH", path.as_str(), body),
        (
            "POST",
            &format!("/admin/orgs/{}/users", other.org_id),
            r#"{"name":"n","isAdmin":true}"#,
        ),
        ("POST", "/v1/apikeys", "{}"),
        ("POST", "/v1/tokens", r#"{"ttlSeconds":60,"kv":["a"]}"#),
    ] {
        let mut held = TcpStream::connect(api.address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            other.key,
            body.len()
        );
        held.write_all(head.as_bytes()).await.unwrap();
        // The body is wanted: the caller has been recognised.
        let mut interim = [0; 25];
        held.read_exact(&mut interim).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        let changed = patch(&api, &admin, &other, json!({"disabled": true})).await;
        assert_eq!(changed.status, 200);
        held.write_all(body.as_bytes()).await.unwrap();
        let answer = Answer::parse(&read_to_end(&mut held).await);
        answer.is_problem(403, "forbidden");
        let me = api.get("/v1/users/me").key(&other).answer().await;
        assert_eq!(me.status, 401, "{method} {path}");
        let changed = patch(&api, &admin, &other, json!({"disabled": false})).await;
        assert_eq!(changed.status, 200);
    }
}

#[tokio::test]
async fn a_rotation_leaves_what_programs_hold_unless_everything_is_to_end() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    let mut user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    api.generate(&user).await;
    api.store_value(&user, "a", "value").await;
    let narrow = api.post("/v1/apikeys").key(&user);
    let narrow = narrow.json(&json!({"kv": ["a"]})).answer().await;
    let narrow = text(&narrow.json(), "apiKey");
    let body = json!({"ttlSeconds": 3_600, "kv": ["a"]});
    let made = api.post("/v1/tokens").both(&user).json(&body);
    let token = text(&made.answer().await.json(), "token");
    let reads = async |key: &str| {
        let call = api.get("/v1/kv/a").header("X-Api-Key", key);
        call.header("X-User-Secret", &user.secret)
            .answer()
            .await
            .status
    };
    let made = rotate(&api, &admin, &user, json!({})).await;
    assert_eq!(made.status, 200, "{made:?}");
    let next = text(&made.json(), "apiKey");
    assert_eq!(reads(&user.key).await, 401);
    for key in [&next, &narrow, &token] {
        assert_eq!(reads(key).await, 200);
    }
    // With a grace there is nothing that could end at once.
    let both = json!({"endEverything": true, "graceSeconds": 1});
    let refused = rotate(&api, &admin, &user, both).await;
    refused.is_problem(400, "malformed_request");
    let made = rotate(&api, &admin, &user, json!({"endEverything": true})).await;
    assert_eq!(made.status, 200, "{made:?}");
    for key in [&next, &narrow, &token] {
        assert_eq!(reads(key).await, 401);
    }
    assert_eq!(reads(&text(&made.json(), "apiKey")).await, 200);
    assert_eq!(api.count("tokens"), 0);
    // A new secret ends tokens, and no keys: they open nothing without it.
    user.key = text(&made.json(), "apiKey");
    let narrow = api.post("/v1/apikeys").key(&user);
    let narrow = narrow.json(&json!({"kv": ["a"]})).answer().await;
    let narrow = text(&narrow.json(), "apiKey");
    let made = api.post("/v1/tokens").both(&user).json(&body);
    let token = text(&made.answer().await.json(), "token");
    let rekey = api.post("/v1/keys/rekey").both(&user);
    let rekey = rekey
        .header("X-New-User-Secret", "the next secret")
        .answer()
        .await;
    assert_eq!(rekey.status, 200, "{rekey:?}");
    let reads = async |key: &str, secret: &str| {
        let call = api.get("/v1/kv/a").header("X-Api-Key", key);
        call.header("X-User-Secret", secret).answer().await.status
    };
    assert_eq!(reads(&token, "the next secret").await, 401);
    assert_eq!(reads(&narrow, &user.secret).await, 401);
    assert_eq!(reads(&narrow, "the next secret").await, 200);
}
