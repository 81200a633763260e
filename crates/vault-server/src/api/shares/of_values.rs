//! `/v1/kv/{key}/shares` and `/v1/kv/shared`: shares of values.

use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use http::Uri;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault_store::ShareId;
use vault_store::rows::RecordKind;

use super::outbox::{self, SHARE_BYTES_MAX};
use super::{
    InboundShareDocument, InboxParameters, NewShareDocument, RevokeParameters, ShareDocument,
    ShareInPath, ShareListParameters, inbox,
};
use crate::api::input::{KeyInPath, NoBody, NoParameters, Parameters};
use crate::api::media_type::{self, Form};
use crate::api::output::{no_content, opened_answer, opened_json};
use crate::api::utc::Utc;
use crate::api::values::metadata;
use crate::api::{ApiState, base64, conditions};
use crate::layers::UserSecret;
use crate::problem::Problem;
use crate::vault::opened_bytes::{Opened, OpenedShare};
use crate::vault::principal::Principal;
use crate::vault::records::OwnRecord;
use crate::vault::shares::SharedValue;
use crate::vault::value_name::ValueName;

/// Where the list of inbound shares is.
const INBOX: &str = "/v1/kv/shared";

/// The routes about shares of values.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(share, list))
        .routes(routes!(revoke))
        .routes(routes!(inbound))
        .routes(routes!(get, leave))
}

/// A shared value in the clear.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SharedValueDocument<'a> {
    /// The share.
    share_id: Uuid,
    /// Whose value it is.
    owner_user_id: Uuid,
    /// The value, in base64 with padding.
    #[schema(content_encoding = "base64")]
    value_b64: &'a str,
    /// The version, also in `ETag`.
    version: u64,
    /// When the version was written.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// When the share or the value ends, whichever is first; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
    /// What was stored about the value, or null.
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'a RawValue>,
}

