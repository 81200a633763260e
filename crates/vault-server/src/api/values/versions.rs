//! Lists versions, and brings one back.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vault_store::Page;

use super::write::{WrittenDocument, written_answer};
use crate::api::input::{KeyInPath, NoParameters, Parameters, json, page_limit};
use crate::api::output::next_link;
use crate::api::utc::Utc;
use crate::api::{ApiState, conditions, read_json};
use crate::layers::UserSecret;
use crate::problem::{Code, Problem};
use crate::vault::principal::Principal;

/// A version of a value, without its contents.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionDocument {
    /// The version.
    version: u64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// When it expires; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
}

/// Which versions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionParameters {
    /// Only versions after this one.
    after: Option<u64>,
    /// Versions in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// What to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackDocument {
    /// A version, from 1.
    #[schema(minimum = 1)]
    version: u64,
}

/// Versions of a value that can be read, ascending.
#[utoipa::path(
    get, path = "/v1/kv/{key}/versions", operation_id = "listVersions", tag = "values",
    params(("key" = String, Path, description = "The name, percent-encoded"), VersionParameters),
    responses(
        (status = 200, description = "One page of versions; it may be shorter than asked for", body = Vec<VersionDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 404, description = "not_found: also deleted and expired"),
    ),
)]
pub(super) async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    Parameters(parameters): Parameters<VersionParameters>,
    uri: http::Uri,
) -> Result<Response, Problem> {
    let limit = page_limit(parameters.limit)?;
    let found = state
        .vault
        .versions(&caller, &name, parameters.after, limit);
    let (Page { rows, more }, last) = found.await?;
    let documents: Vec<_> = rows
        .iter()
        .map(|version| VersionDocument {
            version: version.version,
            created_utc: Utc(version.created),
            expires_utc: version.expires.map(Utc),
        })
        .collect();
    let mut response = Json(documents).into_response();
    if let Some(last) = last.filter(|_| more) {
        let (last, limit) = (last.to_string(), limit.to_string());
        let link = next_link(uri.path(), &[("after", &last), ("limit", &limit)]);
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Writes the contents, metadata and expiry of an older version as a new one.
#[utoipa::path(
    post, path = "/v1/kv/{key}/rollback", operation_id = "rollbackValue", tag = "values",
    params(
        ("key" = String, Path, description = "The name, percent-encoded"),
        ("X-User-Secret" = String, Header, description = "Opens the caller's private keys"),
        ("If-Match" = Option<String>, Header, description = "Versions in quotes, one of which must be current"),
    ),
    request_body = RollbackDocument,
    responses(
        (status = 200, description = "The new version", body = WrittenDocument, headers(("ETag" = String, description = "The version in quotes"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 404, description = "not_found: the value or that version; also deleted and expired"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict"),
        (status = 412, description = "precondition_failed"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn rollback(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let precondition = conditions::precondition(&headers)?;
    let body = read_json(&headers, body).await?;
    let RollbackDocument { version } = json(body.as_bytes())?;
    if version == 0 {
        return Err(Problem::new(
            Code::MalformedRequest,
            "Versions are counted from 1.",
        ));
    }
    let vault = &state.vault;
    let written = vault.rollback_value(&caller, &name, version, &precondition, &secret);
    Ok(written_answer(StatusCode::OK, &name, written.await?))
}
