//! Steps about files and stored credentials.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::held::{Held, Key, Kind, Version};
use super::steps::{Lifetime, Nth, Thing, Who};
use super::world::{Outcome, World, same};
use crate::api_credentials::with_passphrase;
use crate::api_support::{Calls, base64, text};

impl World<'_> {
    pub(super) async fn upload(&mut self, who: Who) -> Outcome {
        let birth = self.count();
        let content = format!("content {birth}");
        let body = json!({
            "fileName": format!("file {birth}"), "contentB64": base64(content.as_bytes()),
        });
        let answer = self.call(who, Method::POST, "/v1/files", Some(body)).await;
        if self.expect(who, &answer, 201)? {
            let segment = text(&answer.json(), "fileId");
            self.hold(who, Kind::File, segment, (birth, content, None));
        }
        Ok(())
    }

    pub(super) async fn keep(
        &mut self,
        who: Who,
        by_passphrase: bool,
        lifetime: Lifetime,
    ) -> Outcome {
        let birth = self.count();
        let content = format!("sk_{birth}");
        let (_, end) = self.until(lifetime);
        let mut body = json!({
            "name": format!("credential {birth}"), "hostPattern": "localhost", "value": content,
        });
        if let Some(end) = end {
            body["expiresUtc"] = end;
        }
        let call = self.api().post("/v1/credentials").key(&self.users[who]);
        let call = if by_passphrase {
            with_passphrase(call, &self.passphrases[who])
        } else {
            call
        };
        let answer = call.json(&body).answer().await;
        if self.expect(who, &answer, 201)? {
            let segment = text(&answer.json(), "credentialId");
            let made = (birth, content, lifetime);
            self.hold(who, Kind::Credential, segment, made)
                .by_passphrase = by_passphrase;
        }
        Ok(())
    }

    fn hold(
        &mut self,
        owner: Who,
        kind: Kind,
        segment: String,
        (birth, content, lifetime): (u64, String, Lifetime),
    ) -> &mut Held {
        let key = Key {
            owner,
            kind,
            segment,
        };
        let (until, _) = self.until(lifetime);
        self.known.push(key.clone());
        let held = self.held.entry(key);
        held.or_insert(Held::new(birth, Version { content, until }))
    }

    /// The call with what opens this credential.
    pub(super) fn opening(&self, who: Who, held: &Held, call: RequestBuilder) -> RequestBuilder {
        let user = &self.users[who];
        if held.by_passphrase {
            with_passphrase(call.key(user), &self.passphrases[who])
        } else {
            call.both(user)
        }
    }

    pub(super) async fn replace(&mut self, who: Who, nth: Nth) -> Outcome {
        let key = self.key(who, Thing::Credential(nth));
        let content = format!("sk_{}", self.count());
        let call = self.api().put(&format!("{}/value", key.path()));
        let held = self.held.get(&key);
        let call = match held {
            Some(held) if held.by_passphrase => self.opening(who, held, call),
            _ => call.key(&self.users[who]),
        };
        let answer = call.json(&json!({"value": content})).answer().await;
        if self.expect(who, &answer, if held.is_some() { 200 } else { 404 })? {
            let held = self.held.get_mut(&key).expect("held");
            let until = held.current().until;
            held.push(Version { content, until });
            same(&answer.json()["version"], &json!(held.number()))?;
        }
        Ok(())
    }

    pub(super) async fn roll_back_credential(
        &mut self,
        who: Who,
        nth: Nth,
        version: u64,
    ) -> Outcome {
        let key = self.key(who, Thing::Credential(nth));
        let held = self.held.get(&key);
        let old = held.and_then(|held| held.version(version)).cloned();
        let call = self.api().post(&format!("{}/rollback", key.path()));
        let call = match held {
            Some(held) if !held.by_passphrase => self.opening(who, held, call),
            _ => call.key(&self.users[who]),
        };
        let answer = call.json(&json!({"version": version})).answer().await;
        if self.expect(who, &answer, if old.is_some() { 200 } else { 404 })? {
            let held = self.held.get_mut(&key).expect("held");
            if held.by_passphrase {
                // In use again as it stands.
                held.current = version as usize - 1;
            } else {
                held.push(old.expect("just read"));
            }
            same(&answer.json()["version"], &json!(held.number()))?;
        }
        Ok(())
    }

    pub(super) async fn erase(&mut self, who: Who, thing: Thing) -> Outcome {
        let key = self.key(who, thing);
        let status = if self.held.contains_key(&key) {
            204
        } else {
            404
        };
        let answer = self.call(who, Method::DELETE, &key.path(), None).await;
        if self.expect(who, &answer, status)? {
            self.held.remove(&key);
        }
        Ok(())
    }
}
