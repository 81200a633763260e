//! Shares of values: made, listed, read, ended.

use serde_json::{Value, json};

use super::api_audit::chain;
use super::api_support::{Api, Calls, START, TestUser, base64, generated_secret, text, unbase64};
use super::futures_joined::join_all;
use super::support::Answer;

/// An owner, two colleagues and a stranger, all with keys; the owner's value `a`.
pub(crate) struct Scene {
    pub(crate) api: Api,
    pub(crate) owner: TestUser,
    pub(crate) bob: TestUser,
    pub(crate) carol: TestUser,
    pub(crate) stranger: TestUser,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let api = Api::start().await;
        let owner = api.org_with_keys("owner").await;
        let bob = api.add_user(&owner.key, &owner.org_id, "bob", false).await;
        let carol = api.add_user(&owner.key, &owner.org_id, "carol", true).await;
        api.generate(&bob).await;
        api.generate(&carol).await;
        let stranger = api.org_with_keys("other org").await;
        api.store_value(&owner, "a", "one").await;
        Self {
            api,
            owner,
            bob,
            carol,
            stranger,
        }
    }

    async fn post(&self, with: &TestUser, more: Value) -> Answer {
        let mut body = json!({"recipientUserId": with.user_id, "permission": "read"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let call = self.api.post("/v1/kv/a/shares").both(&self.owner);
        call.json(&body).answer().await
    }

    /// A share that must be accepted; returns its id.
    pub(crate) async fn share(&self, with: &TestUser, more: Value) -> String {
        let made = self.post(with, more).await;
        assert_eq!(made.status, 201, "{made:?}");
        text(&made.json(), "shareId")
    }

    pub(crate) async fn read(&self, user: &TestUser, share: &str) -> Answer {
        let call = self.api.get(&format!("/v1/kv/shared/{share}")).both(user);
        call.answer().await
    }

    async fn reads(&self, user: &TestUser, share: &str, value: &str) {
        let read = self.read(user, share).await;
        assert_eq!(read.status, 200, "{read:?}");
        assert_eq!(unbase64(&text(&read.json(), "valueB64")), value.as_bytes());
    }

    pub(crate) async fn inbox(&self, user: &TestUser) -> Value {
        let listed = self.api.get("/v1/kv/shared").both(user).answer().await;
        assert_eq!(listed.status, 200, "{listed:?}");
        listed.json()
    }

    async fn revoke(&self, share: &str, query: &str) -> Answer {
        let path = format!("/v1/kv/a/shares/{share}{query}");
        self.api.delete(&path).both(&self.owner).answer().await
    }
}

#[tokio::test]
async fn a_share_is_made_listed_read_and_follows_updates() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    let alias = "primary database \u{1f511}";
    let more = json!({"alias": alias, "expiresUtc": "2027-01-15T10:00:00+01:00"});
    let made = scene.post(bob, more).await;
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let share = text(&made.json(), "shareId");
    let as_owner = json!({
        "shareId": share, "recipientUserId": bob.user_id, "permission": "read", "alias": alias,
        "createdUtc": "2027-01-15T08:00:00Z", "expiresUtc": "2027-01-15T09:00:00Z",
    });
    assert_eq!(made.json(), as_owner);
    let list = api.get("/v1/kv/a/shares").both(owner).answer().await;
    assert_eq!(list.json(), json!([as_owner]));
    let mut without_alias = as_owner.clone();
    without_alias.as_object_mut().unwrap().remove("alias");
    let list = api.get("/v1/kv/a/shares").key(owner).answer().await;
    assert_eq!(list.json(), json!([without_alias]));
    let expected = json!([{
        "shareId": share, "ownerUserId": owner.user_id, "ownerName": "admin", "alias": alias,
        "permission": "read", "createdUtc": "2027-01-15T08:00:00Z",
        "expiresUtc": "2027-01-15T09:00:00Z",
    }]);
    // From the wrap, then from the box.
    for _ in 0..1_000 {
        assert_eq!(scene.inbox(bob).await, expected);
        if api.count("share_boxes") == 1 {
            break;
        }
    }
    assert_eq!(api.count("share_boxes"), 1);
    assert_eq!(scene.inbox(bob).await, expected);
    for _ in 0..2 {
        let read = scene.read(bob, &share).await;
        assert_eq!(read.header("etag"), Some("\"1\""));
        assert_eq!(
            read.json(),
            json!({
                "shareId": share, "ownerUserId": owner.user_id, "valueB64": base64(b"one"),
                "version": 1, "createdUtc": "2027-01-15T08:00:00Z",
                "expiresUtc": "2027-01-15T09:00:00Z", "metadata": null,
            })
        );
    }
    let body = json!({"valueB64": base64(b"two"), "metadata": {"of": 2}});
    let call = api.put("/v1/kv/a").key(owner).json(&body);
    assert_eq!(call.answer().await.status, 200);
    let read = scene.read(bob, &share).await.json();
    assert_eq!(
        (&read["version"], &read["metadata"]),
        (&json!(2), &json!({"of": 2}))
    );
    scene.reads(bob, &share, "two").await;
    let back = api.post("/v1/kv/a/rollback").both(owner);
    assert_eq!(back.json(&json!({"version": 1})).answer().await.status, 200);
    scene.reads(bob, &share, "one").await;
    assert_eq!(
        scene.inbox(bob).await,
        expected,
        "the alias survives writes"
    );
    let raw = api.get(&format!("/v1/kv/shared/{share}")).both(bob);
    let raw = raw
        .header("Accept", "application/octet-stream")
        .answer()
        .await;
    assert_eq!((raw.status, raw.body.as_str()), (200, "one"));
    assert_eq!(api.read_value(owner, "a").await, "one");
}

