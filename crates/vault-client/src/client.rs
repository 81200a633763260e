//! The connection to one server as one user, and the calls about keys and users.

use crate::{
    error::{ClientError, Problem},
    types::{KeyStatus, NewOrg, NewUser, Org, OrgUser, PublicKeys},
};
use reqwest::{
    Method, RequestBuilder, Response,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use std::{fmt, sync::Arc};

/// Users asked for at once.
const USERS_PAGE: u32 = 1_000;

pub(crate) const X_USER_SECRET: HeaderName = HeaderName::from_static("x-user-secret");
pub(crate) const X_PROXY_MASTER_KEY: HeaderName = HeaderName::from_static("x-proxy-master-key");
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(crate) const X_NEW_USER_SECRET: HeaderName = HeaderName::from_static("x-new-user-secret");

/// A client of one server, as the user to whom the API key belongs.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// A client of the server at `base` (`https://vault.example.com`), which trusts the
    /// public certificate authorities.
    ///
    /// # Errors
    /// [`ClientError::Usage`] for an unusable address or API key.
    pub fn new(base: &str, api_key: SecretString) -> Result<Self, ClientError> {
        let roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        Self::with_roots(base, api_key, roots)
    }

    /// Like [`new`](Self::new), with certificate authorities of the caller's choice.
    ///
    /// # Errors
    /// [`ClientError::Usage`] for an unusable address or API key.
    pub fn with_roots(
        base: &str,
        api_key: SecretString,
        roots: rustls::RootCertStore,
    ) -> Result<Self, ClientError> {
        let base = base.trim_end_matches('/');
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(ClientError::Usage(
                "the address must start with http:// or https://",
            ));
        }
        let mut headers = HeaderMap::new();
        headers.insert(X_API_KEY, sensitive(&api_key)?);
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|_| ClientError::Usage("TLS is not available"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // The API never redirects; following one would carry the key elsewhere.
            .redirect(redirect::Policy::none())
            .default_headers(headers)
            .build()?;
        Ok(Self {
            http,
            base: base.to_owned(),
        })
    }

    /// Makes the caller's keys, protected by `secret`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `keys_exist` when there are keys already.
    pub async fn generate_keys(&self, secret: &SecretString) -> Result<PublicKeys, ClientError> {
        let request = self.request(Method::POST, "/v1/keys/generate");
        json(request.header(X_USER_SECRET, sensitive(secret)?)).await
    }

    /// Tells whether the caller has keys.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn key_status(&self) -> Result<KeyStatus, ClientError> {
        json(self.request(Method::GET, "/v1/keys/status")).await
    }

    /// Changes the secret that protects the caller's keys.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `wrong_user_secret` when `old` is not the secret.
    pub async fn rekey(&self, old: &SecretString, new: &SecretString) -> Result<(), ClientError> {
        let request = self
            .request(Method::POST, "/v1/keys/rekey")
            .header(X_USER_SECRET, sensitive(old)?)
            .header(X_NEW_USER_SECRET, sensitive(new)?);
        send(request).await.map(drop)
    }

    /// Makes an organisation. Needs the root key.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn create_org(&self, name: &str) -> Result<NewOrg, ClientError> {
        let body = serde_json::json!({ "name": name });
        json(self.request(Method::POST, "/admin/orgs").json(&body)).await
    }

    /// Lists the organisations. Needs the root key.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn orgs(&self) -> Result<Vec<Org>, ClientError> {
        json(self.request(Method::GET, "/admin/orgs")).await
    }

    /// Makes a user of an organisation.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn create_user(
        &self,
        org_id: &str,
        name: &str,
        is_admin: bool,
    ) -> Result<NewUser, ClientError> {
        let body = serde_json::json!({ "name": name, "isAdmin": is_admin });
        let path = format!("/admin/orgs/{}/users", crate::kv::encode(org_id));
        json(self.request(Method::POST, &path).json(&body)).await
    }

    /// Lists the users of the caller's organisation.
    ///
    /// # Errors
    /// [`ClientError`] as for every call.
    pub async fn org_users(&self) -> Result<Vec<OrgUser>, ClientError> {
        json(self.request(Method::GET, "/v1/users/org")).await
    }

    /// One user of the caller's organisation, found in the list of all.
    ///
    /// # Errors
    /// [`ClientError::Usage`] when there is none with this id.
    pub async fn org_user(&self, user_id: &str) -> Result<OrgUser, ClientError> {
        let mut after = String::new();
        loop {
            let path = format!("/v1/users/org?limit={USERS_PAGE}{after}");
            let page: Vec<OrgUser> = json(self.request(Method::GET, &path)).await?;
            let Some(last) = page.last() else {
                return Err(ClientError::Usage("no user with this id"));
            };
            after = format!("&after={}", crate::kv::encode(&last.user_id));
            let is_wanted = |user: &OrgUser| user.user_id.eq_ignore_ascii_case(user_id);
            if let Some(user) = page.into_iter().find(is_wanted) {
                return Ok(user);
            }
        }
    }

    /// Removes a user with everything that is the user's. Needs an administrator's key.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found` or `forbidden`.
    pub async fn remove_user(&self, org_id: &str, user_id: &str) -> Result<(), ClientError> {
        let (org_id, user_id) = (crate::kv::encode(org_id), crate::kv::encode(user_id));
        let path = format!("/admin/orgs/{org_id}/users/{user_id}");
        send(self.request(Method::DELETE, &path)).await.map(drop)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A header value that no `Debug` shows.
pub(crate) fn sensitive(secret: &SecretString) -> Result<HeaderValue, ClientError> {
    // Expose: the header is how the caller's secret travels.
    let mut value = HeaderValue::from_str(secret.expose_secret())
        .map_err(|_| ClientError::Usage("a secret with characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends a request and turns a refusal into its problem.
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, ClientError> {
    let response = request.send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let problem: Problem = response
        .json()
        .await
        .map_err(|_| ClientError::Answer("an error that is not a problem document"))?;
    Err(ClientError::Refused(problem))
}

pub(crate) async fn json<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
    send(request)
        .await?
        .json()
        .await
        .map_err(|_| ClientError::Answer("JSON of another shape"))
}
