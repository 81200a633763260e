//! The calls about API keys beyond a user's first one.

use crate::{
    client::{Client, json, send},
    error::ClientError,
    kv::encode,
    types::{ApiKey, NewApiKey},
    users::user_path,
};
use reqwest::Method;
use serde::Serialize;

/// What a new API key may do, and until when; the default is all that its user may, for ever.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyLimits {
    /// `read`, `write` and methods of HTTP; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Vec<String>>,
    /// Prefixes of the names of values. With these or `hosts` the key reaches nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv: Option<Vec<String>>,
    /// Patterns of the proxy's targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
    /// The proxy and nothing else.
    pub use_only: bool,
    /// Unusable from then on, RFC 3339 with an offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_utc: Option<String>,
}

/// Whose API keys a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysOf<'a> {
    /// The caller's own.
    Caller,
    /// Those of a user of the organisation that the caller administers.
    User {
        /// The organisation.
        org_id: &'a str,
        /// The user.
        user_id: &'a str,
    },
}

impl KeysOf<'_> {
    fn path(self) -> String {
        match self {
            Self::Caller => "/v1/apikeys".to_owned(),
            Self::User { org_id, user_id } => format!("{}/apikeys", user_path(org_id, user_id)),
        }
    }
}

impl Client {
    /// Makes an API key that may do no more than the caller's.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `out_of_scope` for a wider one.
    pub async fn create_api_key(
        &self,
        of: KeysOf<'_>,
        limits: &KeyLimits,
    ) -> Result<NewApiKey, ClientError> {
        json(self.request(Method::POST, &of.path()).json(limits)).await
    }

    /// Lists API keys that work, without the keys; one page, after the public id `after`.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn api_keys(
        &self,
        of: KeysOf<'_>,
        after: Option<&str>,
    ) -> Result<Vec<ApiKey>, ClientError> {
        let mut path = of.path();
        if let Some(after) = after {
            path.push_str("?after=");
            path.push_str(&encode(after));
        }
        json(self.request(Method::GET, &path)).await
    }

    /// Erases an API key, but not the caller's own.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found` or `api_key_in_use`.
    pub async fn erase_api_key(&self, of: KeysOf<'_>, api_key_id: &str) -> Result<(), ClientError> {
        let path = format!("{}/{}", of.path(), encode(api_key_id));
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }
}