#[tokio::test]
async fn ids_in_paths_are_decoded_once() {
    let scene = Scene::set().await;
    let share = scene.share(&scene.bob, json!({})).await;
    let spelled = share.replace('-', "%2D");
    scene.reads(&scene.bob, &spelled, "one").await;
    let org_id = scene.owner.org_id.parse::<uuid::Uuid>().unwrap();
    let last = chain(&scene.api, org_id.into()).await.pop().unwrap();
    let target = last.entry.event.target.as_str();
    assert!(target.contains(&format!("share:{share}")), "{target}");
    for refused in [share.replace('-', "%252D"), share.replace('-', "%2")] {
        let refused = scene.read(&scene.bob, &refused).await;
        refused.is_problem(400, "malformed_request");
    }
    assert_eq!(scene.revoke(&spelled, "").await.status, 204);
    let gone = scene.read(&scene.bob, &share).await;
    gone.is_problem(404, "not_found");
}

#[tokio::test]
async fn refusals_of_a_share_say_why() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    let none = || json!({});
    let refused = scene.post(owner, none()).await;
    refused.is_problem(400, "self_share");
    let keyless = api.add_user(&owner.key, &owner.org_id, "k", false).await;
    let refused = scene.post(&keyless, none()).await;
    refused.is_problem(400, "recipient_keys_missing");
    // Of another organisation, or of none: all the same.
    let nobody = TestUser {
        user_id: "0190f5fe-7c00-7a00-8000-000000000001".into(),
        ..bob.clone()
    };
    for user in [&scene.stranger, &nobody] {
        scene.post(user, none()).await.is_problem(404, "not_found");
    }
    for past in ["2027-01-15T08:00:00Z", "2001-01-01T00:00:00Z"] {
        let refused = scene.post(bob, json!({"expiresUtc": past})).await;
        refused.is_problem(400, "expiry_in_past");
    }
    for more in [
        json!({"permission": "use"}),
        json!({"permission": "write"}),
        json!({"permission": null}),
        json!({"alias": ""}),
        json!({"alias": "x".repeat(255)}),
        json!({"alias": "a\nb"}),
        json!({"alias": 1}),
        json!({"expiresUtc": "tomorrow"}),
        json!({"expires": "2027-01-16T08:00:00Z"}),
        json!({"recipientUserId": "bob"}),
        json!({"recipientFingerprint": "00"}),
        json!({"recipientFingerprint": "g".repeat(64)}),
    ] {
        let refused = scene.post(bob, more.clone()).await;
        assert_eq!(refused.status, 400, "{more}");
        refused.is_problem(400, "malformed_request");
    }
    let body = json!({"recipientUserId": bob.user_id, "permission": "read"});
    let call = api.post("/v1/kv/never/shares").both(owner).json(&body);
    call.answer().await.is_problem(404, "not_found");
    let call = api.post("/v1/kv/a/shares").key(owner).json(&body);
    call.answer().await.is_problem(400, "missing_header");
    let wrong = generated_secret();
    let call = api.post("/v1/kv/a/shares").key(owner).json(&body);
    let call = call.header("X-User-Secret", &wrong);
    call.answer().await.is_problem(401, "wrong_user_secret");
    let call = api.get("/v1/kv/a/shares").key(owner);
    let call = call.header("X-User-Secret", &wrong);
    call.answer().await.is_problem(401, "wrong_user_secret");
    for path in [
        "a/shares?limit=0",
        "a/shares?after=x",
        "shared?after=x",
        "shared/x",
    ] {
        let call = api.get(&format!("/v1/kv/{path}")).both(owner);
        call.answer().await.is_problem(400, "malformed_request");
    }
    assert_eq!(api.count("shares"), 0);
}

