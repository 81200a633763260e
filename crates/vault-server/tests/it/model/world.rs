//! The users of one case on the real server, and what the model knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use vault_server::vault::clock::Clock;

use super::steps::{FIRST_ORG, Lifetime, NAMES, Step, USERS, What, Who};
use crate::api_support::{Api, Calls, TestUser, base64, generated_secret, text};
use crate::support::Answer;

/// Something that may be read until a time.
#[derive(Clone, Debug)]
struct Until(Option<i64>);

impl Until {
    fn over(&self, now: i64) -> bool {
        self.0.is_some_and(|end| end <= now)
    }
}

#[derive(Clone, Debug)]
struct Version {
    content: String,
    until: Until,
}

#[derive(Debug)]
struct Held {
    versions: Vec<Version>,
    deleted: bool,
    shares: BTreeMap<Who, Given>,
}

#[derive(Debug)]
struct Given {
    id: String,
    until: Until,
}

impl Held {
    fn current(&self) -> &Version {
        self.versions.last().expect("a value has a version")
    }

    fn visible(&self, now: i64) -> bool {
        !self.deleted && !self.current().until.over(now)
    }

    fn version(&self, number: u64, now: i64) -> Option<&Version> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let version = self.versions.get(index)?;
        (self.visible(now) && !version.until.over(now)).then_some(version)
    }
}

/// One case.
pub(crate) struct World<'a> {
    api: &'a Api,
    users: Vec<TestUser>,
    /// Secrets that are no longer one's own.
    old_secrets: Vec<Option<String>>,
    disabled: BTreeSet<Who>,
    held: BTreeMap<(Who, What), Held>,
    /// Ids of every share that ever was.
    shares: Vec<String>,
    contents: u64,
}

type Outcome = Result<(), String>;

impl<'a> World<'a> {
    pub(crate) async fn make(api: &'a Api) -> Self {
        let mut users = Vec::new();
        for (name, members) in [("first", FIRST_ORG), ("second", USERS - FIRST_ORG)] {
            let admin = api.org_with_keys(name).await;
            for index in 1..members {
                let name = format!("user {index}");
                let user = api.add_user(&admin.key, &admin.org_id, &name, false).await;
                api.generate(&user).await;
                users.push(user);
            }
            users.insert(users.len() + 1 - members, admin);
        }
        Self {
            api,
            old_secrets: vec![None; users.len()],
            users,
            disabled: BTreeSet::new(),
            held: BTreeMap::new(),
            shares: Vec::new(),
            contents: 0,
        }
    }

    fn now(&self) -> i64 {
        self.api.clock.utc().0
    }

    fn same_org(&self, one: Who, other: Who) -> bool {
        self.users[one].org_id == self.users[other].org_id
    }

    fn admin_of(&self, who: Who) -> &TestUser {
        &self.users[if who < FIRST_ORG { 0 } else { FIRST_ORG }]
    }

    fn until(&self, lifetime: Lifetime) -> (Until, Value) {
        match lifetime {
            None => (Until(None), Value::Null),
            Some(seconds) => {
                let end = self.now() + seconds * 1_000;
                let text = vault_server::api::utc::Utc(vault_store::UtcMillis(end));
                (Until(Some(end)), serde_json::to_value(text).unwrap())
            }
        }
    }

    fn visible(&self, who: Who, what: What) -> bool {
        let held = self.held.get(&(who, what));
        held.is_some_and(|held| held.visible(self.now()))
    }

    /// The live share with this user.
    fn live(&self, owner: Who, what: What, with: Who) -> Option<&Given> {
        let given = self.held.get(&(owner, what))?.shares.get(&with)?;
        (!given.until.over(self.now())).then_some(given)
    }

    async fn call(&self, who: Who, method: Method, path: &str, body: Option<Value>) -> Answer {
        let call = self.api.call(method, path).both(&self.users[who]);
        match body {
            Some(body) => call.json(&body).answer().await,
            None => call.answer().await,
        }
    }

