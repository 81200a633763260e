//! What stands in the database before it is edited, and the calls that look at it afterwards.

use std::time::Duration;

use axum::body::Body;
use hardened_crypto::user_secret::PassphraseCost;
use http::Response;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use vault_server::vault::limits::{SNAPSHOT_LIFETIME, VaultLimits};

use crate::api_credentials::{PASSPHRASE, send, with_passphrase};
use crate::api_support::{Api, Calls, TestUser, base64, generated_secret, text};
use crate::support::Answer;
use crate::upstream::TlsUpstream;

/// Far enough for every step of the clock that the table takes.
pub(crate) const FAR: &str = "2031-01-01T00:00:00Z";
const INJECTED: &str = "sk_live_one";
/// Tries of a read until the box that it left is stored.
const BOX_TRIES: usize = 1_000;

/// Users, values, shares and credentials, with a box for everything that can have one.
pub(crate) struct Scene {
    pub(crate) api: Api,
    pub(crate) alice: TestUser,
    pub(crate) bob: TestUser,
    pub(crate) carol: TestUser,
    pub(crate) stranger: TestUser,
    pub(crate) ids: Ids,
    pub(crate) upstream: TlsUpstream,
    pub(crate) wrong_secret: String,
}

/// Ids of what the users made.
pub(crate) struct Ids {
    /// Of Alice's value `one`, to Bob.
    pub(crate) share: String,
    /// Of Bob's value `bobs`, to Alice.
    pub(crate) back: String,
    pub(crate) credential: String,
    /// API keys of Bob and Alice for a few names.
    pub(crate) narrow: TestUser,
    /// Of Alice, sealed to her keys, with a share to Bob.
    pub(crate) sealed: String,
    /// Of Alice's keys, by Bob, and of Bob's, by Alice.
    pub(crate) restore: String,
    /// Of Alice, one of them shared with Bob.
    pub(crate) file: String,
    pub(crate) other_file: String,
    pub(crate) file_share: String,
    /// Of Bob, for one of his names and for the credential that Alice shares with him.
    pub(crate) token: String,
    pub(crate) other_narrow: TestUser,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let upstream = TlsUpstream::start(&["http/1.1"], |request| {
            let sent = request.headers().get("authorization");
            let right = sent.is_some_and(|sent| sent == &format!("Bearer {INJECTED}"));
            let answer = if right { "right" } else { "wrong" };
            async move { Response::new(Body::from(answer)) }
        })
        .await;
        let limits = VaultLimits {
            // As cheap as is accepted.
            passphrase_cost: PassphraseCost::new(12 * 1024, 3, 1).unwrap(),
            wrong_secrets_max: u32::MAX,
            ..VaultLimits::default()
        };
        let api = Api::start_before_with(upstream.ca_file.clone(), limits).await;
        let alice = api.org_with_keys("org").await;
        let mut users = Vec::new();
        for name in ["bob", "carol"] {
            let user = api.add_user(&alice.key, &alice.org_id, name, false).await;
            api.generate(&user).await;
            users.push(user);
        }
        let [bob, carol] = users.try_into().ok().unwrap();
        let stranger = api.org_with_keys("other org").await;
        let ids = furnish(&api, [&alice, &bob, &carol]).await;
        let scene = Self {
            api,
            alice,
            bob,
            carol,
            stranger,
            ids,
            upstream,
            wrong_secret: generated_secret(),
        };
        scene.fill_boxes().await;
        scene
    }

    /// Reads until every box that reads leave is stored.
    async fn fill_boxes(&self) {
        let wanted = [
            ("account_boxes", 5),
            ("share_boxes", 2),
            ("credential_boxes", 2),
            ("file_boxes", 2),
        ];
        for _ in 0..BOX_TRIES {
            for probe in PROBES.iter().filter(|probe| !probe.writes) {
                (probe.call)(self).answer().await;
            }
            let inbox = self.api.get("/v1/kv/shared").both(&self.carol);
            inbox.answer().await;
            if wanted.iter().all(|(table, n)| self.api.count(table) >= *n) {
                return;
            }
        }
        panic!("boxes are not stored");
    }

    /// Stops the server, runs SQL on the closed database, and serves it again.
    pub(crate) async fn restarted(self, sql: &str) -> Self {
        let api = self.api.restart(|db| {
            db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
                .unwrap();
            let before = db.total_changes();
            db.execute_batch(sql).unwrap();
            assert!(db.total_changes() > before, "nothing was changed: {sql}");
        });
        Self {
            api: api.await,
            ..self
        }
    }

    /// SQL with the ids of this scene in it.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let id = |text: &str| format!("x'{}'", text.replace('-', ""));
        let key = |user: &TestUser| format!("'{}'", &user.key[4..12]);
        let record =
            |name: &str| format!("(SELECT record_id FROM vault_values WHERE name = '{name}')");
        // Longer names first: `:bob_key` holds `:bob`.
        sql.replace(":alice_key", &key(&self.alice))
            .replace(":narrow", &key(&self.ids.narrow))
            .replace(":other_narrow", &key(&self.ids.other_narrow))
            .replace(":bob_key", &key(&self.bob))
            .replace(":alice", &id(&self.alice.user_id))
            .replace(":bob", &id(&self.bob.user_id))
            .replace(":carol", &id(&self.carol.user_id))
            .replace(":stranger", &id(&self.stranger.user_id))
            .replace(":other_org", &id(&self.stranger.org_id))
            .replace(":org", &id(&self.alice.org_id))
            .replace(":share", &id(&self.ids.share))
            .replace(":back", &id(&self.ids.back))
            .replace(":file", &id(&self.ids.file))
            .replace(":other_file", &id(&self.ids.other_file))
            .replace(":sealed", &id(&self.ids.sealed))
            .replace(":credential", &id(&self.ids.credential))
            .replace(":one", &record("one"))
            .replace(":two", &record("two"))
            .replace(":gone", &record("gone"))
    }

    /// Lets what the server keeps in memory run out.
    pub(crate) fn let_kept_rows_run_out(&self) {
        self.api
            .clock
            .advance(SNAPSHOT_LIFETIME + Duration::from_millis(1));
    }

    fn upstream_url(&self) -> String {
        self.upstream.url("/v1/charges")
    }
}

