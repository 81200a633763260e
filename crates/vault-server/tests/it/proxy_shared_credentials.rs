//! Credentials sealed to users' keys, and shared with colleagues to be used.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::Response;
use serde_json::{Value, json};

use super::api_credentials::{PASSPHRASE, make, with_passphrase};
use super::api_support::{Api, Calls, START, TestUser, generated_secret, text};
use super::support::Answer;
use super::upstream::TlsUpstream;

pub(crate) const SECRET: &str = "sk_canary_of_alice";

/// An upstream that remembers `Authorization`, Alice with a credential for it, two colleagues and
/// somebody of another organisation.
pub(crate) struct Scene {
    pub(crate) api: Api,
    pub(crate) alice: TestUser,
    pub(crate) bob: TestUser,
    pub(crate) carol: TestUser,
    pub(crate) stranger: TestUser,
    pub(crate) upstream: TlsUpstream,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    /// Of the credential.
    pub(crate) id: String,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let upstream = TlsUpstream::start(&["http/1.1"], move |request| {
            let headers = request.headers();
            let sent = headers.get("authorization");
            let sent = sent.map_or("", |value| value.to_str().unwrap());
            let ours = ["x-user-secret", "x-api-key", "x-credential-id"];
            assert!(ours.iter().all(|name| !headers.contains_key(*name)));
            noted.lock().unwrap().push(sent.to_owned());
            let echo = format!("you sent {sent}");
            async { Response::new(Body::from(echo)) }
        })
        .await;
        let api = Api::start_before(upstream.ca_file.clone()).await;
        let alice = api.org_with_keys("a").await;
        let bob = api.add_user(&alice.key, &alice.org_id, "bob", false).await;
        let carol = api.add_user(&alice.key, &alice.org_id, "carol", true).await;
        api.generate(&bob).await;
        api.generate(&carol).await;
        let stranger = api.org_with_keys("b").await;
        let mut scene = Self {
            api,
            alice,
            bob,
            carol,
            stranger,
            upstream,
            seen,
            id: String::new(),
        };
        scene.id = scene
            .make(&scene.alice, "stripe", "localhost", SECRET)
            .await;
        scene
    }

    /// Makes a credential without any secret.
    pub(crate) async fn make(
        &self,
        user: &TestUser,
        name: &str,
        host: &str,
        value: &str,
    ) -> String {
        let body = json!({"name": name, "hostPattern": host, "value": value});
        let call = self.api.post("/v1/credentials").key(user);
        let made = call.json(&body).answer().await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.json()["protection"], "userKeys");
        assert!(!made.body.contains(value));
        text(&made.json(), "credentialId")
    }

    pub(crate) async fn call_as(&self, user: &TestUser, secret: &str, id: Option<&str>) -> Answer {
        let call = self.api.post("/").key(user).header("X-User-Secret", secret);
        let mut call = call.header("X-Target-URL", self.upstream.url("/v1/charges"));
        if let Some(id) = id {
            call = call.header("X-Credential-ID", id);
        }
        let answer = call.body("{}").answer().await;
        assert!(!answer.body.contains(SECRET), "{answer:?}");
        answer
    }

    async fn call(&self, user: &TestUser) -> Answer {
        self.call_as(user, &user.secret, None).await
    }

    /// The calls of `user` go up with `value`.
    pub(crate) async fn is_injected(&self, user: &TestUser, value: &str) {
        let answer = self.call(user).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        assert_eq!(seen, [format!("Bearer {value}")]);
    }

    pub(crate) async fn is_refused(&self, user: &TestUser) {
        for id in [None, Some(self.id.as_str())] {
            let answer = self.call_as(user, &user.secret, id).await;
            answer.is_problem(404, "credential_not_found");
        }
        assert!(self.seen.lock().unwrap().is_empty());
    }

    async fn post_share(&self, with: &TestUser, more: Value) -> Answer {
        let mut body = json!({"recipientUserId": with.user_id, "permission": "use"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let path = format!("/v1/credentials/{}/shares", self.id);
        let call = self.api.post(&path).both(&self.alice);
        call.json(&body).answer().await
    }

    pub(crate) async fn share(&self, with: &TestUser, more: Value) -> String {
        let made = self.post_share(with, more).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.json()["permission"], "use");
        text(&made.json(), "shareId")
    }

    pub(crate) async fn put_value(&self, value: &str) -> Answer {
        let path = format!("/v1/credentials/{}/value", self.id);
        let call = self.api.put(&path).key(&self.alice);
        call.json(&json!({"value": value})).answer().await
    }

    /// Changes the closed database and serves it again.
    pub(crate) async fn changed(self, sql: &str) -> Self {
        let Self { api, .. } = self;
        let sql = sql.to_owned();
        let api = api
            .restart(|db| {
                db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
                    .unwrap();
                let before = db.total_changes();
                db.execute_batch(&sql).unwrap();
                assert!(db.total_changes() > before, "nothing was changed: {sql}");
            })
            .await;
        Self { api, ..self }
    }
}

