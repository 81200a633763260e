//! Whoever writes the database file without the root key gets refusals, never other data.

use super::api_support::{Api, Calls, TestUser, generated_secret};
use super::support::Answer;

/// Users and values that every case starts with.
struct Scene {
    api: Api,
    alice: TestUser,
    bob: TestUser,
}

/// What is called after the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    /// Alice reads `one`.
    Read,
    /// Alice writes.
    Write,
    /// Alice lists her names.
    List,
    /// Alice rekeys.
    Rekey,
    /// Bob asks who he is.
    BobMe,
    /// Bob reads `one`, which he does not own.
    BobRead,
    /// Bob lists his colleagues.
    Colleagues,
    /// Alice lists the users whom she administers.
    Users,
    /// Root lists organisations.
    Orgs,
}

impl Scene {
    async fn set() -> Self {
        let api = Api::start().await;
        let alice = api.org_with_keys("org").await;
        let bob = api.add_user(&alice.key, &alice.org_id, "bob", false).await;
        api.generate(&bob).await;
        for (name, value) in [("one", "value one"), ("two", "value two")] {
            let body = serde_json::json!({
                "valueB64": super::api_support::base64(value.as_bytes()),
                "metadata": {"of": name},
            });
            let call = api.put(&format!("/v1/kv/{name}")).key(&alice);
            assert_eq!(call.json(&body).answer().await.status, 201);
        }
        api.store_value(&alice, "one", "value one, again").await;
        api.store_value(&alice, "gone", "deleted").await;
        api.delete("/v1/kv/gone").key(&alice).answer().await;
        Self { api, alice, bob }
    }

    /// Changes the closed database and serves it again. `:alice`, `:bob` are user ids.
    async fn changed(self, sql: &str) -> Self {
        let Self { api, alice, bob } = self;
        let id = |user: &TestUser| format!("x'{}'", user.user_id.replace('-', ""));
        let one = "(SELECT record_id FROM vault_values WHERE name = 'one')";
        let two = "(SELECT record_id FROM vault_values WHERE name = 'two')";
        let sql = sql
            .replace(":alice_key", &format!("'{}'", &alice.key[4..12]))
            .replace(":bob_key", &format!("'{}'", &bob.key[4..12]))
            .replace(":alice", &id(&alice))
            .replace(":bob", &id(&bob))
            .replace(":one", one)
            .replace(":two", two);
        let api = api
            .restart(|db| {
                db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
                    .unwrap();
                let before = db.total_changes();
                db.execute_batch(&sql).unwrap();
                assert!(db.total_changes() > before, "nothing was changed: {sql}");
            })
            .await;
        Self { api, alice, bob }
    }

    async fn touch(&self, touch: Touch, secret: &str) -> Answer {
        let api = &self.api;
        let call = match touch {
            Touch::Read => api.get("/v1/kv/one").key(&self.alice),
            Touch::Write => {
                let body = serde_json::json!({"valueB64": ""});
                api.put("/v1/kv/one").key(&self.alice).json(&body)
            }
            Touch::List => api.get("/v1/kv").key(&self.alice),
            Touch::Rekey => {
                let call = api.post("/v1/keys/rekey").key(&self.alice);
                call.header("X-New-User-Secret", "new")
            }
            Touch::BobMe => api.get("/v1/users/me").key(&self.bob),
            Touch::BobRead => api.get("/v1/kv/one").key(&self.bob),
            Touch::Colleagues => api.get("/v1/users/org").key(&self.bob),
            Touch::Users => {
                let path = format!("/admin/orgs/{}/users", self.alice.org_id);
                api.get(&path).key(&self.alice)
            }
            Touch::Orgs => api.get("/admin/orgs").header("X-Api-Key", &api.root),
        };
        call.header("X-User-Secret", secret).answer().await
    }
}

/// After `sql` each of `touches` is refused as tampered, also with a wrong secret.
async fn check(sql: &str, touches: &[Touch]) {
    let scene = Scene::set().await.changed(sql).await;
    for touch in touches {
        for secret in [generated_secret(), scene.alice.secret.clone()] {
            let answer = scene.touch(*touch, &secret).await;
            assert_eq!(answer.status, 400, "{touch:?} after {sql}: {answer:?}");
            answer.is_problem(400, "tampered");
        }
    }
}

