//! Trustees as the owner names, lists and removes them.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vault_store::Page;

use super::{BODY_BYTES_MAX, RecoveryListParameters, half};
use crate::api::input::{IdInPath, NoParameters, Parameters, id, json};
use crate::api::output::no_content;
use crate::api::utc::Utc;
use crate::api::{ApiState, read_json_of, with_next};
use crate::problem::Problem;
use crate::vault::principal::Principal;
use crate::vault::recovery::{NewTrustee, Trustee};

/// What a trustee shall hold.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTrusteeDocument<'a> {
    /// What the owner's client sealed, first half: 1 to 24576 bytes, opaque to the server.
    #[serde(borrow)]
    #[schema(value_type = String, content_encoding = "base64", min_length = 4, max_length = 32_768)]
    encrypted_private_key_ecc_share_b64: Cow<'a, str>,
    /// What the owner's client sealed, second half: 1 to 24576 bytes, opaque to the server.
    #[serde(borrow)]
    #[schema(value_type = String, content_encoding = "base64", min_length = 4, max_length = 32_768)]
    encrypted_private_key_kyber_share_b64: Cow<'a, str>,
    /// Whether the answer to a question is needed to use the share.
    #[serde(default)]
    xor_applied: bool,
    /// The question: at most 256 bytes, readable by the trustee and on the server.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>, format = "printable", max_length = 256)]
    xor_salt_hint: Option<Cow<'a, str>>,
    /// How long a restore by this trustee waits, counted from its staging: at most 90 days.
    #[serde(default)]
    #[schema(default = 0, maximum = 7_776_000)]
    wait_seconds: u32,
    /// Shares of one set carry one id; without it the share is a set of its own.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>, format = Uuid)]
    set_id: Option<Cow<'a, str>>,
}

/// A trustee as the owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrusteeDocument {
    /// Who.
    trustee_user_id: Uuid,
    /// The set that the share belongs to.
    set_id: Uuid,
    /// Whether the answer to a question is needed to use the share.
    xor_applied: bool,
    /// The question.
    xor_salt_hint: String,
    /// How long a restore by this trustee waits.
    wait_seconds: u32,
    /// Whether the owner's secret or key pair has changed since: make new shares.
    stale: bool,
    /// When the trustee was first named.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
}

impl From<&Trustee> for TrusteeDocument {
    fn from(trustee: &Trustee) -> Self {
        Self {
            trustee_user_id: trustee.trustee.into(),
            set_id: trustee.set_id.into(),
            xor_applied: trustee.xor_applied,
            xor_salt_hint: trustee.hint.clone(),
            wait_seconds: trustee.wait_seconds,
            stale: trustee.stale,
            created_utc: Utc(trustee.created),
        }
    }
}

/// Names a colleague as trustee, or replaces what a trustee holds.
///
/// Replacing erases what the trustee had staged. An owner has at most 16 trustees.
#[utoipa::path(
    put, path = "/v1/recovery/trustees/{trusteeUserId}", operation_id = "putTrustee", tag = "recovery",
    params(("trusteeUserId" = Uuid, Path, description = "A user of the same organisation")),
    request_body = NewTrusteeDocument<'_>,
    responses(
        (status = 200, description = "Replaced", body = TrusteeDocument),
        (status = 201, description = "Named", body = TrusteeDocument),
        (status = 400, description = "malformed_request, self_trustee, keys_missing, tampered"),
        (status = 403, description = "forbidden: root has no keys"),
        (status = 404, description = "not_found: the trustee in this organisation"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "too_many_trustees, conflict"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
pub(super) async fn put(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(trustee): IdInPath,
    _: Parameters<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let body = read_json_of(&headers, body, BODY_BYTES_MAX).await?;
    let document: NewTrusteeDocument<'_> = json(body.as_bytes())?;
    let ecc_share = half(&document.encrypted_private_key_ecc_share_b64)?;
    let kyber_share = half(&document.encrypted_private_key_kyber_share_b64)?;
    let set_id = document.set_id.as_deref().map(id).transpose()?;
    let new = NewTrustee {
        ecc_share: &ecc_share,
        kyber_share: &kyber_share,
        xor_applied: document.xor_applied,
        hint: document.xor_salt_hint.as_deref().unwrap_or_default(),
        wait_seconds: document.wait_seconds,
        set_id: set_id.map(Into::into),
    };
    let (stored, is_new) = state
        .vault
        .put_trustee(&caller, trustee.into(), new)
        .await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(TrusteeDocument::from(&stored))).into_response())
}

/// The caller's trustees, in the order of their ids.
#[utoipa::path(
    get, path = "/v1/recovery/trustees", operation_id = "listTrustees", tag = "recovery",
    params(RecoveryListParameters),
    responses(
        (status = 200, description = "One page of trustees", body = Vec<TrusteeDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no keys"),
    ),
)]
pub(super) async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<RecoveryListParameters>,
    uri: http::Uri,
) -> Result<Response, Problem> {
    let (after, limit) = parameters.read()?;
    let found = state.vault.trustees(&caller, after.map(Into::into), limit);
    let Page { rows, more } = found.await?;
    let last = rows.last().filter(|_| more).map(|last| last.trustee.into());
    let documents: Vec<TrusteeDocument> = rows.iter().map(Into::into).collect();
    let page = Json(documents).into_response();
    Ok(with_next(page, uri.path(), last, limit))
}

/// Removes a trustee with everything the trustee staged, at once.
///
/// A share that was fetched before stays with the trustee: rotate the keys to make it useless.
#[utoipa::path(
    delete, path = "/v1/recovery/trustees/{trusteeUserId}", operation_id = "removeTrustee", tag = "recovery",
    params(("trusteeUserId" = Uuid, Path, description = "The trustee")),
    responses(
        (status = 204, description = "Removed"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no keys"),
        (status = 404, description = "not_found"),
        (status = 409, description = "conflict"),
    ),
)]
pub(super) async fn remove(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(trustee): IdInPath,
    _: Parameters<NoParameters>,
) -> Result<Response, Problem> {
    state.vault.remove_trustee(&caller, trustee.into()).await?;
    Ok(no_content())
}
