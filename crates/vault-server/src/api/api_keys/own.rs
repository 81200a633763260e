//! `/v1/apikeys`: the caller's own.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::HeaderMap;

use super::{
    ApiKeyDocument, ApiKeyInPath, ApiKeyListParameters, CreateApiKeyDocument, NewApiKeyDocument,
    create_for, erase_for, list_for,
};
use crate::api::ApiState;
use crate::api::input::{NoBody, NoParameters, Parameters};
use crate::problem::Problem;
use crate::vault::api_keys::KeysOf;
use crate::vault::principal::Principal;

/// Where the list is.
const PATH: &str = "/v1/apikeys";

/// Makes a further API key of the caller, with a scope and an expiry if wanted. It may do no more
/// than the key that makes the call, and last no longer.
#[utoipa::path(
    post, path = "/v1/apikeys", operation_id = "createApiKey", tag = "apikeys",
    request_body = CreateApiKeyDocument,
    responses(
        (status = 201, description = "Made; the API key cannot be shown again", body = NewApiKeyDocument<'_>),
        (status = 400, description = "malformed_request, expiry_in_past, tampered"),
        (status = 403, description = "forbidden: root is no user; out_of_scope"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "too_many_api_keys; conflict: others were faster, many times"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
pub(super) async fn create(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    create_for(state, &caller, KeysOf::Caller, &headers, body).await
}

/// The caller's API keys that work, without the keys.
#[utoipa::path(
    get, path = "/v1/apikeys", operation_id = "listApiKeys", tag = "apikeys",
    params(ApiKeyListParameters),
    responses(
        (status = 200, description = "One page; it may be shorter than asked for", body = Vec<ApiKeyDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root is no user; out_of_scope"),
    ),
)]
pub(super) async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<ApiKeyListParameters>,
) -> Result<Response, Problem> {
    list_for(state, &caller, KeysOf::Caller, &parameters, PATH).await
}

/// Erases an API key of the caller, but not the one that makes the call.
#[utoipa::path(
    delete, path = "/v1/apikeys/{apiKeyId}", operation_id = "eraseApiKey", tag = "apikeys",
    params(("apiKeyId" = String, Path, description = "The public id of the key")),
    responses(
        (status = 204, description = "Erased"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root is no user; out_of_scope"),
        (status = 404, description = "not_found: also a key of somebody else"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "api_key_in_use; conflict: others were faster, many times"),
        (status = 413, description = "too_large"),
    ),
)]
pub(super) async fn erase(
    caller: Principal,
    State(state): State<ApiState>,
    ApiKeyInPath(key_id): ApiKeyInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    erase_for(state, &caller, KeysOf::Caller, key_id).await
}
