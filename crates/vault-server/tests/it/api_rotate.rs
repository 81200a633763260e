//! `/v1/keys/rotate`: a new key pair, and everything stays readable.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vault_server::vault::keys::{GENERATIONS_MAX, ROTATED_WRAPS_MAX};

use super::api_files::{RAW, bodies, content, until, upload};
use super::api_shares::Scene;
use super::api_support::{Api, Calls, TestUser, generated_secret, text, unbase64};
use super::futures_joined::join_all;
use super::held_blobs::BlobStep;
use super::support::Answer;

async fn rotate(api: &Api, user: &TestUser, query: &str) -> Answer {
    let path = format!("/v1/keys/rotate{query}");
    api.post(&path).both(user).answer().await
}

pub(crate) async fn rotated(api: &Api, user: &TestUser, query: &str) -> Value {
    let done = rotate(api, user, query).await;
    assert_eq!(done.status, 200, "{done:?}");
    done.json()
}

/// Wraps of values to this user by generation of the user's key pair.
pub(crate) fn wraps_of(api: &Api, user: &TestUser) -> Vec<(u32, i64)> {
    wraps_in(api, "wraps", user)
}

/// As [`wraps_of`], of the records whose wraps are in this table.
fn wraps_in(api: &Api, table: &str, user: &TestUser) -> Vec<(u32, i64)> {
    let db = rusqlite::Connection::open(api.database()).unwrap();
    let sql = format!(
        "SELECT recipient_generation, count(*) FROM {table} WHERE recipient = ?1 \
        GROUP BY 1 ORDER BY 1"
    );
    let mut found = db.prepare(&sql).unwrap();
    let id = uuid::Uuid::parse_str(&user.user_id).unwrap();
    let rows = found.query_map([&id.as_bytes()[..]], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

async fn read_version(api: &Api, user: &TestUser, version: u64) -> String {
    let read = api.get(&format!("/v1/kv/a?version={version}")).both(user);
    let read = read.answer().await;
    assert_eq!(read.status, 200, "{read:?}");
    String::from_utf8(unbase64(&text(&read.json(), "valueB64"))).unwrap()
}

#[tokio::test]
async fn every_version_and_every_inbound_share_moves_and_stays_readable() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    api.store_value(owner, "a", "two").await;
    let share = scene.share(bob, json!({"alias": "db"})).await;
    scene.inbox(bob).await;
    let before = api.get("/v1/keys/status").key(bob).answer().await.json();
    for user in [owner, bob] {
        let done = rotated(api, user, "").await;
        assert_eq!(
            (
                &done["started"],
                &done["remaining"],
                &done["unreadable"],
                &done["generation"]
            ),
            (&json!(true), &json!(0), &json!(0), &json!(2))
        );
        let status = api.get("/v1/keys/status").key(user).answer().await.json();
        assert_eq!(status["fingerprint"], done["fingerprint"]);
        assert_eq!(status["generation"], 2);
        let me = api.get("/v1/users/me").key(user).answer().await.json();
        assert_eq!(me["publicKeyB64"], done["publicKeyB64"]);
    }
    assert_ne!(
        api.get("/v1/keys/status").key(bob).answer().await.json()["fingerprint"],
        before["fingerprint"]
    );
    assert_eq!(wraps_of(api, owner), [(2, 2)]);
    assert_eq!(wraps_of(api, bob), [(2, 1)]);
    for _ in 0..2 {
        assert_eq!(read_version(api, owner, 1).await, "one");
        assert_eq!(read_version(api, owner, 2).await, "two");
        let shared = scene.read(bob, &share).await;
        assert_eq!(shared.status, 200, "{shared:?}");
        // The alias is still sealed to the older key pair.
        assert_eq!(scene.inbox(bob).await[0]["alias"], "db");
    }
    // New wraps go to the new generation, also those that others make.
    api.store_value(owner, "a", "three").await;
    assert_eq!(wraps_of(api, owner), [(2, 3)]);
    assert_eq!(wraps_of(api, bob), [(2, 2)]);
    // Nothing is left: the next call is a new rotation, and `resume` makes none.
    let nothing = rotated(api, owner, "?resume=true").await;
    assert_eq!(
        (&nothing["started"], &nothing["moved"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(rotated(api, owner, "").await["generation"], 3);
    assert_eq!(wraps_of(api, owner), [(3, 3)]);
    assert_eq!(api.read_value(owner, "a").await, "three");
    let others = rotate(api, &scene.stranger, "?other=1").await;
    others.is_problem(400, "malformed_request");
}

#[tokio::test]
async fn a_rotation_is_bounded_per_call_and_goes_on_after_a_restart() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let names: Vec<String> = (0..ROTATED_WRAPS_MAX + 10)
        .map(|n| format!("v{n}"))
        .collect();
    for some in names.chunks(32) {
        join_all(some.iter().map(|name| api.store_value(&user, name, name))).await;
    }
    let first = rotated(&api, &user, "").await;
    assert_eq!(
        (&first["started"], &first["remaining"]),
        (&json!(true), &json!(10))
    );
    assert_eq!(first["moved"], ROTATED_WRAPS_MAX);
    let api = api.restart(|_| {}).await;
    let both = [(1, 10), (2, i64::from(ROTATED_WRAPS_MAX))];
    assert_eq!(wraps_of(&api, &user), both);
    for name in names.iter().step_by(37) {
        assert_eq!(&api.read_value(&user, name).await, name);
    }
    // Without `resume`, too: a call that was repeated makes no second key pair.
    let second = rotated(&api, &user, "").await;
    assert_eq!(
        (
            &second["started"],
            &second["moved"],
            &second["remaining"],
            &second["generation"]
        ),
        (&json!(false), &json!(10), &json!(0), &json!(2))
    );
    for name in names.iter().step_by(23) {
        assert_eq!(&api.read_value(&user, name).await, name);
    }
}

#[tokio::test]
async fn a_broken_wrap_stops_no_rotation() {
    let scene = Scene::set().await;
    let owner = scene.owner.clone();
    scene.api.store_value(&owner, "b", "whole").await;
    let api = scene.api.restart(|db| {
        let sql = "UPDATE wraps SET wrap = zeroblob(length(wrap)) WHERE record_id = \
            (SELECT record_id FROM vault_values WHERE name = 'a')";
        assert_eq!(db.execute(sql, []).unwrap(), 1);
    });
    let api = api.await;
    let done = rotated(&api, &owner, "").await;
    assert_eq!(
        (
            &done["started"],
            &done["moved"],
            &done["remaining"],
            &done["unreadable"]
        ),
        (&json!(true), &json!(1), &json!(0), &json!(1))
    );
    assert_eq!(api.read_value(&owner, "b").await, "whole");
    let broken = api.get("/v1/kv/a").both(&owner).answer().await;
    broken.is_problem(400, "tampered");
    assert_eq!(rotated(&api, &owner, "").await["generation"], 3);
}

#[tokio::test]
async fn a_rotation_that_is_refused_changes_nothing() {
    let api = Api::start().await;
    let user = api.org("a").await;
    rotate(&api, &user, "")
        .await
        .is_problem(400, "keys_missing");
    api.generate(&user).await;
    let wrong = TestUser {
        secret: generated_secret(),
        ..user.clone()
    };
    let refused = rotate(&api, &wrong, "").await;
    refused.is_problem(401, "wrong_user_secret");
    let missing = api.post("/v1/keys/rotate").key(&user).answer().await;
    missing.is_problem(400, "missing_header");
    for _ in 1..GENERATIONS_MAX {
        rotated(&api, &user, "").await;
    }
    let one_more = rotate(&api, &user, "").await;
    one_more.is_problem(409, "too_many_generations");
    assert_eq!(api.count("key_pairs"), GENERATIONS_MAX as i64);
    rotated(&api, &user, "?resume=true").await;
    api.store_value(&user, "a", "value").await;
    assert_eq!(api.read_value(&user, "a").await, "value");
}

/// What any of the calls below may answer without anything being lost.
fn is_settled(answer: &Answer) {
    assert!(matches!(answer.status, 200 | 201 | 409), "{answer:?}");
}

#[tokio::test]
async fn rotations_writes_shares_and_a_rekey_at_once_lose_nothing() {
    let scene = Scene::set().await;
    let (api, owner, bob, carol) = (&scene.api, &scene.owner, &scene.bob, &scene.carol);
    let share = scene.share(bob, json!({"alias": "db"})).await;
    let put = |name: String| async move {
        let body = json!({"valueB64": super::api_support::base64(name.as_bytes())});
        let call = api.put(&format!("/v1/kv/{name}")).key(owner).json(&body);
        let stored = call.answer().await;
        assert_eq!(stored.status, 201, "{stored:?}");
    };
    for name in 0..40 {
        put(format!("old{name}")).await;
    }
    let give = |alias: String| async move {
        let body = json!({"recipientUserId": carol.user_id, "permission": "read", "alias": alias});
        let call = api.post("/v1/kv/a/shares").both(owner).json(&body);
        is_settled(&call.answer().await);
    };
    let turn = |user: &'static str| async move {
        let user = if user == "owner" { owner } else { bob };
        is_settled(&rotate(api, user, "").await);
    };
    for round in 0..3 {
        let mut all: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
        for index in 0..6 {
            all.push(Box::pin(turn("owner")));
            all.push(Box::pin(turn("bob")));
            all.push(Box::pin(put(format!("new{round}-{index}"))));
            all.push(Box::pin(give(format!("alias{round}-{index}"))));
            all.push(Box::pin(async {
                let read = scene.read(bob, &share).await;
                assert_eq!(read.status, 200, "{read:?}");
                assert_eq!(api.read_value(owner, "a").await, "one");
            }));
        }
        join_all(all).await;
    }
    // A rekey against rotations: whichever is first, the keys stay whole.
    let new_secret = generated_secret();
    let rekey = async {
        let call = api.post("/v1/keys/rekey").both(owner);
        call.header("X-New-User-Secret", &new_secret).answer().await
    };
    let rotations = join_all((0..4).map(|_| rotate(api, owner, "")));
    let (rekeyed, rotated_at_once) = tokio::join!(rekey, rotations);
    for answer in rotated_at_once {
        assert!(matches!(answer.status, 200 | 401 | 409), "{answer:?}");
    }
    let owner = &TestUser {
        secret: match rekeyed.status {
            200 => new_secret.clone(),
            _ => {
                rekeyed.is_problem(409, "conflict");
                owner.secret.clone()
            }
        },
        ..owner.clone()
    };
    for user in [owner, bob, carol] {
        while rotated(api, user, "?resume=true").await["remaining"] != 0 {}
        let [(newest, _)] = wraps_of(api, user)[..] else {
            panic!("wraps of one generation only")
        };
        let status = api.get("/v1/keys/status").key(user).answer().await.json();
        assert_eq!(status["generation"], newest);
    }
    for name in 0..40 {
        let name = format!("old{name}");
        assert_eq!(api.read_value(owner, &name).await, name);
    }
    for (round, index) in (0..3).flat_map(|round| (0..6).map(move |index| (round, index))) {
        let name = format!("new{round}-{index}");
        assert_eq!(api.read_value(owner, &name).await, name);
    }
    for user in [bob, carol] {
        let id = text(&scene.inbox(user).await[0], "shareId");
        let read = scene.read(user, &id).await;
        assert_eq!(unbase64(&text(&read.json(), "valueB64")), b"one");
    }
}

#[tokio::test]
async fn a_file_that_comes_across_a_rotation_is_wrapped_to_the_new_key_pair() {
    let api = Api::start().await;
    let user = api.org_with_keys("a").await;
    let bytes = content(300_000);
    let head = format!(
        "POST /v1/files?fileName=a HTTP/1.1\r\nHost: a\r\nX-Api-Key: {}\r\nX-User-Secret: {}\r\n\
         Content-Type: {RAW}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        user.key,
        user.secret,
        bytes.len()
    );
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..1_000]).await.unwrap();
    until(|| bodies(&api).len() == 1).await;
    assert_eq!(rotated(&api, &user, "").await["remaining"], 0);
    stream.write_all(&bytes[1_000..]).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 201");
    assert_eq!(wraps_in(&api, "file_wraps", &user), [(2, 1)]);
    let nothing = rotated(&api, &user, "?resume=true").await;
    assert_eq!(nothing["moved"], 0);
}

