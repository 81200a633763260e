//! The calls about shares of values and files.

use crate::{
    client::{Client, X_USER_SECRET, json, send, sensitive},
    error::ClientError,
    kv::encode,
    types::{InboundShare, Share},
};
use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;

/// What is shared.
#[derive(Clone, Copy, Debug)]
pub enum Shared<'a> {
    /// A value by its name.
    Value(&'a str),
    /// A file by its id.
    File(&'a str),
}

/// What kind of record an inbound share is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedKind {
    /// Values.
    Value,
    /// Files.
    File,
}

/// To whom, and on which terms.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// A user of the same organisation.
    pub recipient_user_id: String,
    /// What the two call it; nobody else can read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// When it ends, RFC 3339 with an offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_utc: Option<String>,
    /// Fingerprint that the recipient's keys must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_fingerprint: Option<String>,
}

#[derive(Serialize)]
struct ShareBody<'a> {
    permission: &'static str,
    #[serde(flatten)]
    terms: &'a Terms,
}

impl Shared<'_> {
    fn path(self) -> String {
        match self {
            Self::Value(name) => format!("/v1/kv/{}/shares", encode(name)),
            Self::File(file_id) => format!("/v1/files/{}/shares", encode(file_id)),
        }
    }
}

impl SharedKind {
    fn path(self) -> &'static str {
        match self {
            Self::Value => "/v1/kv/shared",
            Self::File => "/v1/files/shared",
        }
    }
}

impl Client {
    /// Shares a value or a file, or changes the terms of that.
    ///
    /// # Errors
    /// [`ClientError::Refused`], say with `recipient_keys_missing` or `fingerprint_mismatch`.
    pub async fn share(
        &self,
        what: Shared<'_>,
        terms: &Terms,
        secret: &SecretString,
    ) -> Result<Share, ClientError> {
        let body = ShareBody {
            permission: "read",
            terms,
        };
        let request = self.request(Method::POST, &what.path()).json(&body);
        json(request.header(X_USER_SECRET, sensitive(secret)?)).await
    }

    /// Live shares of a value or a file; with the secret also their aliases.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn shares(
        &self,
        what: Shared<'_>,
        secret: Option<&SecretString>,
    ) -> Result<Vec<Share>, ClientError> {
        let mut request = self.request(Method::GET, &what.path());
        if let Some(secret) = secret {
            request = request.header(X_USER_SECRET, sensitive(secret)?);
        }
        json(request).await
    }

    /// Ends a share; with the secret the contents get a new data key in the same step.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn revoke_share(
        &self,
        what: Shared<'_>,
        share_id: &str,
        rekey: Option<&SecretString>,
    ) -> Result<(), ClientError> {
        let path = format!("{}/{}", what.path(), encode(share_id));
        let request = match rekey {
            None => self.request(Method::DELETE, &path),
            Some(secret) => self
                .request(Method::DELETE, &format!("{path}?rekey=true"))
                .header(X_USER_SECRET, sensitive(secret)?),
        };
        send(request).await.map(drop)
    }

    /// What is shared with the caller; one page.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn inbound_shares(
        &self,
        kind: SharedKind,
        secret: &SecretString,
    ) -> Result<Vec<InboundShare>, ClientError> {
        let request = self.request(Method::GET, kind.path());
        json(request.header(X_USER_SECRET, sensitive(secret)?)).await
    }

    /// Gives a share back.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn leave_share(&self, kind: SharedKind, share_id: &str) -> Result<(), ClientError> {
        let path = format!("{}/{}", kind.path(), encode(share_id));
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }
}
