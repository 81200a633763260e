//! A passphrase whose hash is cheaper than configured is hashed anew after it was used.

use std::time::Duration;

use hardened_crypto::user_secret::{PassphraseCost, Protection, ProtectionKind};
use reqwest::Method;
use serde_json::{Value, json};
use vault_server::vault::limits::VaultLimits;
use vault_store::KeyStore;
use vault_store::rows::UserKeysRow;

use super::api_support::{Api, Calls, TestUser, generated_secret, text};
use super::api_tokens::token;
use super::futures_joined::join_all;
use super::support::{Answer, PATIENCE};

const PASSPHRASE: &str = "correct horse battery staple";

fn cost(mebibytes: u32) -> PassphraseCost {
    PassphraseCost::new(mebibytes * 1024, 2, 1).unwrap()
}

fn limits(cost: PassphraseCost) -> VaultLimits {
    VaultLimits {
        passphrase_cost: cost,
        ..VaultLimits::default()
    }
}

/// An admin whose keys are under a passphrase, with a value.
async fn set(cost: PassphraseCost) -> (Api, TestUser) {
    let api = Api::start_with(limits(cost)).await;
    let mut user = api.org("a").await;
    user.secret = PASSPHRASE.to_owned();
    api.generate(&user).await;
    api.store_value(&user, "a", "one").await;
    (api, user)
}

/// The same server with another cost configured, and perhaps another database.
async fn restarted(
    mut api: Api,
    cost: PassphraseCost,
    between: impl FnOnce(&rusqlite::Connection),
) -> Api {
    api.limits.passphrase_cost = cost;
    api.restart(between).await
}

async fn row(api: &Api, user: &TestUser) -> UserKeysRow {
    let id = |text: &str| uuid::Uuid::parse_str(text).unwrap();
    let (org_id, user_id) = (id(&user.org_id).into(), id(&user.user_id).into());
    let ring = api.store.key_ring(org_id, user_id).await.unwrap();
    ring.unwrap().keys
}

fn cost_of(row: &UserKeysRow) -> PassphraseCost {
    match Protection::parse(&row.protection).unwrap().kind() {
        ProtectionKind::Passphrase(cost) => cost,
        other => panic!("{other:?}"),
    }
}

