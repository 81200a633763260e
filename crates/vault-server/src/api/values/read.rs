//! Opens values: as JSON with base64, or raw.

use axum::extract::State;
use axum::response::Response;
use http::header::{self, HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use crate::api::input::{KeyInPath, Parameters};
use crate::api::media_type::{self, Form};
use crate::api::output::{opened_answer, opened_json};
use crate::api::utc::Utc;
use crate::api::{ApiState, base64, conditions};
use crate::layers::secret_headers::{X_USER_SECRET, one_secret};
use crate::problem::{Code, Problem};
use crate::vault::error::VaultError;
use crate::vault::opened_bytes::{Opened, OpenedShare};
use crate::vault::principal::Principal;
use crate::vault::value_name::ValueName;
use crate::vault::values::OpenedValue;

/// A version in the clear.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueDocument<'a> {
    /// The name.
    pub(super) key: &'a str,
    /// The value, in base64 with padding.
    #[schema(content_encoding = "base64")]
    pub(super) value_b64: &'a str,
    /// The version, also in `ETag`.
    pub(super) version: u64,
    /// When the version was written.
    #[schema(value_type = String, format = DateTime)]
    pub(super) created_utc: Utc,
    /// When it expires; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) expires_utc: Option<Utc>,
    /// What was stored about the value, or null.
    #[schema(value_type = Option<Object>)]
    pub(super) metadata: Option<&'a RawValue>,
}

/// Room for everything in a [`ValueDocument`] but its texts.
pub(super) const DOCUMENT_FRAME_BYTES: usize = 512;
/// A character of a name takes at most so many bytes for each of its own in JSON.
pub(super) const JSON_ESCAPE_FACTOR: usize = 6;

/// Which version to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GetParameters {
    /// A version, from 1; the current one if absent.
    #[param(minimum = 1)]
    version: Option<u64>,
}

/// Opens a value with the user secret, or its current version with an access token for it.
///
/// With `Accept: application/octet-stream` the answer is the value itself.
#[utoipa::path(
    get, path = "/v1/kv/{key}", operation_id = "getValue", tag = "values",
    params(
        ("key" = String, Path, description = "The name, percent-encoded"),
        GetParameters,
        ("X-User-Secret" = Option<String>, Header, description = "Opens the caller's private keys; an access token needs none"),
    ),
    responses(
        (status = 200, description = "The value", content(
            (ValueDocument<'_> = "application/json"),
            (Vec<u8> = "application/octet-stream"),
        ), headers(("ETag" = String, description = "The version in quotes"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root reads no values; out_of_scope, token_outdated: an access token"),
        (status = 404, description = "not_found: also deleted and expired"),
        (status = 409, description = "conflict: the user secret was replaced meanwhile"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    Parameters(parameters): Parameters<GetParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if parameters.version == Some(0) {
        return Err(Problem::new(
            Code::MalformedRequest,
            "Versions are counted from 1.",
        ));
    }
    let version = parameters.version;
    let vault = &state.vault;
    let Opened {
        content: opened,
        share,
    } = match &caller.grant {
        Some(_) if version.is_some() => return Err(VaultError::OutOfScope.into()),
        Some(grant) => vault.read_granted_value(grant, &name).await?,
        None => {
            let secret = one_secret(&headers, &X_USER_SECRET)?;
            vault.read_value(&caller, &name, version, &secret).await?
        }
    };
    let tag = conditions::entity_tag(opened.version);
    let mut response = match media_type::of_answer(&headers) {
        Form::Raw => opened_answer(media_type::OCTET_STREAM, opened.value, share),
        Form::Json => value_answer(&name, &opened, share)?,
    };
    response.headers_mut().insert(header::ETAG, tag);
    response
        .headers_mut()
        .insert(header::VARY, header::HeaderValue::from_static("Accept"));
    Ok(response)
}

fn value_answer(
    name: &ValueName,
    opened: &OpenedValue,
    share: OpenedShare,
) -> Result<Response, Problem> {
    let value_b64: Zeroizing<String> = base64::encode_secret(&opened.value);
    let metadata = metadata(opened)?;
    let document = ValueDocument {
        key: name.as_str(),
        value_b64: &value_b64,
        version: opened.version,
        created_utc: Utc(opened.created),
        expires_utc: opened.expires.map(Utc),
        metadata,
    };
    let texts = value_b64.len() + metadata.map_or(0, |raw| raw.get().len());
    let name_bytes = name.as_str().len() * JSON_ESCAPE_FACTOR;
    let bytes_max = texts + name_bytes + DOCUMENT_FRAME_BYTES;
    opened_json(&document, bytes_max, share)
}

/// The metadata as they were written.
pub(in crate::api) fn metadata(opened: &OpenedValue) -> Result<Option<&RawValue>, Problem> {
    let metadata = opened.metadata.as_ref().map(|text| {
        // What was checked when it was written has authenticated since.
        serde_json::from_slice::<&RawValue>(text).map_err(|_| {
            Problem::new(
                Code::Tampered,
                "Stored data are not as the server wrote them.",
            )
        })
    });
    metadata.transpose()
}
