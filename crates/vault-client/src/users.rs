//! The calls by which admins show and change users.

use crate::{
    client::{Client, json},
    error::ClientError,
    kv::encode,
    types::{AdminUser, Me, NewApiKey, Org},
};
use reqwest::Method;
use serde::Serialize;

/// What shall change of a user; `None` stays as it is.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserPatch {
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the user administers the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_admin: Option<bool>,
    /// Whether the user is shut out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

impl Client {
    /// Tells who the caller is.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn me(&self) -> Result<Me, ClientError> {
        json(self.request(Method::GET, "/v1/users/me")).await
    }

    /// Shows one organisation. Needs the root key or one of its admins.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn org(&self, org_id: &str) -> Result<Org, ClientError> {
        let path = format!("/admin/orgs/{}", encode(org_id));
        json(self.request(Method::GET, &path)).await
    }

    /// Shows one user of an organisation that the caller administers.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn user(&self, org_id: &str, user_id: &str) -> Result<AdminUser, ClientError> {
        json(self.request(Method::GET, &user_path(org_id, user_id))).await
    }

    /// Changes a user of the organisation that the caller administers.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `last_admin` when no other enabled admin would be left.
    pub async fn patch_user(
        &self,
        org_id: &str,
        user_id: &str,
        patch: &UserPatch,
    ) -> Result<AdminUser, ClientError> {
        let request = self.request(Method::PATCH, &user_path(org_id, user_id));
        json(request.json(patch)).await
    }

    /// Replaces a user's API keys without a scope by a new one; the old ones go on working for
    /// `grace_seconds`.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn rotate_api_key(
        &self,
        org_id: &str,
        user_id: &str,
        grace_seconds: u32,
    ) -> Result<NewApiKey, ClientError> {
        let path = format!("{}/apikey/rotate", user_path(org_id, user_id));
        let body = serde_json::json!({ "graceSeconds": grace_seconds });
        json(self.request(Method::POST, &path).json(&body)).await
    }
}

pub(crate) fn user_path(org_id: &str, user_id: &str) -> String {
    format!("/admin/orgs/{}/users/{}", encode(org_id), encode(user_id))
}