#[tokio::test]
async fn untouched_everything_works() {
    let scene = Scene::set().await;
    let scene = scene.changed("CREATE TABLE t (x); INSERT INTO t VALUES (1); DROP TABLE t");
    // The scene itself: every touch below would succeed.
    let scene = scene.await;
    let secret = scene.alice.secret.clone();
    for touch in [
        Touch::Read,
        Touch::Write,
        Touch::List,
        Touch::BobMe,
        Touch::Colleagues,
        Touch::Users,
        Touch::Orgs,
    ] {
        let answer = scene.touch(touch, &secret).await;
        assert_eq!(answer.status, 200, "{touch:?}: {answer:?}");
    }
    let bob = scene.touch(Touch::BobRead, &scene.bob.secret).await;
    bob.is_problem(404, "not_found");
    assert_eq!(scene.touch(Touch::Rekey, &secret).await.status, 200);
}

#[tokio::test]
async fn public_keys_cannot_be_swapped() {
    let swap = "UPDATE key_pairs SET public_key = \
                (SELECT public_key FROM key_pairs WHERE user_id = :bob) WHERE user_id = :alice";
    check(swap, &[Touch::Read, Touch::Write, Touch::Rekey]).await;
    let with_its_mac = "UPDATE key_pairs SET (public_key, mac) = \
                        (SELECT public_key, mac FROM key_pairs WHERE user_id = :bob) \
                        WHERE user_id = :alice";
    check(with_its_mac, &[Touch::Write]).await;
    let halves = "UPDATE key_pairs SET (ecc_box, kyber_box) = (kyber_box, ecc_box) \
                  WHERE user_id = :alice";
    check(halves, &[Touch::Read, Touch::Rekey]).await;
    let generation = "UPDATE user_keys SET current_generation = 2 WHERE user_id = :alice";
    check(generation, &[Touch::Write, Touch::Colleagues, Touch::Users]).await;
    for sql in [
        "UPDATE user_keys SET secret_version = 2 WHERE user_id = :alice",
        "DELETE FROM key_pairs WHERE user_id = :alice",
    ] {
        check(sql, &[Touch::Colleagues, Touch::Users]).await;
    }
}

#[tokio::test]
async fn api_keys_cannot_be_planted_moved_or_prolonged() {
    for sql in [
        "UPDATE api_keys SET key_hash = (SELECT key_hash FROM api_keys WHERE key_id = :alice_key) \
         WHERE key_id = :bob_key",
        "UPDATE api_keys SET user_id = :alice WHERE key_id = :bob_key",
        "UPDATE api_keys SET org_id = NULL, user_id = NULL WHERE key_id = :bob_key",
        "UPDATE api_keys SET created = created + 1 WHERE key_id = :bob_key",
        "UPDATE api_keys SET expires = 1 WHERE key_id = :bob_key",
        "UPDATE api_keys SET version = 2 WHERE key_id = :bob_key",
        "UPDATE api_keys SET mac = zeroblob(32) WHERE key_id = :bob_key",
        "UPDATE api_keys SET mac_key = 7 WHERE key_id = :bob_key",
        "UPDATE api_keys SET mac = (SELECT mac FROM api_keys WHERE key_id = :alice_key) \
         WHERE key_id = :bob_key",
        "DELETE FROM api_keys WHERE key_id = :bob_key; \
         INSERT INTO api_keys SELECT :bob_key, org_id, user_id, key_hash, created, expires, \
         version, mac_key, mac FROM api_keys WHERE key_id = :alice_key",
    ] {
        check(sql, &[Touch::BobMe]).await;
    }
}

#[tokio::test]
async fn roles_cannot_be_raised() {
    check(
        "UPDATE users SET is_admin = 1 WHERE user_id = :bob",
        &[Touch::BobMe],
    )
    .await;
    check(
        "UPDATE users SET is_admin = 2 WHERE user_id = :bob",
        &[Touch::BobMe],
    )
    .await;
    check(
        "UPDATE users SET name = 'boss' WHERE user_id = :bob",
        &[Touch::BobMe],
    )
    .await;
    check("UPDATE orgs SET name = 'other'", &[Touch::Orgs]).await;
}

