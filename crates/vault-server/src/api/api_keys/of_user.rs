//! `/admin/orgs/{orgId}/users/{userId}/apikeys`: a user's, for admins.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::Response;
use http::header::HeaderMap;
use http::request::Parts;
use uuid::Uuid;
use vault_store::KeyId;

use super::{
    ApiKeyDocument, ApiKeyListParameters, CreateApiKeyDocument, NewApiKeyDocument, create_for,
    erase_for, key_id, list_for,
};
use crate::api::ApiState;
use crate::api::input::{NoBody, NoParameters, Parameters, TwoIdsInPath, id};
use crate::problem::Problem;
use crate::vault::api_keys::KeysOf;
use crate::vault::principal::Principal;

fn keys_of(org_id: Uuid, user_id: Uuid) -> KeysOf {
    KeysOf::User {
        org_id: org_id.into(),
        user_id: user_id.into(),
    }
}

/// The three variable segments of the path of one key.
pub(super) struct UserAndKeyInPath(KeysOf, KeyId);

impl<S: Send + Sync> FromRequestParts<S> for UserAndKeyInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let texts = Path::<(String, String, String)>::from_request_parts(parts, state).await;
        let (org_id, user_id, key) = texts.map(|path| path.0).unwrap_or_default();
        Ok(Self(keys_of(id(&org_id)?, id(&user_id)?), key_id(&key)?))
    }
}

/// Makes a further API key of a user, with a scope and an expiry if wanted. It may do no more
/// than the key that makes the call, and last no longer.
#[utoipa::path(
    post, path = "/admin/orgs/{orgId}/users/{userId}/apikeys", operation_id = "createApiKeyOfUser", tag = "admin",
    params(
        ("orgId" = Uuid, Path, description = "The organisation"),
        ("userId" = Uuid, Path, description = "The user"),
    ),
    request_body = CreateApiKeyDocument,
    responses(
        (status = 201, description = "Made; the API key cannot be shown again", body = NewApiKeyDocument<'_>),
        (status = 400, description = "malformed_request, expiry_in_past, tampered"),
        (status = 403, description = "forbidden: also root; out_of_scope"),
        (status = 404, description = "not_found: also everybody of every other organisation"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "too_many_api_keys; conflict: others were faster, many times"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
pub(super) async fn create(
    caller: Principal,
    State(state): State<ApiState>,
    TwoIdsInPath(org_id, user_id): TwoIdsInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    create_for(state, &caller, keys_of(org_id, user_id), &headers, body).await
}

/// A user's API keys that work, without the keys.
#[utoipa::path(
    get, path = "/admin/orgs/{orgId}/users/{userId}/apikeys", operation_id = "listApiKeysOfUser", tag = "admin",
    params(
        ("orgId" = Uuid, Path, description = "The organisation"),
        ("userId" = Uuid, Path, description = "The user"),
        ApiKeyListParameters,
    ),
    responses(
        (status = 200, description = "One page; it may be shorter than asked for", body = Vec<ApiKeyDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: also root; out_of_scope"),
        (status = 404, description = "not_found: also everybody of every other organisation"),
    ),
)]
pub(super) async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    TwoIdsInPath(org_id, user_id): TwoIdsInPath,
    Parameters(parameters): Parameters<ApiKeyListParameters>,
) -> Result<Response, Problem> {
    let path = format!("/admin/orgs/{org_id}/users/{user_id}/apikeys");
    list_for(state, &caller, keys_of(org_id, user_id), &parameters, &path).await
}

/// Erases an API key of a user, but not the one that makes the call.
#[utoipa::path(
    delete, path = "/admin/orgs/{orgId}/users/{userId}/apikeys/{apiKeyId}", operation_id = "eraseApiKeyOfUser", tag = "admin",
    params(
        ("orgId" = Uuid, Path, description = "The organisation"),
        ("userId" = Uuid, Path, description = "The user"),
        ("apiKeyId" = String, Path, description = "The public id of the key"),
    ),
    responses(
        (status = 204, description = "Erased"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: also root; out_of_scope"),
        (status = 404, description = "not_found: also a key of somebody else"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "api_key_in_use; conflict: others were faster, many times"),
        (status = 413, description = "too_large"),
    ),
)]
pub(super) async fn erase(
    caller: Principal,
    State(state): State<ApiState>,
    UserAndKeyInPath(of, key_id): UserAndKeyInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    erase_for(state, &caller, of, key_id).await
}
