//! Opens many values at once.

use std::collections::HashSet;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::read::{DOCUMENT_FRAME_BYTES, JSON_ESCAPE_FACTOR, ValueDocument, metadata};
use crate::api::input::{NoParameters, Parameters, SecretBody, json};
use crate::api::media_type::{self, Form};
use crate::api::output::opened_json;
use crate::api::utc::Utc;
use crate::api::{ApiState, base64};
use crate::layers::UserSecret;
use crate::problem::{Code, Problem};
use crate::vault::error::VaultError;
use crate::vault::opened_bytes::{Opened, OpenedShare};
use crate::vault::principal::Principal;
use crate::vault::value_name::{VALUE_NAME_BYTES_MAX, ValueName};
use crate::vault::values::{BATCH_MAX, OpenedValue};

/// Room for the longest names, escaped.
const BODY_BYTES_MAX: usize = BATCH_MAX * (VALUE_NAME_BYTES_MAX * JSON_ESCAPE_FACTOR + 8) + 1024;

/// Which values to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchDocument {
    /// 1 to 100 names, none of them twice.
    #[schema(min_items = 1, max_items = 100, value_type = HashSet<String>)]
    keys: Vec<String>,
}

/// A value in the clear, or why there is none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum BatchItemDocument<'a> {
    /// The value.
    Value(ValueDocument<'a>),
    /// No value.
    Error(BatchErrorDocument<'a>),
}

/// Why one value of a batch was not opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchErrorDocument<'a> {
    /// The name as it was asked for.
    key: &'a str,
    /// The status that a call for this value alone is answered with.
    status: u16,
    /// The code of that answer.
    code: &'static str,
}

/// Opens the current versions of many values with one opening of the keys.
///
/// The answer has one entry for each name, in the order of the names. Together the values take
/// 4 MiB at most.
#[utoipa::path(
    post, path = "/v1/kv/batch-get", operation_id = "getValues", tag = "values",
    params(("X-User-Secret" = String, Header, description = "Opens the caller's private keys")),
    request_body = BatchDocument,
    responses(
        (status = 200, description = "A value or an error for each name", body = Vec<BatchItemDocument<'_>>),
        (status = 400, description = "missing_header, malformed_request: also for a repeated name, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root reads no values"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large: the document, or all values together (4 MiB)"),
        (status = 415, description = "unsupported_media_type"),
        (status = 409, description = "conflict: the user secret was replaced meanwhile"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if media_type::of_body(&headers)? != Form::Json {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "The Content-Type is not one that this call accepts.",
        ));
    }
    let body = SecretBody::read(body, BODY_BYTES_MAX).await?;
    let BatchDocument { keys } = json(body.as_bytes())?;
    if !(1..=BATCH_MAX).contains(&keys.len()) {
        return Err(Problem::new(
            Code::MalformedRequest,
            "keys must hold 1 to 100 names.",
        ));
    }
    if let Some(refused) = repeated(&keys) {
        return Err(refused);
    }
    let names: Vec<_> = keys.iter().map(|key| permitted(&caller, key)).collect();
    let usable: Vec<_> = names.iter().flatten().cloned().collect();
    let Opened { content, share } = state.vault.read_values(&caller, &usable, &secret).await?;
    let mut opened = content.into_iter();
    let items = names.into_iter().map(|name| match name {
        Ok(_) => opened.next().unwrap_or(Err(VaultError::NotFound)),
        Err(error) => Err(error),
    });
    answer(&keys, items.collect(), share)
}

/// The same value many times would make a large answer of a small request.
fn repeated(keys: &[String]) -> Option<Problem> {
    let mut seen = HashSet::with_capacity(keys.len());
    let refused = || Problem::new(Code::MalformedRequest, "keys must not hold a name twice.");
    (!keys.iter().all(|key| seen.insert(key))).then(refused)
}

/// The name, if the caller's key reaches it.
fn permitted(caller: &Principal, key: &str) -> Result<ValueName, VaultError> {
    let name = ValueName::parse(key)?;
    if caller.reaches_name(name.as_str()) {
        Ok(name)
    } else {
        Err(VaultError::OutOfScope)
    }
}

fn answer(
    keys: &[String],
    items: Vec<Result<OpenedValue, VaultError>>,
    share: OpenedShare,
) -> Result<Response, Problem> {
    let texts: Vec<Option<Zeroizing<String>>> = items
        .iter()
        .map(|item| {
            item.as_ref()
                .ok()
                .map(|opened| base64::encode_secret(&opened.value))
        })
        .collect();
    let mut bytes_max = 2;
    let mut documents = Vec::with_capacity(keys.len());
    for ((key, item), text) in keys.iter().zip(&items).zip(&texts) {
        let document = document(key, item, text.as_deref().map_or("", |text| text.as_str()));
        bytes_max += key.len() * JSON_ESCAPE_FACTOR + DOCUMENT_FRAME_BYTES;
        bytes_max += text.as_ref().map_or(0, |text| text.len());
        bytes_max += item.as_ref().map_or(0, |opened| {
            opened.metadata.as_ref().map_or(0, |text| text.len())
        });
        documents.push(document);
    }
    opened_json(&documents, bytes_max, share)
}

fn document<'a>(
    key: &'a str,
    item: &'a Result<OpenedValue, VaultError>,
    value_b64: &'a str,
) -> BatchItemDocument<'a> {
    let refused = |problem: Problem| {
        BatchItemDocument::Error(BatchErrorDocument {
            key,
            status: problem.code().status().as_u16(),
            code: problem.code().as_str(),
        })
    };
    let opened = match item {
        Ok(opened) => opened,
        Err(error) => return refused(error.clone().into()),
    };
    match metadata(opened) {
        Ok(metadata) => BatchItemDocument::Value(ValueDocument {
            key,
            value_b64,
            version: opened.version,
            created_utc: Utc(opened.created),
            expires_utc: opened.expires.map(Utc),
            metadata,
        }),
        Err(problem) => refused(problem),
    }
}
