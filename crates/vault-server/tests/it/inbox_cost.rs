//! A long list of inbound shares needs private keys at its first sight only.
//!
//! Proven by what a list can do without: once every alias has its box, the recipient's private
//! keys are made unopenable, in rows that are signed as the server signs them.

use serde_json::{Value, json};
use uuid::Uuid;
use vault_store::rows::{KeyPairRow, UserKeysRow};
use vault_store::{Change, KeyStore, Store};

use super::api_support::{Api, Calls, TestUser, text};
use super::futures_joined::join_all;

const SHARES: usize = 500;
/// Calls at once while the shares are made.
const AT_ONCE: usize = 50;
/// Lists until all boxes are stored.
const LISTS_MAX: usize = 1_000;

async fn inbox(api: &Api, user: &TestUser) -> (u16, Value) {
    let path = format!("/v1/kv/shared?limit={SHARES}");
    let listed = api.get(&path).both(user).answer().await;
    (listed.status, listed.json())
}

fn alias(index: usize) -> String {
    format!("number {index:03}")
}

async fn share_all(api: &Api, owner: &TestUser, with: &TestUser) {
    for first in (0..SHARES).step_by(AT_ONCE) {
        join_all((first..first + AT_ONCE).map(async |index| {
            let name = format!("v{index}");
            api.store_value(owner, &name, "value").await;
            let body = json!({
                "recipientUserId": with.user_id, "permission": "read", "alias": alias(index),
            });
            let call = api.post(&format!("/v1/kv/{name}/shares")).both(owner);
            let made = call.json(&body).answer().await;
            assert_eq!(made.status, 201, "{made:?}");
        }))
        .await;
    }
}

/// Signed rows in which the private keys no longer open.
async fn spoil_private_keys(api: &Api, user: &TestUser) {
    let id = |text: &str| text.parse::<Uuid>().unwrap();
    let (org_id, user_id) = (id(&user.org_id).into(), id(&user.user_id).into());
    let ring = api.store.key_ring(org_id, user_id).await.unwrap().unwrap();
    let flipped = |mut sealed: Vec<u8>| {
        *sealed.last_mut().unwrap() ^= 1;
        sealed
    };
    let pairs = ring.pairs.into_iter().map(|row| {
        api.integrity.sign(KeyPairRow {
            ecc_box: flipped(row.ecc_box.clone()),
            kyber_box: flipped(row.kyber_box.clone()),
            version: row.version + 1,
            ..row
        })
    });
    let change = Change::ReplaceUserKeys {
        expected_version: ring.keys.version,
        pairs: pairs.collect(),
        keys: api.integrity.sign(UserKeysRow {
            version: ring.keys.version + 1,
            ..ring.keys
        }),
    };
    api.store.commit(change.into()).await.unwrap();
}

#[tokio::test]
async fn five_hundred_inbound_shares_need_no_private_key_after_their_first_sight() {
    let api = Api::start().await;
    let owner = api.org_with_keys("org").await;
    let bob = api.add_user(&owner.key, &owner.org_id, "bob", false).await;
    api.generate(&bob).await;
    share_all(&api, &owner, &bob).await;
    assert_eq!(api.count("share_boxes"), 0, "nobody has looked yet");
    let mut lists = 0;
    let first = inbox(&api, &bob).await;
    while api.count("share_boxes") < SHARES as i64 {
        assert_eq!(inbox(&api, &bob).await, first);
        lists += 1;
        assert!(lists < LISTS_MAX, "boxes are not stored");
    }
    let (status, shares) = &first;
    let mut aliases: Vec<String> = shares
        .as_array()
        .unwrap()
        .iter()
        .map(|share| text(share, "alias"))
        .collect();
    aliases.sort();
    assert_eq!(*status, 200);
    assert_eq!(aliases, (0..SHARES).map(alias).collect::<Vec<_>>());
    spoil_private_keys(&api, &bob).await;
    assert_eq!(inbox(&api, &bob).await, first);
    // Without one of its boxes the list needs the private keys, and says that they do not open.
    let db = rusqlite::Connection::open(api.database()).unwrap();
    let one = "DELETE FROM share_boxes WHERE share_id = (SELECT min(share_id) FROM share_boxes)";
    assert_eq!(db.execute(one, []).unwrap(), 1);
    let (status, refused) = inbox(&api, &bob).await;
    assert_eq!((status, &refused["code"]), (400, &json!("tampered")));
}
