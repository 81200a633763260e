//! The users of one case on the real server, and what the model knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use vault_server::vault::clock::Clock;

use super::held::{Held, Key, Kind, Until};
use super::stage::Stage;
use super::steps::{FIRST_ORG, Lifetime, NAMES, Nth, Step, Thing, USERS, What, Who};
use super::tokens::Token;
use crate::api_support::{Api, Calls, TestUser, generated_secret};
use crate::support::Answer;

/// One case.
pub(crate) struct World<'a> {
    pub(super) stage: &'a Stage,
    pub(super) users: Vec<TestUser>,
    /// What each user's credentials under a passphrase are under.
    pub(super) passphrases: Vec<String>,
    /// Secrets that are no longer one's own.
    pub(super) old_secrets: Vec<Option<String>>,
    pub(super) disabled: BTreeSet<Who>,
    pub(super) removed: BTreeSet<Who>,
    pub(super) held: BTreeMap<Key, Held>,
    /// Every file and credential that ever was.
    pub(super) known: Vec<Key>,
    /// Ids of every share that ever was.
    pub(super) shares: Vec<(Kind, String)>,
    /// Every token that ever was.
    pub(super) tokens: Vec<Token>,
    counter: u64,
}

pub(super) type Outcome = Result<(), String>;

impl<'a> World<'a> {
    pub(crate) async fn make(stage: &'a Stage) -> Self {
        let api = &stage.api;
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
            stage,
            // A generated one needs no password hash.
            passphrases: users.iter().map(|_| generated_secret()).collect(),
            old_secrets: vec![None; users.len()],
            users,
            disabled: BTreeSet::new(),
            removed: BTreeSet::new(),
            held: BTreeMap::new(),
            known: Vec::new(),
            shares: Vec::new(),
            tokens: Vec::new(),
            counter: 0,
        }
    }

    pub(super) fn api(&self) -> &'a Api {
        &self.stage.api
    }

    pub(super) fn now(&self) -> i64 {
        self.api().clock.utc().0
    }

    /// A number that was never there before.
    pub(super) fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(super) fn same_org(&self, one: Who, other: Who) -> bool {
        self.users[one].org_id == self.users[other].org_id
    }

    pub(super) fn is_admin(&self, who: Who) -> bool {
        who == 0 || who == FIRST_ORG
    }

    /// Whether the user's API key counts.
    pub(super) fn is_present(&self, who: Who) -> bool {
        !self.disabled.contains(&who) && !self.removed.contains(&who)
    }

    pub(super) fn until(&self, lifetime: Lifetime) -> (Until, Option<Value>) {
        let end = lifetime.map(|seconds| self.now() + seconds * 1_000);
        let text = end.map(|end| {
            let end = vault_server::api::utc::Utc(vault_store::UtcMillis(end));
            serde_json::to_value(end).unwrap()
        });
        (Until(end), text)
    }

    pub(super) fn value_key(&self, owner: Who, what: What) -> Key {
        Key {
            owner,
            kind: Kind::Value,
            segment: NAMES[what].replace('/', "%2F"),
        }
    }

    /// The key of one of the owner's things, or of nothing.
    pub(super) fn key(&self, owner: Who, thing: Thing) -> Key {
        match thing {
            Thing::Value(what) => self.value_key(owner, what),
            Thing::File(nth) => self.nth(owner, Kind::File, nth),
            Thing::Credential(nth) => self.nth(owner, Kind::Credential, nth),
        }
    }

    fn nth(&self, owner: Who, kind: Kind, nth: Nth) -> Key {
        let own: Vec<&Key> = self.own(owner, kind).map(|(key, _)| key).collect();
        if own.is_empty() {
            return Key {
                owner,
                kind,
                segment: uuid::Uuid::now_v7().to_string(),
            };
        }
        own[nth % own.len()].clone()
    }

    pub(super) fn own(&self, owner: Who, kind: Kind) -> impl Iterator<Item = (&Key, &Held)> {
        let held = self.held.iter();
        held.filter(move |(key, _)| (key.owner, key.kind) == (owner, kind))
    }

    pub(super) fn visible(&self, key: &Key) -> bool {
        let held = self.held.get(key);
        held.is_some_and(|held| held.visible(self.now()))
    }

    pub(super) async fn call(
        &self,
        who: Who,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let call = self.api().call(method, path).both(&self.users[who]);
        match body {
            Some(body) => call.json(&body).answer().await,
            None => call.answer().await,
        }
    }

    pub(super) async fn get(&self, who: Who, path: &str) -> Answer {
        self.call(who, Method::GET, path, None).await
    }

    /// Compares a status with what the model says; a disabled or removed user is nobody.
    pub(super) fn expect(&self, who: Who, answer: &Answer, status: u16) -> Result<bool, String> {
        let is_present = self.is_present(who);
        let wanted = if is_present { status } else { 401 };
        if answer.status == wanted {
            Ok(is_present && wanted < 300)
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
            Step::Upload(who) => self.upload(who).await,
            Step::Keep(who, by_passphrase, lifetime) => {
                self.keep(who, by_passphrase, lifetime).await
            }
            Step::Replace(who, nth) => self.replace(who, nth).await,
            Step::RollbackCredential(who, nth, version) => {
                self.roll_back_credential(who, nth, version).await
            }
            Step::Erase(who, thing) => self.erase(who, thing).await,
            Step::Share(who, thing, with, lifetime) => self.share(who, thing, with, lifetime).await,
            Step::Revoke(who, thing, with, rekey) => self.revoke(who, thing, with, rekey).await,
            Step::Leave(who, owner, thing) => self.leave(who, owner, thing).await,
            Step::Grant(who, scope, seconds) => self.grant(who, scope, seconds).await,
            Step::EndToken(who, nth) => self.end_token(who, nth).await,
            Step::Rekey(who) => self.rekey(who).await,
            Step::Rotate(who) => self.rotate(who).await,
            Step::Disable(who, disabled) => self.disable(who, disabled).await,
            Step::Remove(who) => self.remove(who).await,
            Step::Look(who) => self.check(who).await,
            Step::Wait(seconds) => {
                let seconds = u64::try_from(seconds).expect("forward");
                self.api().clock.advance(Duration::from_secs(seconds));
                Ok(())
            }
        };
        taken.map_err(|why| format!("{step:?}: {why}"))?;
        let checked = self.check_lists(step.actor()).await;
        checked.map_err(|why| format!("lists after {step:?}: {why}"))
    }

    pub(crate) async fn check_everything(&self) -> Outcome {
        for who in 0..USERS {
            self.check(who).await?;
        }
        Ok(())
    }
}

pub(super) fn same(found: &Value, expected: &Value) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found} instead of {expected}"))
    }
}

/// A field of every item of an array.
pub(super) fn fields(answer: &Answer, field: &str) -> Result<Vec<Value>, String> {
    let document = answer.json();
    let items = document.as_array();
    let items = items.ok_or_else(|| format!("no list: {answer:?}"))?;
    Ok(items.iter().map(|item| item[field].clone()).collect())
}

/// As [`same`], whatever the order.
pub(super) fn same_set(mut found: Vec<Value>, expected: impl Iterator<Item = String>) -> Outcome {
    let mut expected: Vec<String> = expected.collect();
    expected.sort();
    found.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    same(&json!(found), &json!(expected))
}