#[tokio::test]
async fn a_pinned_fingerprint_must_be_the_recipients() {
    let scene = Scene::set().await;
    let colleagues = scene.api.get("/v1/users/org").key(&scene.owner);
    let colleagues = colleagues.answer().await.json();
    let of = |user: &TestUser| {
        let all = colleagues.as_array().unwrap().iter();
        let mut found = all.filter(|one| one["userId"] == user.user_id.as_str());
        text(found.next().unwrap(), "fingerprint")
    };
    let pin = |digits: String| json!({"recipientFingerprint": digits});
    let refused = scene.post(&scene.bob, pin(of(&scene.carol))).await;
    refused.is_problem(409, "fingerprint_mismatch");
    assert_eq!(scene.api.count("shares"), 0);
    scene.share(&scene.bob, pin(of(&scene.bob))).await;
    let upper = of(&scene.bob).to_uppercase();
    scene.share(&scene.bob, pin(upper)).await;
}

#[tokio::test]
async fn sharing_again_changes_the_terms_and_keeps_the_id() {
    let scene = Scene::set().await;
    let bob = &scene.bob;
    let first = json!({"alias": "first", "expiresUtc": "2027-01-15T09:00:00Z"});
    let share = scene.share(bob, first).await;
    assert_eq!(scene.inbox(bob).await[0]["alias"], "first");
    scene.reads(bob, &share, "one").await;
    scene.api.clock.set_utc(START + 1_000);
    assert_eq!(scene.share(bob, json!({"alias": "second"})).await, share);
    let listed = scene.inbox(bob).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["alias"], "second");
    assert_eq!(listed[0]["expiresUtc"], Value::Null);
    assert_eq!(listed[0]["createdUtc"], "2027-01-15T08:00:00Z");
    scene.api.clock.set_utc(START + 7_200_000);
    scene.reads(bob, &share, "one").await;
    assert_eq!(scene.share(bob, json!({})).await, share);
    assert_eq!(scene.inbox(bob).await[0]["alias"], Value::Null);
    assert_eq!(scene.api.count("shares"), 1);
    let again = join_all((0..8).map(|_| scene.share(bob, json!({"alias": "x"})))).await;
    assert!(again.iter().all(|id| *id == share), "{again:?}");
}

#[tokio::test]
async fn a_share_ends_in_its_very_millisecond() {
    let scene = Scene::set().await;
    let (api, bob) = (&scene.api, &scene.bob);
    let share = scene
        .share(bob, json!({"expiresUtc": "2027-01-15T08:00:01.001Z"}))
        .await;
    let kept = scene.share(&scene.carol, json!({})).await;
    api.clock.set_utc(START + 1_000);
    scene.reads(bob, &share, "one").await;
    api.clock.set_utc(START + 1_001);
    scene.read(bob, &share).await.is_problem(404, "not_found");
    assert_eq!(scene.inbox(bob).await, json!([]));
    scene.revoke(&share, "").await.is_problem(404, "not_found");
    let leave = api.delete(&format!("/v1/kv/shared/{share}")).key(bob);
    leave.answer().await.is_problem(404, "not_found");
    let listed = api.get("/v1/kv/a/shares").key(&scene.owner).answer().await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    // What is written from now on is not wrapped to it, until it is shared again.
    api.store_value(&scene.owner, "a", "two").await;
    scene.read(bob, &share).await.is_problem(404, "not_found");
    scene.reads(&scene.carol, &kept, "two").await;
    assert_eq!(scene.share(bob, json!({})).await, share);
    scene.reads(bob, &share, "two").await;
}

