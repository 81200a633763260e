//! `/v1/recovery`: a lost secret is survived, and nobody takes anything over by it.

use std::time::Duration;

use hardened_crypto::key_pair::PrivateKeys;
use hardened_crypto::recovery::{Answer, StagedRestore};
use hardened_crypto::user_secret::{Argon2Arena, PassphraseCost, SecretOwner, UserSecret};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use vault_client::recovery::{NewTrustee, join, split};
use vault_client::{Client, OpenKeys};
use vault_server::vault::limits::VaultLimits;

use super::api_shares::Scene;
use super::api_support::{Api, Calls, START, TestUser, base64, generated_secret, text};
use super::futures_joined::join_all;
use super::support::Answer as Answered;

fn client(api: &Api, user: &TestUser) -> Client {
    let base = format!("http://{}", api.address);
    Client::new(&base, SecretString::from(user.key.clone())).unwrap()
}

fn secret(user: &TestUser) -> SecretString {
    SecretString::from(user.secret.clone())
}

async fn open_keys(api: &Api, user: &TestUser) -> OpenKeys {
    client(api, user).open_keys(&secret(user)).await.unwrap()
}

/// Entrusts the owner's keys, any `threshold` of these.
pub(crate) async fn entrust(
    api: &Api,
    owner: &TestUser,
    threshold: u8,
    to: &[&TestUser],
    wait: u32,
) {
    let owner_client = client(api, owner);
    let users = owner_client.org_users().await.unwrap();
    let trustees = to.iter().map(|trustee| {
        let user = users.iter().find(|user| user.user_id == trustee.user_id);
        NewTrustee::colleague(user.unwrap(), None, None).unwrap()
    });
    let keys = open_keys(api, owner).await;
    for entrusted in split(&keys, threshold, trustees.collect()).unwrap() {
        let stored = owner_client
            .put_trustee(&entrusted, "", wait)
            .await
            .unwrap();
        assert!(!stored.stale);
    }
}

/// A lone trustee's restore under a new secret; returns its id and the secret.
pub(crate) async fn restore(api: &Api, owner: &TestUser, trustee: &TestUser) -> (String, String) {
    let new = generated_secret();
    (restore_under(api, owner, trustee, &new).await, new)
}

/// A lone trustee's restore under this secret; returns its id.
async fn restore_under(api: &Api, owner: &TestUser, trustee: &TestUser, new: &str) -> String {
    let as_trustee = client(api, trustee);
    let held = as_trustee.held_share(&owner.user_id).await.unwrap();
    let own = held.open(&open_keys(api, trustee).await, None).unwrap();
    let blobs = join(&held, own, Vec::new(), &SecretString::from(new)).unwrap();
    let staged = as_trustee.stage_restore(&held, &blobs).await.unwrap();
    staged.restore_id
}

/// Stages any two halves.
async fn stage(
    api: &Api,
    trustee: &TestUser,
    owner: &TestUser,
    halves: (&[u8], &[u8]),
) -> Answered {
    let body = json!({
        "encryptedPrivateKeyEccB64": base64(halves.0),
        "encryptedPrivateKeyKyberB64": base64(halves.1),
        "usedXor": true,
        "xorSaltHint": "dog-name",
    });
    let path = format!("/v1/recovery/restore/{}", owner.user_id);
    api.post(&path).key(trustee).json(&body).answer().await
}