async fn furnish(api: &Api, [alice, bob, carol]: [&TestUser; 3]) -> Ids {
    for (user, name, value) in [
        (alice, "one", "value one"),
        (alice, "two", "value two"),
        (bob, "bobs", "value of bob"),
    ] {
        let body = json!({
            "valueB64": base64(value.as_bytes()), "metadata": {"of": name}, "expiresUtc": FAR,
        });
        let call = api.put(&format!("/v1/kv/{name}")).key(user).json(&body);
        assert_eq!(call.answer().await.status, 201);
    }
    let again = json!({
        "valueB64": base64(b"value one, again"), "metadata": {"of": "again"}, "expiresUtc": FAR,
    });
    let call = api.put("/v1/kv/one").key(alice).json(&again);
    assert_eq!(call.answer().await.status, 200);
    api.store_value(alice, "gone", "deleted").await;
    api.delete("/v1/kv/gone").key(alice).answer().await;
    let share = async |owner: &TestUser, name: &str, with: &TestUser, alias: &str| {
        let body = json!({
            "recipientUserId": with.user_id, "permission": "read", "alias": alias,
            "expiresUtc": FAR,
        });
        let call = api.post(&format!("/v1/kv/{name}/shares")).both(owner);
        let made = call.json(&body).answer().await;
        assert_eq!(made.status, 201, "{made:?}");
        text(&made.json(), "shareId")
    };
    let to_bob = share(alice, "one", bob, "for bob").await;
    share(alice, "one", carol, "for carol").await;
    let back = share(bob, "bobs", alice, "for alice").await;
    let make = async |name: &str, host: &str, value: &str| {
        let body = json!({
            "name": name, "hostPattern": host, "value": value, "expiresUtc": FAR,
        });
        let made = send(api, alice, ("POST", ""), PASSPHRASE, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        text(&made.json(), "credentialId")
    };
    let credential = make("local", "localhost", "sk_live_zero").await;
    make("other", "api.example.com", "sk_other").await;
    let next = json!({"value": INJECTED});
    let path = format!("/{credential}/value");
    let put = send(api, alice, ("PUT", &path), PASSPHRASE, &next).await;
    assert_eq!(put.status, 200, "{put:?}");
    let body = json!({"name": "sealed", "hostPattern": "localhost", "value": INJECTED});
    let made = api
        .post("/v1/credentials")
        .key(alice)
        .json(&body)
        .answer()
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let sealed = text(&made.json(), "credentialId");
    let body = json!({"recipientUserId": bob.user_id, "permission": "use"});
    let call = api.post(&format!("/v1/credentials/{sealed}/shares"));
    let used = call.both(alice).json(&body).answer().await;
    assert_eq!(used.status, 201, "{used:?}");
    let restore = entrust(api, alice, bob).await;
    entrust(api, bob, alice).await;
    token(api, alice, "two", &sealed).await;
    let file = upload(api, alice, b"content of a file").await;
    let other_file = upload(api, alice, b"content of another").await;
    let body = json!({"recipientUserId": bob.user_id, "permission": "read"});
    let call = api.post(&format!("/v1/files/{file}/shares")).both(alice);
    let given = call.json(&body).answer().await;
    assert_eq!(given.status, 201, "{given:?}");
    Ids {
        token: token(api, bob, "bobs", &sealed).await,
        sealed,
        restore,
        file,
        other_file,
        file_share: text(&given.json(), "shareId"),
        share: to_bob,
        back,
        credential,
        narrow: narrow(api, bob, "bobs").await,
        other_narrow: narrow(api, alice, "one").await,
    }
}

/// A trustee, and a restore that the trustee staged; its id.
async fn entrust(api: &Api, owner: &TestUser, trustee: &TestUser) -> String {
    let body = json!({
        "encryptedPrivateKeyEccShareB64": base64(owner.user_id.as_bytes()),
        "encryptedPrivateKeyKyberShareB64": base64(b"kyber"),
        "waitSeconds": 1_000,
    });
    let path = format!("/v1/recovery/trustees/{}", trustee.user_id);
    let put = api.put(&path).key(owner).json(&body).answer().await;
    assert_eq!(put.status, 201, "{put:?}");
    let halves = json!({
        "encryptedPrivateKeyEccB64": base64(owner.user_id.as_bytes()),
        "encryptedPrivateKeyKyberB64": base64(b"kyber"),
    });
    let call = api.post(&format!("/v1/recovery/restore/{}", owner.user_id));
    let staged = call.key(trustee).json(&halves).answer().await;
    assert_eq!(staged.status, 201, "{staged:?}");
    text(&staged.json(), "restoreId")
}

/// A file with this content; its id.
async fn upload(api: &Api, owner: &TestUser, content: &[u8]) -> String {
    let body = json!({
        "fileName": "f", "contentB64": base64(content), "contentType": "text/plain",
    });
    let stored = api.post("/v1/files").both(owner).json(&body).answer().await;
    assert_eq!(stored.status, 201, "{stored:?}");
    text(&stored.json(), "fileId")
}

/// An access token for one name and one credential, own or shared.
async fn token(api: &Api, user: &TestUser, name: &str, credential: &str) -> String {
    let body = json!({"ttlSeconds": 86_400, "kv": [name], "credentials": [credential]});
    let made = api.post("/v1/tokens").both(user).json(&body).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json(), "token")
}

