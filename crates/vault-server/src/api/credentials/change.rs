//! Changes credentials.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::header::HeaderMap;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::make::SecretText;
use super::{CREDENTIAL_BODY_BYTES_MAX, CredentialDocument, EchoDocument, slot};
use crate::api::input::{IdInPath, NoParameters, Parameters, json};
use crate::api::{ApiState, read_json, read_json_of, utc};
use crate::problem::Problem;
use crate::proxy::control::read_secret;
use crate::vault::credentials::{CredentialPatch, PlaceChange};
use crate::vault::principal::Principal;

/// A new value.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutCredentialValueDocument<'a> {
    /// The value: 1 to 8192 bytes without control characters and edge spaces.
    #[serde(borrow)]
    #[schema(value_type = String, max_length = 8192, pattern = r"^[^\u0000-\u0020\u007f]([^\u0000-\u001f\u007f]*[^\u0000-\u0020\u007f])?$")]
    value: SecretText<'a>,
}

/// Puts a new value in use. Under a passphrase, it must open the current one.
///
/// A credential that is sealed to keys needs no secret: the value is sealed to the owner and to
/// everyone it is shared with.
#[utoipa::path(
    put, path = "/v1/credentials/{credentialId}/value", operation_id = "putCredentialValue", tag = "credentials",
    params(
        ("credentialId" = Uuid, Path, description = "The credential"),
        ("X-Proxy-Master-Key" = Option<String>, Header, description = "The passphrase of the credential, if it has one"),
    ),
    request_body = PutCredentialValueDocument<'_>,
    responses(
        (status = 200, description = "A new version is in use", body = CredentialDocument),
        (status = 400, description = "malformed_request, missing_header, two_credentials, tampered"),
        (status = 401, description = "api_key_invalid, wrong_passphrase, wrong_user_secret"),
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
    let secret = read_secret(&headers)?;
    let body = read_json_of(&headers, body, CREDENTIAL_BODY_BYTES_MAX).await?;
    let document: PutCredentialValueDocument<'_> = json(body.as_bytes())?;
    let value = document.value.as_bytes();
    let vault = &state.vault;
    let replacing = vault.replace_credential_value(&caller, id.into(), value, secret.as_ref());
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
///
/// A credential that is sealed to keys needs the user secret: the older version is written as a
/// new one, for everyone it is shared with now.
#[utoipa::path(
    post, path = "/v1/credentials/{credentialId}/rollback", operation_id = "rollBackCredential", tag = "credentials",
    params(
        ("credentialId" = Uuid, Path, description = "The credential"),
        ("X-User-Secret" = Option<String>, Header, description = "For a credential that is sealed to keys"),
    ),
    request_body = RollBackCredentialDocument,
    responses(
        (status = 200, description = "The version is in use", body = CredentialDocument),
        (status = 400, description = "malformed_request, missing_header, two_credentials, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found: also a version that is not kept"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict: others wrote at the same time, many times"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
        (status = 429, description = "too_many_attempts"),
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
    let secret = read_secret(&headers)?;
    let body = read_json(&headers, body).await?;
    let document: RollBackCredentialDocument = json(body.as_bytes())?;
    let (vault, version) = (&state.vault, document.version);
    let rolling = vault.roll_back_credential(&caller, id.into(), version, secret.as_ref());
    Ok(Json(rolling.await?.into()))
}

/// What shall change; a field that is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchCredentialDocument {
    /// The name.
    #[serde(default)]
    name: Option<String>,
    /// Where its value may be sent. Needs the secret.
    #[serde(default)]
    host_pattern: Option<String>,
    /// The header that carries its value. Needs the secret.
    #[serde(default)]
    header: Option<String>,
    /// The query parameter that carries it instead. Needs the secret.
    #[serde(default)]
    query_parameter: Option<String>,
    /// What its value is filled into. Needs the secret.
    #[serde(default)]
    template: Option<String>,
    /// What happens to an upstream's answer that repeats its value.
    #[serde(default)]
    echo: Option<EchoDocument>,
    /// Unusable from then on; null removes the expiry.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Option<String>>,
}

/// Tells a null from an absent field.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(input).map(Some)
}

/// Changes name, expiry, the treatment of echoes, host pattern, header or query parameter, or template.
///
/// From the host pattern on they are sealed with the value: changing them makes a new version and needs the
/// passphrase, or the user secret where the credential is sealed to keys.
#[utoipa::path(
    patch, path = "/v1/credentials/{credentialId}", operation_id = "patchCredential", tag = "credentials",
    params(
        ("credentialId" = Uuid, Path, description = "The credential"),
        ("X-Proxy-Master-Key" = Option<String>, Header, description = "The passphrase of the credential"),
        ("X-User-Secret" = Option<String>, Header, description = "For a credential that is sealed to keys"),
    ),
    request_body = PatchCredentialDocument,
    responses(
        (status = 200, description = "Changed", body = CredentialDocument),
        (status = 400, description = "malformed_request, missing_header, two_credentials, expiry_in_past, tampered"),
        (status = 401, description = "api_key_invalid, wrong_passphrase, wrong_user_secret"),
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
    let secret = read_secret(&headers)?;
    let body = read_json(&headers, body).await?;
    let document: PatchCredentialDocument = json(body.as_bytes())?;
    let expires = match &document.expires_utc {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => Some(Some(utc::parse(text)?)),
    };
    let slot = slot(
        document.header.as_deref(),
        document.query_parameter.as_deref(),
    )?;
    let patch = CredentialPatch {
        name: document.name.as_deref(),
        expires,
        echo: document.echo.map(Into::into),
        place: PlaceChange {
            host_pattern: document.host_pattern.as_deref(),
            slot: slot.as_deref(),
            template: document.template.as_deref(),
        },
    };
    let vault = &state.vault;
    let patching = vault.patch_credential(&caller, id.into(), patch, secret.as_ref());
    Ok(Json(patching.await?.into()))
}
