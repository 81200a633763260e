//! `/admin/orgs/{orgId}/users/{userId}/apikey`: API keys after a user's first one.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::HeaderMap;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::{NoParameters, Parameters, TwoIdsInPath, json};
use super::output::secret_json;
use super::utc::Utc;
use super::{ApiState, read_json};
use crate::problem::Problem;
use crate::vault::api_keys::NewApiKey;
use crate::vault::principal::Principal;

/// Room for a [`NewApiKeyDocument`].
const DOCUMENT_BYTES_MAX: usize = 1_024;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(rotate))
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
}

/// How to replace API keys.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateApiKeyDocument {
    /// For how many seconds the old keys go on working.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 604_800, default = 0)]
    grace_seconds: u32,
}

/// Gives a user a new API key in place of the old ones, which end now or after the grace. Only
/// admins of the organisation may.
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
        (status = 403, description = "forbidden: also root"),
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
    let grace = Duration::from_secs(document.grace_seconds.into());
    let vault = &state.vault;
    let made = vault.rotate_api_key(&caller, org_id.into(), user_id.into(), grace);
    new_key_answer(&made.await?)
}

fn new_key_answer(made: &NewApiKey) -> Result<Response, Problem> {
    let document = NewApiKeyDocument {
        api_key_id: made.key_id.as_str(),
        // Expose: shown to whoever made the key, this once.
        api_key: made.api_key.expose_secret(),
        created_utc: Utc(made.created),
        expires_utc: made.expires.map(Utc),
    };
    secret_json(&document, DOCUMENT_BYTES_MAX)
}