#[tokio::test]
async fn a_credential_of_users_keys_needs_a_secret_to_be_used_and_none_to_be_written() {
    let scene = Scene::set().await;
    let alice = &scene.alice;
    scene.is_injected(alice, SECRET).await;
    // The second time from the box under the account key.
    scene.is_injected(alice, SECRET).await;
    let wrong = scene.call_as(alice, &generated_secret(), None).await;
    wrong.is_problem(401, "wrong_user_secret");
    let target = scene.upstream.url("/");
    let named = scene
        .api
        .get("/")
        .key(alice)
        .header("X-Target-URL", &target);
    let named = named.header("X-Credential-ID", &scene.id);
    named.answer().await.is_problem(400, "missing_header");
    let both = scene
        .api
        .get("/")
        .both(alice)
        .header("X-Target-URL", &target);
    let both = with_passphrase(both, PASSPHRASE).answer().await;
    both.is_problem(400, "two_credentials");
    assert!(scene.seen.lock().unwrap().is_empty());

    assert_eq!(scene.put_value("sk_2nd_value").await.json()["version"], 2);
    scene.is_injected(alice, "sk_2nd_value").await;
    let path = format!("/v1/credentials/{}", scene.id);
    let body = json!({"version": 1});
    let rollback = || scene.api.post(&format!("{path}/rollback"));
    let bare = rollback().key(alice).json(&body).answer().await;
    bare.is_problem(400, "missing_header");
    let rolled = rollback().both(alice).json(&body).answer().await;
    assert_eq!(rolled.json()["version"], 3, "{rolled:?}");
    scene.is_injected(alice, SECRET).await;

    let patch = |body: Value| {
        let call = scene.api.call(reqwest::Method::PATCH, &path);
        call.key(alice).json(&body)
    };
    let bare = patch(json!({"template": "Token {{secret}}"}))
        .answer()
        .await;
    bare.is_problem(400, "missing_header");
    let patched = patch(json!({"template": "Bearer x{{secret}}"}));
    let patched = patched
        .header("X-User-Secret", &alice.secret)
        .answer()
        .await;
    assert_eq!(patched.json()["version"], 4, "{patched:?}");
    scene.is_injected(alice, &format!("x{SECRET}")).await;
    let odd = with_passphrase(
        scene.api.put(&format!("{path}/value")).key(alice),
        PASSPHRASE,
    );
    let odd = odd.json(&json!({"value": "v"})).answer().await;
    odd.is_problem(400, "malformed_request");
    assert_eq!(
        scene.api.delete(&path).key(alice).answer().await.status,
        204
    );
    scene.is_refused(alice).await;
}

#[tokio::test]
async fn two_secrets_and_missing_keys_make_no_credential() {
    let api = Api::start().await;
    let user = api.org("a").await;
    let body = json!({"name": "n", "hostPattern": "a.example", "value": "v"});
    let call = || api.post("/v1/credentials").key(&user).json(&body);
    call().answer().await.is_problem(400, "keys_missing");
    let both = with_passphrase(call(), PASSPHRASE).header("X-User-Secret", "s");
    both.answer().await.is_problem(400, "two_credentials");
    assert_eq!(api.count("credentials"), 0);
}