async fn put(api: &Api, owner: &TestUser, trustee: &TestUser, more: Value) -> Answered {
    let mut body = json!({
        "encryptedPrivateKeyEccShareB64": base64(b"ecc"),
        "encryptedPrivateKeyKyberShareB64": base64(b"kyber"),
        "xorApplied": true,
        "xorSaltHint": "dog-name",
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let path = format!("/v1/recovery/trustees/{}", trustee.user_id);
    api.put(&path).key(owner).json(&body).answer().await
}

pub(crate) async fn activate(api: &Api, owner: &TestUser, restore: &str, secret: &str) -> Answered {
    let path = format!("/v1/recovery/restores/{restore}/activate");
    let call = api.post(&path).key(owner).header("X-User-Secret", secret);
    call.answer().await
}

async fn rekey(api: &Api, owner: &TestUser, old: &str, new: &str) -> Answered {
    let call = api.post("/v1/keys/rekey").key(owner);
    let call = call.header("X-User-Secret", old);
    call.header("X-New-User-Secret", new).answer().await
}

async fn restores(api: &Api, owner: &TestUser) -> Value {
    let listed = api.get("/v1/recovery/restores").key(owner).answer().await;
    assert_eq!(listed.status, 200, "{listed:?}");
    listed.json()
}

fn with_secret(user: &TestUser, secret: &str) -> TestUser {
    TestUser {
        secret: secret.to_owned(),
        ..user.clone()
    }
}

/// The owner's keys are the ones from before, under the secret from before.
async fn is_untouched(scene: &Scene) {
    assert_eq!(scene.api.read_value(&scene.owner, "a").await, "one");
}

/// A staged restore that no road makes active.
async fn is_unusable(scene: &Scene, restore: &str, secret: &str) {
    let (api, owner) = (&scene.api, &scene.owner);
    let refused = activate(api, owner, restore, secret).await;
    refused.is_problem(400, "restore_unusable");
    let refused = rekey(api, owner, secret, &generated_secret()).await;
    refused.is_problem(401, "wrong_user_secret");
    is_untouched(scene).await;
}

#[tokio::test]
async fn the_documented_calls_work_as_written() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    let made = put(api, owner, bob, json!({})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let set = text(&made.json(), "setId");
    let terms = json!({
        "setId": set, "xorApplied": true, "xorSaltHint": "dog-name", "waitSeconds": 0,
        "stale": false, "createdUtc": "2027-01-15T08:00:00Z",
    });
    let mut as_owner = terms.clone();
    as_owner["trusteeUserId"] = json!(bob.user_id);
    assert_eq!(made.json(), as_owner);
    let listed = api.get("/v1/recovery/trustees").key(owner).answer().await;
    assert_eq!(listed.json(), json!([as_owner]));
    let mut as_trustee = terms.clone();
    as_trustee["ownerUserId"] = json!(owner.user_id);
    as_trustee["ownerName"] = json!("admin");
    let listed = api.get("/v1/recovery/owners").key(bob).answer().await;
    assert_eq!(listed.json(), json!([as_trustee]));
    let held = api.get(&format!("/v1/recovery/owners/{}", owner.user_id));
    let held = held.key(bob).answer().await.json();
    assert_eq!(held["encryptedPrivateKeyEccShareB64"], base64(b"ecc"));
    assert_eq!(held["encryptedPrivateKeyKyberShareB64"], base64(b"kyber"));
    assert_eq!(held["ownerSecretVersion"], 1);
    assert_eq!(held["ownerKeyPairs"][0]["generation"], 1);
    let staged = stage(api, bob, owner, (b"restored ecc", b"restored kyber")).await;
    assert_eq!(staged.status, 201, "{staged:?}");
    let staged = staged.json();
    assert_eq!(restores(api, owner).await, json!([staged]));
    assert_eq!(staged["trusteeUserId"], bob.user_id);
    assert_eq!(staged["notBeforeUtc"], "2027-01-15T08:00:00Z");
    is_untouched(&scene).await;
    // Replaced: a set of its own again, and what was staged is gone.
    let replaced = put(api, owner, bob, json!({"waitSeconds": 60})).await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
    assert_ne!(replaced.json()["setId"], set);
    assert_eq!(restores(api, owner).await, json!([]));
}

#[tokio::test]
async fn a_restore_waits_is_vetoed_or_becomes_active_by_its_secret_alone() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    let share = scene.share(&scene.carol, json!({"alias": "db"})).await;
    entrust(api, owner, 1, &[bob], 3_600).await;
    let (vetoed, _) = restore(api, owner, bob).await;
    let veto = api.delete(&format!("/v1/recovery/restores/{vetoed}"));
    assert_eq!(veto.key(owner).answer().await.status, 204);
    let gone = activate(api, owner, &vetoed, "x").await;
    gone.is_problem(404, "not_found");
    let (id, new) = restore(api, owner, bob).await;
    api.clock.advance(Duration::from_millis(3_600_000 - 1));
    activate(api, owner, &id, &new)
        .await
        .is_problem(409, "restore_waiting");
    let early = rekey(api, owner, &new, &generated_secret()).await;
    early.is_problem(401, "wrong_user_secret");
    api.clock.advance(Duration::from_millis(1));
    let wrong = activate(api, owner, &id, &generated_secret()).await;
    wrong.is_problem(401, "wrong_user_secret");
    is_untouched(&scene).await;
    let done = activate(api, owner, &id.replace('-', "%2D"), &new).await;
    assert_eq!(done.status, 200, "{done:?}");
    let old = api.get("/v1/kv/a").both(owner).answer().await;
    old.is_problem(401, "wrong_user_secret");
    let owner = &with_secret(owner, &new);
    assert_eq!(api.read_value(owner, "a").await, "one");
    // The account key came back too: it opens the owner's copy of an alias.
    let shares = api.get("/v1/kv/a/shares").both(owner).answer().await.json();
    assert_eq!(shares[0]["alias"], "db");
    assert_eq!(shares[0]["shareId"], share);
    assert_eq!(restores(api, owner).await, json!([]));
    // The share is of an older secret now, for both to see.
    let listed = api.get("/v1/recovery/trustees").key(owner).answer().await;
    assert_eq!(listed.json()[0]["stale"], true);
    let listed = api.get("/v1/recovery/owners").key(bob).answer().await;
    assert_eq!(listed.json()[0]["stale"], true);
}

#[tokio::test]
async fn a_rekey_with_the_secret_of_a_restore_activates_it() {
    let scene = Scene::set().await;
    let (api, owner) = (&scene.api, &scene.owner);
    entrust(api, owner, 2, &[&scene.bob, &scene.carol], 0).await;
    // Carol hands her share over as text; Bob joins.
    let held = client(api, &scene.carol)
        .held_share(&owner.user_id)
        .await
        .unwrap();
    let of_carol = held
        .open(&open_keys(api, &scene.carol).await, None)
        .unwrap();
    let of_carol = of_carol.share.to_text();
    let of_carol =
        hardened_crypto::recovery::RecoveryShare::parse_text(of_carol.expose_secret().as_bytes());
    let bob = client(api, &scene.bob);
    let held = bob.held_share(&owner.user_id).await.unwrap();
    let staged_secret = generated_secret();
    let new = SecretString::from(staged_secret.clone());
    let bob_keys = open_keys(api, &scene.bob).await;
    let alone = join(&held, held.open(&bob_keys, None).unwrap(), Vec::new(), &new);
    assert!(alone.is_err(), "one of two");
    let of_bob = held.open(&bob_keys, None).unwrap();
    let blobs = join(&held, of_bob, vec![of_carol.unwrap()], &new).unwrap();
    bob.stage_restore(&held, &blobs).await.unwrap();
    // Rubbish of the other trustee, under a right form, is passed over.
    assert_eq!(
        stage(api, &scene.carol, owner, (b"x", b"y")).await.status,
        201
    );
    let final_secret = generated_secret();
    let done = rekey(api, owner, &staged_secret, &final_secret).await;
    assert_eq!(done.status, 200, "{done:?}");
    for gone in [&owner.secret, &staged_secret] {
        let read = api.get("/v1/kv/a").both(&with_secret(owner, gone));
        read.answer().await.is_problem(401, "wrong_user_secret");
    }
    let owner = &with_secret(owner, &final_secret);
    assert_eq!(api.read_value(owner, "a").await, "one");
    assert_eq!(restores(api, owner).await, json!([]));
}

#[tokio::test]
async fn the_mask_needs_its_answer_and_a_wrong_one_recovers_nothing() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    let as_owner = client(api, owner);
    let users = as_owner.org_users().await.unwrap();
    let user = users
        .iter()
        .find(|user| user.user_id == bob.user_id)
        .unwrap();
    let answer = Answer::new("Rex").unwrap();
    let trustee = NewTrustee::colleague(user, None, Some(answer)).unwrap();
    assert!(NewTrustee::colleague(user, Some(&"0".repeat(64)), None).is_err());
    let keys = open_keys(api, owner).await;
    let entrusted = split(&keys, 1, vec![trustee]).unwrap();
    as_owner
        .put_trustee(&entrusted[0], "my dog", 0)
        .await
        .unwrap();
    let held = client(api, bob).held_share(&owner.user_id).await.unwrap();
    assert_eq!(held.hint.as_deref(), Some("my dog"));
    let bob_keys = open_keys(api, bob).await;
    assert!(held.open(&bob_keys, None).is_err());
    let new = SecretString::from(generated_secret());
    for (typed, right) in [("Bello", false), (" rex ", true)] {
        let answer = Answer::new(typed).unwrap();
        let own = held.open(&bob_keys, Some(&answer)).unwrap();
        assert_eq!(join(&held, own, Vec::new(), &new).is_ok(), right, "{typed}");
    }
    // Another's keys open nothing.
    let carol_keys = open_keys(api, &scene.carol).await;
    assert!(held.open(&carol_keys, None).is_err());
}