/// Lets a colleague read a value, from its current version on.
///
/// For a colleague who may already, alias and expiry are replaced and the id stays. Later
/// versions are shared too.
#[utoipa::path(
    post, path = "/v1/kv/{key}/shares", operation_id = "shareValue", tag = "shares",
    params(
        ("key" = String, Path, description = "The name, percent-encoded"),
        ("X-User-Secret" = String, Header, description = "Opens the caller's private keys"),
    ),
    request_body = NewShareDocument<'_>,
    responses(
        (status = 201, description = "The share", body = ShareDocument<'_>),
        (status = 400, description = "missing_header, malformed_request, self_share, expiry_in_past, keys_missing, recipient_keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 404, description = "not_found: the value, or the recipient in this organisation"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "fingerprint_mismatch, too_many_shares, conflict"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn share(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    _: Parameters<NoParameters>,
    secret: UserSecret,
    request: Request,
) -> Result<Response, Problem> {
    outbox::share(&state, &caller, OwnRecord::Value(&name), secret, request).await
}

/// Live shares of a value, in the order of the ids of their recipients.
#[utoipa::path(
    get, path = "/v1/kv/{key}/shares", operation_id = "listShares", tag = "shares",
    params(
        ("key" = String, Path, description = "The name, percent-encoded"),
        ShareListParameters,
        ("X-User-Secret" = Option<String>, Header, description = "Opens the aliases"),
    ),
    responses(
        (status = 200, description = "One page of shares", body = Vec<ShareDocument<'_>>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 404, description = "not_found: also deleted and expired"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    Parameters(parameters): Parameters<ShareListParameters>,
    secret: Result<UserSecret, Problem>,
    uri: Uri,
) -> Result<Response, Problem> {
    let what = OwnRecord::Value(&name);
    outbox::list(&state, &caller, what, parameters, secret, &uri).await
}

/// The two variable segments of `/v1/kv/{key}/shares/{shareId}`.
#[derive(Debug)]
struct ValueShareInPath {
    name: ValueName,
    share_id: ShareId,
}

impl<S: Send + Sync> FromRequestParts<S> for ValueShareInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let KeyInPath(name) = KeyInPath::from_request_parts(parts, state).await?;
        let ShareInPath(share_id) = ShareInPath::from_request_parts(parts, state).await?;
        Ok(Self { name, share_id })
    }
}

/// Ends a share at once.
///
/// What the recipient has read stays read. With `rekey=true` and the user secret the current
/// contents become a new version under a new data key, in the same step; `ETag` names it.
#[utoipa::path(
    delete, path = "/v1/kv/{key}/shares/{shareId}", operation_id = "revokeShare", tag = "shares",
    params(
        ("key" = String, Path, description = "The name, percent-encoded"),
        ("shareId" = Uuid, Path, description = "The share"),
        RevokeParameters,
        ("X-User-Secret" = Option<String>, Header, description = "With `rekey=true`: opens the caller's private keys"),
    ),
    responses(
        (status = 204, description = "Ended", headers(("ETag" = String, description = "With `rekey=true`: the new version in quotes"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 404, description = "not_found: also expired and revoked"),
        (status = 409, description = "conflict"),
        (status = 429, description = "too_many_attempts"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large"),
    ),
)]
async fn revoke(
    caller: Principal,
    State(state): State<ApiState>,
    ValueShareInPath { name, share_id }: ValueShareInPath,
    Parameters(parameters): Parameters<RevokeParameters>,
    secret: Result<UserSecret, Problem>,
    _: NoBody,
) -> Result<Response, Problem> {
    let vault = &state.vault;
    if !parameters.rekey {
        let what = OwnRecord::Value(&name);
        vault.revoke_share(&caller, what, share_id).await?;
        return Ok(no_content());
    }
    let UserSecret(secret) = secret?;
    let written = vault.revoke_share_of_value_and_rekey(&caller, &name, share_id, &secret);
    let tag = conditions::entity_tag(written.await?.version);
    let mut response = no_content();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// Values shared with the caller that can be read now.
#[utoipa::path(
    get, path = "/v1/kv/shared", operation_id = "listSharedValues", tag = "shares",
    params(
        InboxParameters,
        ("X-User-Secret" = String, Header, description = "Opens the aliases"),
    ),
    responses(
        (status = 200, description = "One page of shares, in the order in which they were made", body = Vec<InboundShareDocument<'_>>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: nothing is shared with root"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn inbound(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<InboxParameters>,
    secret: UserSecret,
) -> Result<Response, Problem> {
    let kind = RecordKind::Value;
    inbox::list(&state, &caller, kind, INBOX, parameters, secret).await
}

/// Opens the current version of a shared value.
///
/// With `Accept: application/octet-stream` the answer is the value itself.
#[utoipa::path(
    get, path = "/v1/kv/shared/{shareId}", operation_id = "getSharedValue", tag = "shares",
    params(
        ("shareId" = Uuid, Path, description = "The share"),
        ("X-User-Secret" = String, Header, description = "Opens the caller's private keys"),
    ),
    responses(
        (status = 200, description = "The value", content(
            (SharedValueDocument<'_> = "application/json"),
            (Vec<u8> = "application/octet-stream"),
        ), headers(("ETag" = String, description = "The version in quotes"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: nothing is shared with root"),
        (status = 404, description = "not_found: also expired, revoked, and another's"),
        (status = 409, description = "conflict: the user secret was replaced meanwhile"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    ShareInPath(share_id): ShareInPath,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let read = state.vault.read_shared_value(&caller, share_id, &secret);
    let Opened {
        content: read,
        share,
    } = read.await?;
    let tag = conditions::entity_tag(read.opened.version);
    let mut response = match media_type::of_answer(&headers) {
        Form::Raw => opened_answer(media_type::OCTET_STREAM, read.opened.value, share),
        Form::Json => value_answer(share_id, &read, share)?,
    };
    let answered = response.headers_mut();
    answered.insert(header::ETAG, tag);
    answered.insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Gives a share back: the caller can read the value no more.
#[utoipa::path(
    delete, path = "/v1/kv/shared/{shareId}", operation_id = "leaveShare", tag = "shares",
    params(("shareId" = Uuid, Path, description = "The share")),
    responses(
        (status = 204, description = "Given back"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: nothing is shared with root"),
        (status = 404, description = "not_found: also expired, revoked, and another's"),
        (status = 409, description = "conflict"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large"),
    ),
)]
async fn leave(
    caller: Principal,
    State(state): State<ApiState>,
    ShareInPath(share_id): ShareInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let kind = RecordKind::Value;
    state.vault.leave_share(&caller, kind, share_id).await?;
    Ok(no_content())
}

fn value_answer(
    share_id: ShareId,
    read: &SharedValue,
    share: OpenedShare,
) -> Result<Response, Problem> {
    let opened = &read.opened;
    let value_b64 = base64::encode_secret(&opened.value);
    let metadata = metadata(opened)?;
    let document = SharedValueDocument {
        share_id: share_id.into(),
        owner_user_id: read.owner.into(),
        value_b64: &value_b64,
        version: opened.version,
        created_utc: Utc(opened.created),
        expires_utc: opened.expires.map(Utc),
        metadata,
    };
    let texts = value_b64.len() + metadata.map_or(0, |raw| raw.get().len());
    opened_json(&document, texts + SHARE_BYTES_MAX, share)
}
