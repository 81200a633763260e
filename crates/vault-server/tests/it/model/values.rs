//! Steps about values.

use reqwest::Method;
use serde_json::json;

use super::held::{Held, Version};
use super::steps::{Lifetime, What, Who};
use super::world::{Outcome, World, same};
use crate::api_support::base64;

impl World<'_> {
    pub(super) async fn put(&mut self, who: Who, what: What, lifetime: Lifetime) -> Outcome {
        let key = self.value_key(who, what);
        let status = if self.visible(&key) { 200 } else { 201 };
        let birth = self.count();
        let content = format!("content {birth}");
        let (until, end) = self.until(lifetime);
        let mut body = json!({"valueB64": base64(content.as_bytes())});
        if let Some(end) = end {
            body["expiresUtc"] = end;
        }
        let answer = self.call(who, Method::PUT, &key.path(), Some(body)).await;
        if !self.expect(who, &answer, status)? {
            return Ok(());
        }
        let (now, version) = (self.now(), Version { content, until });
        let held = match self.held.entry(key) {
            std::collections::btree_map::Entry::Occupied(held) => {
                let held = held.into_mut();
                if !held.visible(now) {
                    held.end_shares(now);
                }
                held.deleted = false;
                held.push(version);
                held
            }
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(Held::new(birth, version))
            }
        };
        same(&answer.json()["version"], &json!(held.number()))
    }

    pub(super) async fn delete(&mut self, who: Who, what: What) -> Outcome {
        let key = self.value_key(who, what);
        let status = if self.visible(&key) { 204 } else { 404 };
        let answer = self.call(who, Method::DELETE, &key.path(), None).await;
        if self.expect(who, &answer, status)? {
            self.held.get_mut(&key).expect("visible").deleted = true;
        }
        Ok(())
    }

    pub(super) async fn undelete(&mut self, who: Who, what: What) -> Outcome {
        let (key, now) = (self.value_key(who, what), self.now());
        let held = self.held.get(&key);
        let lasts = held.is_some_and(|held| !held.current().until.over(now));
        let path = format!("{}/undelete", key.path());
        let answer = self.call(who, Method::POST, &path, None).await;
        if self.expect(who, &answer, if lasts { 200 } else { 404 })? {
            self.held.get_mut(&key).expect("held").deleted = false;
        }
        Ok(())
    }

    pub(super) async fn destroy(&mut self, who: Who, what: What) -> Outcome {
        let key = self.value_key(who, what);
        let status = if self.held.contains_key(&key) {
            204
        } else {
            404
        };
        let path = format!("{}?destroy=true", key.path());
        let answer = self.call(who, Method::DELETE, &path, None).await;
        if self.expect(who, &answer, status)? {
            self.held.remove(&key);
        }
        Ok(())
    }

    pub(super) async fn roll_back(&mut self, who: Who, what: What, version: u64) -> Outcome {
        let (key, now) = (self.value_key(who, what), self.now());
        let held = self.held.get(&key);
        let old = held.and_then(|held| held.readable(version, now)).cloned();
        let path = format!("{}/rollback", key.path());
        let body = json!({"version": version});
        let answer = self.call(who, Method::POST, &path, Some(body)).await;
        if self.expect(who, &answer, if old.is_some() { 200 } else { 404 })? {
            let held = self.held.get_mut(&key).expect("held");
            held.push(old.expect("just read"));
        }
        Ok(())
    }
}
