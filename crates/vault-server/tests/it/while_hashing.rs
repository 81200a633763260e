//! What happens while the hash of a secret waits counts once it is done.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use hardened_crypto::argon2_pool::Argon2Pool;
use hardened_crypto::root_key::RootKeyring;
use hardened_crypto::user_secret::PassphraseCost;
use reqwest::{Method, RequestBuilder};
use secrecy::SecretSlice;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;
use vault_server::vault::clock::Clock;
use vault_server::vault::limits::VaultLimits;
use vault_server::vault::principal::{Principal, Role};
use vault_server::vault::{Vault, VaultParts};
use vault_store::{BlobDirectory, KeyId, Store};

use super::api_files::{content, upload};
use super::api_support::{Api, Calls, TestUser, base64, text};
use super::support::Answer;

const PASSPHRASE: &str = "a passphrase";
/// Boxes are kept by chance: an opening stores them for the next one.
const BOXES: [&str; 3] = ["account_boxes", "file_boxes", "credential_boxes"];

/// A user with a passphrase, and an admin without one; one hash runs at a time, and of one user
/// none waits beside it.
struct Scene {
    api: Api,
    admin: TestUser,
    user: TestUser,
}

impl Scene {
    async fn set() -> Self {
        let api = Api::start_with(VaultLimits {
            hash_threads: Some(1),
            hash_queue: Some(2),
            // As cheap as is accepted.
            passphrase_cost: PassphraseCost::new(12 * 1024, 3, 1).unwrap(),
            ..VaultLimits::default()
        })
        .await;
        let admin = api.org_with_keys("a").await;
        let user = api.add_user(&admin.key, &admin.org_id, "u", false).await;
        let user = TestUser {
            secret: PASSPHRASE.to_owned(),
            ..user
        };
        api.generate(&user).await;
        Self { api, admin, user }
    }

    /// Makes a call wait for its hash; its answer, once `meanwhile` has happened.
    async fn across(&self, call: RequestBuilder, meanwhile: impl Future<Output = ()>) -> Answer {
        let (release, wait) = mpsc::channel::<()>();
        let job = move |_: &mut _| {
            let _ = wait.recv();
        };
        self.api.argon2.try_run(job).unwrap();
        let mut calls = JoinSet::new();
        for call in [call.try_clone().unwrap(), call] {
            calls.spawn(call.answer());
        }
        // One is told that another hash of the user waits already.
        let refused = calls.join_next().await.unwrap().unwrap();
        refused.is_problem(429, "too_many_attempts");
        meanwhile.await;
        drop(release);
        calls.join_next().await.unwrap().unwrap()
    }

    async fn put(&self, user: &TestUser, body: Value) {
        let call = self.api.put("/v1/kv/a").key(user).json(&body);
        let stored = call.answer().await;
        assert!(matches!(stored.status, 200 | 201), "{stored:?}");
    }

    /// Shares what is at `path`; the id of the share.
    async fn share(&self, path: &str, from: &TestUser, to: &TestUser) -> String {
        let body = json!({"recipientUserId": to.user_id, "permission": "read"});
        let call = self.api.post(&format!("{path}/shares")).both(from);
        let made = call.json(&body).answer().await;
        assert!(matches!(made.status, 200 | 201), "{made:?}");
        text(&made.json(), "shareId")
    }

    async fn set_disabled(&self, disabled: bool) {
        let (org_id, user_id) = (&self.user.org_id, &self.user.user_id);
        let path = format!("/admin/orgs/{org_id}/users/{user_id}");
        let call = self.api.call(Method::PATCH, &path).key(&self.admin);
        let changed = call.json(&json!({"disabled": disabled})).answer().await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
}

/// Another process over the same rows, with a hash pool of its own.
struct Beside {
    vault: Vault,
    user: Principal,
    _bodies: tempfile::TempDir,
}

impl Beside {
    fn of(scene: &Scene) -> Self {
        let api = &scene.api;
        let text = std::fs::read_to_string(api.directory().join("root.key")).unwrap();
        let bodies = tempfile::tempdir().unwrap();
        let vault = Vault::new(VaultParts {
            audit: Arc::clone(api.vault.audit()),
            store: Arc::clone(&api.store) as Arc<dyn Store>,
            blobs: Arc::new(BlobDirectory::open(bodies.path()).unwrap()),
            root_keys: Arc::new(RootKeyring::parse(&text).unwrap()),
            argon2: Arc::new(Argon2Pool::new(api.limits.hash_pool()).unwrap()),
            clock: Arc::clone(&api.clock) as Arc<dyn Clock>,
            limits: api.limits.clone(),
        });
        let role = Role::User {
            org_id: scene.user.org_id.parse::<Uuid>().unwrap().into(),
            user_id: scene.user.user_id.parse::<Uuid>().unwrap().into(),
            is_admin: false,
        };
        Self {
            vault,
            user: Principal::unlimited(KeyId::parse("AbCdEfGh").unwrap(), role),
            _bodies: bodies,
        }
    }