#[tokio::test]
async fn protection_cannot_be_lowered_or_exchanged() {
    for sql in [
        // The cost, the salt and the check value stand in these bytes.
        "UPDATE user_keys SET protection = CAST(substr(protection, 1, 2) || x'00000001' || \
         substr(protection, 7) AS BLOB) WHERE user_id = :alice",
        "UPDATE user_keys SET protection = CAST(substr(protection, 1, 18) || zeroblob(48) AS BLOB) \
         WHERE user_id = :alice",
        "UPDATE user_keys SET protection = \
         (SELECT protection FROM user_keys WHERE user_id = :bob) WHERE user_id = :alice",
        "UPDATE user_keys SET account_key_box = \
         (SELECT account_key_box FROM user_keys WHERE user_id = :bob) WHERE user_id = :alice",
        "UPDATE user_keys SET secret_version = 2 WHERE user_id = :alice",
    ] {
        check(sql, &[Touch::Read, Touch::Write, Touch::Rekey]).await;
    }
}

#[tokio::test]
async fn contents_cannot_be_moved_between_records_and_versions() {
    for column in ["payload", "metadata_box", "mac"] {
        let sql = format!(
            "UPDATE value_versions SET {column} = (SELECT {column} FROM value_versions \
             WHERE record_id = :two AND value_version = 1) \
             WHERE record_id = :one AND value_version = 2"
        );
        check(&sql, &[Touch::Read]).await;
    }
    for sql in [
        "UPDATE value_versions SET payload = (SELECT payload FROM value_versions \
         WHERE record_id = :one AND value_version = 1) \
         WHERE record_id = :one AND value_version = 2",
        "UPDATE value_versions SET (payload, mac) = (SELECT payload, mac FROM value_versions \
         WHERE record_id = :one AND value_version = 1) \
         WHERE record_id = :one AND value_version = 2",
        "UPDATE value_versions SET metadata_box = x'00' WHERE record_id = :one",
        "UPDATE value_versions SET expires = 4000000000000 WHERE record_id = :one",
        "UPDATE value_versions SET header = x'00' WHERE record_id = :one",
    ] {
        check(sql, &[Touch::Read]).await;
    }
}

#[tokio::test]
async fn values_cannot_be_renamed_rolled_back_revived_or_given_away() {
    check(
        "UPDATE vault_values SET current_version = 1 WHERE name = 'one'",
        &[Touch::Read, Touch::Write, Touch::List],
    )
    .await;
    check(
        "UPDATE vault_values SET name = 'x' WHERE name = 'one'; \
         UPDATE vault_values SET name = 'one' WHERE name = 'two'",
        &[Touch::Read, Touch::Write, Touch::List],
    )
    .await;
    check(
        "UPDATE vault_values SET deleted = NULL WHERE name = 'gone'",
        &[Touch::List],
    )
    .await;
    check(
        "UPDATE vault_values SET owner = :bob WHERE name = 'one'",
        &[Touch::BobRead],
    )
    .await;
}

#[tokio::test]
async fn wraps_cannot_be_exchanged() {
    for sql in [
        "UPDATE wraps SET wrap = (SELECT wrap FROM wraps WHERE record_id = :two) \
         WHERE record_id = :one",
        "UPDATE wraps SET wrap = x'00' WHERE record_id = :one",
        "UPDATE wraps SET recipient_generation = 2 WHERE record_id = :one",
        "UPDATE wraps SET share_id = zeroblob(16) WHERE record_id = :one",
        "UPDATE wraps SET recipient = :bob WHERE record_id = :one",
        "DELETE FROM wraps WHERE record_id = :one",
    ] {
        let scene = Scene::set().await.changed(sql).await;
        // A wrap authenticates by opening: whoever does not hold the secret learns nothing.
        let wrong = scene.touch(Touch::Read, &generated_secret()).await;
        wrong.is_problem(401, "wrong_user_secret");
        let right = scene.touch(Touch::Read, &scene.alice.secret).await;
        assert_eq!(right.status, 400, "{sql}: {right:?}");
        right.is_problem(400, "tampered");
    }
}