/// A restore in the right form for `owner`, holding these keys.
fn made(
    owner: SecretOwner,
    version: u32,
    keys: Vec<(u32, PrivateKeys)>,
    account_of: &OpenKeys,
) -> (Vec<u8>, Vec<u8>, String) {
    let (secret, shown) = UserSecret::make().unwrap();
    let mut arena = Argon2Arena::default();
    let (protection, kek) = secret
        .protect(owner, version, PassphraseCost::DEFAULT, &mut arena)
        .unwrap();
    let staged = StagedRestore::make(&kek, protection, &keys, Some(&account_of.account_key));
    let (ecc, kyber) = staged.unwrap().to_blobs();
    (ecc, kyber, shown.expose_secret().to_owned())
}

#[tokio::test]
async fn keys_that_are_not_the_owners_never_become_active() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    entrust(api, owner, 1, &[bob], 0).await;
    let (owners, bobs) = (open_keys(api, owner).await, open_keys(api, bob).await);
    let own_keys = vec![(1, PrivateKeys::make().unwrap())];
    let swapped = made(bobs.owner, 2, bobs_keys(api, bob).await, &bobs);
    let other_generation = open_keys(api, owner).await.key_pairs.remove(0).1;
    let cases = [
        (
            "own keys: a takeover",
            made(owners.owner, 2, own_keys, &bobs),
        ),
        (
            "another owner's keys",
            made(owners.owner, 2, bobs_keys(api, bob).await, &bobs),
        ),
        (
            "made for another version",
            made(owners.owner, 9, bobs_keys(api, owner).await, &owners),
        ),
        (
            "another generation",
            made(owners.owner, 2, vec![(2, other_generation)], &owners),
        ),
    ];
    for (what, (ecc, kyber, secret)) in cases {
        let staged = stage(api, bob, owner, (&ecc, &kyber)).await;
        assert_eq!(staged.status, 201, "{what}");
        is_unusable(&scene, &text(&staged.json(), "restoreId"), &secret).await;
        api.clock.advance(Duration::from_secs(60));
    }
    // For another owner: the secret is bound to whom it protects.
    let staged = stage(api, bob, owner, (&swapped.0, &swapped.1)).await;
    let id = text(&staged.json(), "restoreId");
    let refused = activate(api, owner, &id, &swapped.2).await;
    refused.is_problem(401, "wrong_user_secret");
    // Garbage, and costs outside the window.
    let (ecc, kyber, secret) = made(owners.owner, 2, bobs_keys(api, owner).await, &owners);
    let mut too_dear = ecc.clone();
    // Kind, memory and passes of the protection, behind format and flags.
    too_dear[3] = 2;
    too_dear[4..8].copy_from_slice(&(64 * 1024 * 1024_u32).to_be_bytes());
    too_dear[8..12].copy_from_slice(&100_u32.to_be_bytes());
    too_dear[12..16].copy_from_slice(&1_u32.to_be_bytes());
    for halves in [
        (&b"x"[..], &b"y"[..]),
        (&ecc[..ecc.len() - 1], &kyber),
        (&kyber, &ecc),
        (&too_dear, &kyber),
    ] {
        let staged = stage(api, bob, owner, halves).await;
        assert_eq!(staged.status, 201, "{staged:?}");
        is_unusable(&scene, &text(&staged.json(), "restoreId"), &secret).await;
        api.clock.advance(Duration::from_secs(60));
    }
    // The genuine one of these, to show that the others failed for their own reasons.
    let staged = stage(api, bob, owner, (&ecc, &kyber)).await;
    let id = text(&staged.json(), "restoreId");
    assert_eq!(activate(api, owner, &id, &secret).await.status, 200);
    assert_eq!(
        api.read_value(&with_secret(owner, &secret), "a").await,
        "one"
    );
}

