//! One user: shown, changed, removed.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::AdminUserDocument;
use crate::api::input::{NoBody, NoParameters, Parameters, TwoIdsInPath, json};
use crate::api::output::no_content;
use crate::api::{ApiState, read_json};
use crate::problem::Problem;
use crate::vault::principal::Principal;
use crate::vault::users::UserPatch;

/// What shall change; a field that is absent or null stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchUserDocument {
    /// Display name: 1 to 512 bytes of printable UTF-8.
    name: Option<String>,
    /// Whether the user administers the organisation.
    is_admin: Option<bool>,
    /// Whether the user is shut out.
    disabled: Option<bool>,
}

/// One user of an organisation.
#[utoipa::path(
    get, path = "/admin/orgs/{orgId}/users/{userId}", operation_id = "getUser", tag = "admin",
    params(
        ("orgId" = Uuid, Path, description = "The organisation"),
        ("userId" = Uuid, Path, description = "The user"),
    ),
    responses(
        (status = 200, description = "The user", body = AdminUserDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden"),
        (status = 404, description = "not_found: also everybody of every other organisation"),
    ),
)]
pub(super) async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    TwoIdsInPath(org_id, user_id): TwoIdsInPath,
    _: Parameters<NoParameters>,
) -> Result<Json<AdminUserDocument>, Problem> {
    let vault = &state.vault;
    let user = vault.user(&caller, org_id.into(), user_id.into()).await?;
    Ok(Json((&user).into()))
}

/// Changes name, role, or whether the user is shut out. Only admins of the organisation may.
///
/// A user who is shut out or gets another role loses every access token at once.
#[utoipa::path(
    patch, path = "/admin/orgs/{orgId}/users/{userId}", operation_id = "patchUser", tag = "admin",
    params(
        ("orgId" = Uuid, Path, description = "The organisation"),
        ("userId" = Uuid, Path, description = "The user"),
    ),
    request_body = PatchUserDocument,
    responses(
        (status = 200, description = "Changed", body = AdminUserDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: also root"),
        (status = 404, description = "not_found: also everybody of every other organisation"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "last_admin; conflict: others were faster, many times"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
pub(super) async fn patch(
    caller: Principal,
    State(state): State<ApiState>,
    TwoIdsInPath(org_id, user_id): TwoIdsInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AdminUserDocument>, Problem> {
    let body = read_json(&headers, body).await?;
    let document: PatchUserDocument = json(body.as_bytes())?;
    let patch = UserPatch {
        name: document.name.as_deref(),
        is_admin: document.is_admin,
        disabled: document.disabled,
    };
    let vault = &state.vault;
    let patched = vault.patch_user(&caller, org_id.into(), user_id.into(), patch);
    Ok(Json((&patched.await?).into()))
}

/// Erases a user with all that is the user's: values, files, credentials, keys, tokens. What the
/// user shared or was given to share ends. Only admins of the organisation may.
#[utoipa::path(
    delete, path = "/admin/orgs/{orgId}/users/{userId}", operation_id = "removeUser", tag = "admin",
    params(
        ("orgId" = Uuid, Path, description = "The organisation"),
        ("userId" = Uuid, Path, description = "The user"),
    ),
    responses(
        (status = 204, description = "Erased"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: also root"),
        (status = 404, description = "not_found: also everybody of every other organisation"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "last_admin; conflict: others were faster, many times"),
        (status = 413, description = "too_large"),
    ),
)]
pub(super) async fn remove(
    caller: Principal,
    State(state): State<ApiState>,
    TwoIdsInPath(org_id, user_id): TwoIdsInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let vault = &state.vault;
    let removing = vault.remove_user(&caller, org_id.into(), user_id.into());
    removing.await?;
    Ok(no_content())
}
