//! Makes credentials.

use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::StatusCode;
use http::header::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroize;

use super::{CREDENTIAL_BODY_BYTES_MAX, CredentialDocument, EchoDocument, slot};
use crate::api::input::{NoParameters, Parameters, SecretBody, json};
use crate::api::{ApiState, read_json_of, utc};
use crate::problem::Problem;
use crate::proxy::control::read_secret;
use crate::vault::credentials::{InjectionPlace, NewCredential};
use crate::vault::principal::Principal;

/// The header, unless another is wanted.
const HEADER_DEFAULT: &str = "Authorization";
/// The template of a header, unless another is wanted.
const TEMPLATE_DEFAULT: &str = "Bearer {{secret}}";
/// The template of a query parameter, unless another is wanted.
const QUERY_TEMPLATE_DEFAULT: &str = "{{secret}}";

/// A credential to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateCredentialDocument<'a> {
    /// Name, unique for its owner: 1 to 512 bytes of printable UTF-8.
    name: String,
    /// `api.example.com`, `api.example.com:8443` or `*.example.com`; `contains:example` where the
    /// operator enabled it.
    host_pattern: String,
    /// The value: 1 to 8192 bytes without control characters and edge spaces.
    #[serde(borrow)]
    #[schema(value_type = String, max_length = 8192, pattern = r"^[^\u0000-\u0020\u007f]([^\u0000-\u001f\u007f]*[^\u0000-\u0020\u007f])?$")]
    value: SecretText<'a>,
    /// The header that carries it; `Authorization` by default.
    #[serde(default)]
    header: Option<String>,
    /// The query parameter that carries it instead: 1 to 64 letters, digits, `-`, `.`, `_`, `~`.
    #[serde(default)]
    query_parameter: Option<String>,
    /// `{{secret}}` or `{{secret|base64}}` once. By default `Bearer {{secret}}`, and `{{secret}}`
    /// for a query parameter.
    #[serde(default)]
    template: Option<String>,
    /// What happens to an upstream's answer that repeats the value; `redact` by default.
    #[serde(default)]
    echo: Option<EchoDocument>,
    /// Unusable from then on: RFC 3339 with an offset, in the future.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<String>,
}

/// A secret in a body. A borrowed one is wiped with the body, a copied one here.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct SecretText<'a>(#[serde(borrow)] Cow<'a, str>);

impl SecretText<'_> {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Drop for SecretText<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(copied) = &mut self.0 {
            copied.zeroize();
        }
    }
}

/// Makes a credential, sealed under the passphrase in `X-Proxy-Master-Key`, or without that header
/// to the caller's keys.
///
/// Sealing to keys needs their public half alone: `X-User-Secret` is permitted and not looked at.
#[utoipa::path(
    post, path = "/v1/credentials", operation_id = "createCredential", tag = "credentials",
    params(
        ("X-Proxy-Master-Key" = Option<String>, Header, description = "The passphrase that will open it"),
        ("X-User-Secret" = Option<String>, Header, description = "Excludes the passphrase"),
    ),
    request_body = CreateCredentialDocument<'_>,
    responses(
        (status = 201, description = "Made", body = CredentialDocument),
        (status = 400, description = "malformed_request, missing_header, two_credentials, keys_missing, expiry_in_past, tampered"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict: the name is taken, or there are too many"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
pub(super) async fn create(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<CredentialDocument>), Problem> {
    let secret = read_secret(&headers)?;
    let body: SecretBody = read_json_of(&headers, body, CREDENTIAL_BODY_BYTES_MAX).await?;
    let document: CreateCredentialDocument<'_> = json(body.as_bytes())?;
    let parameter = document.query_parameter.as_deref();
    let slot = slot(document.header.as_deref(), parameter)?;
    let template_default = match parameter {
        None => TEMPLATE_DEFAULT,
        Some(_) => QUERY_TEMPLATE_DEFAULT,
    };
    let place = InjectionPlace::parse(
        &document.host_pattern,
        slot.as_deref().unwrap_or(HEADER_DEFAULT),
        document.template.as_deref().unwrap_or(template_default),
    )?;
    let expires = document.expires_utc.as_deref().map(utc::parse);
    let new = NewCredential {
        name: &document.name,
        place: &place,
        value: document.value.as_bytes(),
        echo: document.echo.unwrap_or_default().into(),
        expires: expires.transpose()?,
    };
    let making = state.vault.make_credential(&caller, new, secret.as_ref());
    Ok((StatusCode::CREATED, Json(making.await?.into())))
}
