//! `/v1/kv`: values.

use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault_store::Page;
use zeroize::{Zeroize, Zeroizing};

use super::input::{KeyInPath, NoParameters, Parameters, SecretBody, json, page_limit};
use super::media_type::{self, Form};
use super::output::{next_link, no_content, secret_answer, secret_json};
use super::utc::{self, Utc};
use super::{ApiState, base64, conditions};
use crate::layers::UserSecret;
use crate::problem::{Code, Problem};
use crate::vault::error::Invalid;
use crate::vault::limits::METADATA_BYTES_MAX;
use crate::vault::principal::Principal;
use crate::vault::value_name::ValueName;
use crate::vault::values::{ListNames, NewValue, OpenedValue, Written};

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, put, delete))
        .routes(routes!(undelete))
}

const PATH: &str = "/v1/kv";

/// A value to store.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutValueDocument<'a> {
    /// The value, in canonical base64 with padding; 1 MiB decoded unless configured otherwise.
    #[serde(borrow)]
    #[schema(value_type = String, content_encoding = "base64")]
    value_b64: Cow<'a, str>,
    /// Hidden and unreadable from then on: RFC 3339 with an offset, in the future.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Cow<'a, str>>,
    /// Anything about the value, sealed with it; 16 KiB of JSON.
    #[serde(default, borrow)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'a RawValue>,
}

impl Drop for PutValueDocument<'_> {
    fn drop(&mut self) {
        // A text with escapes was copied; a borrowed one is wiped with the body.
        if let Cow::Owned(copied) = &mut self.value_b64 {
            copied.zeroize();
        }
    }
}

/// A version that was stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WrittenDocument {
    /// The name.
    key: String,
    /// The version, also in `ETag`.
    version: u64,
    /// When the version was written.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
}

/// A version in the clear.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueDocument<'a> {
    /// The name.
    key: &'a str,
    /// The value, in base64 with padding.
    #[schema(content_encoding = "base64")]
    value_b64: &'a str,
    /// The version, also in `ETag`.
    version: u64,
    /// When the version was written.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// When it expires; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
    /// What was stored about the value, or null.
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'a RawValue>,
}

/// Room for everything in a [`ValueDocument`] but its texts.
const DOCUMENT_FRAME_BYTES: usize = 512;
/// A character of a name takes at most so many bytes for each of its own in JSON.
const JSON_ESCAPE_FACTOR: usize = 6;