/// The user with an API key for one name.
async fn narrow(api: &Api, user: &TestUser, name: &str) -> TestUser {
    let body = json!({"kv": [name], "expiresUtc": FAR});
    let made = api.post("/v1/apikeys").key(user).json(&body).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    let narrow = TestUser {
        key: text(&made.json(), "apiKey"),
        ..user.clone()
    };
    let path = format!("/v1/kv/{name}");
    // From the first use on there is a row that tells the last one.
    let read = api.get(&path).both(&narrow).answer().await;
    assert_eq!(read.status, 200, "{read:?}");
    narrow
}

/// A call, and the tables whose rows it believes.
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    pub(crate) writes: bool,
    pub(crate) reads: &'static [&'static str],
    pub(crate) call: fn(&Scene) -> RequestBuilder,
}

const PERSON: &[&str] = &["api_keys", "users"];
const NARROW: &[&str] = &["api_keys", "api_key_scopes", "api_key_uses"];
const KEYS: &[&str] = &["user_keys", "key_pairs"];
const VALUE: &[&str] = &[
    "vault_values",
    "value_versions",
    "wraps",
    "account_boxes",
    "user_keys",
    "key_pairs",
];
const GRANTED: &[&str] = &[
    "tokens",
    "shares",
    "users",
    "credentials",
    "credential_versions",
];
const SHARE: &[&str] = &[
    "shares",
    "share_boxes",
    "vault_values",
    "value_versions",
    "wraps",
    "user_keys",
    "key_pairs",
];
const CREDENTIAL: &[&str] = &[
    "credentials",
    "credential_versions",
    "credential_wraps",
    "credential_boxes",
];
const SEALED: &[&str] = &[
    "credentials",
    "credential_versions",
    "credential_wraps",
    "credential_boxes",
    "shares",
];
const FILE: &[&str] = &["files", "file_wraps", "file_boxes"];
const RECOVERY: &[&str] = &["trustees", "staged_restores"];