#[tokio::test]
async fn a_share_lets_calls_be_injected_follows_updates_and_ends_at_once() {
    let scene = Scene::set().await;
    let (bob, carol) = (&scene.bob, &scene.carol);
    scene.is_refused(bob).await;
    let share = scene.share(bob, json!({"alias": "Alice's account"})).await;
    scene.is_injected(bob, SECRET).await;
    let named = scene.call_as(bob, &bob.secret, Some(&scene.id)).await;
    assert_eq!(named.status, 200);
    scene.seen.lock().unwrap().clear();
    for outsider in [carol, &scene.stranger] {
        scene.is_refused(outsider).await;
    }
    // The recipient may use it, and neither see nor change nor pass it on.
    let path = format!("/v1/credentials/{}", scene.id);
    let share_on = json!({"recipientUserId": carol.user_id, "permission": "use"});
    for call in [
        scene.api.get(&path),
        scene.api.delete(&path),
        scene
            .api
            .put(&format!("{path}/value"))
            .json(&json!({"value": "v"})),
        scene.api.get(&format!("{path}/shares")),
        scene.api.post(&format!("{path}/shares")).json(&share_on),
        scene.api.get(&format!("/v1/kv/shared/{share}")),
    ] {
        call.both(bob).answer().await.is_problem(404, "not_found");
    }
    let own = scene.api.get("/v1/credentials").key(bob).answer().await;
    assert_eq!(own.json(), json!([]));
    let inbox = scene
        .api
        .get("/v1/credentials/shared")
        .both(bob)
        .answer()
        .await;
    assert_eq!(inbox.json()[0]["shareId"], json!(share));
    assert_eq!(inbox.json()[0]["alias"], "Alice's account");
    assert!(!inbox.body.contains(SECRET));
    let inbox = scene
        .api
        .get("/v1/credentials/shared")
        .both(carol)
        .answer()
        .await;
    assert_eq!(inbox.json(), json!([]));
    let listed = scene.api.get(&format!("{path}/shares")).key(&scene.alice);
    let listed = listed.answer().await;
    assert_eq!(listed.json()[0]["recipientUserId"], json!(bob.user_id));

    assert_eq!(scene.put_value("sk_2nd_value").await.status, 200);
    scene.is_injected(bob, "sk_2nd_value").await;
    let rolled = scene
        .api
        .post(&format!("{path}/rollback"))
        .both(&scene.alice);
    assert_eq!(
        rolled.json(&json!({"version": 1})).answer().await.status,
        200
    );
    scene.is_injected(bob, SECRET).await;

    let revoke = format!("{path}/shares/{share}");
    let foreign = scene.api.delete(&revoke).key(carol).answer().await;
    foreign.is_problem(404, "not_found");
    let revoked = scene.api.delete(&revoke).key(&scene.alice).answer().await;
    assert_eq!(revoked.status, 204);
    scene.is_refused(bob).await;
    scene.is_injected(&scene.alice, SECRET).await;

    let share = scene.share(bob, json!({})).await;
    scene.is_injected(bob, SECRET).await;
    let leave = format!("/v1/credentials/shared/{share}");
    let foreign = scene.api.delete(&leave).key(carol).answer().await;
    foreign.is_problem(404, "not_found");
    assert_eq!(scene.api.delete(&leave).key(bob).answer().await.status, 204);
    scene.is_refused(bob).await;
}

#[tokio::test]
async fn a_share_and_a_credential_end_in_their_very_millisecond() {
    let scene = Scene::set().await;
    let ends = json!({"expiresUtc": "2027-01-15T08:00:10Z"});
    scene.share(&scene.bob, ends.clone()).await;
    scene.api.clock.set_utc(START + 9_999);
    scene.is_injected(&scene.bob, SECRET).await;
    scene.api.clock.advance(Duration::from_millis(1));
    scene.is_refused(&scene.bob).await;
    scene.is_injected(&scene.alice, SECRET).await;
    scene.share(&scene.carol, json!({})).await;
    let path = format!("/v1/credentials/{}", scene.id);
    let patch = scene
        .api
        .call(reqwest::Method::PATCH, &path)
        .key(&scene.alice);
    let ends = json!({"expiresUtc": "2027-01-15T08:00:20Z"});
    assert_eq!(patch.json(&ends).answer().await.status, 200);
    scene.is_injected(&scene.carol, SECRET).await;
    scene.api.clock.set_utc(START + 20_000);
    scene.is_refused(&scene.carol).await;
    scene.is_refused(&scene.alice).await;
}

