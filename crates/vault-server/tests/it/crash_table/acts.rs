//! What is done while the process is killed.

use std::net::SocketAddr;
use std::path::Path;

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::api_files::content;
use crate::api_recovery::{entrust, restore};
use crate::api_support::{Api, Calls, TestUser, base64, text};

/// Bytes of files here: a body of several writes.
const FILE_BYTES: usize = 80_000;

/// The secret that a rekey gives the owner. Made once, never used elsewhere.
pub(crate) const NEXT_SECRET: &str = "correct horse battery staple of the crash table";

/// Users, values and shares before the act.
pub(crate) struct Scene {
    pub(crate) template: tempfile::TempDir,
    pub(crate) root: String,
    pub(crate) owner: TestUser,
    pub(crate) bob: TestUser,
    pub(crate) carol: TestUser,
    bobs_share: String,
    file: String,
    /// Of the file, to Bob.
    file_share: String,
    /// Staged by Bob, and the secret that it is under.
    restore: String,
    pub(crate) restored_secret: String,
}

/// One call.
pub(crate) struct Act {
    pub(crate) what: &'static str,
    call: fn(&Scene, &Site) -> RequestBuilder,
}

/// A server to call.
pub(crate) struct Site {
    client: reqwest::Client,
    address: SocketAddr,
}

impl Site {
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            client: reqwest::Client::new(),
            address,
        }
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url)
    }
}

impl Act {
    const fn new(what: &'static str, call: fn(&Scene, &Site) -> RequestBuilder) -> Self {
        Self { what, call }
    }

    pub(crate) fn request(&self, scene: &Scene, site: &Site) -> RequestBuilder {
        (self.call)(scene, site)
    }
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let api = Api::start().await;
        let owner = api.org_with_keys("org").await;
        let bob = api.add_user(&owner.key, &owner.org_id, "bob", false).await;
        let carol = api
            .add_user(&owner.key, &owner.org_id, "carol", false)
            .await;
        api.generate(&bob).await;
        api.generate(&carol).await;
        for value in ["one", "two"] {
            api.store_value(&owner, "a", value).await;
        }
        api.store_value(&owner, "b", "other").await;
        let mut bobs_share = String::new();
        for (name, with) in [("a", &bob), ("b", &bob), ("b", &carol)] {
            let body = json!({
                "recipientUserId": with.user_id, "permission": "read", "alias": name,
            });
            let call = api.post(&format!("/v1/kv/{name}/shares")).both(&owner);
            let made = call.json(&body).answer().await;
            assert_eq!(made.status, 201, "{made:?}");
            if bobs_share.is_empty() {
                bobs_share = text(&made.json(), "shareId");
            }
        }
        let path = format!("/v1/recovery/trustees/{}", carol.user_id);
        let some = json!({
            "encryptedPrivateKeyEccShareB64": "AAE=", "encryptedPrivateKeyKyberShareB64": "AAE=",
        });
        let put = api.put(&path).key(&owner).json(&some).answer().await;
        assert_eq!(put.status, 201, "{put:?}");
        entrust(&api, &owner, 1, &[&bob], 0).await;
        let (restore, restored_secret) = restore(&api, &owner, &bob).await;
        let body = json!({
            "fileName": "old", "contentB64": base64(&content(FILE_BYTES)), "contentType": "text/plain",
        });
        let stored = api
            .post("/v1/files")
            .both(&owner)
            .json(&body)
            .answer()
            .await;
        assert_eq!(stored.status, 201, "{stored:?}");
        let file = text(&stored.json(), "fileId");
        let body = json!({"recipientUserId": bob.user_id, "permission": "read"});
        let call = api.post(&format!("/v1/files/{file}/shares")).both(&owner);
        let shared = call.json(&body).answer().await;
        assert_eq!(shared.status, 201, "{shared:?}");
        let root = api.root.clone();
        Self {
            template: api.close().await,
            root,
            owner,
            bob,
            carol,
            bobs_share,
            file,
            file_share: text(&shared.json(), "shareId"),
            restore,
            restored_secret,
        }
    }

    /// A server over a copy of what is in a directory.
    pub(crate) async fn serve(&self, directory: &Path) -> Api {
        Api::serve_copy(directory, self.root.clone()).await
    }
}