async fn bobs_keys(api: &Api, user: &TestUser) -> Vec<(u32, PrivateKeys)> {
    open_keys(api, user).await.key_pairs
}

#[tokio::test]
async fn older_sets_and_restores_end_with_a_rotation_or_a_rekey() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    entrust(api, owner, 1, &[bob], 0).await;
    let (staged_before, secret_before) = restore(api, owner, bob).await;
    let rotated = api.post("/v1/keys/rotate").both(owner).answer().await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    assert_eq!(restores(api, owner).await[0]["stale"], true);
    is_unusable(&scene, &staged_before, &secret_before).await;
    // The old set, replayed: it lacks the new key pair.
    let held = client(api, bob).held_share(&owner.user_id).await.unwrap();
    let own = held.open(&open_keys(api, bob).await, None).unwrap();
    let new = SecretString::from(generated_secret());
    assert!(join(&held, own, Vec::new(), &new).is_err());
    let listed = api.get("/v1/recovery/owners").key(bob).answer().await;
    assert_eq!(listed.json()[0]["stale"], true);
    // A new set recovers both generations; a rekey ends what was staged.
    entrust(api, owner, 1, &[bob], 0).await;
    let (staged, staged_secret) = restore(api, owner, bob).await;
    let next = generated_secret();
    assert_eq!(rekey(api, owner, &owner.secret, &next).await.status, 200);
    assert_eq!(restores(api, owner).await[0]["stale"], true);
    let refused = activate(api, owner, &staged, &staged_secret).await;
    refused.is_problem(400, "restore_unusable");
    let owner = &with_secret(owner, &next);
    assert_eq!(api.read_value(owner, "a").await, "one");
    // Shares of an older secret still recover: nobody is locked out for a forgotten split.
    let (staged, staged_secret) = restore(api, owner, bob).await;
    assert_eq!(
        activate(api, owner, &staged, &staged_secret).await.status,
        200
    );
    let owner = &with_secret(owner, &staged_secret);
    assert_eq!(api.read_value(owner, "a").await, "one");
}

