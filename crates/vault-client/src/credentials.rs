//! The calls about credentials. None of them returns a value.

use crate::{
    client::{Client, X_USER_SECRET, json, send, sensitive},
    error::ClientError,
    kv::encode,
};
use reqwest::{
    Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const X_PROXY_MASTER_KEY: HeaderName = HeaderName::from_static("x-proxy-master-key");

/// What opens a credential.
#[derive(Clone, Copy, Debug, Default)]
pub enum CredentialSecret<'a> {
    /// Nothing is presented: enough to make and rotate credentials that are sealed to keys.
    #[default]
    None,
    /// The credential's own passphrase.
    Passphrase(&'a SecretString),
    /// The secret of the caller's keys.
    UserSecret(&'a SecretString),
}

/// A credential to make.
#[derive(Clone, Debug, Default)]
pub struct NewCredential<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where its value may be sent.
    pub host_pattern: &'a str,
    /// The header that carries it, if not `Authorization`.
    pub header: Option<&'a str>,
    /// The query parameter that carries it instead.
    pub query_parameter: Option<&'a str>,
    /// What it is filled into, if not the default.
    pub template: Option<&'a str>,
    /// What happens to an answer that repeats it: `redact`, `refuse` or `off`, if not the first.
    pub echo: Option<&'a str>,
    /// When it ends, RFC 3339 with an offset.
    pub expires_utc: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBody<'a> {
    name: &'a str,
    host_pattern: &'a str,
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_parameter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    echo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_utc: Option<&'a str>,
}

#[derive(Serialize)]
struct ValueBody<'a> {
    value: &'a str,
}

/// A credential without its value.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Its id, for `X-Credential-ID`.
    pub credential_id: String,
    /// Its name.
    pub name: String,
    /// `passphrase` or `userKeys`.
    pub protection: String,
    /// Where its value may be sent.
    pub host_pattern: String,
    /// The header that carries it.
    pub header: Option<String>,
    /// The query parameter that carries it instead.
    pub query_parameter: Option<String>,
    /// What it is filled into.
    pub template: String,
    /// What happens to an answer that repeats it: `redact`, `refuse` or `off`.
    pub echo: String,
    /// The version in use.
    pub version: u64,
    /// When it ends.
    pub expires_utc: Option<String>,
}

/// A share of a credential, as its owner sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialShare {
    /// Its id.
    pub share_id: String,
    /// Who may use the credential.
    pub recipient_user_id: String,
    /// When it ends.
    pub expires_utc: Option<String>,
}

impl Client {
    /// Makes a credential: under a passphrase if one is given, else sealed to the caller's keys.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `keys_missing` without a passphrase and without keys.
    pub async fn make_credential(
        &self,
        new: &NewCredential<'_>,
        value: &SecretString,
        secret: CredentialSecret<'_>,
    ) -> Result<Credential, ClientError> {
        let body = NewBody {
            name: new.name,
            host_pattern: new.host_pattern,
            // Expose: the body is how the value travels.
            value: value.expose_secret(),
            header: new.header,
            query_parameter: new.query_parameter,
            template: new.template,
            echo: new.echo,
            expires_utc: new.expires_utc,
        };
        let request = with_body(self.request(Method::POST, "/v1/credentials"), &body)?;
        json(with_secret(request, secret)?).await
    }

    /// The caller's credentials, oldest first; one page.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn credentials(&self) -> Result<Vec<Credential>, ClientError> {
        json(self.request(Method::GET, "/v1/credentials")).await
    }

    /// Puts a new value in use. A credential under a passphrase needs it.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`, `missing_header` or `wrong_passphrase`.
    pub async fn replace_credential_value(
        &self,
        credential_id: &str,
        value: &SecretString,
        secret: CredentialSecret<'_>,
    ) -> Result<Credential, ClientError> {
        let body = ValueBody {
            // Expose: the body is how the value travels.
            value: value.expose_secret(),
        };
        let path = format!("{}/value", path(credential_id));
        let request = with_body(self.request(Method::PUT, &path), &body)?;
        json(with_secret(request, secret)?).await
    }

    /// Erases a credential.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn delete_credential(&self, credential_id: &str) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &path(credential_id));
        send(request).await.map(drop)
    }

    /// Lets a colleague's proxied calls be injected with a credential that is sealed to keys.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`, `recipient_keys_missing` or `wrong_user_secret`.
    pub async fn share_credential(
        &self,
        credential_id: &str,
        recipient_user_id: &str,
        expires_utc: Option<&str>,
        secret: &SecretString,
    ) -> Result<CredentialShare, ClientError> {
        let mut body = serde_json::json!({
            "recipientUserId": recipient_user_id,
            "permission": "use",
        });
        if let Some(expires_utc) = expires_utc {
            body["expiresUtc"] = expires_utc.into();
        }
        let path = format!("{}/shares", path(credential_id));
        let request = self.request(Method::POST, &path).json(&body);
        json(request.header(X_USER_SECRET, sensitive(secret)?)).await
    }

    /// Ends a share of a credential: the recipient's next call is without it.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn revoke_credential_share(
        &self,
        credential_id: &str,
        share_id: &str,
    ) -> Result<(), ClientError> {
        let path = format!("{}/shares/{}", path(credential_id), encode(share_id));
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }
}

/// A body with a secret in it. The copy made here is wiped; the one that travels is the HTTP
/// library's.
fn with_body(
    request: RequestBuilder,
    body: &impl Serialize,
) -> Result<RequestBuilder, ClientError> {
    let unusable = |_| ClientError::Usage("a body that JSON cannot hold");
    let body = Zeroizing::new(serde_json::to_vec(body).map_err(unusable)?);
    let json = HeaderValue::from_static("application/json");
    Ok(request.header(CONTENT_TYPE, json).body(body.to_vec()))
}

fn with_secret(
    request: RequestBuilder,
    secret: CredentialSecret<'_>,
) -> Result<RequestBuilder, ClientError> {
    Ok(match secret {
        CredentialSecret::None => request,
        CredentialSecret::Passphrase(secret) => {
            request.header(X_PROXY_MASTER_KEY, sensitive(secret)?)
        }
        CredentialSecret::UserSecret(secret) => request.header(X_USER_SECRET, sensitive(secret)?),
    })
}

fn path(credential_id: &str) -> String {
    format!("/v1/credentials/{}", encode(credential_id))
}
