//! The calls about access tokens.

use crate::{
    client::{Client, X_PROXY_MASTER_KEY, X_USER_SECRET, json, send, sensitive},
    error::ClientError,
    kv::encode,
};
use reqwest::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// What a token shall be good for. It needs credentials, prefixes of values, or both.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenGrant {
    /// How long it lives, in seconds.
    pub ttl_seconds: u64,
    /// Ids of credentials that it may inject.
    pub credentials: Vec<String>,
    /// Prefixes of the names of values that it may read.
    pub kv: Vec<String>,
    /// Where requests may go; empty for the hosts of the credentials.
    pub hosts: Vec<String>,
    /// Methods of requests, in capitals; empty for all.
    pub methods: Vec<String>,
    /// Prefixes of the paths of requests; empty for all.
    pub paths: Vec<String>,
}

/// A token, without the token itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Its id.
    pub token_id: String,
    /// The eight characters behind `sgt_`.
    pub key_id: String,
    /// When it was made, RFC 3339 in UTC.
    pub created_utc: String,
    /// When it ends, RFC 3339 in UTC.
    pub expires_utc: String,
    /// Ids of credentials that it may inject.
    pub credentials: Vec<String>,
    /// Prefixes of the names of values that it may read.
    pub kv: Vec<String>,
    /// Where requests may go.
    pub hosts: Vec<String>,
    /// Methods of requests; empty for all.
    pub methods: Vec<String>,
    /// Prefixes of the paths of requests; empty for all.
    pub paths: Vec<String>,
}

/// A token that was just made.
#[derive(Debug, Deserialize)]
pub struct NewToken {
    /// The token, shown this once.
    pub token: SecretString,
    /// What is known of it later.
    #[serde(flatten)]
    pub described: Token,
}

impl Client {
    /// Makes a token. Values, and credentials that are sealed to users' keys, need the user secret, other
    /// credentials their passphrase.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `missing_header`, `wrong_user_secret`, `wrong_passphrase`
    /// or `credential_not_found`.
    pub async fn create_token(
        &self,
        grant: &TokenGrant,
        secret: Option<&SecretString>,
        passphrase: Option<&SecretString>,
    ) -> Result<NewToken, ClientError> {
        let mut request = self.request(Method::POST, "/v1/tokens").json(grant);
        if let Some(secret) = secret {
            request = request.header(X_USER_SECRET, sensitive(secret)?);
        }
        if let Some(passphrase) = passphrase {
            request = request.header(X_PROXY_MASTER_KEY, sensitive(passphrase)?);
        }
        json(request).await
    }

    /// The caller's tokens that have not expired.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        json(self.request(Method::GET, "/v1/tokens")).await
    }

    /// Ends a token: it is unknown on its next request.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn delete_token(&self, token_id: &str) -> Result<(), ClientError> {
        let path = format!("/v1/tokens/{}", encode(token_id));
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }
}
