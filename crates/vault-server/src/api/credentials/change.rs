//! Changes credentials.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::header::HeaderMap;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::make::SecretText;
use super::{CREDENTIAL_BODY_BYTES_MAX, CredentialDocument};
use crate::api::input::{IdInPath, NoParameters, Parameters, json};
use crate::api::{ApiState, read_json, read_json_of, utc};
use crate::layers::secret_headers::one_secret;
use crate::problem::Problem;
use crate::proxy::control::X_PROXY_MASTER_KEY;
use crate::vault::credentials::{CredentialPatch, PlaceChange};
use crate::vault::principal::Principal;

/// A new value.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutCredentialValueDocument<'a> {
    /// The value: 1 to 8192 bytes without control characters and edge spaces.
    #[serde(borrow)]
    #[schema(value_type = String)]
    value: SecretText<'a>,
}

/// Puts a new value in use. The passphrase must open the current one.
#[utoipa::path(
    put, path = "/v1/credentials/{credentialId}/value", operation_id = "putCredentialValue", tag = "credentials",
    params(
        ("credentialId" = Uuid, Path, description = "The credential"),
        ("X-Proxy-Master-Key" = String, Header, description = "The passphrase of the credential"),
    ),
    request_body = PutCredentialValueDocument<'_>,
    responses(
        (status = 200, description = "A new version is in use", body = CredentialDocument),
        (status = 400, description = "malformed_request, missing_header, tampered"),
        (status = 401, description = "api_key_invalid, wrong_passphrase"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict: others wrote at the same time, many times"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn put_value(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(id): IdInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CredentialDocument>, Problem> {
    let passphrase = one_secret(&headers, &X_PROXY_MASTER_KEY)?;
    let body = read_json_of(&headers, body, CREDENTIAL_BODY_BYTES_MAX).await?;
    let document: PutCredentialValueDocument<'_> = json(body.as_bytes())?;
    let value = document.value.as_bytes();
    let vault = &state.vault;
    let replacing = vault.replace_credential_value(&caller, id.into(), value, &passphrase);
    Ok(Json(replacing.await?.into()))
}

/// The version to use again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollBackCredentialDocument {
    /// Its number.
    version: u64,
}

/// Puts an older version in use again, with the host pattern, header and template it had.
#[utoipa::path(
    post, path = "/v1/credentials/{credentialId}/rollback", operation_id = "rollBackCredential", tag = "credentials",
    params(("credentialId" = Uuid, Path, description = "The credential")),
    request_body = RollBackCredentialDocument,
    responses(
        (status = 200, description = "The version is in use", body = CredentialDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found: also a version that is not kept"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict: others wrote at the same time, many times"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
pub(super) async fn roll_back(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(id): IdInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CredentialDocument>, Problem> {
    let body = read_json(&headers, body).await?;
    let document: RollBackCredentialDocument = json(body.as_bytes())?;
    let vault = &state.vault;
    let rolling = vault.roll_back_credential(&caller, id.into(), document.version);
    Ok(Json(rolling.await?.into()))
}

/// What shall change; a field that is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchCredentialDocument {
    /// The name.
    #[serde(default)]
    name: Option<String>,
    /// Where its value may be sent. Needs the passphrase.
    #[serde(default)]
    host_pattern: Option<String>,
    /// The header that carries its value. Needs the passphrase.
    #[serde(default)]
    header: Option<String>,
    /// What its value is filled into. Needs the passphrase.
    #[serde(default)]
    template: Option<String>,
    /// Unusable from then on; null removes the expiry.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Option<String>>,
}

/// Tells a null from an absent field.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(input).map(Some)
}

/// Changes name, expiry, host pattern, header or template.
///
/// The last three are sealed with the value: changing them makes a new version and needs the
/// passphrase.
#[utoipa::path(
    patch, path = "/v1/credentials/{credentialId}", operation_id = "patchCredential", tag = "credentials",
    params(
        ("credentialId" = Uuid, Path, description = "The credential"),
        ("X-Proxy-Master-Key" = Option<String>, Header, description = "The passphrase of the credential"),
    ),
    request_body = PatchCredentialDocument,
    responses(
        (status = 200, description = "Changed", body = CredentialDocument),
        (status = 400, description = "malformed_request, missing_header, expiry_in_past, tampered"),
        (status = 401, description = "api_key_invalid, wrong_passphrase"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict: the name is taken, or others were faster"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn patch(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(id): IdInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CredentialDocument>, Problem> {
    let given = headers.contains_key(&X_PROXY_MASTER_KEY);
    let passphrase = given.then(|| one_secret(&headers, &X_PROXY_MASTER_KEY));
    let passphrase = passphrase.transpose()?;
    let body = read_json(&headers, body).await?;
    let document: PatchCredentialDocument = json(body.as_bytes())?;
    let expires = match &document.expires_utc {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => Some(Some(utc::parse(text)?)),
    };
    let patch = CredentialPatch {
        name: document.name.as_deref(),
        expires,
        place: PlaceChange {
            host_pattern: document.host_pattern.as_deref(),
            header: document.header.as_deref(),
            template: document.template.as_deref(),
        },
    };
    let vault = &state.vault;
    let patching = vault.patch_credential(&caller, id.into(), patch, passphrase.as_ref());
    Ok(Json(patching.await?.into()))
}