#[tokio::test]
async fn a_share_of_what_is_hidden_or_gone_reads_nothing() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    let share = scene.share(bob, json!({})).await;
    api.delete("/v1/kv/a").key(owner).answer().await;
    scene.read(bob, &share).await.is_problem(404, "not_found");
    assert_eq!(scene.inbox(bob).await, json!([]));
    let listed = api.get("/v1/kv/a/shares").key(owner).answer().await;
    listed.is_problem(404, "not_found");
    api.post("/v1/kv/a/undelete").key(owner).answer().await;
    scene.reads(bob, &share, "one").await;
    api.delete("/v1/kv/a").key(owner).answer().await;
    assert_eq!(scene.revoke(&share, "").await.status, 204, "while hidden");
    api.post("/v1/kv/a/undelete").key(owner).answer().await;
    scene.read(bob, &share).await.is_problem(404, "not_found");
    let share = scene.share(bob, json!({})).await;
    let gone = api.delete("/v1/kv/a?destroy=true").key(owner);
    assert_eq!(gone.answer().await.status, 204);
    scene.read(bob, &share).await.is_problem(404, "not_found");
    assert_eq!((api.count("shares"), api.count("wraps")), (0, 0));
    // The same name again is another value.
    api.store_value(owner, "a", "new").await;
    scene.read(bob, &share).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn a_write_over_what_is_hidden_is_for_its_owner_alone() {
    let scene = Scene::set().await;
    let (api, owner, bob) = (&scene.api, &scene.owner, &scene.bob);
    let put = async |body: Value| {
        let call = api.put("/v1/kv/a").key(owner).json(&body);
        call.answer().await.status
    };
    for expires in [Value::Null, json!("2027-01-15T08:00:01Z")] {
        let first = json!({"valueB64": base64(b"first"), "expiresUtc": expires});
        assert_eq!(put(first).await, 200, "{expires}");
        let shares = [
            scene.share(bob, json!({"alias": "x"})).await,
            scene.share(&scene.carol, json!({})).await,
        ];
        scene.reads(bob, &shares[0], "first").await;
        if expires.is_null() {
            let deleted = api.delete("/v1/kv/a").key(owner).answer().await;
            assert_eq!(deleted.status, 204, "{deleted:?}");
        } else {
            api.clock.set_utc(START + 1_000);
        }
        let new = json!({"valueB64": base64(b"new")});
        assert_eq!(put(new).await, 201, "{expires}");
        for (reader, share) in [bob, &scene.carol].into_iter().zip(&shares) {
            let refused = scene.read(reader, share).await;
            refused.is_problem(404, "not_found");
            assert_eq!(scene.inbox(reader).await, json!([]), "{expires}");
        }
        let listed = api.get("/v1/kv/a/shares").key(owner).answer().await;
        assert_eq!(listed.json(), json!([]));
        assert_eq!(api.count("shares"), 0);
        let db = rusqlite::Connection::open(api.database()).unwrap();
        let sql = "SELECT count(*) FROM wraps WHERE recipient != \
            (SELECT owner FROM vault_values WHERE name = 'a')";
        let others: i64 = db.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(
            others, 0,
            "{expires}: neither of the new nor of the old versions"
        );
        assert_eq!(api.read_value(owner, "a").await, "new");
        // Given again it is another share.
        let again = scene.share(bob, json!({})).await;
        assert!(!shares.contains(&again));
        scene.reads(bob, &again, "new").await;
        assert_eq!(scene.revoke(&again, "").await.status, 204);
    }
}

