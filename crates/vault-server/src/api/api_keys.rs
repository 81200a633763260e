//! `/v1/apikeys` and `/admin/orgs/{orgId}/users/{userId}/apikeys`: API keys after a user's first one.

mod of_user;
mod own;

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderMap};
use http::request::Parts;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault_store::{KeyId, Page};

use super::input::{NoParameters, Parameters, TwoIdsInPath, json, page_limit};
use super::output::{next_link, no_content, secret_json};
use super::utc::{self, Utc};
use super::{ApiState, read_json};
use crate::problem::{Code, Problem};
use crate::vault::api_keys::{ApiKeyInfo, Ends, KeyLimits, KeysOf, NewApiKey};
use crate::vault::error::{Invalid, VaultError};
use crate::vault::principal::Principal;
use crate::vault::scope::{SCOPE_BYTES_MAX, ScopeTexts};

/// Room for a [`NewApiKeyDocument`]: its scope is not longer than a stored one.
const DOCUMENT_BYTES_MAX: usize = SCOPE_BYTES_MAX + 1_024;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(rotate))
        .routes(routes!(own::create, own::list))
        .routes(routes!(own::erase))
        .routes(routes!(of_user::create, of_user::list))
        .routes(routes!(of_user::erase))
}

/// What an API key may do. As soon as `kv` or `hosts` is given, it reaches those and nothing else.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeDocument {
    /// `read`, `write` and methods of HTTP; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<Vec<String>>,
    /// Prefixes of the names of values.
    #[serde(skip_serializing_if = "Option::is_none")]
    kv: Option<Vec<String>>,
    /// Patterns of the proxy's targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<Vec<String>>,
    /// The proxy and nothing else.
    use_only: bool,
}

impl From<&ScopeTexts> for ScopeDocument {
    fn from(texts: &ScopeTexts) -> Self {
        Self {
            methods: texts.methods.clone(),
            kv: texts.kv.clone(),
            hosts: texts.hosts.clone(),
            use_only: texts.use_only,
        }
    }
}

/// An API key to make. Without any field it does all that its user does, and does not expire.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateApiKeyDocument {
    /// `read`, `write`, `GET`, `HEAD`, `OPTIONS`, `POST`, `PUT`, `PATCH`, `DELETE`; absent for all.
    #[schema(min_items = 1, max_items = 9)]
    methods: Option<Vec<String>>,
    /// Prefixes of the names of values, each of 1 to 512 bytes.
    #[schema(min_items = 1, max_items = 32)]
    kv: Option<Vec<String>>,
    /// Patterns of the proxy's targets, as those of credentials.
    #[schema(min_items = 1, max_items = 32)]
    hosts: Option<Vec<String>>,
    /// The proxy and nothing else: no call of the API.
    #[serde(default)]
    use_only: bool,
    /// Unusable from then on.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<String>,
}

impl CreateApiKeyDocument {
    fn limits(self) -> Result<KeyLimits, Problem> {
        let texts = ScopeTexts {
            methods: self.methods,
            kv: self.kv,
            hosts: self.hosts,
            use_only: self.use_only,
        };
        Ok(KeyLimits {
            scope: texts.into_scope()?,
            expires: self.expires_utc.as_deref().map(utc::parse).transpose()?,
        })
    }
}

/// An API key, without the key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyDocument {
    /// Its public id.
    api_key_id: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// Unusable from then on; absent if it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
    /// When it was last used, to about an hour; absent if no use is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_utc: Option<Utc>,
    #[serde(flatten)]
    scope: ScopeDocument,
}

impl From<&ApiKeyInfo> for ApiKeyDocument {
    fn from(info: &ApiKeyInfo) -> Self {
        Self {
            api_key_id: info.key_id.as_str().to_owned(),
            created_utc: Utc(info.created),
            expires_utc: info.expires.map(Utc),
            last_used_utc: info.last_used.map(Utc),
            scope: (&info.scope).into(),
        }
    }
}

/// Which page of API keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiKeyListParameters {
    /// Only keys after the one with this public id.
    #[param(pattern = "^[A-Za-z0-9_-]{8}$")]
    after: Option<String>,
    /// Keys in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// The only variable segment of a path, the public id of a key.
#[derive(Debug)]
struct ApiKeyInPath(KeyId);

impl<S: Send + Sync> FromRequestParts<S> for ApiKeyInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        key_id(text.as_deref().map_or("", |text| text.as_str())).map(Self)
    }
}