pub(crate) const WRITES: &[Act] = &[
    Act::new("put", |scene, site| {
        let call = site.call(Method::PUT, "/v1/kv/a").key(&scene.owner);
        call.json(&json!({"valueB64": base64(b"three"), "metadata": {"m": 1}}))
    }),
    Act::new("put of a new name", |scene, site| {
        let call = site.call(Method::PUT, "/v1/kv/new").key(&scene.owner);
        call.json(&json!({"valueB64": base64(b"new")}))
    }),
    Act::new("rollback", |scene, site| {
        let call = site
            .call(Method::POST, "/v1/kv/a/rollback")
            .both(&scene.owner);
        call.json(&json!({"version": 1}))
    }),
    Act::new("delete", |scene, site| {
        site.call(Method::DELETE, "/v1/kv/a").key(&scene.owner)
    }),
    Act::new("destroy", |scene, site| {
        let call = site.call(Method::DELETE, "/v1/kv/a?destroy=true");
        call.key(&scene.owner)
    }),
];

pub(crate) const SHARES: &[Act] = &[
    Act::new("share", |scene, site| {
        let call = site
            .call(Method::POST, "/v1/kv/a/shares")
            .both(&scene.owner);
        call.json(&json!({
            "recipientUserId": scene.carol.user_id, "permission": "read", "alias": "to carol",
        }))
    }),
    Act::new("share again", |scene, site| {
        let call = site
            .call(Method::POST, "/v1/kv/a/shares")
            .both(&scene.owner);
        call.json(&json!({
            "recipientUserId": scene.bob.user_id, "permission": "read", "alias": "anew",
            "expiresUtc": "2028-01-01T00:00:00Z",
        }))
    }),
    Act::new("revoke", |scene, site| {
        let path = format!("/v1/kv/a/shares/{}", scene.bobs_share);
        site.call(Method::DELETE, &path).key(&scene.owner)
    }),
    Act::new("revoke with a new data key", |scene, site| {
        let path = format!("/v1/kv/a/shares/{}?rekey=true", scene.bobs_share);
        site.call(Method::DELETE, &path).both(&scene.owner)
    }),
    Act::new("leave", |scene, site| {
        let path = format!("/v1/kv/shared/{}", scene.bobs_share);
        site.call(Method::DELETE, &path).key(&scene.bob)
    }),
];

pub(crate) const KEYS: &[Act] = &[
    Act::new("rekey", |scene, site| {
        let call = site.call(Method::POST, "/v1/keys/rekey").both(&scene.owner);
        call.header("X-New-User-Secret", NEXT_SECRET)
    }),
    Act::new("rotate", |scene, site| {
        site.call(Method::POST, "/v1/keys/rotate")
            .both(&scene.owner)
    }),
    Act::new("rotate of a recipient", |scene, site| {
        site.call(Method::POST, "/v1/keys/rotate").both(&scene.bob)
    }),
];

pub(crate) const FILES: &[Act] = &[
    Act::new("upload", |scene, site| {
        let call = site.call(Method::POST, "/v1/files").both(&scene.owner);
        call.json(&json!({
            "fileName": "new", "contentB64": base64(&content(FILE_BYTES)),
            "contentType": "text/plain",
        }))
    }),
    Act::new("share of a file", |scene, site| {
        let path = format!("/v1/files/{}/shares", scene.file);
        let call = site.call(Method::POST, &path).both(&scene.owner);
        call.json(&json!({"recipientUserId": scene.carol.user_id, "permission": "read"}))
    }),
    Act::new("revoke of a file with a new data key", |scene, site| {
        let path = format!(
            "/v1/files/{}/shares/{}?rekey=true",
            scene.file, scene.file_share
        );
        site.call(Method::DELETE, &path).both(&scene.owner)
    }),
    Act::new("delete of a file", |scene, site| {
        let path = format!("/v1/files/{}", scene.file);
        site.call(Method::DELETE, &path).key(&scene.owner)
    }),
];

pub(crate) const RECOVERY: &[Act] = &[
    Act::new("trust", |scene, site| {
        let path = format!("/v1/recovery/trustees/{}", scene.carol.user_id);
        let call = site.call(Method::PUT, &path).key(&scene.owner);
        call.json(&json!({
            "encryptedPrivateKeyEccShareB64": "AA==", "encryptedPrivateKeyKyberShareB64": "AA==",
            "waitSeconds": 5,
        }))
    }),
    Act::new("stage", |scene, site| {
        let path = format!("/v1/recovery/restore/{}", scene.owner.user_id);
        let call = site.call(Method::POST, &path).key(&scene.carol);
        call.json(&json!({
            "encryptedPrivateKeyEccB64": "AA==", "encryptedPrivateKeyKyberB64": "AA==",
            "usedXor": true,
        }))
    }),
    Act::new("veto", |scene, site| {
        let path = format!("/v1/recovery/restores/{}", scene.restore);
        site.call(Method::DELETE, &path).key(&scene.owner)
    }),
    Act::new("activate", |scene, site| {
        let path = format!("/v1/recovery/restores/{}/activate", scene.restore);
        let call = site.call(Method::POST, &path).key(&scene.owner);
        call.header("X-User-Secret", &scene.restored_secret)
    }),
];
