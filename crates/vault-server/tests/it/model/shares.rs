//! Steps about shares of every kind.

use reqwest::Method;
use serde_json::json;

use super::held::{Given, Kind};
use super::steps::{Lifetime, Thing, Who};
use super::world::{Outcome, World, same};
use crate::api_support::text;

impl World<'_> {
    fn status_of_share(&self, who: Who, thing: Thing, with: Who) -> u16 {
        let key = self.key(who, thing);
        if who == with {
            return 400;
        }
        if !self.visible(&key) {
            return 404;
        }
        if self.held[&key].by_passphrase {
            // Who knows the passphrase may pass it on; the server does not.
            return 400;
        }
        if self.same_org(who, with) && self.is_present(with) {
            201
        } else {
            404
        }
    }

    pub(super) async fn share(
        &mut self,
        who: Who,
        thing: Thing,
        with: Who,
        lifetime: Lifetime,
    ) -> Outcome {
        let status = self.status_of_share(who, thing, with);
        let key = self.key(who, thing);
        let (until, end) = self.until(lifetime);
        let mut body = json!({
            "recipientUserId": self.users[with].user_id, "permission": key.kind.permission(),
            "alias": format!("of {}", key.segment),
        });
        if let Some(end) = end {
            body["expiresUtc"] = end;
        }
        let path = format!("{}/shares", key.path());
        let answer = self.call(who, Method::POST, &path, Some(body)).await;
        if !self.expect(who, &answer, status)? {
            return Ok(());
        }
        let id = text(&answer.json(), "shareId");
        let given = Given {
            id: id.clone(),
            until,
        };
        let held = self.held.get_mut(&key).expect("visible");
        match held.shares.insert(with, given) {
            // Sharing again keeps the id.
            Some(known) => same(&json!(known.id), &json!(id)),
            None => {
                self.shares.push((key.kind, id));
                Ok(())
            }
        }
    }

    pub(super) async fn revoke(
        &mut self,
        who: Who,
        thing: Thing,
        with: Who,
        rekey: bool,
    ) -> Outcome {
        let (key, now) = (self.key(who, thing), self.now());
        // What a credential is must change at its upstream; there is no such parameter.
        let rekey = rekey && key.kind != Kind::Credential;
        let held = self.held.get(&key);
        let live = held.is_some_and(|held| held.live(with, now).is_some());
        let possible = live && (!rekey || self.visible(&key));
        // Of a share that is over or never was, whatever id there is.
        let known = held.and_then(|held| held.shares.get(&with));
        let id = known.map(|given| given.id.clone());
        let id = id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let query = if rekey { "?rekey=true" } else { "" };
        let path = format!("{}/shares/{id}{query}", key.path());
        let answer = self.call(who, Method::DELETE, &path, None).await;
        if self.expect(who, &answer, if possible { 204 } else { 404 })? {
            let held = self.held.get_mut(&key).expect("held");
            held.shares.remove(&with);
            if rekey {
                held.push(held.current().clone());
            }
        }
        Ok(())
    }

    pub(super) async fn leave(&mut self, who: Who, owner: Who, thing: Thing) -> Outcome {
        let (key, now) = (self.key(owner, thing), self.now());
        let live = self.held.get(&key).and_then(|held| held.live(who, now));
        let status = if live.is_some() { 204 } else { 404 };
        let id = live.map(|given| given.id.clone());
        let id = id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let path = format!("{}/{id}", key.kind.inbox());
        let answer = self.call(who, Method::DELETE, &path, None).await;
        if self.expect(who, &answer, status)? {
            let held = self.held.get_mut(&key).expect("held");
            held.shares.remove(&who);
        }
        Ok(())
    }
}
