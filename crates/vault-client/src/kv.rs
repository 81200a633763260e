//! The calls about values.

use crate::{
    client::{Client, X_USER_SECRET, json, send, sensitive},
    error::ClientError,
    types::{Value, Written},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, header};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// What must be there for a write to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    #[default]
    Any,
    /// No value of that name.
    Absent,
    /// Exactly this version.
    Version(u64),
}

/// How a value is written.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// What must be there.
    pub expect: Expect,
    /// When the value ends, RFC 3339 with an offset.
    pub expires_utc: Option<String>,
    /// Kept encrypted beside the value.
    pub metadata: Option<serde_json::Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PutBody<'a> {
    #[serde(rename = "valueB64")]
    value_b64: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_utc: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetBody {
    #[serde(rename = "valueB64")]
    value_b64: String,
    version: u64,
    created_utc: String,
    metadata: Option<serde_json::Value>,
}

impl Client {
    /// Writes a value. Needs no user secret.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `precondition_failed` when `write.expect` does not hold.
    pub async fn put(
        &self,
        key: &str,
        value: &[u8],
        write: &Write,
    ) -> Result<Written, ClientError> {
        let encoded = Zeroizing::new(STANDARD.encode(value));
        let body = PutBody {
            value_b64: &encoded,
            expires_utc: write.expires_utc.as_deref(),
            metadata: write.metadata.as_ref(),
        };
        let request = self.request(Method::PUT, &path(key)).json(&body);
        let request = match write.expect {
            Expect::Any => request,
            Expect::Absent => request.header(header::IF_NONE_MATCH, "*"),
            Expect::Version(version) => request.header(header::IF_MATCH, format!("\"{version}\"")),
        };
        json(request).await
    }

    /// Reads the current version of a value.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found` or `wrong_user_secret`.
    pub async fn read(&self, key: &str, secret: &SecretString) -> Result<Value, ClientError> {
        self.read_path(&path(key), secret).await
    }

    /// Reads a given version of a value.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_version(
        &self,
        key: &str,
        version: u64,
        secret: &SecretString,
    ) -> Result<Value, ClientError> {
        self.read_path(&format!("{}?version={version}", path(key)), secret)
            .await
    }

    /// Reads the current version of a value with an access token as the client's key.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`, `out_of_scope` or `token_outdated`.
    pub async fn read_granted(&self, key: &str) -> Result<Value, ClientError> {
        value(self.request(Method::GET, &path(key))).await
    }

    async fn read_path(&self, path: &str, secret: &SecretString) -> Result<Value, ClientError> {
        let request = self.request(Method::GET, path);
        value(request.header(X_USER_SECRET, sensitive(secret)?)).await
    }

    /// Deletes a value; with `destroy` every version is erased for good.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn delete(&self, key: &str, destroy: bool) -> Result<(), ClientError> {
        let query = if destroy { "?destroy=true" } else { "" };
        let path = format!("{}{query}", path(key));
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }

    /// Names of the caller's values that start with `prefix`, sorted; one page.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<String>, ClientError> {
        let mut path = format!("/v1/kv?prefix={}", encode(prefix));
        if let Some(after) = after {
            path.push_str("&after=");
            path.push_str(&encode(after));
        }
        json(self.request(Method::GET, &path)).await
    }
}

/// Sends a read and decodes the answer.
async fn value(request: RequestBuilder) -> Result<Value, ClientError> {
    let mut body: GetBody = json(request).await?;
    let bytes = STANDARD.decode(&body.value_b64).map(Zeroizing::new);
    body.value_b64.zeroize();
    Ok(Value {
        bytes: bytes.map_err(|_| ClientError::Answer("a value that is not base64"))?,
        version: body.version,
        created_utc: body.created_utc,
        metadata: body.metadata,
    })
}

fn path(key: &str) -> String {
    format!("/v1/kv/{}", encode(key))
}

pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
