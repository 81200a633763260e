//! What each user reads, by every way there is: one by one, in batches, in lists.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::held::{Held, Key, Kind, Version};
use super::steps::{NAMES, Who};
use super::world::{Outcome, World, fields, same, same_set};
use crate::api_support::{Calls, base64, text};
use crate::support::Answer;

/// A name that nobody uses.
const ABSENT: &str = "absent";

impl World<'_> {
    /// This user reads everything that there is and ever was.
    pub(super) async fn check(&self, who: Who) -> Outcome {
        let checked = async {
            self.check_tokens(who).await?;
            if !self.is_present(who) {
                let answer = self.get(who, "/v1/kv").await;
                return self.expect(who, &answer, 401).map(drop);
            }
            self.check_lists(who).await?;
            self.check_values(who).await?;
            self.check_batch(who).await?;
            self.check_files(who).await?;
            self.check_credentials(who).await?;
            self.check_shares(who).await?;
            self.check_users(who).await?;
            self.check_old_secret(who).await
        };
        checked.await.map_err(|why| format!("user {who}: {why}"))
    }

    /// Every list of this user holds what single reads would give, and nothing else.
    pub(super) async fn check_lists(&self, who: Who) -> Outcome {
        if !self.is_present(who) {
            return Ok(());
        }
        let visible = (0..NAMES.len()).filter(|what| self.visible(&self.value_key(who, *what)));
        let visible: Vec<&str> = visible.map(|what| NAMES[what]).collect();
        same(&self.get(who, "/v1/kv").await.json(), &json!(visible))?;
        for (kind, id) in [(Kind::File, "fileId"), (Kind::Credential, "credentialId")] {
            let listed = fields(&self.get(who, kind.path()).await, id)?;
            let own = self.own(who, kind).map(|(key, _)| key.segment.clone());
            same_set(listed, own).map_err(|why| format!("{kind:?}: {why}"))?;
        }
        for kind in Kind::ALL {
            let listed = fields(&self.get(who, &kind.inbox()).await, "shareId")?;
            let mine = self.inbox(who, kind);
            let checked = same_set(listed, mine.into_keys().map(str::to_owned));
            checked.map_err(|why| format!("inbox of {kind:?}: {why}"))?;
        }
        self.check_token_list(who).await?;
        self.check_explanation(who).await
    }

    /// Live shares with this user of what can be seen now.
    fn inbox(&self, who: Who, kind: Kind) -> BTreeMap<&str, (&Key, &Held)> {
        let now = self.now();
        let visible = self.held.iter();
        let visible = visible.filter(|(key, held)| key.kind == kind && held.visible(now));
        // What is used acts in its owner's name, and rests while the owner is shut out.
        let visible = visible
            .filter(|(key, _)| kind != Kind::Credential || !self.disabled.contains(&key.owner));
        let mine = visible.filter_map(|(key, held)| {
            let given = held.live(who, now)?;
            Some((given.id.as_str(), (key, held)))
        });
        mine.collect()
    }

    async fn check_values(&self, who: Who) -> Outcome {
        let now = self.now();
        for what in 0..NAMES.len() {
            let key = self.value_key(who, what);
            let path = key.path();
            let held = self.held.get(&key);
            let current = held.filter(|held| held.visible(now)).map(Held::current);
            self.reads(who, &path, "valueB64", current).await?;
            let versions = held.map_or(0, |held| held.versions.len()) as u64;
            let mut readable = Vec::new();
            for version in 1..=versions + 1 {
                let expected = held.and_then(|held| held.readable(version, now));
                readable.extend(expected.map(|_| json!(version)));
                let path = format!("{path}?version={version}");
                self.reads(who, &path, "valueB64", expected).await?;
            }
            let listed = self.get(who, &format!("{path}/versions")).await;
            match current {
                None => self.expect(who, &listed, 404).map(drop)?,
                Some(_) => same(&json!(fields(&listed, "version")?), &json!(readable))?,
            }
        }
        Ok(())
    }

    /// A batch holds what single reads give, item by item.
    async fn check_batch(&self, who: Who) -> Outcome {
        let names: Vec<&str> = NAMES.into_iter().chain([ABSENT]).collect();
        let body = json!({"keys": names});
        let batch = self.call(who, Method::POST, "/v1/kv/batch-get", Some(body));
        let batch = batch.await.json();
        for (at, name) in names.iter().enumerate() {
            let path = format!("/v1/kv/{}", name.replace('/', "%2F"));
            let single = self.get(who, &path).await;
            let document = single.json();
            let expected = match single.status {
                200 => document,
                status => json!({"key": name, "status": status, "code": document["code"]}),
            };
            same(&batch[at], &expected).map_err(|why| format!("batch: {why}"))?;
        }
        same(&json!(batch.as_array().map(Vec::len)), &json!(names.len()))
    }

    async fn check_files(&self, who: Who) -> Outcome {
        for key in self.known.iter().filter(|key| key.kind == Kind::File) {
            let own = self.held.get(key).filter(|_| key.owner == who);
            let content = own.map(Held::current);
            self.reads(who, &key.path(), "contentB64", content).await?;
        }
        Ok(())
    }

    /// Who may see a credential sees it, and who may use it has it injected.
    async fn check_credentials(&self, who: Who) -> Outcome {
        let known = self.known.iter();
        for key in known.filter(|key| key.kind == Kind::Credential) {
            let is_own = key.owner == who && self.held.contains_key(key);
            let shown = self.get(who, &key.path()).await;
            self.expect(who, &shown, if is_own { 200 } else { 404 })?;
            self.check_use(who, key).await?;
        }
        Ok(())
    }

    /// The credential in use, if this user may use it.
    fn usable(&self, who: Who, key: &Key) -> Option<&Version> {
        let now = self.now();
        let held = self.held.get(key).filter(|held| held.visible(now))?;
        let is_shared = held.live(who, now).is_some() && !self.disabled.contains(&key.owner);
        let may = key.owner == who || is_shared;
        may.then(|| held.current())
    }

    async fn check_use(&self, who: Who, key: &Key) -> Outcome {
        let call = self
            .api()
            .get("/")
            .header("X-Target-URL", self.stage.target());
        let call = call.header("X-Credential-ID", &key.segment);
        let call = match self.held.get(key) {
            Some(held) => self.opening(who, held, call),
            None => call.both(&self.users[who]),
        };
        let answer = call.answer().await;
        let expected = self.usable(who, key);
        self.expect(who, &answer, if expected.is_some() { 200 } else { 404 })?;
        let expected = expected.map(|version| format!("Bearer {}", version.content));
        let expected: Vec<String> = expected.into_iter().collect();
        same(&json!(self.stage.seen()), &json!(expected))?;
        if !expected.is_empty() {
            let by_share = key.owner != who;
            let used = ["use of an own credential", "use by a share"];
            self.stage.prove(used[usize::from(by_share)]);
        }
        Ok(())
    }

    /// What would be considered is what can be used.
    async fn check_explanation(&self, who: Who) -> Outcome {
        let body = json!({"url": self.stage.target(), "method": "GET"});
        let told = self.call(who, Method::POST, "/v1/proxy/explain", Some(body));
        let told = told.await.json();
        let matching = told["matching"].as_array().cloned().unwrap_or_default();
        let matching = matching.iter().map(|one| one["credentialId"].clone());
        let usable = self.held.keys().filter(|key| key.kind == Kind::Credential);
        let usable = usable.filter(|key| self.usable(who, key).is_some());
        let checked = same_set(matching.collect(), usable.map(|key| key.segment.clone()));
        checked.map_err(|why| format!("explain: {why}"))
    }

    async fn check_shares(&self, who: Who) -> Outcome {
        let inboxes = Kind::ALL.map(|kind| self.inbox(who, kind));
        for (kind, id) in &self.shares {
            let shared = inboxes[*kind as usize].get(id.as_str());
            let content = shared.map(|(_, held)| held.current());
            if content.is_some() {
                self.stage.prove(kind.inbound());
            }
            let path = format!("{}/{id}", kind.inbox());
            match kind {
                Kind::Value => self.reads(who, &path, "valueB64", content).await?,
                Kind::File => self.reads(who, &path, "contentB64", content).await?,
                // Used, never read: there is no such call.
                Kind::Credential => {}
            }
        }
        Ok(())
    }

    /// Colleagues who are there, as everybody sees them and as admins do.
    async fn check_users(&self, who: Who) -> Outcome {
        let colleagues = || (0..self.users.len()).filter(|other| self.same_org(who, *other));
        let id = |other: Who| self.users[other].user_id.clone();
        let present = colleagues().filter(|other| self.is_present(*other));
        let listed = fields(&self.get(who, "/v1/users/org").await, "userId")?;
        same_set(listed, present.map(id))?;
        let path = format!("/admin/orgs/{}/users", self.users[who].org_id);
        let listed = self.get(who, &path).await;
        if !self.is_admin(who) {
            return self.expect(who, &listed, 403).map(drop);
        }
        let kept = colleagues().filter(|other| !self.removed.contains(other));
        same_set(fields(&listed, "userId")?, kept.map(id))?;
        for other in 0..self.users.len() {
            let shown = self.get(who, &format!("{path}/{}", id(other))).await;
            let is_there = self.same_org(who, other) && !self.removed.contains(&other);
            if self.expect(who, &shown, if is_there { 200 } else { 404 })? {
                let disabled = self.disabled.contains(&other);
                same(&shown.json()["disabled"], &json!(disabled))?;
            }
        }
        Ok(())
    }

    async fn check_old_secret(&self, who: Who) -> Outcome {
        let mut own = (0..NAMES.len()).map(|what| self.value_key(who, what));
        let own = own.rfind(|key| self.visible(key));
        let (Some(old), Some(key)) = (&self.old_secrets[who], own) else {
            return Ok(());
        };
        let call = self.api().get(&key.path()).key(&self.users[who]);
        let answer = call.header("X-User-Secret", old).answer().await;
        self.expect(who, &answer, 401).map(drop)
    }

    async fn reads(
        &self,
        who: Who,
        path: &str,
        field: &str,
        expected: Option<&Version>,
    ) -> Outcome {
        let answer = self.get(who, path).await;
        let Some(version) = expected else {
            return match answer.status {
                404 => Ok(()),
                _ => Err(format!("{path} is not to be read: {answer:?}")),
            };
        };
        is_read(&answer, path)?;
        let content = json!(base64(version.content.as_bytes()));
        let found: Value = json!(text(&answer.json(), field));
        same(&found, &content).map_err(|why| format!("{path}: {why}"))
    }
}

fn is_read(answer: &Answer, path: &str) -> Outcome {
    match answer.status {
        200 => Ok(()),
        _ => Err(format!("{path} is to be read: {answer:?}")),
    }
}