#[tokio::test]
async fn of_a_restore_a_rekey_and_a_veto_at_once_one_happens() {
    for round in 0..4 {
        let scene = Scene::set().await;
        let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
        entrust(api, owner, 1, &[bob], 0).await;
        let (id, staged_secret) = restore(api, owner, bob).await;
        let next = generated_secret();
        let veto = async {
            let path = format!("/v1/recovery/restores/{id}");
            api.delete(&path).key(owner).answer().await
        };
        let (activated, rekeyed, vetoed) = tokio::join!(
            activate(api, owner, &id, &staged_secret),
            rekey(api, owner, &owner.secret, &next),
            async {
                match round % 2 {
                    0 => Some(veto.await),
                    _ => None,
                }
            }
        );
        let in_force = match (activated.status, rekeyed.status) {
            (200, 401 | 409) => {
                assert!(vetoed.is_none_or(|vetoed| vetoed.status != 204));
                &staged_secret
            }
            (400 | 404 | 409, 200) => &next,
            (404 | 409, 401 | 409) => &owner.secret,
            other => panic!("{other:?}"),
        };
        let owner = &with_secret(owner, in_force);
        assert_eq!(api.read_value(owner, "a").await, "one");
    }
}

#[tokio::test]
async fn who_is_not_a_present_trustee_starts_sees_and_ends_nothing() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    entrust(api, owner, 1, &[bob], 0).await;
    let (id, staged_secret) = restore(api, owner, bob).await;
    let held_path = format!("/v1/recovery/owners/{}", owner.user_id);
    let restore_path = format!("/v1/recovery/restores/{id}");
    for outsider in [&scene.carol, &scene.stranger] {
        let held = api.get(&held_path).key(outsider).answer().await;
        held.is_problem(404, "not_found");
        let staged = stage(api, outsider, owner, (b"x", b"y")).await;
        staged.is_problem(404, "not_found");
        assert_eq!(restores(api, outsider).await, json!([]));
        let owners = api.get("/v1/recovery/owners").key(outsider).answer().await;
        assert_eq!(owners.json(), json!([]));
    }
    // Nor does the trustee decide anything, or change the grant.
    for other in [bob, &scene.carol, &scene.stranger] {
        let veto = api.delete(&restore_path).key(other).answer().await;
        veto.is_problem(404, "not_found");
        let refused = activate(api, other, &id, &staged_secret).await;
        refused.is_problem(404, "not_found");
        let path = format!("/v1/recovery/trustees/{}", bob.user_id);
        let removed = api.delete(&path).key(other).answer().await;
        removed.is_problem(404, "not_found");
    }
    assert_eq!(restores(api, owner).await[0]["restoreId"], id);
    let to_itself = put(api, bob, bob, json!({})).await;
    to_itself.is_problem(400, "self_trustee");
    let abroad = put(api, owner, &scene.stranger, json!({})).await;
    abroad.is_problem(404, "not_found");
    // Removed: everything is gone at once, also what was staged; a kept share stages nothing.
    let held = client(api, bob).held_share(&owner.user_id).await.unwrap();
    let own = held.open(&open_keys(api, bob).await, None).unwrap();
    let new = SecretString::from(generated_secret());
    let kept = join(&held, own, Vec::new(), &new).unwrap();
    let path = format!("/v1/recovery/trustees/{}", bob.user_id);
    assert_eq!(api.delete(&path).key(owner).answer().await.status, 204);
    let again = api.delete(&path).key(owner).answer().await;
    again.is_problem(404, "not_found");
    let held = api.get(&held_path).key(bob).answer().await;
    held.is_problem(404, "not_found");
    let staged = stage(api, bob, owner, (&kept.ecc, &kept.kyber)).await;
    staged.is_problem(404, "not_found");
    let refused = activate(api, owner, &id, &staged_secret).await;
    refused.is_problem(404, "not_found");
    is_untouched(&scene).await;
}

