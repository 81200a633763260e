//! Shares as their recipient lists, reads and gives them back.

use axum::extract::State;
use axum::response::Response;
use hardened_crypto::wrap::Alias;
use http::header::{self, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use vault_store::{Page, ShareId};

use super::outbox::SHARE_BYTES_MAX;
use super::{PermissionDocument, ShareInPath};
use crate::api::input::{NoParameters, Parameters, id, page_limit};
use crate::api::media_type::{self, Form};
use crate::api::output::{no_content, secret_answer, secret_json};
use crate::api::utc::Utc;
use crate::api::values::metadata;
use crate::api::{ApiState, base64, conditions, with_next};
use crate::layers::UserSecret;
use crate::problem::Problem;
use crate::vault::principal::Principal;
use crate::vault::shares::{InboundShare, ListInbox, SharedValue};

/// Where the list is.
const PATH: &str = "/v1/kv/shared";
/// Bytes of a display name at most, each escaped.
const NAME_BYTES_MAX: usize = 6 * vault_store::limits::DISPLAY_NAME_BYTES_MAX;

/// A share as its recipient sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboundShareDocument<'a> {
    /// Its id.
    share_id: Uuid,
    /// Whose value it is.
    owner_user_id: Uuid,
    /// The owner's display name.
    owner_name: &'a str,
    /// What the two call it, or null.
    alias: Option<&'a str>,
    /// What the recipient may do.
    permission: PermissionDocument,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// When it ends, or null.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
}

impl<'a> From<&'a InboundShare> for InboundShareDocument<'a> {
    fn from(share: &'a InboundShare) -> Self {
        Self {
            share_id: share.share_id.into(),
            owner_user_id: share.owner.into(),
            owner_name: &share.owner_name,
            alias: share.alias.as_ref().map(Alias::expose),
            permission: share.permission.into(),
            created_utc: Utc(share.created),
            expires_utc: share.expires.map(Utc),
        }
    }
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

/// Which shares to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxParameters {
    /// Only shares after this one.
    after: Option<String>,
    /// Shares in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
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
pub(super) async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<InboxParameters>,
    UserSecret(secret): UserSecret,
) -> Result<Response, Problem> {
    let limit = page_limit(parameters.limit)?;
    let after = parameters.after.as_deref().map(id).transpose()?;
    let wanted = ListInbox {
        after: after.map(ShareId::from),
        limit,
    };
    let found = state.vault.shared_values(&caller, wanted, &secret);
    let (Page { rows, more }, last) = found.await?;
    let documents: Vec<InboundShareDocument<'_>> = rows.iter().map(Into::into).collect();
    let room = documents.len() * (SHARE_BYTES_MAX + NAME_BYTES_MAX) + 2;
    let response = secret_json(&documents, room)?;
    let last = last.filter(|_| more).map(Into::into);
    Ok(with_next(response, PATH, last, limit))
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
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    ShareInPath(share_id): ShareInPath,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let read = state.vault.read_shared_value(&caller, share_id, &secret);
    let read = read.await?;
    let tag = conditions::entity_tag(read.opened.version);
    let mut response = match media_type::of_answer(&headers) {
        Form::Raw => secret_answer(media_type::OCTET_STREAM, read.opened.value),
        Form::Json => value_answer(share_id, &read)?,
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
    ),
)]
pub(super) async fn leave(
    caller: Principal,
    State(state): State<ApiState>,
    ShareInPath(share_id): ShareInPath,
    _: Parameters<NoParameters>,
) -> Result<Response, Problem> {
    state.vault.leave_share(&caller, share_id).await?;
    Ok(no_content())
}

fn value_answer(share_id: ShareId, read: &SharedValue) -> Result<Response, Problem> {
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
    secret_json(&document, texts + SHARE_BYTES_MAX)
}
