//! `/v1/tokens`: access tokens. A token is shown once, in the answer that makes it.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::HeaderMap;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault_store::RecordId;

use super::input::{IdInPath, NoParameters, Parameters, json};
use super::output::{no_content, secret_json};
use super::utc::Utc;
use super::{ApiState, read_json_of};
use crate::layers::secret_headers::{X_USER_SECRET, optional_secret};
use crate::problem::Problem;
use crate::proxy::control::X_PROXY_MASTER_KEY;
use crate::vault::principal::Principal;
use crate::vault::tokens::{NewToken, ScopeTexts, Token};

/// Bytes of a body: every character of a full scope may be an escape of six.
const TOKEN_BODY_BYTES_MAX: usize = 128 * 1024;
/// Room for a token and its description as JSON, escapes included.
const TOKEN_ANSWER_BYTES_MAX: usize = 128 * 1024;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(delete))
}

/// A token to make. It needs `credentials`, `kv` or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTokenDocument {
    /// How long it lives, 1 to 7776000 (90 days).
    #[schema(minimum = 1, maximum = 7_776_000)]
    ttl_seconds: u64,
    /// Ids of credentials, own or shared to be used, that it may inject, at most 32.
    #[serde(default)]
    #[schema(max_items = 32)]
    credentials: Vec<Uuid>,
    /// Prefixes of names of values that it may read, at most 32.
    #[serde(default)]
    #[schema(max_items = 32)]
    kv: Vec<String>,
    /// Where requests may go; those of the credentials by default. At most 32.
    #[serde(default)]
    #[schema(max_items = 32)]
    hosts: Vec<String>,
    /// Methods of requests, in capitals; all by default. At most 32.
    #[serde(default)]
    #[schema(max_items = 32)]
    methods: Vec<String>,
    /// Prefixes of the paths of requests; all by default. At most 32.
    #[serde(default)]
    #[schema(max_items = 32)]
    paths: Vec<String>,
}

/// A token without the token itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenDocument {
    /// Its id.
    token_id: Uuid,
    /// The eight characters behind `sgt_`, by which a token that was found can be told.
    key_id: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// Unusable from then on.
    #[schema(value_type = String, format = DateTime)]
    expires_utc: Utc,
    /// Credentials that it may inject.
    credentials: Vec<Uuid>,
    /// Prefixes of names of values that it may read.
    kv: Vec<String>,
    /// Where requests may go.
    hosts: Vec<String>,
    /// Methods of requests; empty for all.
    methods: Vec<String>,
    /// Prefixes of the paths of requests; empty for all.
    paths: Vec<String>,
}

impl From<Token> for TokenDocument {
    fn from(token: Token) -> Self {
        let scope = token.scope;
        Self {
            token_id: token.token_id.into(),
            key_id: token.key_id.to_string(),
            created_utc: Utc(token.created),
            expires_utc: Utc(token.expires),
            credentials: scope.credentials().iter().map(|id| (*id).into()).collect(),
            kv: scope.kv().to_vec(),
            hosts: scope.host_texts(),
            methods: scope.method_texts(),
            paths: scope.path_texts(),
        }
    }
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub struct NewTokenDocument<'a> {
    /// The token. It cannot be shown again.
    token: &'a str,
    #[serde(flatten)]
    described: TokenDocument,
}

/// Makes a token for credentials and values of the caller.
///
/// Credentials under a passphrase need it, the same for all; credentials that are sealed to users'
/// keys, own or shared, and `kv` need the user secret. A token is good for the version of a sealed
/// credential that is in use when it is made, and for the share by which it is.
#[utoipa::path(
    post, path = "/v1/tokens", operation_id = "createToken", tag = "tokens",
    params(
        ("X-User-Secret" = Option<String>, Header, description = "Opens the caller's keys, for kv and for credentials that are sealed to them"),
        ("X-Proxy-Master-Key" = Option<String>, Header, description = "The passphrase of the credentials that have one"),
    ),
    request_body = CreateTokenDocument,
    responses(
        (status = 201, description = "Made", body = NewTokenDocument<'_>),
        (status = 400, description = "malformed_request, missing_header, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret, wrong_passphrase"),
        (status = 403, description = "forbidden: root makes none; out_of_scope: neither do tokens and limited API keys"),
        (status = 404, description = "credential_not_found"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict: too many tokens, or keys and rights changed at the same time"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn create(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let secret = optional_secret(&headers, &X_USER_SECRET)?;
    let passphrase = optional_secret(&headers, &X_PROXY_MASTER_KEY)?;
    let body = read_json_of(&headers, body, TOKEN_BODY_BYTES_MAX).await?;
    let document: CreateTokenDocument = json(body.as_bytes())?;
    let ids = document.credentials.iter().map(|id| (*id).into());
    let credentials: Vec<RecordId> = ids.collect();
    let new = NewToken {
        ttl: Duration::from_secs(document.ttl_seconds),
        scope: ScopeTexts {
            credentials: &credentials,
            kv: &document.kv,
            hosts: &document.hosts,
            methods: &document.methods,
            paths: &document.paths,
        },
    };
    let vault = &state.vault;
    let making = vault.make_token(&caller, new, secret.as_ref(), passphrase.as_ref());
    let made = making.await?;
    let document = NewTokenDocument {
        // Expose: the one sight of it, in a buffer that is wiped.
        token: made.text.expose_secret(),
        described: made.token.into(),
    };
    let mut response = secret_json(&document, TOKEN_ANSWER_BYTES_MAX)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// The caller's tokens that have not expired, oldest id first. No token is shown.
#[utoipa::path(
    get, path = "/v1/tokens", operation_id = "listTokens", tag = "tokens",
    responses(
        (status = 200, description = "All of them", body = Vec<TokenDocument>),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has none; out_of_scope"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
) -> Result<Response, Problem> {
    let tokens = state.vault.tokens(&caller).await?;
    let documents: Vec<TokenDocument> = tokens.into_iter().map(Into::into).collect();
    Ok(Json(documents).into_response())
}

/// Ends a token: it is unknown on its next request.
#[utoipa::path(
    delete, path = "/v1/tokens/{tokenId}", operation_id = "deleteToken", tag = "tokens",
    params(("tokenId" = Uuid, Path, description = "The token")),
    responses(
        (status = 204, description = "Ended"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root and tokens have none"),
        (status = 404, description = "not_found: also an expired one"),
    ),
)]
async fn delete(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(id): IdInPath,
    _: Parameters<NoParameters>,
) -> Result<Response, Problem> {
    state.vault.delete_token(&caller, id.into()).await?;
    Ok(no_content())
}