#[tokio::test]
async fn counts_sizes_and_waiting_times_are_bounded() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    let half = |bytes: usize| json!({"encryptedPrivateKeyEccShareB64": base64(&vec![7; bytes])});
    assert_eq!(put(api, owner, bob, half(24 * 1024)).await.status, 201);
    put(api, owner, bob, half(24 * 1024 + 1))
        .await
        .is_problem(413, "too_large");
    for refused in [
        half(0),
        json!({"waitSeconds": 7_776_001}),
        json!({"waitSeconds": -1}),
        json!({"xorSaltHint": "x".repeat(257)}),
        json!({"xorSaltHint": "a\u{7}"}),
        json!({"setId": "x"}),
        json!({"encryptedPrivateKeyEccShareB64": "!"}),
        json!({"other": 1}),
    ] {
        let answer = put(api, owner, bob, refused.clone()).await;
        answer.is_problem(400, "malformed_request");
    }
    let empty = stage(api, bob, owner, (b"", b"y")).await;
    empty.is_problem(400, "malformed_request");
    let mut others = Vec::new();
    for index in 0..18 {
        let name = format!("t{index}");
        others.push(api.add_user(&owner.key, &owner.org_id, &name, false).await);
    }
    let answers = join_all(others.iter().map(|other| put(api, owner, other, json!({})))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 15, "sixteen with the first one");
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.is_problem(409, "too_many_trustees");
    }
    // One restore for each trustee, however often one is staged.
    for _ in 0..5 {
        assert_eq!(stage(api, bob, owner, (b"x", b"y")).await.status, 201);
    }
    assert_eq!(restores(api, owner).await.as_array().unwrap().len(), 1);
    let page = api
        .get("/v1/recovery/trustees?limit=10")
        .key(owner)
        .answer()
        .await;
    assert_eq!(page.json().as_array().unwrap().len(), 10);
    assert!(page.header("link").is_some());
}

