//! `/v1/keys`: made once, shown, put under another secret.

use futures_joined::join_all;
use serde_json::json;

use super::api_support::{Api, Calls, TestUser, generated_secret, text, unbase64};
use super::futures_joined;

async fn rekey(api: &Api, user: &TestUser, new: &str) -> super::support::Answer {
    let call = api.post("/v1/keys/rekey").both(user);
    call.header("X-New-User-Secret", new).answer().await
}

#[tokio::test]
async fn keys_are_made_once_and_shown_the_same_everywhere() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let before = api.get("/v1/keys/status").key(&user).answer().await;
    assert_eq!(before.status, 200);
    assert_eq!(before.json(), json!({"hasEcc": false, "hasKyber": false}));
    let made = api.post("/v1/keys/generate").both(&user).answer().await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(unbase64(&text(&made, "publicKeyB64")).len(), 65);
    assert_eq!(unbase64(&text(&made, "publicKeyKyberB64")).len(), 1184);
    assert_eq!(made["generation"], 1);
    assert_eq!(text(&made, "fingerprint").len(), 64);
    let again = api.post("/v1/keys/generate").both(&user).answer().await;
    again.is_problem(409, "keys_exist");
    let status = api.get("/v1/keys/status").key(&user).answer().await;
    assert_eq!(
        status.json(),
        json!({
            "hasEcc": true, "hasKyber": true, "fingerprint": made["fingerprint"],
            "generation": 1, "protection": "generated",
        })
    );
    let me = api.get("/v1/users/me").key(&user).answer().await.json();
    for field in ["publicKeyB64", "publicKeyKyberB64", "fingerprint"] {
        assert_eq!(me[field], made[field], "{field}");
    }
}

#[tokio::test]
async fn of_many_generations_at_once_one_happens() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let calls = (0..16).map(|_| api.post("/v1/keys/generate").both(&user).answer());
    let answers = join_all(calls).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.is_problem(409, "keys_exist");
    }
    assert_eq!((api.count("user_keys"), api.count("key_pairs")), (1, 1));
    api.store_value(&user, "a", "value").await;
    assert_eq!(api.read_value(&user, "a").await, "value");
}

#[tokio::test]
async fn secrets_that_cannot_protect_are_refused_and_leave_nothing() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let generate = |secret: &str| {
        let call = api.post("/v1/keys/generate").key(&user);
        call.header("X-User-Secret", secret).answer()
    };
    let missing = api.post("/v1/keys/generate").key(&user).answer().await;
    missing.is_problem(400, "missing_header");
    generate("").await.is_problem(400, "missing_header");
    let mut typo = generated_secret();
    let last = typo.pop().unwrap();
    typo.push(if last == 'A' { 'B' } else { 'A' });
    for unusable in [typo, "x".repeat(1025)] {
        generate(&unusable)
            .await
            .is_problem(400, "user_secret_unusable");
    }
    let twice = api.post("/v1/keys/generate").both(&user);
    let twice = twice.header("X-User-Secret", "another").answer().await;
    twice.is_problem(400, "malformed_request");
    assert_eq!((api.count("user_keys"), api.count("key_pairs")), (0, 0));
}

#[tokio::test]
async fn any_non_empty_string_is_a_passphrase() {
    let api = Api::start().await;
    let admin = api.org("a").await;
    for (index, secret) in ["x", "correct horse", "pässwörd", "sgs", "a,b; c=\"d\""]
        .into_iter()
        .enumerate()
    {
        let name = format!("user{index}");
        let mut user = api.add_user(&admin.key, &admin.org_id, &name, false).await;
        user.secret = secret.to_owned();
        api.generate(&user).await;
        let status = api.get("/v1/keys/status").key(&user).answer().await;
        assert_eq!(status.json()["protection"], "passphrase", "{secret}");
        api.store_value(&user, "a", "value").await;
        assert_eq!(api.read_value(&user, "a").await, "value", "{secret}");
    }
}

#[tokio::test]
async fn after_a_rekey_the_old_secret_is_wrong_and_the_new_one_reads() {
    let api = Api::start().await;
    let mut user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "one").await;
    // The first reading leaves a box under the account key; it must survive.
    api.read_value(&user, "a").await;
    let keys = api.get("/v1/users/me").key(&user).answer().await.json();
    for new in [
        "a passphrase".to_owned(),
        generated_secret(),
        generated_secret(),
    ] {
        let done = rekey(&api, &user, &new).await;
        assert_eq!(done.status, 200, "{done:?}");
        let old = api.get("/v1/kv/a").both(&user).answer().await;
        old.is_problem(401, "wrong_user_secret");
        user.secret = new;
        assert_eq!(api.read_value(&user, "a").await, "one");
        api.store_value(&user, "b", "two").await;
        assert_eq!(api.read_value(&user, "b").await, "two");
        let now = api.get("/v1/users/me").key(&user).answer().await.json();
        assert_eq!(now, keys, "public keys stay");
    }
}

#[tokio::test]
async fn a_rekey_that_is_refused_changes_nothing() {
    let api = Api::start().await;
    let user = api.org("a").await;
    rekey(&api, &user, "new")
        .await
        .is_problem(400, "keys_missing");
    api.generate(&user).await;
    api.store_value(&user, "a", "one").await;
    let wrong = TestUser {
        secret: generated_secret(),
        ..user.clone()
    };
    rekey(&api, &wrong, "new")
        .await
        .is_problem(401, "wrong_user_secret");
    let same = rekey(&api, &user, &user.secret).await;
    same.is_problem(400, "user_secret_unchanged");
    let wrong_twice = rekey(&api, &wrong, &wrong.secret).await;
    wrong_twice.is_problem(400, "user_secret_unchanged");
    let missing = api.post("/v1/keys/rekey").both(&user).answer().await;
    missing.is_problem(400, "missing_header");
    rekey(&api, &user, &"x".repeat(1025))
        .await
        .is_problem(400, "user_secret_unusable");
    assert_eq!(api.read_value(&user, "a").await, "one");
}

#[tokio::test]
async fn of_many_rekeys_at_once_one_happens() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    api.store_value(&user, "a", "one").await;
    // Fewer than wrong secrets are allowed: who reads after the winner sees a wrong one.
    let secrets: Vec<String> = (0..8).map(|_| generated_secret()).collect();
    let answers = join_all(secrets.iter().map(|new| rekey(&api, &user, new))).await;
    let mut winner = None;
    for (secret, answer) in secrets.iter().zip(&answers) {
        match answer.status {
            200 => assert!(winner.replace(secret).is_none(), "two rekeys happened"),
            401 => answer.is_problem(401, "wrong_user_secret"),
            _ => answer.is_problem(409, "conflict"),
        }
    }
    let user = TestUser {
        secret: winner.unwrap().clone(),
        ..user
    };
    assert_eq!(api.read_value(&user, "a").await, "one");
}
