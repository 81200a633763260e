//! Rotation over all that is sealed to users' keys: files, credentials, and the shares of both.

use serde_json::json;
use vault_server::vault::keys::ROTATED_WRAPS_MAX;

use super::api_files::{content, raw, upload};
use super::api_rotate::{rotated, wraps_of};
use super::api_support::{Calls, TestUser, text};
use super::futures_joined::join_all;
use super::proxy_shared_credentials::{SECRET, Scene};

const BYTES: usize = 200_000;

/// A file and a value beside the credential of the scene, each shared with Bob as well.
struct Everything {
    scene: Scene,
    file: String,
    file_share: String,
    value_share: String,
}

impl Everything {
    async fn set(scene: Scene) -> Self {
        scene.share(&scene.bob, json!({})).await;
        let (api, alice) = (&scene.api, &scene.alice);
        let file = upload(api, alice, "f", content(BYTES)).await;
        api.store_value(alice, "v", "value").await;
        let mut shares = Vec::new();
        for of in [format!("/v1/files/{file}"), "/v1/kv/v".to_owned()] {
            shares.push(share(&scene, &of, &scene.bob).await);
        }
        let value_share = shares.remove(1);
        Self {
            file,
            file_share: shares.remove(0),
            value_share,
            scene,
        }
    }

    /// Both read and use all of it.
    async fn is_usable(&self, credential: &str) {
        let Scene {
            api, alice, bob, ..
        } = &self.scene;
        for (user, path) in [
            (alice, format!("/v1/files/{}", self.file)),
            (bob, format!("/v1/files/shared/{}", self.file_share)),
        ] {
            let (status, _, read) = raw(api, user, &path, &[]).await;
            assert!(status == 200 && read == content(BYTES), "{path}: {status}");
            let list = api.get(path.rsplit_once('/').unwrap().0).both(user);
            let list = list.answer().await;
            assert_eq!(list.status, 200, "{list:?}");
        }
        assert_eq!(api.read_value(alice, "v").await, "value");
        let path = format!("/v1/kv/shared/{}", self.value_share);
        let shared = api.get(&path).both(bob).answer().await;
        assert_eq!(shared.status, 200, "{shared:?}");
        for user in [alice, bob] {
            self.scene.is_injected(user, credential).await;
        }
    }

    async fn restarted(self) -> Self {
        let scene = self.scene;
        let api = scene.api.restart(|_| ()).await;
        Self {
            scene: Scene { api, ..scene },
            ..self
        }
    }
}

async fn share(scene: &Scene, of: &str, with: &TestUser) -> String {
    let body = json!({"recipientUserId": with.user_id, "permission": "read"});
    let call = scene.api.post(&format!("{of}/shares")).both(&scene.alice);
    let made = call.json(&body).answer().await;
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json(), "shareId")
}

/// No wrap to an older key pair.
fn all_moved(scene: &Scene, user: &TestUser, generation: u32) {
    let wraps = wraps_of(&scene.api, user);
    let generations: Vec<_> = wraps.iter().map(|(generation, _)| *generation).collect();
    assert_eq!(generations, [generation], "{wraps:?}");
}

#[tokio::test]
async fn files_and_credentials_stay_usable_for_both_parties_over_rotations() {
    let all = Everything::set(Scene::set().await).await;
    let scene = &all.scene;
    let (api, alice, bob) = (&scene.api, &scene.alice, &scene.bob);
    all.is_usable(SECRET).await;
    for generation in [2, 3] {
        for user in [alice, bob] {
            let done = rotated(api, user, "").await;
            assert_eq!(
                (&done["started"], &done["remaining"], &done["unreadable"]),
                (&json!(true), &json!(0), &json!(0))
            );
            all_moved(scene, user, generation);
            all.is_usable(SECRET).await;
        }
    }
    // Writes go on, with and without a secret, and reach the new generations.
    assert_eq!(scene.put_value("another value").await.status, 200);
    all.is_usable("another value").await;
    let carols = share(scene, &format!("/v1/files/{}", all.file), &scene.carol).await;
    all_moved(scene, alice, 3);
    all_moved(scene, bob, 3);
    // And a new data key after a rotation goes to whom it should.
    let path = format!("/v1/files/{}/shares/{}", all.file, all.file_share);
    let revoke = api.delete(&format!("{path}?rekey=true")).both(alice);
    assert_eq!(revoke.answer().await.status, 204);
    let path = format!("/v1/files/shared/{carols}");
    let (status, _, read) = raw(api, &scene.carol, &path, &[]).await;
    assert!(status == 200 && read == content(BYTES));
    let path = format!("/v1/files/shared/{}", all.file_share);
    assert_eq!(raw(api, bob, &path, &[]).await.0, 404);
}

#[tokio::test]
async fn an_interrupted_rotation_leaves_files_and_credentials_usable_until_it_is_resumed() {
    let scene = Scene::set().await;
    // Made before the rest, so that the rest is what the first call leaves.
    let names: Vec<String> = (0..ROTATED_WRAPS_MAX).map(|n| format!("v{n}")).collect();
    for some in names.chunks(32) {
        let stores = some
            .iter()
            .map(|name| scene.api.store_value(&scene.alice, name, name));
        join_all(stores).await;
    }
    let all = Everything::set(scene).await;
    let first = rotated(&all.scene.api, &all.scene.alice, "").await;
    assert_eq!(first["moved"], ROTATED_WRAPS_MAX);
    let left = first["remaining"].as_u64().unwrap();
    // The file and the value at least; the credential is older.
    assert!(left >= 2, "{first}");
    all.is_usable(SECRET).await;

    let all = all.restarted().await;
    assert_eq!(wraps_of(&all.scene.api, &all.scene.alice).len(), 2);
    all.is_usable(SECRET).await;
    let rest = rotated(&all.scene.api, &all.scene.alice, "?resume=true").await;
    assert_eq!(
        (&rest["started"], &rest["moved"], &rest["remaining"]),
        (&json!(false), &json!(left), &json!(0))
    );
    all_moved(&all.scene, &all.scene.alice, 2);
    all.is_usable(SECRET).await;
    let all = all.restarted().await;
    all.is_usable(SECRET).await;
}