    /// Compares a status with what the model says; a disabled user is nobody.
    fn expect(&self, who: Who, answer: &Answer, status: u16) -> Result<bool, String> {
        let is_shut_out = self.disabled.contains(&who);
        let wanted = if is_shut_out { 401 } else { status };
        if answer.status == wanted {
            Ok(!is_shut_out && wanted < 300)
        } else {
            Err(format!("{wanted} expected of user {who}: {answer:?}"))
        }
    }

    pub(crate) async fn take(&mut self, step: &Step) -> Outcome {
        let taken = match *step {
            Step::Put(who, what, lifetime) => self.put(who, what, lifetime).await,
            Step::Delete(who, what) => self.delete(who, what).await,
            Step::Undelete(who, what) => self.undelete(who, what).await,
            Step::Destroy(who, what) => self.destroy(who, what).await,
            Step::Rollback(who, what, version) => self.roll_back(who, what, version).await,
            Step::Share(who, what, with, lifetime) => self.share(who, what, with, lifetime).await,
            Step::Revoke(who, what, with, rekey) => self.revoke(who, what, with, rekey).await,
            Step::Leave(who, owner, what) => self.leave(who, owner, what).await,
            Step::Rekey(who) => self.rekey(who).await,
            Step::Rotate(who) => {
                let answer = self.call(who, Method::POST, "/v1/keys/rotate", None).await;
                self.expect(who, &answer, 200).map(drop)
            }
            Step::Disable(who, disabled) => self.disable(who, disabled).await,
            Step::Look(who) => self.check(who).await,
            Step::Wait(seconds) => {
                let seconds = u64::try_from(seconds).expect("forward");
                self.api.clock.advance(Duration::from_secs(seconds));
                Ok(())
            }
        };
        taken.map_err(|why| format!("{step:?}: {why}"))
    }

    async fn put(&mut self, who: Who, what: What, lifetime: Lifetime) -> Outcome {
        let status = if self.visible(who, what) { 200 } else { 201 };
        self.contents += 1;
        let content = format!("content {}", self.contents);
        let (until, text) = self.until(lifetime);
        let mut body = json!({"valueB64": base64(content.as_bytes())});
        if !text.is_null() {
            body["expiresUtc"] = text;
        }
        let answer = self.call(who, Method::PUT, &kv(what), Some(body)).await;
        if !self.expect(who, &answer, status)? {
            return Ok(());
        }
        let held = self.held.entry((who, what)).or_insert_with(|| Held {
            versions: Vec::new(),
            deleted: false,
            shares: BTreeMap::new(),
        });
        held.deleted = false;
        held.versions.push(Version { content, until });
        same(&answer.json()["version"], &json!(held.versions.len()))
    }

    async fn delete(&mut self, who: Who, what: What) -> Outcome {
        let status = if self.visible(who, what) { 204 } else { 404 };
        let answer = self.call(who, Method::DELETE, &kv(what), None).await;
        if self.expect(who, &answer, status)? {
            self.held.get_mut(&(who, what)).expect("visible").deleted = true;
        }
        Ok(())
    }

    async fn undelete(&mut self, who: Who, what: What) -> Outcome {
        let now = self.now();
        let held = self.held.get(&(who, what));
        let lasts = held.is_some_and(|held| !held.current().until.over(now));
        let path = format!("{}/undelete", kv(what));
        let answer = self.call(who, Method::POST, &path, None).await;
        if self.expect(who, &answer, if lasts { 200 } else { 404 })? {
            self.held.get_mut(&(who, what)).expect("held").deleted = false;
        }
        Ok(())
    }

    async fn destroy(&mut self, who: Who, what: What) -> Outcome {
        let is_held = self.held.contains_key(&(who, what));
        let path = format!("{}?destroy=true", kv(what));
        let answer = self.call(who, Method::DELETE, &path, None).await;
        if self.expect(who, &answer, if is_held { 204 } else { 404 })? {
            self.held.remove(&(who, what));
        }
        Ok(())
    }

