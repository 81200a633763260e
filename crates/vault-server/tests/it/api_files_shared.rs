//! Shares of files: given, listed, read, ended.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::api_files::{bodies, content, raw, upload};
use super::api_support::{Api, Calls, TestUser, text, unbase64};

struct Scene {
    api: Api,
    owner: TestUser,
    bob: TestUser,
    carol: TestUser,
    stranger: TestUser,
    file: String,
    bytes: Vec<u8>,
}

impl Scene {
    async fn set() -> Self {
        let api = Api::start().await;
        let owner = api.org_with_keys("owner").await;
        let bob = api.add_user(&owner.key, &owner.org_id, "bob", false).await;
        let carol = api.add_user(&owner.key, &owner.org_id, "carol", true).await;
        api.generate(&bob).await;
        api.generate(&carol).await;
        let stranger = api.org_with_keys("other org").await;
        let bytes = content(200_000);
        let file = upload(&api, &owner, "plan.pdf", bytes.clone()).await;
        Self {
            api,
            owner,
            bob,
            carol,
            stranger,
            file,
            bytes,
        }
    }

    fn shares(&self) -> String {
        format!("/v1/files/{}/shares", self.file)
    }

    async fn share(&self, with: &TestUser, more: Value) -> String {
        let mut body = json!({"recipientUserId": with.user_id, "permission": "read"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.api.post(&self.shares()).both(&self.owner).json(&body);
        let made = made.answer().await;
        assert_eq!(made.status, 201, "{made:?}");
        text(&made.json(), "shareId")
    }

    async fn reads(&self, user: &TestUser, share: &str) {
        let path = format!("/v1/files/shared/{share}");
        let (status, _, read) = raw(&self.api, user, &path, &[]).await;
        assert_eq!(status, 200);
        assert!(read == self.bytes);
    }

    async fn is_absent(&self, user: &TestUser, share: &str) {
        let path = format!("/v1/files/shared/{share}");
        for method in [Method::GET, Method::DELETE] {
            let answer = self.api.call(method, &path).both(user).answer().await;
            answer.is_problem(404, "not_found");
        }
    }

    async fn inbox(&self, user: &TestUser) -> Value {
        let listed = self.api.get("/v1/files/shared").both(user).answer().await;
        assert_eq!(listed.status, 200, "{listed:?}");
        listed.json()
    }
}

#[tokio::test]
async fn a_share_is_made_listed_read_and_given_back() {
    let scene = Scene::set().await;
    let (api, bob) = (&scene.api, &scene.bob);
    let more = json!({"alias": "the plan", "expiresUtc": "2027-01-15T09:00:00Z"});
    let share = scene.share(bob, more).await;
    let inbox = scene.inbox(bob).await;
    assert_eq!(inbox.as_array().unwrap().len(), 1);
    assert_eq!(text(&inbox[0], "shareId"), share);
    assert_eq!(text(&inbox[0], "alias"), "the plan");
    assert_eq!(text(&inbox[0], "ownerUserId"), scene.owner.user_id);
    // Values and files have inboxes of their own.
    let values = api.get("/v1/kv/shared").both(bob).answer().await.json();
    assert_eq!(values, json!([]));
    let crossed = api.get(&format!("/v1/kv/shared/{share}")).both(bob);
    crossed.answer().await.is_problem(404, "not_found");

    scene.reads(bob, &share).await;
    let path = format!("/v1/files/shared/{share}");
    let read = api.get(&path).both(bob).answer().await.json();
    assert_eq!(text(&read, "fileName"), "plan.pdf");
    assert_eq!(text(&read, "shareId"), share);
    assert_eq!(text(&read, "ownerUserId"), scene.owner.user_id);
    assert_eq!(text(&read, "expiresUtc"), "2027-01-15T09:00:00Z");
    assert!(unbase64(&text(&read, "contentB64")) == scene.bytes);
    let range = [("Range", "bytes=100-199")];
    let (status, _, read) = raw(api, bob, &path, &range).await;
    assert_eq!((status.as_u16(), &read[..]), (206, &scene.bytes[100..200]));
    // The file itself stays its owner's.
    let own = api.get(&format!("/v1/files/{}", scene.file)).both(bob);
    own.answer().await.is_problem(404, "not_found");

    let again = scene.share(bob, json!({})).await;
    assert_eq!(again, share, "sharing again keeps the id");
    let list = api.get(&scene.shares()).both(&scene.owner).answer().await;
    assert_eq!(list.json().as_array().unwrap().len(), 1);

    let left = api.delete(&path).key(bob).answer().await;
    assert_eq!(left.status, 204, "{left:?}");
    scene.is_absent(bob, &share).await;
    assert_eq!(scene.inbox(bob).await, json!([]));
}

#[tokio::test]
async fn nobody_but_the_two_parties_knows_of_a_share() {
    let scene = Scene::set().await;
    let share = scene.share(&scene.bob, json!({})).await;
    for other in [&scene.carol, &scene.stranger, &scene.owner] {
        scene.is_absent(other, &share).await;
    }
    let path = format!("{}/{share}", scene.shares());
    for other in [&scene.bob, &scene.carol, &scene.stranger] {
        let listed = scene.api.get(&scene.shares()).key(other).answer().await;
        listed.is_problem(404, "not_found");
        let revoked = scene.api.delete(&path).key(other).answer().await;
        revoked.is_problem(404, "not_found");
        let body = json!({"recipientUserId": scene.owner.user_id, "permission": "read"});
        let made = scene.api.post(&scene.shares()).both(other).json(&body);
        made.answer().await.is_problem(404, "not_found");
    }
    let body = json!({"recipientUserId": scene.bob.user_id, "permission": "use"});
    let made = scene
        .api
        .post(&scene.shares())
        .both(&scene.owner)
        .json(&body);
    made.answer().await.is_problem(400, "malformed_request");
    scene.reads(&scene.bob, &share).await;
}

#[tokio::test]
async fn a_share_ends_in_its_very_millisecond() {
    let scene = Scene::set().await;
    let more = json!({"expiresUtc": "2027-01-15T09:00:00Z"});
    let share = scene.share(&scene.bob, more).await;
    scene.api.clock.advance(Duration::from_millis(3_599_999));
    scene.reads(&scene.bob, &share).await;
    scene.api.clock.advance(Duration::from_millis(1));
    scene.is_absent(&scene.bob, &share).await;
    assert_eq!(scene.inbox(&scene.bob).await, json!([]));
}

#[tokio::test]
async fn revoking_ends_a_share_and_rekeying_writes_another_body() {
    let scene = Scene::set().await;
    let (api, owner) = (&scene.api, &scene.owner);
    let bobs = scene.share(&scene.bob, json!({})).await;
    let carols = scene.share(&scene.carol, json!({"alias": "c"})).await;
    scene.reads(&scene.carol, &carols).await;
    let before = bodies(api);
    let path = format!("{}/{bobs}?rekey=true", scene.shares());
    let no_secret = api.delete(&path).key(owner).answer().await;
    no_secret.is_problem(400, "missing_header");
    let revoked = api.delete(&path).both(owner).answer().await;
    assert_eq!(revoked.status, 204, "{revoked:?}");
    assert_eq!(revoked.header("etag"), Some("\"2\""));
    let after = bodies(api);
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
    scene.is_absent(&scene.bob, &bobs).await;
    scene.reads(&scene.carol, &carols).await;
    let own = format!("/v1/files/{}", scene.file);
    let (status, headers, read) = raw(api, owner, &own, &[]).await;
    assert!(status == 200 && read == scene.bytes);
    assert_eq!(headers["etag"], "\"2\"");

    let path = format!("{}/{carols}", scene.shares());
    let revoked = api.delete(&path).key(owner).answer().await;
    assert_eq!(revoked.status, 204, "{revoked:?}");
    scene.is_absent(&scene.carol, &carols).await;
    assert_eq!(bodies(api), after);
    api.delete(&path)
        .key(owner)
        .answer()
        .await
        .is_problem(404, "not_found");
}

#[tokio::test]
async fn shares_go_with_their_file() {
    let scene = Scene::set().await;
    let share = scene.share(&scene.bob, json!({})).await;
    let path = format!("/v1/files/{}", scene.file);
    let gone = scene.api.delete(&path).key(&scene.owner).answer().await;
    assert_eq!(gone.status, 204, "{gone:?}");
    scene.is_absent(&scene.bob, &share).await;
    assert_eq!(scene.api.count("shares"), 0);
}
