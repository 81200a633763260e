//! Access tokens over credentials that are sealed to users' keys, own and shared: they open one
//! version, and end with it, with the share, and with whoever gave it.

use std::time::Duration;

use serde_json::{Value, json};
use vault_server::vault::tokens::{ScopeTexts, TokenScope};
use vault_store::rows::TokenRow;
use vault_store::{Store, TokenChange, UtcMillis};

use super::api_audit::{chain, chain_when};
use super::api_credentials::{PASSPHRASE, make, with_passphrase};
use super::api_support::{Calls, START, TestUser, generated_secret, text};
use super::api_tokens::{replace, row_of};
use super::proxy_shared_credentials::{SECRET, Scene};
use super::support::Answer;

const HOUR: i64 = 3_600;
const SECOND: &str = "sk_second_value";

/// What becomes of calls with a token.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// They go up with this value.
    Injects(&'static str),
    /// They are refused with this code, and the upstream hears nothing.
    Refused(u16, &'static str),
}

const WORKS: Fate = Fate::Injects(SECRET);
const GONE: Fate = Fate::Refused(404, "credential_not_found");
const OUTDATED: Fate = Fate::Refused(403, "token_outdated");

impl Scene {
    async fn ask(&self, user: &TestUser, scope: Value) -> Answer {
        let mut body = scope;
        if body["ttlSeconds"].is_null() {
            body["ttlSeconds"] = json!(HOUR);
        }
        let call = self.api.post("/v1/tokens").both(user);
        call.json(&body).answer().await
    }

    /// A token of this user for the credential.
    async fn token(&self, user: &TestUser) -> String {
        let made = self.ask(user, json!({"credentials": [self.id]})).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert!(!made.body.contains(SECRET));
        text(&made.json(), "token")
    }

    /// Calls through both doors, named and found.
    async fn meets(&self, token: &str, fate: Fate) {
        let url = self.upstream.url("/v1/charges");
        let base = url.replace("https://", "/to/");
        for named in [false, true] {
            let explicit = self.api.post("/").header("X-Target-URL", &url);
            for call in [explicit, self.api.post(&base)] {
                let mut call = call.bearer_auth(token);
                if named {
                    call = call.header("X-Credential-ID", &self.id);
                }
                let answer = call.body("{}").answer().await;
                assert!(!answer.body.contains("sk_"), "{answer:?}");
                let seen = std::mem::take(&mut *self.seen.lock().unwrap());
                match fate {
                    Fate::Injects(value) => {
                        assert_eq!(answer.status, 200, "{answer:?}");
                        assert_eq!(seen, [format!("Bearer {value}")]);
                    }
                    Fate::Refused(status, code) => {
                        answer.is_problem(status, code);
                        assert_eq!(answer.header("x-sealgate-error"), Some(code));
                        assert!(seen.is_empty(), "{seen:?}");
                    }
                }
            }
        }
    }

    async fn patch(&self, by: &TestUser, path: &str, body: Value) {
        let call = self.api.call(reqwest::Method::PATCH, path).both(by);
        let answer = call.json(&body).answer().await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn path(&self) -> String {
        format!("/v1/credentials/{}", self.id)
    }
}

#[tokio::test]
async fn the_user_secret_opens_once_what_the_token_then_opens_without_it() {
    let scene = Scene::set().await;
    let alice = &scene.alice;
    let body = json!({"ttlSeconds": HOUR, "credentials": [scene.id]});
    let call = || scene.api.post("/v1/tokens").json(&body);
    let bare = call().key(alice).answer().await;
    bare.is_problem(400, "missing_header");
    let passphrase = with_passphrase(call().key(alice), PASSPHRASE);
    passphrase.answer().await.is_problem(400, "missing_header");
    let wrong = call()
        .key(alice)
        .header("X-User-Secret", generated_secret());
    wrong.answer().await.is_problem(401, "wrong_user_secret");
    for outsider in [&scene.bob, &scene.stranger] {
        let refused = call().both(outsider).answer().await;
        refused.is_problem(404, "credential_not_found");
    }
    assert_eq!(scene.api.count("tokens"), 0);

    let made = scene.ask(alice, json!({"credentials": [scene.id]})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["hosts"], json!(["localhost"]));
    let token = text(&made.json(), "token");
    scene.meets(&token, WORKS).await;
    // Nothing but the two doors: no call shows the credential.
    for call in [
        scene.api.get(&scene.path()),
        scene.api.get("/v1/credentials"),
        scene.api.get("/v1/credentials/shared"),
    ] {
        let call = call.header("X-User-Secret", &alice.secret);
        let shown = call.bearer_auth(&token).answer().await;
        shown.is_problem(403, "out_of_scope");
    }
    // Beside one with a passphrase it takes both secrets.
    let other = make(&scene.api, alice, "p", "api.example.com", "sk_other").await;
    let both = json!({"credentials": [scene.id, other]});
    let half = scene.ask(alice, both.clone()).await;
    half.is_problem(400, "missing_header");
    let mut body = both;
    body["ttlSeconds"] = json!(HOUR);
    let call = with_passphrase(scene.api.post("/v1/tokens").both(alice), PASSPHRASE);
    let made = call.json(&body).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    scene.meets(&text(&made.json(), "token"), WORKS).await;
}

#[tokio::test]
async fn a_token_is_for_the_version_in_use_and_outdated_by_every_later_one() {
    let scene = Scene::set().await;
    let alice = &scene.alice;
    let path = scene.path();
    let first = scene.token(alice).await;
    // What seals nothing anew changes nothing for it.
    scene.patch(alice, &path, json!({"name": "renamed"})).await;
    scene.meets(&first, WORKS).await;
    let rotated = scene.api.post("/v1/keys/rotate").both(alice).answer().await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    scene.meets(&first, WORKS).await;

    assert_eq!(scene.put_value(SECOND).await.status, 200);
    scene.meets(&first, OUTDATED).await;
    let second = scene.token(alice).await;
    scene.meets(&second, Fate::Injects(SECOND)).await;
    let back = scene.api.post(&format!("{path}/rollback")).both(alice);
    let back = back.json(&json!({"version": 1})).answer().await;
    assert_eq!(back.status, 200, "{back:?}");
    // The value of before, and yet another version.
    scene.meets(&first, OUTDATED).await;
    scene.meets(&second, OUTDATED).await;
    let third = scene.token(alice).await;
    scene.meets(&third, WORKS).await;
    let place = json!({"template": "Bearer {{secret}}!"});
    scene.patch(alice, &path, place).await;
    scene.meets(&third, OUTDATED).await;
    let gone = scene.api.delete(&path).key(alice).answer().await;
    assert_eq!(gone.status, 204);
    scene.meets(&third, GONE).await;
}

#[tokio::test]
async fn a_token_over_a_share_ends_with_it_and_does_not_come_back_with_a_later_one() {
    let scene = Scene::set().await;
    let bob = &scene.bob;
    let share = scene.share(bob, json!({"alias": "stripe"})).await;
    let token = scene.token(bob).await;
    scene.meets(&token, WORKS).await;
    // Other terms of the same share.
    let ends = json!({"expiresUtc": "2027-01-15T08:00:10Z"});
    assert_eq!(scene.share(bob, ends).await, share);
    scene.meets(&token, WORKS).await;
    let path = format!("{}/shares/{share}", scene.path());
    let revoked = scene.api.delete(&path).key(&scene.alice).answer().await;
    assert_eq!(revoked.status, 204);
    scene.meets(&token, GONE).await;

    scene.share(bob, json!({})).await;
    scene.meets(&token, OUTDATED).await;
    let token = scene.token(bob).await;
    scene.meets(&token, WORKS).await;
    let inbox = scene.api.get("/v1/credentials/shared").both(bob);
    let share = text(&inbox.answer().await.json()[0], "shareId");
    let left = scene.api.delete(&format!("/v1/credentials/shared/{share}"));
    assert_eq!(left.key(bob).answer().await.status, 204);
    scene.meets(&token, GONE).await;

    scene.share(bob, json!({})).await;
    let token = scene.token(bob).await;
    assert_eq!(scene.put_value(SECOND).await.status, 200);
    scene.meets(&token, OUTDATED).await;
    let token = scene.token(bob).await;
    scene.meets(&token, Fate::Injects(SECOND)).await;
    let gone = scene.api.delete(&scene.path()).key(&scene.alice);
    assert_eq!(gone.answer().await.status, 204);
    scene.meets(&token, GONE).await;
}

#[tokio::test]
async fn a_token_over_a_share_rests_while_its_owner_is_disabled_and_ends_with_the_owner() {
    let scene = Scene::set().await;
    scene.share(&scene.bob, json!({})).await;
    let token = scene.token(&scene.bob).await;
    let org = &scene.alice.org_id;
    let user = |user: &TestUser| format!("/admin/orgs/{org}/users/{}", user.user_id);
    let alice = user(&scene.alice);
    scene.meets(&token, WORKS).await;
    scene
        .patch(&scene.carol, &alice, json!({"disabled": true}))
        .await;
    scene.meets(&token, GONE).await;
    scene
        .patch(&scene.carol, &alice, json!({"disabled": false}))
        .await;
    scene.meets(&token, WORKS).await;
    let removed = scene.api.delete(&alice).key(&scene.carol).answer().await;
    assert_eq!(removed.status, 204, "{removed:?}");
    scene.meets(&token, GONE).await;

    let bob = user(&scene.bob);
    scene
        .patch(&scene.carol, &bob, json!({"disabled": true}))
        .await;
    scene
        .meets(&token, Fate::Refused(401, "api_key_invalid"))
        .await;
}

/// Token, share and credential end at times of their own: calls work until the first of them.
#[tokio::test]
async fn every_order_of_ends_is_kept_to_the_millisecond() {
    let orders = [
        [10, 20, 30],
        [20, 10, 30],
        [30, 20, 10],
        [10, 10, 20],
        [20, 10, 10],
    ];
    for [token_s, share_s, credential_s] in orders {
        let scene = Scene::set().await;
        let at = |seconds: i64| json!({"expiresUtc": format!("2027-01-15T08:00:{seconds}Z")});
        scene
            .patch(&scene.alice, &scene.path(), at(credential_s))
            .await;
        scene.share(&scene.bob, at(share_s)).await;
        let scope = json!({"credentials": [scene.id], "ttlSeconds": token_s});
        let made = scene.ask(&scene.bob, scope).await;
        assert_eq!(made.status, 201, "{made:?}");
        let token = text(&made.json(), "token");
        let ends = [10, 20, 30].map(|seconds| seconds * 1_000);
        let moments = ends.iter().flat_map(|end| [end - 1, *end, end + 1]);
        for moment in moments {
            scene.api.clock.set_utc(START + moment);
            let over = |seconds: i64| moment >= seconds * 1_000;
            let fate = if over(token_s) {
                Fate::Refused(401, "api_key_invalid")
            } else if over(share_s) || over(credential_s) {
                GONE
            } else {
                WORKS
            };
            scene.meets(&token, fate).await;
        }
    }
}

#[tokio::test]
async fn the_log_names_whoever_used_it_the_token_and_the_credential() {
    let scene = Scene::set().await;
    scene.share(&scene.bob, json!({})).await;
    let token = scene.token(&scene.bob).await;
    let org_id = scene.alice.org_id.parse::<uuid::Uuid>().unwrap().into();
    let before = chain(&scene.api, org_id).await.len();
    scene.meets(&token, WORKS).await;
    let links = chain_when(&scene.api, org_id, |links| links.len() >= before + 4).await;
    for link in &links[before..] {
        let event = &link.entry.event;
        let user: uuid::Uuid = scene.bob.user_id.parse().unwrap();
        let actor = hardened_crypto::audit_chain::Actor::User((*user.as_bytes()).into());
        assert_eq!(event.actor, actor);
        let target = format!(
            "to:{} credential:{}",
            scene.upstream.url("/v1/charges"),
            scene.id
        );
        assert_eq!(event.target.as_str(), target);
        let key = format!("key={}", &token[4..12]);
        assert!(event.note.as_str().split(' ').any(|part| part == key));
        for secret in [SECRET, &token[12..]] {
            assert!(!link.to_line().contains(secret));
        }
    }
}

/// Rows edited by whoever writes the database, without the root key.
#[tokio::test]
async fn an_edited_grant_injects_nothing() {
    for sql in [
        // Grants exchanged between users, whole and in part.
        "UPDATE tokens SET (scope, boxes) = (SELECT scope, boxes FROM tokens WHERE user_id = :alice) WHERE user_id = :bob",
        "UPDATE tokens SET boxes = (SELECT boxes FROM tokens WHERE user_id = :alice) WHERE user_id = :bob",
        "UPDATE tokens SET user_id = :alice WHERE user_id = :bob",
        "UPDATE tokens SET expires = expires + 1000 WHERE user_id = :bob",
        "UPDATE tokens SET boxes = CAST(substr(boxes, 1, 1) AS BLOB) WHERE user_id = :bob",
        // On what ground the token's user may use it.
        "UPDATE shares SET expires = NULL",
        "UPDATE shares SET permission = 1",
        "UPDATE shares SET owner = :carol",
        // An older version brought back, a version of another.
        "UPDATE credentials SET current_version = 1",
        "UPDATE credentials SET host_pattern = '*.example'; UPDATE credential_versions SET host_pattern = '*.example'",
        "UPDATE users SET is_admin = 1 - is_admin WHERE user_id = :alice",
    ] {
        let scene = Scene::set().await;
        assert_eq!(scene.put_value(SECOND).await.status, 200);
        let ends = json!({"expiresUtc": "2027-01-15T08:30:00Z"});
        scene.share(&scene.bob, ends).await;
        let token = scene.token(&scene.bob).await;
        scene.token(&scene.alice).await;
        scene.meets(&token, Fate::Injects(SECOND)).await;
        let id = |user: &TestUser| format!("x'{}'", user.user_id.replace('-', ""));
        let edit = sql
            .replace(":alice", &id(&scene.alice))
            .replace(":bob", &id(&scene.bob))
            .replace(":carol", &id(&scene.carol));
        let scene = scene.changed(&edit).await;
        let url = scene.upstream.url("/");
        let call = scene.api.get("/").header("X-Target-URL", url);
        let answer = call.bearer_auth(&token).answer().await;
        // 401: the hash of a token is bound to its owner.
        assert!(
            matches!(answer.status, 400 | 401 | 404),
            "{sql}: {answer:?}"
        );
        assert!(scene.seen.lock().unwrap().is_empty(), "{sql}");
    }
}

/// Even with the root key: what a box opens, and for whom, is bound by the token itself.
#[tokio::test]
async fn a_grant_signed_anew_opens_nothing_more() {
    let scene = Scene::set().await;
    scene.share(&scene.bob, json!({})).await;
    let (bobs, alices) = (
        scene.token(&scene.bob).await,
        scene.token(&scene.alice).await,
    );
    let (row, other) = (
        row_of(&scene.api, &bobs).await,
        row_of(&scene.api, &alices).await,
    );
    let wide = TokenScope::new(ScopeTexts {
        credentials: &[scene.id.parse::<uuid::Uuid>().unwrap().into()],
        hosts: &["localhost".to_owned(), "*.example.com".to_owned()],
        ..ScopeTexts::default()
    });
    for edited in [
        TokenRow {
            scope: wide.unwrap().to_bytes(),
            ..row.clone()
        },
        TokenRow {
            expires: UtcMillis(row.expires.0 + 1),
            ..row.clone()
        },
        TokenRow {
            boxes: other.boxes.clone(),
            ..row.clone()
        },
    ] {
        replace(&scene.api, edited).await;
        let url = scene.upstream.url("/");
        let call = scene.api.get("/").header("X-Target-URL", url);
        let answer = call.bearer_auth(&bobs).answer().await;
        assert!(matches!(answer.status, 400 | 403), "{answer:?}");
        assert!(scene.seen.lock().unwrap().is_empty());
    }
    // Alice's grant under Bob's token and Bob's name.
    let swapped = TokenRow {
        key_id: row.key_id,
        key_hash: row.key_hash,
        user_id: row.user_id,
        ..other.clone()
    };
    let gone = TokenChange::Delete {
        org_id: other.org_id,
        user_id: other.user_id,
        key_id: other.key_id,
    };
    scene.api.store.commit(gone.into()).await.unwrap();
    replace(&scene.api, swapped).await;
    let url = scene.upstream.url("/");
    let call = scene.api.get("/").header("X-Target-URL", url);
    let answer = call.bearer_auth(&bobs).answer().await;
    assert!(matches!(answer.status, 400 | 403), "{answer:?}");
    assert!(scene.seen.lock().unwrap().is_empty());
    replace(&scene.api, row).await;
    scene.api.clock.advance(Duration::from_secs(2));
    scene.meets(&bobs, WORKS).await;
}