    async fn roll_back(&mut self, who: Who, what: What, version: u64) -> Outcome {
        let now = self.now();
        let held = self.held.get(&(who, what));
        let old = held.and_then(|held| held.version(version, now)).cloned();
        let path = format!("{}/rollback", kv(what));
        let body = json!({"version": version});
        let answer = self.call(who, Method::POST, &path, Some(body)).await;
        if self.expect(who, &answer, if old.is_some() { 200 } else { 404 })? {
            let held = self.held.get_mut(&(who, what)).expect("held");
            held.versions.extend(old);
        }
        Ok(())
    }

    async fn share(&mut self, who: Who, what: What, with: Who, lifetime: Lifetime) -> Outcome {
        let status = if who == with {
            400
        } else if self.visible(who, what)
            && self.same_org(who, with)
            && !self.disabled.contains(&with)
        {
            201
        } else {
            404
        };
        let (until, text_of_end) = self.until(lifetime);
        let mut body = json!({
            "recipientUserId": self.users[with].user_id, "permission": "read",
            "alias": format!("of {what}"),
        });
        if !text_of_end.is_null() {
            body["expiresUtc"] = text_of_end;
        }
        let path = format!("{}/shares", kv(what));
        let answer = self.call(who, Method::POST, &path, Some(body)).await;
        if !self.expect(who, &answer, status)? {
            return Ok(());
        }
        let id = text(&answer.json(), "shareId");
        let held = self.held.get_mut(&(who, what)).expect("visible");
        let known = held.shares.insert(
            with,
            Given {
                id: id.clone(),
                until,
            },
        );
        match known {
            // Sharing again keeps the id.
            Some(known) => same(&json!(known.id), &json!(id)),
            None => {
                self.shares.push(id);
                Ok(())
            }
        }
    }

    async fn revoke(&mut self, who: Who, what: What, with: Who, rekey: bool) -> Outcome {
        let live = self.live(who, what, with).map(|given| given.id.clone());
        let possible = live.is_some() && (!rekey || self.visible(who, what));
        // Of a share that is over or never was, whatever id there is.
        let held = self.held.get(&(who, what));
        let known = held
            .and_then(|held| held.shares.get(&with))
            .map(|g| g.id.clone());
        let id = known.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let query = if rekey { "?rekey=true" } else { "" };
        let path = format!("{}/shares/{id}{query}", kv(what));
        let answer = self.call(who, Method::DELETE, &path, None).await;
        if self.expect(who, &answer, if possible { 204 } else { 404 })? {
            let held = self.held.get_mut(&(who, what)).expect("held");
            held.shares.remove(&with);
            if rekey {
                held.versions.push(held.current().clone());
            }
        }
        Ok(())
    }

    async fn leave(&mut self, who: Who, owner: Who, what: What) -> Outcome {
        let live = self.live(owner, what, who).map(|given| given.id.clone());
        let status = if live.is_some() { 204 } else { 404 };
        let id = live.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let path = format!("/v1/kv/shared/{id}");
        let answer = self.call(who, Method::DELETE, &path, None).await;
        if self.expect(who, &answer, status)? {
            let held = self.held.get_mut(&(owner, what)).expect("held");
            held.shares.remove(&who);
        }
        Ok(())
    }

    async fn rekey(&mut self, who: Who) -> Outcome {
        let next = generated_secret();
        let call = self.api.post("/v1/keys/rekey").both(&self.users[who]);
        let answer = call.header("X-New-User-Secret", &next).answer().await;
        if self.expect(who, &answer, 200)? {
            let old = std::mem::replace(&mut self.users[who].secret, next);
            self.old_secrets[who] = Some(old);
        }
        Ok(())
    }

    async fn disable(&mut self, who: Who, disabled: bool) -> Outcome {
        let admin = self.admin_of(who).clone();
        let user = &self.users[who];
        if user.user_id == admin.user_id {
            // The last admin stays.
            return Ok(());
        }
        let path = format!("/admin/orgs/{}/users/{}", user.org_id, user.user_id);
        let call = self.api.call(Method::PATCH, &path).key(&admin);
        let answer = call.json(&json!({"disabled": disabled})).answer().await;
        if answer.status != 200 {
            return Err(format!("{answer:?}"));
        }
        if disabled {
            self.disabled.insert(who);
        } else {
            self.disabled.remove(&who);
        }
        Ok(())
    }

