//! Steps about access tokens, and what each of them reaches.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use super::held::{Key, Kind};
use super::steps::{NAMES, Nth, Scope, What, Who};
use super::world::{Outcome, World, same};
use crate::api_credentials::with_passphrase;
use crate::api_support::{Calls, base64, text};

/// What somebody made a token for.
#[derive(Debug)]
enum Reach {
    /// Values below a prefix; those that were made ready, by birth and version.
    Names(&'static str, BTreeMap<What, (u64, u64)>),
    Credential(Key),
}

#[derive(Debug)]
pub(super) struct Token {
    owner: Who,
    id: String,
    text: String,
    reach: Reach,
    until: i64,
    ended: bool,
}

impl World<'_> {
    /// The start of a name, which no other name has.
    fn prefix(what: What) -> &'static str {
        &NAMES[what][..1]
    }

    fn reach(&self, who: Who, scope: Scope) -> Reach {
        match scope {
            Scope::Names(what) => {
                let held = self.held.get(&self.value_key(who, what));
                let ready = held.filter(|held| held.visible(self.now()));
                let ready = ready.map(|held| (what, (held.birth, held.number())));
                Reach::Names(Self::prefix(what), ready.into_iter().collect())
            }
            Scope::Credential(nth) => {
                let own = self.own(who, Kind::Credential);
                let own: Vec<&Key> = own
                    .filter(|(_, held)| held.by_passphrase)
                    .map(|(key, _)| key)
                    .collect();
                let chosen = own.get(nth % own.len().max(1));
                Reach::Credential(chosen.map_or_else(
                    || Key {
                        owner: who,
                        kind: Kind::Credential,
                        segment: uuid::Uuid::now_v7().to_string(),
                    },
                    |key| (*key).clone(),
                ))
            }
        }
    }

    pub(super) async fn grant(&mut self, who: Who, scope: Scope, seconds: i64) -> Outcome {
        let reach = self.reach(who, scope);
        let (body, status) = match &reach {
            Reach::Names(prefix, _) => (json!({"ttlSeconds": seconds, "kv": [prefix]}), 201),
            Reach::Credential(key) => {
                let status = if self.held.contains_key(key) {
                    201
                } else {
                    404
                };
                let body = json!({"ttlSeconds": seconds, "credentials": [key.segment]});
                (body, status)
            }
        };
        let call = self.api().post("/v1/tokens").both(&self.users[who]);
        let call = with_passphrase(call, &self.passphrases[who]);
        let answer = call.json(&body).answer().await;
        if self.expect(who, &answer, status)? {
            let made = answer.json();
            self.tokens.push(Token {
                owner: who,
                id: text(&made, "tokenId"),
                text: text(&made, "token"),
                reach,
                until: self.now() + seconds * 1_000,
                ended: false,
            });
        }
        Ok(())
    }

    pub(super) async fn end_token(&mut self, who: Who, nth: Nth) -> Outcome {
        let own = self.tokens.iter().filter(|token| token.owner == who);
        let own: Vec<String> = own.map(|token| token.id.clone()).collect();
        let chosen = own.get(nth % own.len().max(1));
        let id = chosen.map_or_else(|| uuid::Uuid::now_v7().to_string(), Clone::clone);
        let now = self.now();
        let token = self.tokens.iter().position(|token| token.id == id);
        let lives = token.is_some_and(|at| self.tokens[at].lives(now));
        let path = format!("/v1/tokens/{id}");
        let answer = self.call(who, Method::DELETE, &path, None).await;
        if self.expect(who, &answer, if lives { 204 } else { 404 })? {
            self.tokens[token.expect("lives")].ended = true;
        }
        Ok(())
    }

    pub(super) fn end_tokens_of(&mut self, who: Who) {
        let own = self.tokens.iter_mut().filter(|token| token.owner == who);
        own.for_each(|token| token.ended = true);
    }

    /// The tokens that the user sees are those that work.
    pub(super) async fn check_token_list(&self, who: Who) -> Outcome {
        let listed = self.get(who, "/v1/tokens").await;
        let now = self.now();
        let own = self.tokens.iter().filter(|token| token.owner == who);
        let live = own.filter(|token| token.lives(now));
        let live = live.map(|token| token.id.clone());
        super::world::same_set(super::world::fields(&listed, "tokenId")?, live)
    }

    /// Every token of this user is tried on everything.
    pub(super) async fn check_tokens(&self, who: Who) -> Outcome {
        for token in self.tokens.iter().filter(|token| token.owner == who) {
            let checked = async {
                for what in 0..NAMES.len() {
                    self.check_value_by(token, what).await?;
                }
                self.check_call_by(token).await
            };
            let checked = checked.await;
            checked.map_err(|why| format!("{token:?}: {why}"))?;
        }
        Ok(())
    }

    async fn check_value_by(&self, token: &Token, what: What) -> Outcome {
        let (key, now) = (self.value_key(token.owner, what), self.now());
        let call = self.api().get(&key.path()).bearer_auth(&token.text);
        let answer = call.answer().await;
        let held = self.held.get(&key).filter(|held| held.visible(now));
        let status = match (&token.reach, held) {
            _ if !token.lives(now) => 401,
            (Reach::Names(prefix, _), _) if !NAMES[what].starts_with(prefix) => 403,
            (Reach::Credential(_), _) => 403,
            (Reach::Names(..), None) => 404,
            (Reach::Names(_, ready), Some(held)) => {
                let is_ready = ready.get(&what) == Some(&(held.birth, held.number()));
                if answer.status != 200 && !is_ready {
                    // Nobody opened this version since, or its box is still on its way.
                    let code = &answer.json()["code"];
                    return same(code, &json!("token_outdated"));
                }
                let content = base64(held.current().content.as_bytes());
                same(&answer.json()["valueB64"], &json!(content))?;
                self.stage.prove("value by a token");
                200
            }
        };
        is_status(&answer, status)
    }

    async fn check_call_by(&self, token: &Token) -> Outcome {
        let now = self.now();
        let target = self.stage.target();
        let call = self.api().get("/").header("X-Target-URL", target);
        let answer = call.bearer_auth(&token.text).answer().await;
        let seen = self.stage.seen();
        let (status, expected) = match &token.reach {
            _ if !token.lives(now) => (401, None),
            Reach::Names(..) => (403, None),
            Reach::Credential(key) => match self.held.get(key) {
                Some(held) if held.visible(now) => (200, Some(held.current())),
                _ => (404, None),
            },
        };
        is_status(&answer, status)?;
        let expected = expected.map(|version| format!("Bearer {}", version.content));
        let expected: Vec<String> = expected.into_iter().collect();
        if !expected.is_empty() {
            self.stage.prove("use by a token");
        }
        same(&json!(seen), &json!(expected))
    }
}

impl Token {
    fn lives(&self, now: i64) -> bool {
        !self.ended && now < self.until
    }
}

fn is_status(answer: &crate::support::Answer, status: u16) -> Outcome {
    if answer.status == status {
        Ok(())
    } else {
        Err(format!("{status} expected: {answer:?}"))
    }
}
