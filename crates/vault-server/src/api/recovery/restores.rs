//! Restores: staged by a trustee, seen, vetoed and made active by the owner.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vault_store::{Page, RestoreId};

use super::{BODY_BYTES_MAX, RecoveryListParameters, half};
use crate::api::input::{IdInPath, NoParameters, Parameters, id_in_segment, json};
use crate::api::keys::KeyStatusDocument;
use crate::api::output::no_content;
use crate::api::utc::Utc;
use crate::api::{ApiState, read_json_of, with_next};
use crate::layers::{NewUserSecret, UserSecret};
use crate::problem::{Code, Problem};
use crate::vault::principal::Principal;
use crate::vault::recovery::Restore;

/// What a trustee recovered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRestoreDocument<'a> {
    /// The restored keys sealed under a new secret, first half: 1 to 24576 bytes.
    #[serde(borrow)]
    #[schema(value_type = String, content_encoding = "base64", min_length = 4, max_length = 32_768)]
    encrypted_private_key_ecc_b64: Cow<'a, str>,
    /// The restored keys sealed under a new secret, second half: 1 to 24576 bytes.
    #[serde(borrow)]
    #[schema(value_type = String, content_encoding = "base64", min_length = 4, max_length = 32_768)]
    encrypted_private_key_kyber_b64: Cow<'a, str>,
    /// Whether an answer was needed. Told for the trustee's own records; nothing depends on it.
    #[allow(dead_code, reason = "accepted, and nothing depends on it")]
    #[serde(default)]
    used_xor: bool,
    /// The question that was answered. Told for the trustee's own records.
    #[allow(dead_code, reason = "accepted, and nothing depends on it")]
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    xor_salt_hint: Option<Cow<'a, str>>,
}

/// A staged restore.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreDocument {
    /// Its id.
    restore_id: Uuid,
    /// Who staged it.
    trustee_user_id: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    submitted_utc: Utc,
    /// It cannot become active before then.
    #[schema(value_type = String, format = DateTime)]
    not_before_utc: Utc,
    /// Whether the owner's secret or key pair has changed since: it never becomes active.
    stale: bool,
}

impl From<&Restore> for RestoreDocument {
    fn from(restore: &Restore) -> Self {
        Self {
            restore_id: restore.restore_id.into(),
            trustee_user_id: restore.trustee.into(),
            submitted_utc: Utc(restore.submitted),
            not_before_utc: Utc(restore.not_before),
            stale: restore.stale,
        }
    }
}

/// Stages what a trustee recovered, beside the owner's keys, which stay in force.
///
/// A trustee has one staged restore for an owner: the next one takes its place and waits anew.
#[utoipa::path(
    post, path = "/v1/recovery/restore/{ownerUserId}", operation_id = "stageRestore", tag = "recovery",
    params(("ownerUserId" = Uuid, Path, description = "The owner")),
    request_body = NewRestoreDocument<'_>,
    responses(
        (status = 201, description = "Staged", body = RestoreDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root is nobody's trustee"),
        (status = 404, description = "not_found: also for everyone who is not, or no longer, a trustee"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
pub(super) async fn stage(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(owner): IdInPath,
    _: Parameters<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let body = read_json_of(&headers, body, BODY_BYTES_MAX).await?;
    let document: NewRestoreDocument<'_> = json(body.as_bytes())?;
    let ecc = half(&document.encrypted_private_key_ecc_b64)?;
    let kyber = half(&document.encrypted_private_key_kyber_b64)?;
    let staged = state
        .vault
        .stage_restore(&caller, owner.into(), (&ecc, &kyber))
        .await?;
    Ok((StatusCode::CREATED, Json(RestoreDocument::from(&staged))).into_response())
}

/// Staged restores of the caller's keys, in the order of their ids.
#[utoipa::path(
    get, path = "/v1/recovery/restores", operation_id = "listRestores", tag = "recovery",
    params(RecoveryListParameters),
    responses(
        (status = 200, description = "One page of restores", body = Vec<RestoreDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
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
    let found = state.vault.restores(&caller, after.map(Into::into), limit);
    let Page { rows, more } = found.await?;
    let last = rows.last().filter(|_| more);
    let last = last.map(|last| last.restore_id.into());
    let documents: Vec<RestoreDocument> = rows.iter().map(Into::into).collect();
    let page = Json(documents).into_response();
    Ok(with_next(page, uri.path(), last, limit))
}

/// Vetoes a staged restore: it is erased.
#[utoipa::path(
    delete, path = "/v1/recovery/restores/{restoreId}", operation_id = "vetoRestore", tag = "recovery",
    params(("restoreId" = Uuid, Path, description = "The restore")),
    responses(
        (status = 204, description = "Erased"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no keys"),
        (status = 404, description = "not_found"),
        (status = 409, description = "conflict"),
    ),
)]
pub(super) async fn veto(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(restore): IdInPath,
    _: Parameters<NoParameters>,
) -> Result<Response, Problem> {
    state.vault.veto_restore(&caller, restore.into()).await?;
    Ok(no_content())
}

/// Makes a staged restore active: its keys are the caller's under the new secret.
///
/// `X-User-Secret` opens the restore; `X-New-User-Secret`, if it is sent, protects the keys
/// from now on, otherwise the first one does. The restore must hold the private half of every
/// stored public key. Every other staged restore is erased in the same step.
/// `POST /v1/keys/rekey` does the same when its old secret is not the one in force and opens a
/// staged restore whose waiting time is over.
#[utoipa::path(
    post, path = "/v1/recovery/restores/{restoreId}/activate", operation_id = "activateRestore", tag = "recovery",
    params(
        ("restoreId" = Uuid, Path, description = "The restore"),
        ("X-User-Secret" = String, Header, description = "Opens the restore"),
        ("X-New-User-Secret" = Option<String>, Header, description = "The secret from now on"),
    ),
    responses(
        (status = 200, description = "The keys are in force", body = KeyStatusDocument),
        (status = 400, description = "missing_header, malformed_request, keys_missing, user_secret_unusable, restore_unusable, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no keys"),
        (status = 404, description = "not_found: also vetoed"),
        (status = 409, description = "restore_waiting, conflict"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn activate(
    caller: Principal,
    State(state): State<ApiState>,
    RestoreToActivate(restore): RestoreToActivate,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
    new: Result<NewUserSecret, Problem>,
) -> Result<Json<KeyStatusDocument>, Problem> {
    let new = match new {
        Ok(NewUserSecret(new)) => Some(new),
        Err(problem) if problem.code() == Code::MissingHeader => None,
        Err(problem) => return Err(problem),
    };
    let info = state
        .vault
        .activate_restore(&caller, restore, &secret, new.as_ref())
        .await?;
    Ok(Json((&info).into()))
}

/// The id in front of the last segment of a path.
#[derive(Debug)]
pub(super) struct RestoreToActivate(RestoreId);

impl<S: Sync> FromRequestParts<S> for RestoreToActivate {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let segment = parts.uri.path().rsplit('/').nth(1);
        id_in_segment(segment).map(|id| Self(id.into()))
    }
}