    pub(crate) async fn check_everything(&self) -> Outcome {
        for who in 0..USERS {
            self.check(who).await?;
        }
        Ok(())
    }

    /// This user reads everything that there is and ever was.
    async fn check(&self, who: Who) -> Outcome {
        let checked = async {
            if self.disabled.contains(&who) {
                let answer = self.call(who, Method::GET, "/v1/kv", None).await;
                return self.expect(who, &answer, 401).map(drop);
            }
            self.check_names(who).await?;
            self.check_shares(who).await?;
            self.check_old_secret(who).await
        };
        checked.await.map_err(|why| format!("user {who}: {why}"))
    }

    async fn check_names(&self, who: Who) -> Outcome {
        let now = self.now();
        let visible = (0..NAMES.len()).filter(|what| self.visible(who, *what));
        let visible: Vec<&str> = visible.map(|what| NAMES[what]).collect();
        let listed = self.call(who, Method::GET, "/v1/kv", None).await;
        same(&listed.json(), &json!(visible))?;
        for what in 0..NAMES.len() {
            let held = self.held.get(&(who, what));
            let current = held.filter(|held| held.visible(now)).map(Held::current);
            self.reads(who, &kv(what), current).await?;
            let versions = held.map_or(0, |held| held.versions.len()) as u64;
            for version in 1..=versions + 1 {
                let expected = held.and_then(|held| held.version(version, now));
                let path = format!("{}?version={version}", kv(what));
                self.reads(who, &path, expected).await?;
            }
        }
        Ok(())
    }

    async fn check_shares(&self, who: Who) -> Outcome {
        let now = self.now();
        let all = self.held.iter().flat_map(|((owner, _), held)| {
            let shares = held.shares.iter();
            shares.map(move |(with, given)| (*owner, held, *with, given))
        });
        let mine = all.filter(|(_, held, with, given)| {
            *with == who && !given.until.over(now) && held.visible(now)
        });
        let mine: BTreeMap<&str, (Who, &Held)> = mine
            .map(|(owner, held, _, given)| (given.id.as_str(), (owner, held)))
            .collect();
        let listed = self.call(who, Method::GET, "/v1/kv/shared", None).await;
        let listed = listed.json();
        let listed: BTreeSet<String> = listed
            .as_array()
            .ok_or_else(|| format!("no inbox: {listed}"))?
            .iter()
            .map(|item| text(item, "shareId"))
            .collect();
        let expected: BTreeSet<String> = mine.keys().map(|id| (*id).to_owned()).collect();
        if listed != expected {
            return Err(format!("inbox {listed:?} instead of {expected:?}"));
        }
        for id in &self.shares {
            let held = mine.get(id.as_str()).map(|(_, held)| held.current());
            self.reads(who, &format!("/v1/kv/shared/{id}"), held)
                .await?;
        }
        Ok(())
    }

    async fn check_old_secret(&self, who: Who) -> Outcome {
        let own = (0..NAMES.len()).find(|what| self.visible(who, *what));
        let (Some(old), Some(what)) = (&self.old_secrets[who], own) else {
            return Ok(());
        };
        let call = self.api.get(&kv(what)).key(&self.users[who]);
        let answer = call.header("X-User-Secret", old).answer().await;
        self.expect(who, &answer, 401).map(drop)
    }

    async fn reads(&self, who: Who, path: &str, expected: Option<&Version>) -> Outcome {
        let answer = self.call(who, Method::GET, path, None).await;
        let Some(version) = expected else {
            return match answer.status {
                404 => Ok(()),
                _ => Err(format!("{path} is not to be read: {answer:?}")),
            };
        };
        if answer.status != 200 {
            return Err(format!("{path} is to be read: {answer:?}"));
        }
        let content = base64(version.content.as_bytes());
        same(&answer.json()["valueB64"], &json!(content)).map_err(|why| format!("{path}: {why}"))
    }
}

fn kv(what: What) -> String {
    format!("/v1/kv/{}", NAMES[what].replace('/', "%2F"))
}

fn same(found: &Value, expected: &Value) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found} instead of {expected}"))
    }
}