#[tokio::test]
async fn guesses_at_a_restore_count_as_wrong_secrets() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    entrust(api, owner, 1, &[bob], 0).await;
    let (id, staged_secret) = restore(api, owner, bob).await;
    for turn in 0..10 {
        let guess = generated_secret();
        let wrong = match turn % 2 {
            0 => activate(api, owner, &id, &guess).await,
            _ => rekey(api, owner, &guess, &generated_secret()).await,
        };
        wrong.is_problem(401, "wrong_user_secret");
    }
    let limited = activate(api, owner, &id, &staged_secret).await;
    limited.is_problem(429, "too_many_attempts");
    let limited = rekey(api, owner, &staged_secret, &generated_secret()).await;
    limited.is_problem(429, "too_many_attempts");
    api.clock.set_utc(START + 1);
    let limited = activate(api, owner, &id, &staged_secret).await;
    limited.is_problem(429, "too_many_attempts");
    api.clock.advance(Duration::from_secs(6));
    assert_eq!(activate(api, owner, &id, &staged_secret).await.status, 200);
}

#[tokio::test]
async fn a_burst_of_guesses_at_a_restore_is_bounded_like_a_row_of_them() {
    let api = Api::start_with(VaultLimits {
        wrong_secrets_max: 3,
        hash_threads: Some(1),
        hash_queue: Some(64),
        ..VaultLimits::default()
    })
    .await;
    let owner = api.org_with_keys("a").await;
    let bob = api.add_user(&owner.key, &owner.org_id, "bob", false).await;
    api.generate(&bob).await;
    entrust(&api, &owner, 1, &[&bob], 0).await;
    let id = restore_under(&api, &owner, &bob, "a passphrase").await;
    let guesses = (0..32).map(|_| activate(&api, &owner, &id, "a wrong passphrase"));
    let answers = join_all(guesses).await;
    let looked_at = answers.iter().filter(|a| a.status == 401).count();
    assert_eq!(looked_at, 3);
    for limited in answers.iter().filter(|a| a.status != 401) {
        limited.is_problem(429, "too_many_attempts");
    }
    api.clock.advance(Duration::from_secs(6));
    let done = activate(&api, &owner, &id, "a passphrase").await;
    assert_eq!(done.status, 200, "{done:?}");
}

