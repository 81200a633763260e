//! Calls about one user at once: one wins, none is lost, nothing becomes unreadable.

use reqwest::Method;
use serde_json::json;
use vault_server::vault::limits::VaultLimits;

use super::held::Kind;
use super::stage::Stage;
use crate::api_support::{Api, Calls, TestUser, base64, generated_secret, text, unbase64};
use crate::futures_joined::join_all;
use crate::support::Answer;

const ROUNDS: usize = 4;
/// Calls of each sort in a round.
const EACH: usize = 3;

/// What is called at once.
#[derive(Clone, Copy, Debug)]
enum Sort {
    Rekey,
    Rotate,
    Put,
    Replace,
    Upload,
    Share(Kind),
}

const SORTS: [Sort; 8] = [
    Sort::Rekey,
    Sort::Put,
    Sort::Share(Kind::Value),
    Sort::Rotate,
    Sort::Upload,
    Sort::Share(Kind::File),
    Sort::Replace,
    Sort::Share(Kind::Credential),
];

/// What one call of a round did.
#[derive(Debug)]
enum Done {
    /// The secret that counts from now on.
    Rekeyed(String),
    /// To a new key pair, or with nothing left to do.
    Rotated,
    /// A version of the value or the credential.
    Wrote(Kind, u64, String),
    Uploaded(String, String),
    Shared(Kind, usize, String),
    /// Others were faster.
    Lost,
}

/// One user with one of everything, and colleagues to share it with.
struct Scene {
    stage: Stage,
    owner: TestUser,
    friends: Vec<TestUser>,
    /// Path of the file and of the credential that are shared.
    file: String,
    credential: String,
    /// Contents of the versions of the value and of the credential.
    values: Vec<String>,
    credentials: Vec<String>,
    /// Every file with its contents.
    files: Vec<(String, String)>,
}

#[tokio::test]
async fn calls_about_one_user_at_once_lose_nothing() {
    let mut scene = Scene::set().await;
    for round in 0..ROUNDS {
        let calls = (0..EACH).flat_map(|number| SORTS.map(|sort| (sort, number)));
        let done = join_all(calls.map(|(sort, number)| scene.call(round, sort, number))).await;
        let shared = scene.settle(done);
        scene.nothing_is_lost().await;
        for (kind, friend, id) in shared {
            scene.is_shared(kind, friend, &id).await;
        }
    }
}

impl Scene {
    async fn set() -> Self {
        let stage = Stage::set_with(VaultLimits {
            // Who comes second brings a secret that is wrong by then.
            wrong_secrets_max: u32::MAX,
            ..VaultLimits::default()
        })
        .await;
        let api = &stage.api;
        let owner = api.org_with_keys("owner").await;
        let mut friends = Vec::new();
        for index in 0..EACH {
            let name = format!("friend {index}");
            let friend = api.add_user(&owner.key, &owner.org_id, &name, false).await;
            api.generate(&friend).await;
            friends.push(friend);
        }
        api.store_value(&owner, "a", "first").await;
        let body = json!({"name": "c", "hostPattern": "localhost", "value": "sk_first"});
        let made = api.post("/v1/credentials").key(&owner).json(&body);
        let made = made.answer().await;
        let credential = format!("/v1/credentials/{}", text(&made.json(), "credentialId"));
        let mut scene = Self {
            stage,
            owner,
            friends,
            file: String::new(),
            credential,
            values: vec!["first".to_owned()],
            credentials: vec!["sk_first".to_owned()],
            files: Vec::new(),
        };
        let Done::Uploaded(path, content) = scene.upload("first".to_owned()).await else {
            panic!("alone, nobody loses");
        };
        scene.file.clone_from(&path);
        scene.files.push((path, content));
        scene
    }

    fn api(&self) -> &Api {
        &self.stage.api
    }

    async fn call(&self, round: usize, sort: Sort, number: usize) -> Done {
        let content = format!("{round} {number}");
        match sort {
            Sort::Rekey => self.rekey().await,
            Sort::Rotate => self.rotate().await,
            Sort::Put => self.put(content).await,
            Sort::Replace => self.replace(format!("sk_{round}_{number}")).await,
            Sort::Upload => self.upload(content).await,
            Sort::Share(kind) => self.share(kind, number).await,
        }
    }

    async fn rekey(&self) -> Done {
        let next = generated_secret();
        let call = self.api().post("/v1/keys/rekey").both(&self.owner);
        let answer = call.header("X-New-User-Secret", &next).answer().await;
        // The other was there before this one looked, or while it worked.
        won(&answer, 200).map_or(Done::Lost, |()| Done::Rekeyed(next))
    }

    async fn rotate(&self) -> Done {
        let call = self.api().post("/v1/keys/rotate").both(&self.owner);
        won(&call.answer().await, 200).map_or(Done::Lost, |()| Done::Rotated)
    }

    async fn put(&self, content: String) -> Done {
        let body = json!({"valueB64": base64(content.as_bytes())});
        let call = self.api().put("/v1/kv/a").key(&self.owner).json(&body);
        wrote(Kind::Value, &call.answer().await, content)
    }