#[tokio::test]
async fn nobody_but_the_two_parties_knows_of_a_share() {
    let scene = Scene::set().await;
    let api = &scene.api;
    let share = scene.share(&scene.bob, json!({"alias": "x"})).await;
    api.store_value(&scene.owner, "b", "other").await;
    let path = format!("/v1/kv/shared/{share}");
    let absent = scene.read(&scene.bob, "0190f5fe-7c00-7a00-8000-000000000001");
    let without_id = |answer: &Answer| {
        let mut document = answer.json();
        document["requestId"] = Value::Null;
        (answer.status, document)
    };
    let absent = without_id(&absent.await);
    for user in [&scene.owner, &scene.carol, &scene.stranger] {
        for call in [api.get(&path), api.delete(&path)] {
            assert_eq!(without_id(&call.both(user).answer().await), absent);
        }
        assert_eq!(scene.inbox(user).await, json!([]));
    }
    for user in [&scene.bob, &scene.carol, &scene.stranger] {
        api.store_value(user, "a", "their own").await;
        for query in ["", "?rekey=true"] {
            let path = format!("/v1/kv/a/shares/{share}{query}");
            let refused = api.delete(&path).both(user).answer().await;
            assert_eq!(without_id(&refused), absent);
        }
    }
    // Through another value of the same owner, too.
    let path = format!("/v1/kv/b/shares/{share}");
    let refused = api.delete(&path).both(&scene.owner).answer().await;
    assert_eq!(without_id(&refused), absent);
    // A share of `a` opens `a` only.
    let own = api.get("/v1/kv/b").both(&scene.bob).answer().await;
    own.is_problem(404, "not_found");
    let wrong = TestUser {
        secret: scene.owner.secret.clone(),
        ..scene.bob.clone()
    };
    let read = scene.read(&wrong, &share).await;
    read.is_problem(401, "wrong_user_secret");
    scene.reads(&scene.bob, &share, "one").await;
}

