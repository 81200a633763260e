//! Hides values, brings them back, erases them.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::write::{WrittenDocument, written_answer};
use crate::api::input::{KeyInPath, NoBody, NoParameters, Parameters};
use crate::api::output::no_content;
use crate::api::{ApiState, conditions};
use crate::problem::Problem;
use crate::vault::principal::Principal;

/// How to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteParameters {
    /// Erase every version for good.
    #[serde(default)]
    destroy: bool,
}

/// Hides a value, or erases it.
#[utoipa::path(
    delete, path = "/v1/kv/{key}", operation_id = "deleteValue", tag = "values",
    params(
        ("key" = String, Path, description = "The name, percent-encoded"),
        DeleteParameters,
        ("If-Match" = Option<String>, Header, description = "Versions in quotes, one of which must be current"),
    ),
    responses(
        (status = 204, description = "Hidden or erased"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 404, description = "not_found: also deleted and expired, unless it shall be erased"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict"),
        (status = 412, description = "precondition_failed"),
        (status = 413, description = "too_large"),
    ),
)]
pub(super) async fn delete(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    Parameters(parameters): Parameters<DeleteParameters>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let precondition = conditions::precondition(&headers)?;
    let vault = &state.vault;
    if parameters.destroy {
        vault.destroy_value(&caller, &name, &precondition).await?;
    } else {
        vault.delete_value(&caller, &name, &precondition).await?;
    }
    Ok(no_content())
}

/// Brings a hidden value back with all its versions.
#[utoipa::path(
    post, path = "/v1/kv/{key}/undelete", operation_id = "undeleteValue", tag = "values",
    params(
        ("key" = String, Path, description = "The name, percent-encoded"),
        ("If-Match" = Option<String>, Header, description = "Versions in quotes, one of which must be the hidden one"),
    ),
    responses(
        (status = 200, description = "The current version, visible again", body = WrittenDocument, headers(("ETag" = String, description = "The version in quotes"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 404, description = "not_found: also expired and destroyed"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict"),
        (status = 412, description = "precondition_failed"),
        (status = 413, description = "too_large"),
    ),
)]
pub(super) async fn undelete(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let precondition = conditions::precondition(&headers)?;
    let vault = &state.vault;
    let back = vault.undelete_value(&caller, &name, &precondition).await?;
    Ok(written_answer(StatusCode::OK, &name, back))
}