#[tokio::test]
async fn only_use_goes_with_credentials_and_only_of_users_keys() {
    let scene = Scene::set().await;
    let read = scene
        .post_share(&scene.bob, json!({"permission": "read"}))
        .await;
    assert_eq!(read.status, 400, "{read:?}");
    let own = scene.post_share(&scene.alice, json!({})).await;
    own.is_problem(400, "self_share");
    let foreign = scene.post_share(&scene.stranger, json!({})).await;
    foreign.is_problem(404, "not_found");
    let sealed = make(&scene.api, &scene.alice, "p", "a.example", "v").await;
    let path = format!("/v1/credentials/{sealed}/shares");
    let body = json!({"recipientUserId": scene.bob.user_id, "permission": "use"});
    let under_passphrase = scene.api.post(&path).both(&scene.alice).json(&body);
    let under_passphrase = under_passphrase.answer().await;
    under_passphrase.is_problem(400, "malformed_request");
    assert_eq!(scene.api.count("shares"), 0);
}

#[tokio::test]
async fn a_shared_credential_never_silently_replaces_an_own_one() {
    let scene = Scene::set().await;
    scene.share(&scene.bob, json!({})).await;
    let authority = scene.upstream.url("");
    let authority = authority.strip_prefix("https://").unwrap();
    scene
        .make(&scene.bob, "own", "localhost", "sk_of_bob")
        .await;
    scene.is_injected(&scene.bob, "sk_of_bob").await;
    // A narrower one of Alice's does not win either, and stands in nobody's way.
    let path = format!("/v1/credentials/{}", scene.id);
    let narrower = scene
        .api
        .call(reqwest::Method::PATCH, &path)
        .both(&scene.alice);
    let narrower = narrower.json(&json!({"hostPattern": authority}));
    assert_eq!(narrower.answer().await.status, 200);
    scene.is_injected(&scene.bob, "sk_of_bob").await;
    let named = scene
        .call_as(&scene.bob, &scene.bob.secret, Some(&scene.id))
        .await;
    assert_eq!(named.status, 200);
    let seen = std::mem::take(&mut *scene.seen.lock().unwrap());
    assert_eq!(seen, [format!("Bearer {SECRET}")]);
    let narrow = scene
        .make(&scene.bob, "narrow", authority, "sk_narrow")
        .await;
    scene.is_injected(&scene.bob, "sk_narrow").await;
    let twin = scene.make(&scene.bob, "twin", authority, "sk_twin").await;
    let tie = scene.call(&scene.bob).await;
    tie.is_problem(409, "credential_ambiguous");
    assert_eq!(tie.json()["ids"], json!([narrow, twin]), "of equals alone");
    let gone = scene.api.delete(&format!("/v1/credentials/{twin}"));
    assert_eq!(gone.key(&scene.bob).answer().await.status, 204);

    let explain = scene.api.post("/v1/proxy/explain").key(&scene.bob);
    let body = json!({"url": scene.upstream.url("/"), "method": "GET", "protection": "userKeys"});
    let explained = explain.json(&body).answer().await.json();
    assert_eq!(explained["credential"]["credentialId"], json!(narrow));
    let matching = explained["matching"].as_array().unwrap();
    assert_eq!(matching.len(), 3);
    let shared = matching
        .iter()
        .find(|one| one["credentialId"] == json!(scene.id));
    assert_eq!(shared.unwrap()["ownerUserId"], json!(scene.alice.user_id));
    assert!(shared.unwrap()["shareId"].is_string());
}

#[tokio::test]
async fn the_secret_that_came_decides_which_credentials_are_looked_at() {
    let scene = Scene::set().await;
    make(&scene.api, &scene.alice, "p", "localhost", "sk_passphrase").await;
    scene.is_injected(&scene.alice, SECRET).await;
    let call = scene.api.get("/").key(&scene.alice);
    let call = call.header("X-Target-URL", scene.upstream.url("/"));
    assert_eq!(with_passphrase(call, PASSPHRASE).answer().await.status, 200);
    let seen = std::mem::take(&mut *scene.seen.lock().unwrap());
    assert_eq!(seen, ["Bearer sk_passphrase"]);
}

/// After `sql` neither Alice nor Bob, with whom she shares, gets anything injected.
async fn spoilt(sql: &str, [alice, bob]: [u16; 2]) {
    let scene = Scene::set().await;
    scene
        .share(&scene.bob, json!({"expiresUtc": "2027-01-15T08:00:10Z"}))
        .await;
    let other = scene
        .make(&scene.alice, "other", "a.example", "sk_other")
        .await;
    let id = |id: &str| format!("x'{}'", id.replace('-', ""));
    let sql = sql
        .replace(":credential", &id(&scene.id))
        .replace(":other", &id(&other))
        .replace(":bob", &id(&scene.bob.user_id))
        .replace(":carol", &id(&scene.carol.user_id));
    let scene = scene.changed(&sql).await;
    if sql.contains("expires") {
        scene.api.clock.set_utc(START + 10_001);
    }
    for (user, status) in [(&scene.bob, bob), (&scene.alice, alice)] {
        let named = scene.call_as(user, &user.secret, Some(&scene.id)).await;
        assert_eq!(named.status, status, "{sql}: {named:?}");
    }
    let seen = std::mem::take(&mut *scene.seen.lock().unwrap());
    let own = format!("Bearer {SECRET}");
    assert!(
        alice == 200 && seen == [own] || seen.is_empty(),
        "{sql}: {seen:?}"
    );
}