const fn read(
    name: &'static str,
    reads: &'static [&'static str],
    call: fn(&Scene) -> RequestBuilder,
) -> Probe {
    Probe {
        name,
        writes: false,
        reads,
        call,
    }
}

const fn write(
    name: &'static str,
    reads: &'static [&'static str],
    call: fn(&Scene) -> RequestBuilder,
) -> Probe {
    Probe {
        name,
        writes: true,
        reads,
        call,
    }
}

/// Reads first: what writes change is put back after all.
pub(crate) const PROBES: &[Probe] = &[
    read("bob asks who he is", PERSON, |s| {
        s.api.get("/v1/users/me").key(&s.bob)
    }),
    read("a narrow key reads its value", NARROW, |s| {
        s.api.get("/v1/kv/bobs").both(&s.ids.narrow)
    }),
    read("a narrow key reads another name", NARROW, |s| {
        s.api.get("/v1/kv/one").both(&s.ids.narrow)
    }),
    read("bob's API keys", NARROW, |s| {
        s.api.get("/v1/apikeys").key(&s.bob)
    }),
    read("a token reads its value", &["tokens"], |s| {
        s.api.get("/v1/kv/bobs").bearer_auth(&s.ids.token)
    }),
    read("a token injects what is shared", GRANTED, |s| {
        let call = s.api.get("/").bearer_auth(&s.ids.token);
        call.header("X-Target-URL", s.upstream_url())
    }),
    read("a token reads another name", &["tokens"], |s| {
        s.api.get("/v1/kv/one").bearer_auth(&s.ids.token)
    }),
    read("bob's tokens", &["tokens"], |s| {
        s.api.get("/v1/tokens").key(&s.bob)
    }),
    read("bob asks for his keys", KEYS, |s| {
        s.api.get("/v1/keys/status").key(&s.bob)
    }),
    read("colleagues", &["users", "user_keys", "key_pairs"], |s| {
        s.api.get("/v1/users/org").key(&s.alice)
    }),
    read("users", &["users", "orgs"], |s| {
        let path = format!("/admin/orgs/{}/users", s.alice.org_id);
        s.api.get(&path).key(&s.alice)
    }),
    read("organisations", &["orgs"], |s| {
        s.api.get("/admin/orgs").header("X-Api-Key", &s.api.root)
    }),
    read("alice reads one", VALUE, |s| {
        s.api.get("/v1/kv/one").both(&s.alice)
    }),
    read("with a wrong secret", VALUE, |s| {
        let call = s.api.get("/v1/kv/one").key(&s.alice);
        call.header("X-User-Secret", &s.wrong_secret)
    }),
    read("its first version", VALUE, |s| {
        s.api.get("/v1/kv/one?version=1").both(&s.alice)
    }),
    read("its versions", &["vault_values", "value_versions"], |s| {
        s.api.get("/v1/kv/one/versions").key(&s.alice)
    }),
    read("what was deleted", &["vault_values"], |s| {
        s.api.get("/v1/kv/gone").both(&s.alice)
    }),
    read("alice's names", &["vault_values"], |s| {
        s.api.get("/v1/kv").key(&s.alice)
    }),
    read("bob's names", &["vault_values"], |s| {
        s.api.get("/v1/kv").key(&s.bob)
    }),
    read("bob reads one of his own", &["vault_values"], |s| {
        s.api.get("/v1/kv/one").both(&s.bob)
    }),
    read("bob reads his own", VALUE, |s| {
        s.api.get("/v1/kv/bobs").both(&s.bob)
    }),
    read("bob's inbox", SHARE, |s| {
        s.api.get("/v1/kv/shared").both(&s.bob)
    }),
    read("bob reads the share", SHARE, |s| {
        let path = format!("/v1/kv/shared/{}", s.ids.share);
        s.api.get(&path).both(&s.bob)
    }),
    read("alice reads bob's share", SHARE, |s| {
        let path = format!("/v1/kv/shared/{}", s.ids.back);
        s.api.get(&path).both(&s.alice)
    }),
    read("a stranger's inbox", &["shares"], |s| {
        s.api.get("/v1/kv/shared").both(&s.stranger)
    }),
    read("shares of one", &["shares"], |s| {
        s.api.get("/v1/kv/one/shares").both(&s.alice)
    }),
    read("credentials", CREDENTIAL, |s| {
        s.api.get("/v1/credentials").key(&s.alice)
    }),
    read("one credential", CREDENTIAL, |s| {
        let path = format!("/v1/credentials/{}", s.ids.credential);
        s.api.get(&path).key(&s.alice)
    }),
    read("explained", CREDENTIAL, |s| {
        let body = json!({"url": s.upstream_url(), "method": "GET"});
        s.api.post("/v1/proxy/explain").key(&s.alice).json(&body)
    }),
    read("injected", CREDENTIAL, |s| {
        let call = s.api.get("/").key(&s.alice);
        let call = call.header("X-Target-URL", s.upstream_url());
        let call = call.header("X-Credential-ID", &s.ids.credential);
        with_passphrase(call, PASSPHRASE)
    }),
    read("injected from her keys", SEALED, |s| {
        let call = s.api.get("/").both(&s.alice);
        let call = call.header("X-Target-URL", s.upstream_url());
        call.header("X-Credential-ID", &s.ids.sealed)
    }),
    read("injected for bob", SEALED, |s| {
        let call = s.api.get("/").both(&s.bob);
        call.header("X-Target-URL", s.upstream_url())
    }),
    read(
        "credentials shared with bob",
        &["shares", "credentials"],
        |s| s.api.get("/v1/credentials/shared").both(&s.bob),
    ),
    read("alice reads a file", FILE, |s| {
        let path = format!("/v1/files/{}", s.ids.file);
        s.api.get(&path).both(&s.alice)
    }),
    read("alice's files", FILE, |s| {
        s.api.get("/v1/files").both(&s.alice)
    }),
    read("bob reads the file", FILE, |s| {
        let path = format!("/v1/files/shared/{}", s.ids.file_share);
        s.api.get(&path).both(&s.bob)
    }),
    read("files shared with bob", FILE, |s| {
        s.api.get("/v1/files/shared").both(&s.bob)
    }),
    write("alice shares the file again", FILE, |s| {
        let body = json!({"recipientUserId": s.bob.user_id, "permission": "read"});
        let path = format!("/v1/files/{}/shares", s.ids.file);
        s.api.post(&path).both(&s.alice).json(&body)
    }),
    read("alice's trustees", RECOVERY, |s| {
        s.api.get("/v1/recovery/trustees").key(&s.alice)
    }),
    read("whom bob is a trustee of", RECOVERY, |s| {
        s.api.get("/v1/recovery/owners").key(&s.bob)
    }),
    read("what bob holds", RECOVERY, |s| {
        let path = format!("/v1/recovery/owners/{}", s.alice.user_id);
        s.api.get(&path).key(&s.bob)
    }),
    read("alice's restores", RECOVERY, |s| {
        s.api.get("/v1/recovery/restores").key(&s.alice)
    }),
    write("bob stages anew", RECOVERY, |s| {
        let halves = json!({
            "encryptedPrivateKeyEccB64": "AA==", "encryptedPrivateKeyKyberB64": "AA==",
        });
        let path = format!("/v1/recovery/restore/{}", s.alice.user_id);
        s.api.post(&path).key(&s.bob).json(&halves)
    }),
    write("alice activates", RECOVERY, |s| {
        let path = format!("/v1/recovery/restores/{}/activate", s.ids.restore);
        s.api.post(&path).both(&s.alice)
    }),
    write("alice vetoes", RECOVERY, |s| {
        let path = format!("/v1/recovery/restores/{}", s.ids.restore);
        s.api.delete(&path).key(&s.alice)
    }),
    write("alice writes one", VALUE, |s| {
        let body = json!({"valueB64": base64(b"next")});
        s.api.put("/v1/kv/one").key(&s.alice).json(&body)
    }),
    write("bob writes", KEYS, |s| {
        let body = json!({"valueB64": base64(b"new")});
        s.api.put("/v1/kv/new").key(&s.bob).json(&body)
    }),
    write("alice shares with bob anew", SHARE, |s| {
        let body = json!({"recipientUserId": s.bob.user_id, "permission": "read"});
        s.api.post("/v1/kv/one/shares").both(&s.alice).json(&body)
    }),
    write("alice rolls back", VALUE, |s| {
        let call = s.api.post("/v1/kv/one/rollback").both(&s.alice);
        call.json(&json!({"version": 1}))
    }),
    write("alice brings back", &["vault_values"], |s| {
        s.api.post("/v1/kv/gone/undelete").key(&s.alice)
    }),
    write("alice rotates the credential", CREDENTIAL, |s| {
        let path = format!("/v1/credentials/{}/value", s.ids.credential);
        let call = with_passphrase(s.api.put(&path).key(&s.alice), PASSPHRASE);
        call.json(&json!({"value": "sk_live_two"}))
    }),
    write("alice ends bob's share", SHARE, |s| {
        let path = format!("/v1/kv/one/shares/{}?rekey=true", s.ids.share);
        s.api.delete(&path).both(&s.alice)
    }),
    write("bob rekeys", KEYS, |s| {
        let call = s.api.post("/v1/keys/rekey").both(&s.bob);
        call.header("X-New-User-Secret", &s.wrong_secret)
    }),
];

/// An answer without what differs from call to call.
pub(crate) fn essence(probe: &Probe, answer: &Answer) -> (u16, Value) {
    let body = match serde_json::from_str::<Value>(&answer.body) {
        Ok(mut document) => {
            if let Some(fields) = document.as_object_mut() {
                fields.remove("requestId");
            }
            document
        }
        Err(_) => Value::String(answer.body.clone()),
    };
    // What a write answers tells the time.
    let is_problem = answer.status >= 400;
    let body = if probe.writes && !is_problem {
        Value::Null
    } else {
        body
    };
    (answer.status, body)
}