#[tokio::test]
async fn a_file_that_is_sealed_anew_across_rotations_is_wrapped_to_the_new_key_pairs() {
    let api = Api::start().await;
    let owner = api.org_with_keys("a").await;
    let bytes = content(300_000);
    let file = upload(&api, &owner, "a", bytes.clone()).await;
    let mut shares = Vec::new();
    let mut others = Vec::new();
    for name in ["stays", "goes"] {
        let user = api.add_user(&owner.key, &owner.org_id, name, false).await;
        api.generate(&user).await;
        let body = json!({"recipientUserId": user.user_id, "permission": "read"});
        let call = api.post(&format!("/v1/files/{file}/shares")).both(&owner);
        let made = call.json(&body).answer().await;
        assert_eq!(made.status, 201, "{made:?}");
        shares.push(text(&made.json(), "shareId"));
        others.push(user);
    }
    let hold = api.gate.hold(BlobStep::Write);
    let path = format!("/v1/files/{file}/shares/{}?rekey=true", shares[1]);
    let ending = tokio::spawn(api.delete(&path).both(&owner).answer());
    until(|| api.gate.waiting() == 1).await;
    for user in [&owner, &others[0]] {
        assert_eq!(rotated(&api, user, "").await["remaining"], 0);
    }
    drop(hold);
    let ended = ending.await.unwrap();
    assert_eq!(ended.status, 204, "{ended:?}");
    for user in [&owner, &others[0]] {
        assert_eq!(wraps_in(&api, "file_wraps", user), [(2, 1)]);
        assert_eq!(rotated(&api, user, "?resume=true").await["moved"], 0);
    }
    assert_eq!(wraps_in(&api, "file_wraps", &others[1]), []);
    for (user, path) in [
        (&owner, format!("/v1/files/{file}")),
        (&others[0], format!("/v1/files/shared/{}", shares[0])),
    ] {
        let (status, _, read) = super::api_files::raw(&api, user, &path, &[]).await;
        assert_eq!(status, 200);
        assert!(read == bytes);
    }
}
