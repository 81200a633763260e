//! Calls about one user at once: one wins, none is lost, nothing becomes unreadable.

use serde_json::json;
use vault_server::vault::limits::VaultLimits;

use crate::api_support::{Api, Calls, TestUser, base64, generated_secret, text, unbase64};
use crate::futures_joined::join_all;

const ROUNDS: usize = 4;
/// Calls of each kind in a round.
const EACH: usize = 3;

/// What one call of a round did.
#[derive(Debug)]
enum Done {
    /// The secret that counts from now on.
    Rekeyed(String),
    Wrote(u64, String),
    Shared(usize, String),
    /// To a new key pair, or with nothing left to do.
    Rotated,
    /// Others were faster.
    Lost,
}

#[tokio::test]
async fn rekeys_rotations_writes_and_shares_at_once_lose_nothing() {
    let limits = VaultLimits {
        // Who comes second brings a secret that is wrong by then.
        wrong_secrets_max: u32::MAX,
        ..VaultLimits::default()
    };
    let api = Api::start_with(limits).await;
    let mut owner = api.org_with_keys("owner").await;
    let mut friends = Vec::new();
    for index in 0..EACH {
        let name = format!("friend {index}");
        let friend = api.add_user(&owner.key, &owner.org_id, &name, false).await;
        api.generate(&friend).await;
        friends.push(friend);
    }
    api.store_value(&owner, "a", "first").await;
    let mut contents = vec!["first".to_owned()];
    for round in 0..ROUNDS {
        let done = join_all((0..4 * EACH).map(async |index| {
            let (kind, number) = (index % 4, index / 4);
            match kind {
                0 => rekey(&api, &owner).await,
                3 => rotate(&api, &owner).await,
                1 => write(&api, &owner, format!("{round} {number}")).await,
                _ => share(&api, &owner, &friends[number], number).await,
            }
        }))
        .await;
        let mut secrets = Vec::new();
        let mut written = Vec::new();
        let mut shares = Vec::new();
        let mut rotated = 0;
        for done in done {
            match done {
                Done::Rekeyed(secret) => secrets.push(secret),
                Done::Wrote(version, content) => written.push((version, content)),
                Done::Shared(friend, id) => shares.push((friend, id)),
                Done::Rotated => rotated += 1,
                Done::Lost => {}
            }
        }
        // A rotation is as good as a rekey: both replace the same row.
        assert!(
            secrets.len() <= 1 && secrets.len() + rotated > 0,
            "one wins"
        );
        assert_eq!(written.len(), EACH, "writes need no secret");
        let old = secrets
            .pop()
            .map(|new| std::mem::replace(&mut owner.secret, new));
        written.sort();
        for (version, content) in written {
            contents.push(content);
            assert_eq!(
                version,
                contents.len() as u64,
                "no version twice, none left out"
            );
        }
        nothing_is_lost(&api, &owner, &contents).await;
        let current = contents.last().expect("written");
        for (friend, id) in shares {
            let read = api
                .get(&format!("/v1/kv/shared/{id}"))
                .both(&friends[friend]);
            let read = read.answer().await;
            assert_eq!(read.status, 200, "{read:?}");
            let value = unbase64(&text(&read.json(), "valueB64"));
            assert_eq!(String::from_utf8(value).unwrap(), *current);
        }
        if let Some(secret) = old {
            let before = TestUser {
                secret,
                ..owner.clone()
            };
            let refused = api.get("/v1/kv/a").both(&before).answer().await;
            refused.is_problem(401, "wrong_user_secret");
        }
    }
}

async fn rekey(api: &Api, owner: &TestUser) -> Done {
    let next = generated_secret();
    let call = api.post("/v1/keys/rekey").both(owner);
    let answer = call.header("X-New-User-Secret", &next).answer().await;
    match answer.status {
        200 => Done::Rekeyed(next),
        // The other was there before this one looked, or while it worked.
        401 | 409 => Done::Lost,
        _ => panic!("{answer:?}"),
    }
}

async fn rotate(api: &Api, owner: &TestUser) -> Done {
    let answer = api.post("/v1/keys/rotate").both(owner).answer().await;
    match answer.status {
        200 => Done::Rotated,
        401 | 409 => Done::Lost,
        _ => panic!("{answer:?}"),
    }
}

async fn write(api: &Api, owner: &TestUser, content: String) -> Done {
    let body = json!({"valueB64": base64(content.as_bytes())});
    let answer = api.put("/v1/kv/a").key(owner).json(&body).answer().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Done::Wrote(answer.json()["version"].as_u64().unwrap(), content)
}

async fn share(api: &Api, owner: &TestUser, with: &TestUser, number: usize) -> Done {
    let body = json!({"recipientUserId": with.user_id, "permission": "read", "alias": "a"});
    let call = api.post("/v1/kv/a/shares").both(owner).json(&body);
    let answer = call.answer().await;
    match answer.status {
        201 => Done::Shared(number, text(&answer.json(), "shareId")),
        // The secret was the old one by then, or the others were faster many times.
        401 | 409 => Done::Lost,
        _ => panic!("{answer:?}"),
    }
}

/// The owner reads every version that was acknowledged.
async fn nothing_is_lost(api: &Api, owner: &TestUser, contents: &[String]) {
    for (index, content) in contents.iter().enumerate() {
        let path = format!("/v1/kv/a?version={}", index + 1);
        let read = api.get(&path).both(owner).answer().await;
        assert_eq!(read.status, 200, "{read:?}");
        assert_eq!(
            unbase64(&text(&read.json(), "valueB64")),
            content.as_bytes()
        );
    }
}