#[tokio::test]
async fn revoking_ends_a_share_and_rekeying_changes_the_data_key() {
    let scene = Scene::set().await;
    let (api, owner) = (&scene.api, &scene.owner);
    let bobs = scene.share(&scene.bob, json!({})).await;
    let carols = scene.share(&scene.carol, json!({})).await;
    scene.reads(&scene.bob, &bobs, "one").await;
    let leave = api.delete(&format!("/v1/kv/shared/{bobs}")).key(&scene.bob);
    assert_eq!(leave.answer().await.status, 204);
    scene
        .read(&scene.bob, &bobs)
        .await
        .is_problem(404, "not_found");
    scene.revoke(&bobs, "").await.is_problem(404, "not_found");
    let bobs = scene.share(&scene.bob, json!({})).await;
    let path = format!("/v1/kv/a/shares/{bobs}?rekey=true");
    let refused = api.delete(&path).key(owner).answer().await;
    refused.is_problem(400, "missing_header");
    let wrong = api.delete(&path).key(owner);
    let wrong = wrong.header("X-User-Secret", generated_secret());
    wrong.answer().await.is_problem(401, "wrong_user_secret");
    scene.reads(&scene.bob, &bobs, "one").await;
    let body = json!({"valueB64": base64(b"two"), "metadata": {"m": 1},
                      "expiresUtc": "2027-01-16T08:00:00Z"});
    api.put("/v1/kv/a").key(owner).json(&body).answer().await;
    let ended = scene.revoke(&bobs, "?rekey=true").await;
    assert_eq!((ended.status, ended.header("etag")), (204, Some("\"3\"")));
    scene
        .read(&scene.bob, &bobs)
        .await
        .is_problem(404, "not_found");
    scene.reads(&scene.carol, &carols, "two").await;
    let read = api.get("/v1/kv/a").both(owner).answer().await.json();
    assert_eq!(read["metadata"], json!({"m": 1}));
    assert_eq!(read["expiresUtc"], "2027-01-16T08:00:00Z");
    assert_eq!(unbase64(&text(&read, "valueB64")), b"two");
    let db = rusqlite::Connection::open(api.database()).unwrap();
    let sql = "SELECT count(*) FROM wraps WHERE recipient = ?1";
    let bob = scene.bob.user_id.parse::<uuid::Uuid>().unwrap();
    let left: i64 = db
        .query_row(sql, [bob.as_bytes().as_slice()], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0, "no wrap of whom was revoked is left");
    let payloads: i64 = db
        .query_row(
            "SELECT count(DISTINCT payload) FROM value_versions",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(payloads, 3);
    let plain = scene.revoke(&carols, "").await;
    assert_eq!((plain.status, plain.header("etag")), (204, None));
    assert_eq!(scene.inbox(&scene.carol).await, json!([]));
}

#[tokio::test]
async fn writes_and_shares_at_once_lose_no_recipient() {
    let scene = Scene::set().await;
    let (api, owner) = (&scene.api, &scene.owner);
    for round in 0..4 {
        let written = join_all((0..6).map(async |index| match index {
            1 => Some(scene.share(&scene.bob, json!({"alias": "b"})).await),
            3 => Some(scene.share(&scene.carol, json!({})).await),
            _ => {
                api.store_value(owner, "a", &format!("{round} {index}"))
                    .await;
                None
            }
        }))
        .await;
        let current = api.read_value(owner, "a").await;
        let shares: Vec<String> = written.into_iter().flatten().collect();
        scene.reads(&scene.bob, &shares[0], &current).await;
        scene.reads(&scene.carol, &shares[1], &current).await;
        assert_eq!(scene.revoke(&shares[0], "").await.status, 204);
        assert_eq!(scene.revoke(&shares[1], "?rekey=true").await.status, 204);
    }
}

#[tokio::test]
async fn writes_and_revokes_at_once_leave_nothing_to_whom_was_revoked() {
    let scene = Scene::set().await;
    let (api, owner) = (&scene.api, &scene.owner);
    for query in ["", "?rekey=true", "", "?rekey=true"] {
        let bobs = scene.share(&scene.bob, json!({})).await;
        let carols = scene.share(&scene.carol, json!({})).await;
        join_all((0..6).map(async |index| {
            if index == 2 {
                assert_eq!(scene.revoke(&bobs, query).await.status, 204);
            } else {
                api.store_value(owner, "a", &format!("{index}")).await;
            }
        }))
        .await;
        scene
            .read(&scene.bob, &bobs)
            .await
            .is_problem(404, "not_found");
        assert_eq!(scene.inbox(&scene.bob).await, json!([]));
        let current = api.read_value(owner, "a").await;
        scene.reads(&scene.carol, &carols, &current).await;
        let db = rusqlite::Connection::open(api.database()).unwrap();
        let bob = scene.bob.user_id.parse::<uuid::Uuid>().unwrap();
        let sql = "SELECT count(*) FROM wraps w JOIN vault_values v USING (record_id) \
                   WHERE w.recipient = ?1 AND v.name = 'a'";
        let left: i64 = db
            .query_row(sql, [bob.as_bytes().as_slice()], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn both_lists_come_in_pages_that_join_up() {
    let scene = Scene::set().await;
    let (api, owner) = (&scene.api, &scene.owner);
    scene.share(&scene.bob, json!({"alias": "a"})).await;
    scene.share(&scene.carol, json!({})).await;
    for name in ["b", "c"] {
        api.store_value(owner, name, "x").await;
        let body = json!({"recipientUserId": scene.bob.user_id, "permission": "read",
                          "alias": name});
        let call = api.post(&format!("/v1/kv/{name}/shares")).both(owner);
        assert_eq!(call.json(&body).answer().await.status, 201);
    }
    for (start, user, field, expected) in [
        ("/v1/kv/shared", &scene.bob, "alias", vec!["a", "b", "c"]),
        (
            "/v1/kv/a/shares",
            owner,
            "recipientUserId",
            vec![&scene.bob.user_id, &scene.carol.user_id],
        ),
    ] {
        let mut path = format!("{start}?limit=1");
        let mut found = Vec::new();
        loop {
            let page = api.get(&path).both(user).answer().await;
            assert_eq!(page.json().as_array().unwrap().len(), 1);
            found.push(text(&page.json()[0], field));
            let Some(link) = page.header("link") else {
                break;
            };
            let target = link.strip_prefix('<').unwrap();
            path = target.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        }
        assert_eq!(found, expected);
    }
}

/// After `sql` Bob's read and list, and the owner's write and list, answer so; 0 is not asked.
async fn spoilt(sql: &str, statuses: [u16; 4]) {
    let scene = Scene::set().await;
    let alias = json!({"alias": "bobs", "expiresUtc": "2027-01-15T09:00:00Z"});
    let share = scene.share(&scene.bob, alias).await;
    scene.share(&scene.carol, json!({"alias": "carols"})).await;
    let id = |user: &TestUser| format!("x'{}'", user.user_id.replace('-', ""));
    let sql = sql
        .replace(":bob", &id(&scene.bob))
        .replace(":carol", &id(&scene.carol))
        .replace(":stranger", &id(&scene.stranger));
    let Scene {
        api,
        owner,
        bob,
        carol,
        stranger,
    } = scene;
    let api = api
        .restart(|db| {
            db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
                .unwrap();
            let before = db.total_changes();
            db.execute_batch(&sql).unwrap();
            assert!(db.total_changes() > before, "nothing was changed: {sql}");
        })
        .await;
    let scene = Scene {
        api,
        owner,
        bob,
        carol,
        stranger,
    };
    let read = scene.read(&scene.bob, &share).await;
    let inbox = scene.api.get("/v1/kv/shared").both(&scene.bob);
    let write = scene.api.put("/v1/kv/a").key(&scene.owner);
    let list = scene.api.get("/v1/kv/a/shares").both(&scene.owner);
    let answers = [
        read,
        inbox.answer().await,
        write.json(&json!({"valueB64": ""})).answer().await,
        list.answer().await,
    ];
    for (index, (answer, status)) in answers.iter().zip(statuses).enumerate() {
        assert_eq!(
            answer.status, status,
            "call {index} after {sql}: {answer:?}"
        );
        if status == 400 {
            answer.is_problem(400, "tampered");
        }
    }
}

#[tokio::test]
async fn terms_and_parties_of_a_share_cannot_be_edited() {
    for set in [
        "permission = 2",
        "expires = NULL",
        "expires = expires + 1",
        "created = created + 1",
        "version = version + 1",
        "mac = zeroblob(32)",
        "alias_wrap = NULL",
        "owner_alias_box = NULL",
        "alias_wrap = (SELECT alias_wrap FROM shares WHERE recipient = :carol)",
        "(alias_wrap, mac) = (SELECT alias_wrap, mac FROM shares WHERE recipient = :carol)",
        "owner_alias_box = (SELECT owner_alias_box FROM shares WHERE recipient = :carol)",
    ] {
        let sql = format!("UPDATE shares SET {set} WHERE recipient = :bob");
        spoilt(&sql, [400, 400, 400, 400]).await;
    }
}

#[tokio::test]
async fn a_share_cannot_be_moved_to_others() {
    // Whom it was taken from sees nothing; whom it was given to is refused.
    let sql = "UPDATE shares SET recipient = :stranger WHERE recipient = :bob";
    spoilt(sql, [404, 200, 400, 400]).await;
    let sql = "DELETE FROM shares WHERE recipient = :bob; \
               UPDATE shares SET recipient = :bob WHERE recipient = :carol";
    spoilt(sql, [404, 400, 400, 400]).await;
    let sql = "DELETE FROM wraps WHERE recipient = :bob; \
               UPDATE wraps SET recipient = :bob WHERE recipient = :carol";
    spoilt(sql, [400, 200, 200, 200]).await;
    let sql = "UPDATE wraps SET wrap = (SELECT wrap FROM wraps WHERE recipient = :carol) \
               WHERE recipient = :bob";
    spoilt(sql, [400, 200, 200, 200]).await;
    let sql = "UPDATE key_pairs SET public_key = \
               (SELECT public_key FROM key_pairs WHERE user_id = :carol) WHERE user_id = :bob";
    spoilt(sql, [400, 400, 400, 200]).await;
}