/// Stores a value, or a new version of it. Needs no user secret.
///
/// The body is a JSON document, or with `Content-Type: application/octet-stream` the value
/// itself. A write over a deleted name brings its older versions back; destroy it first to
/// start over.
#[utoipa::path(
    put, path = "/v1/kv/{key}", operation_id = "putValue", tag = "values",
    params(
        ("key" = String, Path, description = "The name: 1 to 512 bytes of printable UTF-8, percent-encoded"),
        ("If-Match" = Option<String>, Header, description = "Versions in quotes, one of which must be current"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: there must be no such value yet"),
    ),
    request_body(content(
        (PutValueDocument<'_> = "application/json"),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "A new version of a value", body = WrittenDocument, headers(("ETag" = String, description = "The version in quotes"))),
        (status = 201, description = "A new value", body = WrittenDocument, headers(("ETag" = String, description = "The version in quotes"))),
        (status = 400, description = "malformed_request, expiry_in_past, keys_missing, tampered"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict: others wrote at the same time, many times"),
        (status = 412, description = "precondition_failed"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
async fn put(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let precondition = conditions::precondition(&headers)?;
    let form = media_type::of_body(&headers)?;
    let mut new = NewValue {
        value: &[],
        metadata: None,
        expires: None,
        precondition: &precondition,
    };
    let vault = &state.vault;
    let written = match form {
        Form::Raw => {
            let body = SecretBody::read(body, vault.limits().value_bytes_max).await?;
            new.value = body.as_bytes();
            vault.put_value(&caller, &name, new).await?
        }
        Form::Json => {
            let body = SecretBody::read(body, state.body_bytes_max).await?;
            let document: PutValueDocument<'_> = json(body.as_bytes())?;
            let value = base64::decode(&document.value_b64)?;
            new.value = &value;
            new.metadata = document.metadata.map(checked_metadata).transpose()?;
            new.expires = document
                .expires_utc
                .as_deref()
                .map(utc::parse)
                .transpose()?;
            vault.put_value(&caller, &name, new).await?
        }
    };
    let status = if written.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(written_answer(status, &name, written))
}

/// The text of a JSON object, which any parser can read again.
fn checked_metadata(raw: &RawValue) -> Result<&str, Problem> {
    if raw.get().len() > METADATA_BYTES_MAX {
        return Err(Problem::new(
            Code::TooLarge,
            "The value or its metadata are larger than allowed.",
        ));
    }
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(raw.get());
    match object {
        Ok(_) => Ok(raw.get()),
        Err(_) => Err(Invalid::Metadata.into()),
    }
}

fn written_answer(status: StatusCode, name: &ValueName, written: Written) -> Response {
    let document = WrittenDocument {
        key: name.as_str().to_owned(),
        version: written.version,
        created_utc: Utc(written.created),
    };
    let tag = conditions::entity_tag(written.version);
    (status, [(header::ETAG, tag)], Json(document)).into_response()
}

/// Which version to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GetParameters {
    /// A version, from 1; the current one if absent.
    #[param(minimum = 1)]
    version: Option<u64>,
}

/// Opens a value with the user secret.
///
/// With `Accept: application/octet-stream` the answer is the value itself.
#[utoipa::path(
    get, path = "/v1/kv/{key}", operation_id = "getValue", tag = "values",
    params(
        ("key" = String, Path, description = "The name, percent-encoded"),
        GetParameters,
        ("X-User-Secret" = String, Header, description = "Opens the caller's private keys"),
    ),
    responses(
        (status = 200, description = "The value", content(
            (ValueDocument<'_> = "application/json"),
            (Vec<u8> = "application/octet-stream"),
        ), headers(("ETag" = String, description = "The version in quotes"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root reads no values"),
        (status = 404, description = "not_found: also deleted and expired"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    Parameters(parameters): Parameters<GetParameters>,
    UserSecret(secret): UserSecret,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if parameters.version == Some(0) {
        return Err(Problem::new(
            Code::MalformedRequest,
            "Versions are counted from 1.",
        ));
    }
    let version = parameters.version;
    let opened = state.vault.read_value(&caller, &name, version, &secret);
    let opened = opened.await?;
    let tag = conditions::entity_tag(opened.version);
    let mut response = match media_type::of_answer(&headers) {
        Form::Raw => secret_answer(media_type::OCTET_STREAM, opened.value),
        Form::Json => value_answer(&name, &opened)?,
    };
    response.headers_mut().insert(header::ETAG, tag);
    response
        .headers_mut()
        .insert(header::VARY, header::HeaderValue::from_static("Accept"));
    Ok(response)
}

fn value_answer(name: &ValueName, opened: &OpenedValue) -> Result<Response, Problem> {
    let value_b64: Zeroizing<String> = base64::encode_secret(&opened.value);
    let metadata = opened.metadata.as_ref().map(|text| {
        // What was checked when it was written has authenticated since.
        serde_json::from_slice::<&RawValue>(text).map_err(|_| {
            Problem::new(
                Code::Tampered,
                "Stored data are not as the server wrote them.",
            )
        })
    });
    let metadata = metadata.transpose()?;
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
    secret_json(&document, texts + name_bytes + DOCUMENT_FRAME_BYTES)
}

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
        (status = 409, description = "conflict"),
        (status = 412, description = "precondition_failed"),
    ),
)]
async fn delete(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    Parameters(parameters): Parameters<DeleteParameters>,
    headers: HeaderMap,
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
    params(("key" = String, Path, description = "The name, percent-encoded")),
    responses(
        (status = 200, description = "The current version, visible again", body = WrittenDocument, headers(("ETag" = String, description = "The version in quotes"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no values"),
        (status = 404, description = "not_found: also expired and destroyed"),
        (status = 409, description = "conflict"),
    ),
)]
async fn undelete(
    caller: Principal,
    State(state): State<ApiState>,
    KeyInPath(name): KeyInPath,
    _: Parameters<NoParameters>,
) -> Result<Response, Problem> {
    let back = state.vault.undelete_value(&caller, &name).await?;
    Ok(written_answer(StatusCode::OK, &name, back))
}

/// Which names to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParameters {
    /// Only names that start with this.
    #[serde(default)]
    prefix: String,
    /// Only names after this one.
    after: Option<String>,
    /// Names in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Names that are neither deleted nor expired, in the order of their bytes.
#[utoipa::path(
    get, path = "/v1/kv", operation_id = "listValues", tag = "values",
    params(ListParameters),
    responses(
        (status = 200, description = "One page of names", body = Vec<String>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no values"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Response, Problem> {
    let limit = page_limit(parameters.limit)?;
    let wanted = ListNames {
        prefix: &parameters.prefix,
        after: parameters.after.as_deref(),
        limit,
    };
    let Page { rows, more } = state.vault.names(&caller, wanted).await?;
    let link = rows.last().filter(|_| more).map(|last| {
        let limit = limit.to_string();
        let mut next = vec![("after", last.as_str()), ("limit", limit.as_str())];
        if !parameters.prefix.is_empty() {
            next.push(("prefix", &parameters.prefix));
        }
        next_link(PATH, &next)
    });
    let mut response = Json(rows).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}