#[tokio::test]
async fn an_edited_store_injects_nothing() {
    let tampered = [400, 400];
    for column in ["host_pattern", "header", "template"] {
        let edit = "UPDATE credentials SET $ = 'x'; UPDATE credential_versions SET $ = 'x'";
        spoilt(&edit.replace('$', column), tampered).await;
    }
    spoilt(
        "UPDATE credentials SET owner = :bob WHERE record_id = :credential",
        [404, 400],
    )
    .await;
    spoilt("UPDATE credential_versions SET sealed = (SELECT sealed FROM credential_versions WHERE record_id = :other) WHERE record_id = :credential", tampered).await;
    spoilt("UPDATE credential_wraps SET wrap = (SELECT wrap FROM credential_wraps WHERE record_id = :other) WHERE record_id = :credential", tampered).await;
    let share_only = [200, 400];
    spoilt(
        "UPDATE credential_wraps SET recipient = :carol WHERE recipient = :bob",
        share_only,
    )
    .await;
    // 1 is to read, 2 is to use.
    spoilt("UPDATE shares SET permission = 3 - permission", share_only).await;
    spoilt("UPDATE shares SET expires = expires + 1000000", share_only).await;
    spoilt("UPDATE shares SET expires = NULL", share_only).await;
}

#[tokio::test]
async fn two_shared_ones_that_fit_equally_well_are_a_tie() {
    let scene = Scene::set().await;
    scene.share(&scene.bob, json!({})).await;
    let second = scene
        .make(&scene.carol, "carols", "localhost", "sk_of_carol")
        .await;
    let body = json!({"recipientUserId": scene.bob.user_id, "permission": "use"});
    let call = scene.api.post(&format!("/v1/credentials/{second}/shares"));
    let shared = call.both(&scene.carol).json(&body).answer().await;
    assert_eq!(shared.status, 201, "{shared:?}");
    let tie = scene.call(&scene.bob).await;
    tie.is_problem(409, "credential_ambiguous");
    let ids = tie.json()["ids"].as_array().unwrap().clone();
    assert!(ids.len() == 2 && ids.contains(&json!(second)) && ids.contains(&json!(scene.id)));
    assert!(scene.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_shared_credential_rests_while_its_owner_is_disabled_and_ends_with_the_owner() {
    let scene = Scene::set().await;
    let (api, bob) = (&scene.api, &scene.bob);
    scene.share(bob, json!({})).await;
    scene.is_injected(bob, SECRET).await;
    let explained = async || {
        let body = json!({"url": scene.upstream.url("/"), "method": "GET"});
        let call = api.post("/v1/proxy/explain").key(bob).json(&body);
        call.answer().await.json()["matching"]
            .as_array()
            .unwrap()
            .len()
    };
    let inbox = async || {
        let list = api.get("/v1/credentials/shared").both(bob).answer().await;
        list.json().as_array().unwrap().len()
    };
    assert_eq!((explained().await, inbox().await), (1, 1));
    let alice = format!(
        "/admin/orgs/{}/users/{}",
        scene.alice.org_id, scene.alice.user_id
    );
    for disabled in [true, false, true] {
        let patch = api.call(reqwest::Method::PATCH, &alice).key(&scene.carol);
        let patch = patch.json(&json!({"disabled": disabled})).answer().await;
        assert_eq!(patch.status, 200, "{patch:?}");
        if disabled {
            scene.is_refused(bob).await;
            assert_eq!((explained().await, inbox().await), (0, 0));
        } else {
            scene.is_injected(bob, SECRET).await;
            assert_eq!((explained().await, inbox().await), (1, 1));
        }
    }
    let removed = api.delete(&alice).key(&scene.carol).answer().await;
    assert_eq!(removed.status, 204, "{removed:?}");
    scene.is_refused(bob).await;
}
