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

use super::{CREDENTIAL_BODY_BYTES_MAX, CredentialDocument};
use crate::api::input::{NoParameters, Parameters, SecretBody, json};
use crate::api::{ApiState, read_json_of, utc};
use crate::layers::secret_headers::one_secret;
use crate::problem::Problem;
use crate::proxy::control::X_PROXY_MASTER_KEY;
use crate::vault::credentials::{InjectionPlace, NewCredential};
use crate::vault::principal::Principal;

/// The header, unless another is wanted.
const HEADER_DEFAULT: &str = "Authorization";
/// The template, unless another is wanted.
const TEMPLATE_DEFAULT: &str = "Bearer {{secret}}";

/// A credential to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateCredentialDocument<'a> {
    /// Name, unique for its owner: 1 to 512 bytes of printable UTF-8.
    name: String,
    /// `api.example.com`, `api.example.com:8443` or `*.example.com`.
    host_pattern: String,
    /// The value: 1 to 8192 bytes without control characters and edge spaces.
    #[serde(borrow)]
    #[schema(value_type = String)]
    value: SecretText<'a>,
    /// The header that carries it; `Authorization` by default.
    #[serde(default)]
    header: Option<String>,
    /// `{{secret}}` or `{{secret|base64}}` once; `Bearer {{secret}}` by default.
    #[serde(default)]
    template: Option<String>,
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

/// Makes a credential, sealed under the passphrase in `X-Proxy-Master-Key`.
#[utoipa::path(
    post, path = "/v1/credentials", operation_id = "createCredential", tag = "credentials",
    params(("X-Proxy-Master-Key" = String, Header, description = "The passphrase that will open it")),
    request_body = CreateCredentialDocument<'_>,
    responses(
        (status = 201, description = "Made", body = CredentialDocument),
        (status = 400, description = "malformed_request, missing_header, expiry_in_past, tampered"),
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
    let passphrase = one_secret(&headers, &X_PROXY_MASTER_KEY)?;
    let body: SecretBody = read_json_of(&headers, body, CREDENTIAL_BODY_BYTES_MAX).await?;
    let document: CreateCredentialDocument<'_> = json(body.as_bytes())?;
    let place = InjectionPlace::parse(
        &document.host_pattern,
        document.header.as_deref().unwrap_or(HEADER_DEFAULT),
        document.template.as_deref().unwrap_or(TEMPLATE_DEFAULT),
    )?;
    let expires = document.expires_utc.as_deref().map(utc::parse);
    let new = NewCredential {
        name: &document.name,
        place: &place,
        value: document.value.as_bytes(),
        expires: expires.transpose()?,
    };
    let making = state.vault.make_credential(&caller, new, &passphrase);
    Ok((StatusCode::CREATED, Json(making.await?.into())))
}
