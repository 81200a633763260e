//! Stores values: as JSON with base64, or raw.

use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use zeroize::Zeroize;

use crate::api::input::{KeyInPath, NoParameters, Parameters, SecretBody, json};
use crate::api::media_type::{self, Form};
use crate::api::utc::{self, Utc};
use crate::api::{ApiState, base64, conditions};
use crate::problem::{Code, Problem};
use crate::vault::error::Invalid;
use crate::vault::limits::METADATA_BYTES_MAX;
use crate::vault::principal::Principal;
use crate::vault::value_name::ValueName;
use crate::vault::values::{NewValue, Written};

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

/// Stores a value, or a new version of it. Needs no user secret.
///
/// The body is a JSON document, or with `Content-Type: application/octet-stream` the value
/// itself. A write over a deleted or expired name brings its older versions back, for its owner
/// alone: its shares end in the same step, while `undelete` keeps them. Destroy it first to start
/// over.
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
pub(super) async fn put(
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

/// The answer to a write.
pub(super) fn written_answer(status: StatusCode, name: &ValueName, written: Written) -> Response {
    let document = WrittenDocument {
        key: name.as_str().to_owned(),
        version: written.version,
        created_utc: Utc(written.created),
    };
    let tag = conditions::entity_tag(written.version);
    (status, [(header::ETAG, tag)], Json(document)).into_response()
}