    async fn replace(&self, content: String) -> Done {
        let call = self.api().put(&format!("{}/value", self.credential));
        let call = call.key(&self.owner).json(&json!({"value": content}));
        wrote(Kind::Credential, &call.answer().await, content)
    }

    async fn upload(&self, content: String) -> Done {
        let body = json!({"fileName": "f", "contentB64": base64(content.as_bytes())});
        let call = self.api().post("/v1/files").both(&self.owner).json(&body);
        let answer = call.answer().await;
        won(&answer, 201).map_or(Done::Lost, |()| {
            let path = format!("/v1/files/{}", text(&answer.json(), "fileId"));
            Done::Uploaded(path, content)
        })
    }

    async fn share(&self, kind: Kind, friend: usize) -> Done {
        let path = match kind {
            Kind::Value => "/v1/kv/a",
            Kind::File => &self.file,
            Kind::Credential => &self.credential,
        };
        let body = json!({
            "recipientUserId": self.friends[friend].user_id, "permission": kind.permission(),
            "alias": "a",
        });
        let call = self.api().post(&format!("{path}/shares")).both(&self.owner);
        let answer = call.json(&body).answer().await;
        // The secret was the old one by then, or the others were faster many times.
        won(&answer, 201).map_or(Done::Lost, |()| {
            Done::Shared(kind, friend, text(&answer.json(), "shareId"))
        })
    }

    /// Takes up what a round did; the shares that were made.
    fn settle(&mut self, done: Vec<Done>) -> Vec<(Kind, usize, String)> {
        let (mut secrets, mut rotated, mut shared) = (Vec::new(), 0, Vec::new());
        let mut written = [Vec::new(), Vec::new()];
        for done in done {
            match done {
                Done::Rekeyed(secret) => secrets.push(secret),
                Done::Rotated => rotated += 1,
                Done::Wrote(Kind::Value, version, content) => written[0].push((version, content)),
                Done::Wrote(_, version, content) => written[1].push((version, content)),
                Done::Uploaded(path, content) => self.files.push((path, content)),
                Done::Shared(kind, friend, id) => shared.push((kind, friend, id)),
                Done::Lost => {}
            }
        }
        // A rotation is as good as a rekey: both replace the same row.
        assert!(
            secrets.len() <= 1 && secrets.len() + rotated > 0,
            "one wins"
        );
        for (mut written, known) in written
            .into_iter()
            .zip([&mut self.values, &mut self.credentials])
        {
            assert_eq!(written.len(), EACH, "writes need no secret");
            written.sort();
            for (version, content) in written {
                known.push(content);
                let expected = known.len() as u64;
                assert_eq!(version, expected, "no version twice, none left out");
            }
        }
        if let Some(secret) = secrets.pop() {
            self.owner.secret = secret;
        }
        shared
    }

    /// The owner reads every version and file that was acknowledged, and the newest value of the
    /// credential is injected.
    async fn nothing_is_lost(&self) {
        for (index, content) in self.values.iter().enumerate() {
            let path = format!("/v1/kv/a?version={}", index + 1);
            self.reads(&self.owner, &path, "valueB64", content).await;
        }
        for (path, content) in &self.files {
            self.reads(&self.owner, path, "contentB64", content).await;
        }
        self.is_injected(&self.owner).await;
    }

    async fn is_shared(&self, kind: Kind, friend: usize, id: &str) {
        let friend = &self.friends[friend];
        let path = format!("{}/{id}", kind.inbox());
        match kind {
            Kind::Value => {
                let current = self.values.last().expect("written");
                self.reads(friend, &path, "valueB64", current).await;
            }
            Kind::File => {
                let shared = self.files.iter().find(|(path, _)| *path == self.file);
                let (_, content) = shared.expect("uploaded first");
                self.reads(friend, &path, "contentB64", content).await;
            }
            Kind::Credential => self.is_injected(friend).await,
        }
    }

    async fn reads(&self, user: &TestUser, path: &str, field: &str, content: &str) {
        let read = self.api().get(path).both(user).answer().await;
        assert_eq!(read.status, 200, "{path}: {read:?}");
        let found = unbase64(&text(&read.json(), field));
        assert_eq!(String::from_utf8(found).unwrap(), content, "{path}");
    }

    async fn is_injected(&self, user: &TestUser) {
        let call = self.api().call(Method::GET, "/").both(user);
        let call = call.header("X-Target-URL", self.stage.target());
        let answer = call.answer().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let current = self.credentials.last().expect("written");
        assert_eq!(self.stage.seen(), [format!("Bearer {current}")]);
    }
}

/// Whether the call did what it should. Whoever came too late has the old secret, or met others.
fn won(answer: &Answer, status: u16) -> Option<()> {
    match answer.status {
        401 | 409 => None,
        found => {
            assert_eq!(found, status, "{answer:?}");
            Some(())
        }
    }
}

fn wrote(kind: Kind, answer: &Answer, content: String) -> Done {
    assert_eq!(answer.status, 200, "{answer:?}");
    Done::Wrote(kind, answer.json()["version"].as_u64().unwrap(), content)
}