/// Waits until the stored cost is this one: it is raised beside the calls.
async fn raised_to(api: &Api, user: &TestUser, cost: PassphraseCost) -> UserKeysRow {
    let raised = async {
        loop {
            let row = row(api, user).await;
            if cost_of(&row) == cost {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let raised = tokio::time::timeout(PATIENCE, raised).await;
    raised.expect("the cost is raised")
}

async fn read(api: &Api, user: &TestUser) -> Answer {
    api.get("/v1/kv/a").both(user).answer().await
}

#[tokio::test]
async fn one_read_raises_the_cost_and_the_secret_stays_the_same() {
    let (api, user) = set(cost(12)).await;
    let bob = api.add_user(&user.key, &user.org_id, "bob", false).await;
    api.generate(&bob).await;
    let path = format!("/v1/recovery/trustees/{}", bob.user_id);
    let share = json!({
        "encryptedPrivateKeyEccShareB64": "ZWNj", "encryptedPrivateKeyKyberShareB64": "a3liZXI=",
    });
    let put = api.put(&path).key(&user).json(&share).answer().await;
    assert_eq!(put.status, 201, "{put:?}");
    let (token, _) = token(&api, &user, json!({"kv": ["a"]})).await;
    let before = row(&api, &user).await;
    assert_eq!(cost_of(&before), cost(12));

    let api = restarted(api, cost(16), |_| {}).await;
    let answer = read(&api, &user).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let after = raised_to(&api, &user, cost(16)).await;
    assert_eq!(after.secret_version, before.secret_version);
    assert_eq!(after.version, before.version + 1);
    assert_ne!(after.account_key_box, before.account_key_box);

    assert_eq!(api.read_value(&user, "a").await, "one");
    let wrong = TestUser {
        secret: format!("{PASSPHRASE}."),
        ..user.clone()
    };
    read(&api, &wrong)
        .await
        .is_problem(401, "wrong_user_secret");
    let listed = api.get("/v1/recovery/trustees").key(&user).answer().await;
    assert_eq!(listed.json()[0]["stale"], false);
    let by_token = api.get("/v1/kv/a").bearer_auth(&token).answer().await;
    assert_eq!(by_token.status, 200, "{by_token:?}");

    // An entry of the server's own, beside that of the read.
    let log = api
        .get("/audit?limit=1000")
        .key(&user)
        .answer()
        .await
        .json();
    let entries = log["entries"]
        .as_array()
        .or(log.as_array())
        .unwrap()
        .clone();
    let of = |action: &str| -> Vec<Value> {
        let wanted = entries.iter().filter(|entry| entry["action"] == action);
        wanted.cloned().collect()
    };
    let [strengthened] = &of("keys.strengthen")[..] else {
        panic!("{entries:?}");
    };
    let request = text(strengthened, "requestId");
    assert_eq!(Some(request.as_str()), answer.header("x-request-id"));
    assert!(text(strengthened, "target").contains(&user.user_id));
    let reads = of("kv.read");
    let same_call = reads
        .iter()
        .filter(|entry| entry["requestId"] == request.as_str());
    assert_eq!(same_call.count(), 1);

    // Never lower, and not for a generated secret, whatever is configured.
    let bobs = row(&api, &bob).await;
    let api = restarted(api, cost(12), |_| {}).await;
    assert_eq!(api.read_value(&user, "a").await, "one");
    let api = restarted(api, PassphraseCost::new(15 * 1024, 10, 1).unwrap(), |_| {}).await;
    assert_eq!(api.read_value(&user, "a").await, "one");
    let files = api.get("/v1/files").both(&bob).answer().await;
    assert_eq!(files.status, 200);
    assert_eq!(row(&api, &user).await, after);
    assert_eq!(row(&api, &bob).await, bobs);
}

#[tokio::test]
async fn whoever_changes_the_keys_meanwhile_wins_and_nobody_fails() {
    let (mut api, mut user) = set(cost(12)).await;
    let bob = api.add_user(&user.key, &user.org_id, "bob", false).await;
    api.generate(&bob).await;
    for round in 0..4 {
        let raised = cost(13 + round);
        api = restarted(api, raised, |_| {}).await;
        let next = format!("{PASSPHRASE} {round}");
        let changes_secret = round % 2 == 0;
        let call = |method: Method, path: &str| api.call(method, path).both(&user);
        let share = json!({"recipientUserId": bob.user_id, "permission": "read"});
        let change = if changes_secret {
            let rekey = call(Method::POST, "/v1/keys/rekey");
            rekey.header("X-New-User-Secret", &next)
        } else {
            call(Method::POST, "/v1/keys/rotate")
        };
        // The first opens the keys and sets off the hash; the change comes while it runs.
        assert_eq!(read(&api, &user).await.status, 200);
        let mut calls = vec![change, call(Method::POST, "/v1/kv/a/shares").json(&share)];
        calls.extend((0..3).map(|_| call(Method::GET, "/v1/kv/a")));
        let answers = join_all(calls.into_iter().map(Calls::answer)).await;
        assert_eq!(answers[0].status, 200, "{:?}", answers[0]);
        for answer in &answers[1..] {
            let lost = changes_secret && matches!(answer.status, 401 | 409);
            assert!(matches!(answer.status, 200 | 201) || lost, "{answer:?}");
        }
        if changes_secret {
            user.secret = next;
        }
        // Whatever came first, the secret in force opens everything; where the change won, a
        // later read raises the cost.
        let reading = async {
            while cost_of(&row(&api, &user).await) != raised {
                assert_eq!(api.read_value(&user, "a").await, "one");
            }
        };
        let raised = tokio::time::timeout(PATIENCE, reading).await;
        raised.expect("the cost is raised");
        assert_eq!(api.read_value(&user, "a").await, "one");
    }
    let keys = api.get("/v1/keys/status").key(&user).answer().await;
    assert_eq!(keys.json()["generation"], 3);
    assert_eq!(row(&api, &user).await.secret_version, 3);
}

#[tokio::test]
async fn a_full_store_changes_nothing_for_readers() {
    let (api, user) = set(cost(12)).await;
    let before = row(&api, &user).await;
    // Room for entries of the audit log, and none for this change.
    let fill = "CREATE TABLE filler (bytes BLOB); \
        CREATE TRIGGER fill BEFORE UPDATE ON user_keys \
        BEGIN INSERT INTO filler VALUES (zeroblob(64000000)); END";
    let api = restarted(api, cost(16), |db| db.execute_batch(fill).unwrap()).await;
    api.store.limit_pages(4_000);
    for _ in 0..5 {
        assert_eq!(read(&api, &user).await.status, 200);
    }
    let rekey = api.post("/v1/keys/rekey").both(&user);
    let rekey = rekey.header("X-New-User-Secret", generated_secret());
    let rekey = rekey.answer().await;
    rekey.is_problem(503, "storage_unavailable");
    assert_eq!(row(&api, &user).await, before);
    assert_eq!(api.read_value(&user, "a").await, "one");

    api.store.limit_pages(u32::MAX - 1);
    // A store that was full is left in peace for a while.
    api.clock.advance(Duration::from_secs(60));
    assert_eq!(api.read_value(&user, "a").await, "one");
    raised_to(&api, &user, cost(16)).await;
    assert_eq!(api.read_value(&user, "a").await, "one");
}
