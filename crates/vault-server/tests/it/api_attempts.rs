//! Guessing is slow, and hashing is bounded.

use std::sync::mpsc;
use std::time::Duration;

use vault_server::vault::limits::VaultLimits;

use super::api_support::{Api, Calls, TestUser, generated_secret};
use super::futures_joined::join_all;

fn limits() -> VaultLimits {
    VaultLimits {
        wrong_secrets_max: 3,
        hash_threads: Some(1),
        hash_queue: Some(4),
        ..VaultLimits::default()
    }
}

fn with_secret(user: &TestUser, secret: &str) -> TestUser {
    TestUser {
        secret: secret.to_owned(),
        ..user.clone()
    }
}

#[tokio::test]
async fn wrong_secrets_are_bounded_for_each_user() {
    let api = Api::start_with(limits()).await;
    let user = api.org_with_keys("a").await;
    let other = api.add_user(&user.key, &user.org_id, "other", false).await;
    api.generate(&other).await;
    api.store_value(&user, "a", "value").await;
    api.store_value(&other, "a", "value").await;
    let read = |secret: &str| {
        let call = api.get("/v1/kv/a").both(&with_secret(&user, secret));
        call.answer()
    };
    for _ in 0..3 {
        let wrong = read(&generated_secret()).await;
        wrong.is_problem(401, "wrong_user_secret");
    }
    for secret in [generated_secret(), user.secret.clone()] {
        let limited = read(&secret).await;
        limited.is_problem(429, "too_many_attempts");
        assert_eq!(limited.header("retry-after"), Some("6"));
    }
    let rekey = api.post("/v1/keys/rekey").both(&user);
    let rekey = rekey.header("X-New-User-Secret", "new").answer().await;
    rekey.is_problem(429, "too_many_attempts");
    // What needs no secret goes on, and so do others.
    api.store_value(&user, "b", "value").await;
    assert_eq!(api.read_value(&other, "a").await, "value");
    api.clock.advance(Duration::from_millis(5_500));
    let limited = read(&user.secret).await;
    assert_eq!(limited.header("retry-after"), Some("1"));
    api.clock.advance(Duration::from_millis(500));
    assert_eq!(api.read_value(&user, "a").await, "value");
    // Success does not reset the count.
    read("wrong").await.is_problem(401, "wrong_user_secret");
    read(&user.secret)
        .await
        .is_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_burst_of_guesses_is_bounded_like_a_row_of_them() {
    let api = Api::start_with(VaultLimits {
        hash_queue: Some(64),
        ..limits()
    })
    .await;
    let admin = api.org("a").await;
    let user = with_secret(&admin, "a passphrase");
    api.generate(&user).await;
    api.store_value(&user, "a", "value").await;
    let wrong = with_secret(&user, "a wrong passphrase");
    let calls = (0..32).map(|_| api.get("/v1/kv/a").both(&wrong).answer());
    let answers = join_all(calls).await;
    let looked_at = answers.iter().filter(|a| a.status == 401).count();
    assert_eq!(looked_at, 3);
    for limited in answers.iter().filter(|a| a.status != 401) {
        limited.is_problem(429, "too_many_attempts");
    }
}

#[tokio::test]
async fn a_full_hash_queue_is_said_at_once_and_only_to_passphrases() {
    let api = Api::start_with(limits()).await;
    let admin = api.org_with_keys("a").await;
    let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
    let user = with_secret(&user, "a passphrase");
    api.generate(&user).await;
    api.store_value(&user, "a", "value").await;
    api.store_value(&admin, "a", "value").await;
    let newcomer = api.add_user(&admin.key, &admin.org_id, "n", false).await;
    let newcomer = with_secret(&newcomer, "another passphrase");
    // One hash runs and four wait until the senders are dropped.
    let held: Vec<mpsc::Sender<()>> = (0..5)
        .map(|_| {
            let (release, wait) = mpsc::channel::<()>();
            let job = move |_: &mut _| {
                let _ = wait.recv();
            };
            api.argon2.try_run(job).unwrap();
            release
        })
        .collect();
    for call in [
        api.get("/v1/kv/a").both(&user),
        api.post("/v1/keys/generate").both(&newcomer),
    ] {
        let refused = call.answer().await;
        refused.is_problem(503, "overloaded");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    assert_eq!(api.read_value(&admin, "a").await, "value");
    api.store_value(&user, "b", "value").await;
    // Without a valid API key no hash is asked for: the answer is the usual one.
    let stranger = TestUser {
        key: "sgk_unknown".to_owned(),
        ..user.clone()
    };
    let refused = api.get("/v1/kv/a").both(&stranger).answer().await;
    refused.is_problem(401, "api_key_invalid");
    let wrong_kind = api.get("/v1/kv/a").both(&with_secret(&admin, "phrase"));
    let wrong_kind = wrong_kind.answer().await;
    wrong_kind.is_problem(401, "wrong_user_secret");
    drop(held);
    // Room comes back once the held jobs have left.
    while api.argon2.try_run(|_| ()).is_err() {
        tokio::task::yield_now().await;
    }
    let mut read = api.get("/v1/kv/a").both(&user).answer().await;
    while read.status == 503 {
        read = api.get("/v1/kv/a").both(&user).answer().await;
    }
    assert_eq!(read.status, 200);
    assert_eq!(api.count("user_keys"), 2, "nothing of the refused newcomer");
}

#[tokio::test]
async fn one_user_does_not_fill_the_hash_queue() {
    let api = Api::start_with(limits()).await;
    let admin = api.org_with_keys("a").await;
    let mut users = Vec::new();
    for name in ["greedy", "other"] {
        let user = api.add_user(&admin.key, &admin.org_id, name, false).await;
        let user = with_secret(&user, "a passphrase");
        api.generate(&user).await;
        api.store_value(&user, "a", "value").await;
        users.push(user);
    }
    let (release, wait) = mpsc::channel::<()>();
    let job = move |_: &mut _| {
        let _ = wait.recv();
    };
    api.argon2.try_run(job).unwrap();
    // A share is two of one thread and four places: of five calls three are refused at once.
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..5 {
        calls.spawn(api.get("/v1/kv/a").both(&users[0]).answer());
    }
    for _ in 0..3 {
        let refused = calls.join_next().await.unwrap().unwrap();
        refused.is_problem(429, "too_many_attempts");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    // There is room for somebody else, who only has to wait.
    calls.spawn(api.get("/v1/kv/a").both(&users[1]).answer());
    drop(release);
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.unwrap().status, 200);
    }
    // Every share came back.
    for user in &users {
        assert_eq!(api.read_value(user, "a").await, "value");
    }
}