/// Reads a public id: eight characters of base64url.
fn key_id(text: &str) -> Result<KeyId, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let id = KeyId::parse(text).filter(|_| text.bytes().all(plain));
    id.ok_or_else(|| {
        Problem::new(
            Code::MalformedRequest,
            "The id of an API key has eight characters.",
        )
    })
}

async fn create_for(
    state: ApiState,
    caller: &Principal,
    of: KeysOf,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_json(headers, body).await?;
    let document: CreateApiKeyDocument = json(body.as_bytes())?;
    let made = state
        .vault
        .create_api_key(caller, of, document.limits()?)
        .await?;
    let mut response = new_key_answer(&made)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn list_for(
    state: ApiState,
    caller: &Principal,
    of: KeysOf,
    parameters: &ApiKeyListParameters,
    path: &str,
) -> Result<Response, Problem> {
    let limit = page_limit(parameters.limit)?;
    let after = parameters.after.as_deref().map(key_id).transpose()?;
    let found = state.vault.api_keys(caller, of, after, limit);
    let (Page { rows, more }, last) = found.await?;
    let documents: Vec<ApiKeyDocument> = rows.iter().map(Into::into).collect();
    let mut page = Json(documents).into_response();
    if let Some(last) = last.filter(|_| more) {
        let limit = limit.to_string();
        let link = next_link(path, &[("after", last.as_str()), ("limit", &limit)]);
        page.headers_mut().insert(header::LINK, link);
    }
    Ok(page)
}

async fn erase_for(
    state: ApiState,
    caller: &Principal,
    of: KeysOf,
    key_id: KeyId,
) -> Result<Response, Problem> {
    state.vault.erase_api_key(caller, of, key_id).await?;
    Ok(no_content())
}

/// An API key that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewApiKeyDocument<'a> {
    /// Its public id.
    api_key_id: &'a str,
    /// The API key, shown this once.
    api_key: &'a str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// Unusable from then on; absent if it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
    #[serde(flatten)]
    scope: ScopeDocument,
}

/// How to replace API keys.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateApiKeyDocument {
    /// For how many seconds the old keys go on working.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 604_800, default = 0)]
    grace_seconds: u32,
    /// Whether keys with a scope and access tokens end too. Everything ends at once then, so it goes
    /// without a grace: for a key that somebody else may have had.
    #[serde(default)]
    end_everything: bool,
}

/// Gives a user a new API key in place of the old ones, which end now or after the grace.
///
/// Keys with a scope and access tokens stay, unless `endEverything` is set. Only admins of the organisation may, with an API key that has neither
/// scope nor expiry.
#[utoipa::path(
    post, path = "/admin/orgs/{orgId}/users/{userId}/apikey/rotate", operation_id = "rotateApiKey", tag = "admin",
    params(
        ("orgId" = Uuid, Path, description = "The organisation"),
        ("userId" = Uuid, Path, description = "The user"),
    ),
    request_body = RotateApiKeyDocument,
    responses(
        (status = 200, description = "Replaced; the API key cannot be shown again", body = NewApiKeyDocument<'_>),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: also root; out_of_scope"),
        (status = 404, description = "not_found: also everybody of every other organisation"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "too_many_api_keys; conflict: others were faster, many times"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
async fn rotate(
    caller: Principal,
    State(state): State<ApiState>,
    TwoIdsInPath(org_id, user_id): TwoIdsInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_json(&headers, body).await?;
    let document: RotateApiKeyDocument = json(body.as_bytes())?;
    let ends = match (document.end_everything, document.grace_seconds) {
        (true, 0) => Ends::Everything,
        (true, _) => return Err(VaultError::Invalid(Invalid::Grace).into()),
        (false, seconds) => Ends::UnscopedKeys {
            grace: Duration::from_secs(seconds.into()),
        },
    };
    let vault = &state.vault;
    let made = vault.rotate_api_key(&caller, org_id.into(), user_id.into(), ends);
    new_key_answer(&made.await?)
}

fn new_key_answer(made: &NewApiKey) -> Result<Response, Problem> {
    let document = NewApiKeyDocument {
        api_key_id: made.key_id.as_str(),
        // Expose: shown to whoever made the key, this once.
        api_key: made.api_key.expose_secret(),
        created_utc: Utc(made.created),
        expires_utc: made.expires.map(Utc),
        scope: (&made.scope).into(),
    };
    secret_json(&document, DOCUMENT_BYTES_MAX)
}