    /// Moves every wrap to a new key pair; nothing is boxed under it yet.
    async fn rotate(&self, api: &Api) {
        let secret = SecretSlice::from(PASSPHRASE.as_bytes().to_vec());
        let done = self.vault.rotate_keys(&self.user, &secret, false);
        let done = done.await.unwrap();
        assert_eq!(
            (done.started, done.remaining, done.unreadable),
            (true, 0, 0)
        );
        let db = rusqlite::Connection::open(api.database()).unwrap();
        for boxes in BOXES {
            db.execute(&format!("DELETE FROM {boxes}"), []).unwrap();
        }
    }
}

#[tokio::test]
async fn a_rotation_beside_a_call_is_no_alarm() {
    let scene = Scene::set().await;
    let (api, admin, user) = (&scene.api, &scene.admin, &scene.user);
    let beside = Beside::of(&scene);
    api.store_value(user, "a", "value").await;
    let own = upload(api, user, "own", content(100)).await;
    let ended = scene.share(&format!("/v1/files/{own}"), user, admin).await;
    let theirs = upload(api, admin, "theirs", content(100)).await;
    let file = scene
        .share(&format!("/v1/files/{theirs}"), admin, user)
        .await;
    api.store_value(admin, "a", "value").await;
    let value = scene.share("/v1/kv/a", admin, user).await;
    let body = json!({"name": "c", "hostPattern": "api.example.com", "value": "sk_live"});
    let made = api.post("/v1/credentials").key(user).json(&body);
    let made = made.answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    let credential = format!("/v1/credentials/{}", text(&made.json(), "credentialId"));
    let moved = json!({"hostPattern": "b.example.com"});
    for (call, status) in [
        (api.get("/v1/files"), 200),
        (api.get(&format!("/v1/files/{own}")), 200),
        (api.get(&format!("/v1/files/shared/{file}")), 200),
        (
            api.delete(&format!("/v1/files/{own}/shares/{ended}?rekey=true")),
            204,
        ),
        (api.call(Method::PATCH, &credential).json(&moved), 200),
        (
            api.post(&format!("{credential}/rollback"))
                .json(&json!({"version": 1})),
            200,
        ),
        (api.get("/v1/kv/a"), 200),
        (api.get(&format!("/v1/kv/shared/{value}")), 200),
        (
            api.post("/v1/kv/batch-get").json(&json!({"keys": ["a"]})),
            200,
        ),
        (
            api.post("/v1/kv/a/rollback").json(&json!({"version": 1})),
            200,
        ),
    ] {
        let call = call.both(user);
        let shown = format!("{call:?}");
        let answer = scene.across(call, beside.rotate(api)).await;
        assert_eq!(answer.status, status, "{shown}: {answer:?}");
        assert!(!answer.body.contains("tampered"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_value_that_ends_while_its_reader_waits_is_not_given_out() {
    let scene = Scene::set().await;
    let (api, admin, user) = (&scene.api, &scene.admin, &scene.user);
    let second = Duration::from_secs(1);
    // 2027-01-15T08:00:00Z is when the clock starts, and each round moves it on.
    let mut ends = 1;
    for (owner, ending) in [
        (user, "deleted"),
        (user, "destroyed"),
        (user, "expired"),
        (admin, "deleted"),
        (admin, "expired"),
    ] {
        let mut calls = vec![(api.get("/v1/kv/a"), 404)];
        if owner.user_id == user.user_id {
            let batch = api.post("/v1/kv/batch-get").json(&json!({"keys": ["a"]}));
            calls.push((batch, 200));
        }
        for (mut call, status) in calls {
            let expires = format!("2027-01-15T08:00:{ends:02}Z");
            let mut body = json!({"valueB64": base64(b"a canary")});
            if ending == "expired" {
                body["expiresUtc"] = expires.into();
            }
            scene.put(owner, body).await;
            if owner.user_id == admin.user_id {
                let share = scene.share("/v1/kv/a", admin, user).await;
                call = api.get(&format!("/v1/kv/shared/{share}"));
            }
            let meanwhile = async {
                let query = match ending {
                    "deleted" => "",
                    "destroyed" => "?destroy=true",
                    _ => return api.clock.advance(second),
                };
                let call = api.delete(&format!("/v1/kv/a{query}")).key(owner);
                assert_eq!(call.answer().await.status, 204);
            };
            let answer = scene.across(call.both(user), meanwhile).await;
            assert_eq!(answer.status, status, "{ending}: {answer:?}");
            assert!(!answer.body.contains(&base64(b"a canary")), "{answer:?}");
            assert!(answer.body.contains("not_found"), "{answer:?}");
            ends += u32::from(ending == "expired");
        }
    }
}

#[tokio::test]
async fn whoever_is_shut_out_while_the_hash_waits_gets_nothing() {
    let scene = Scene::set().await;
    let (api, admin, user) = (&scene.api, &scene.admin, &scene.user);
    api.store_value(user, "a", "value").await;
    let file = upload(api, user, "own", content(100)).await;
    let share = json!({"recipientUserId": admin.user_id, "permission": "read"});
    for call in [
        api.get("/v1/kv/a"),
        api.get(&format!("/v1/files/{file}")),
        api.get("/v1/files"),
        api.get("/v1/keys/private"),
        api.post("/v1/kv/a/shares").json(&share),
        api.post("/v1/keys/rotate"),
    ] {
        let call = call.both(user);
        let shown = format!("{call:?}");
        let answer = scene.across(call, scene.set_disabled(true)).await;
        assert_eq!(answer.status, 403, "{shown}: {answer:?}");
        answer.is_problem(403, "forbidden");
        scene.set_disabled(false).await;
    }
    assert_eq!((api.count("shares"), api.count("key_pairs")), (0, 2));
    assert_eq!(api.read_value(user, "a").await, "value");
}