#[tokio::test]
async fn an_edited_row_is_refused() {
    let scene = Scene::set().await;
    entrust(&scene.api, &scene.owner, 1, &[&scene.bob], 3_600).await;
    let (id, staged_secret) = restore(&scene.api, &scene.owner, &scene.bob).await;
    let Scene {
        api, owner, bob, ..
    } = scene;
    let api = api
        .restart(|db| {
            db.execute("UPDATE staged_restores SET not_before = 0", [])
                .unwrap();
            db.execute("UPDATE trustees SET waiting_seconds = 0", [])
                .unwrap();
        })
        .await;
    let refused = activate(&api, &owner, &id, &staged_secret).await;
    refused.is_problem(400, "tampered");
    let refused = stage(&api, &bob, &owner, (b"x", b"y")).await;
    refused.is_problem(400, "tampered");
    assert_eq!(api.read_value(&owner, "a").await, "one");
}

#[tokio::test]
async fn private_keys_leave_sealed_and_for_who_has_the_secret_alone() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let missing = api.get("/v1/keys/private").both(&user).answer().await;
    missing.is_problem(400, "keys_missing");
    api.generate(&user).await;
    let without = api.get("/v1/keys/private").key(&user).answer().await;
    without.is_problem(400, "missing_header");
    let wrong = api
        .get("/v1/keys/private")
        .both(&with_secret(&user, "guess"));
    wrong.answer().await.is_problem(401, "wrong_user_secret");
    let keys = open_keys(&api, &user).await;
    assert_eq!((keys.secret_version, keys.key_pairs.len()), (1, 1));
    let me = api.get("/v1/users/me").key(&user).answer().await.json();
    let public = keys.key_pairs[0].1.public().p256_bytes();
    assert_eq!(text(&me, "publicKeyB64"), base64(public));
}

#[tokio::test]
async fn a_restore_staged_while_its_terms_change_waits_by_the_new_ones() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    for round in 1..=12 {
        let wait = 60 * round;
        let terms = json!({"waitSeconds": wait});
        let (changed, _) = tokio::join!(
            put(api, owner, bob, terms),
            join_all((0..3).map(|_| stage(api, bob, owner, (b"x", b"y"))))
        );
        assert!(matches!(changed.status, 200 | 201), "{changed:?}");
        // What came before was erased with the old terms; what came after waits by the new ones.
        let end = serde_json::to_value(vault_server::api::utc::Utc(vault_store::UtcMillis(
            START + i64::from(wait) * 1_000,
        )));
        let end = end.unwrap();
        for restore in restores(api, owner).await.as_array().unwrap() {
            assert_eq!(restore["notBeforeUtc"], end, "round {round}");
        }
    }
}

#[tokio::test]
async fn no_trustee_holds_an_owner_up_by_staging_over_and_over() {
    let scene = Scene::set().await;
    let (api, owner, bob, carol) = (&scene.api, &scene.owner, &scene.bob, &scene.carol);
    assert_eq!(put(api, owner, carol, json!({})).await.status, 201);
    entrust(api, owner, 1, &[bob], 0).await;
    let (id, new) = restore(api, owner, bob).await;
    let done = std::cell::Cell::new(false);
    let staging = async {
        let mut staged = 0;
        while !done.get() {
            let answer = stage(api, carol, owner, (b"x", b"y")).await;
            staged += usize::from(answer.status == 201);
        }
        staged
    };
    let owning = async {
        for round in 0..8 {
            let answer = put(api, owner, carol, json!({"waitSeconds": round})).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let answer = activate(api, owner, &id, &new).await;
        done.set(true);
        answer
    };
    let (staged, activated) = tokio::join!(staging, owning);
    assert!(staged > 0, "nobody was in the way");
    assert_eq!(activated.status, 200, "{activated:?}");
    let owner = &with_secret(owner, &new);
    assert_eq!(api.read_value(owner, "a").await, "one");
}
