//! Steps about users and what protects their keys.

use reqwest::Method;
use serde_json::json;

use super::steps::{FIRST_ORG, Who};
use super::world::{Outcome, World};
use crate::api_support::{Calls, TestUser, generated_secret};

impl World<'_> {
    pub(super) fn admin_of(&self, who: Who) -> Who {
        if who < FIRST_ORG { 0 } else { FIRST_ORG }
    }

    fn path_of(&self, who: Who) -> String {
        let TestUser {
            org_id, user_id, ..
        } = &self.users[who];
        format!("/admin/orgs/{org_id}/users/{user_id}")
    }

    pub(super) async fn rekey(&mut self, who: Who) -> Outcome {
        let next = generated_secret();
        let call = self.api().post("/v1/keys/rekey").both(&self.users[who]);
        let answer = call.header("X-New-User-Secret", &next).answer().await;
        if self.expect(who, &answer, 200)? {
            let old = std::mem::replace(&mut self.users[who].secret, next);
            self.old_secrets[who] = Some(old);
            self.end_tokens_of(who);
        }
        Ok(())
    }

    pub(super) async fn rotate(&mut self, who: Who) -> Outcome {
        let answer = self.call(who, Method::POST, "/v1/keys/rotate", None);
        self.expect(who, &answer.await, 200).map(drop)
    }

    pub(super) async fn disable(&mut self, who: Who, disabled: bool) -> Outcome {
        let admin = self.admin_of(who);
        let body = json!({"disabled": disabled});
        let path = self.path_of(who);
        let answer = self.call(admin, Method::PATCH, &path, Some(body)).await;
        let status = match (self.removed.contains(&who), self.is_admin(who) && disabled) {
            (true, _) => 404,
            // The last admin stays.
            (false, true) => 409,
            (false, false) => 200,
        };
        if self.expect(admin, &answer, status)? {
            if disabled {
                self.disabled.insert(who);
                self.end_tokens_of(who);
            } else {
                self.disabled.remove(&who);
            }
        }
        Ok(())
    }

    pub(super) async fn remove(&mut self, who: Who) -> Outcome {
        let admin = self.admin_of(who);
        let path = self.path_of(who);
        let answer = self.call(admin, Method::DELETE, &path, None).await;
        let status = match (self.removed.contains(&who), self.is_admin(who)) {
            (true, _) => 404,
            (false, true) => 409,
            (false, false) => 204,
        };
        if self.expect(admin, &answer, status)? {
            self.removed.insert(who);
            self.end_tokens_of(who);
            self.held.retain(|key, _| key.owner != who);
            for held in self.held.values_mut() {
                held.shares.remove(&who);
            }
        }
        Ok(())
    }
}
