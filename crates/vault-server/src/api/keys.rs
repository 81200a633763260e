//! `/v1/keys`: a user's key pair.

mod private;
mod rotate;

pub use private::{SealedKeyPairDocument, SealedKeysDocument};
pub use rotate::{RotateParameters, RotationDocument};

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::{NoParameters, Parameters};
use super::{ApiState, base64};
use crate::layers::{NewUserSecret, UserSecret};
use crate::problem::Problem;
use crate::vault::keys::{KeyInfo, SecretForm};
use crate::vault::principal::Principal;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(generate))
        .routes(routes!(status))
        .routes(routes!(rekey))
        .routes(routes!(rotate::rotate))
        .routes(routes!(private::private))
}

/// Public keys of one generation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicKeysDocument {
    /// The P-256 public key: an uncompressed point of 65 bytes.
    #[schema(content_encoding = "base64")]
    public_key_b64: String,
    /// The ML-KEM-768 public key: 1184 bytes.
    #[schema(content_encoding = "base64")]
    public_key_kyber_b64: String,
    /// SHA-256 over the ML-KEM key and the P-256 key, in hexadecimal.
    fingerprint: String,
    /// Generation of the key pair, from 1.
    generation: u32,
}

/// What is known of a user's keys.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatusDocument {
    /// Whether there is a P-256 key pair.
    has_ecc: bool,
    /// Whether there is an ML-KEM-768 key pair.
    has_kyber: bool,
    /// SHA-256 over both public keys, in hexadecimal; absent without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// Current generation; absent without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
    /// Kind of user secret that protects the private keys; absent without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    protection: Option<SecretFormDocument>,
}

/// Kinds of user secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretFormDocument {
    /// A generated secret of 256 random bits.
    Generated,
    /// A passphrase.
    Passphrase,
}

impl From<&KeyInfo> for PublicKeysDocument {
    fn from(info: &KeyInfo) -> Self {
        Self {
            public_key_b64: base64::encode(info.public.p256_bytes()),
            public_key_kyber_b64: base64::encode(info.public.ml_kem_bytes()),
            fingerprint: fingerprint(&info.public),
            generation: info.generation,
        }
    }
}

impl From<&KeyInfo> for KeyStatusDocument {
    fn from(info: &KeyInfo) -> Self {
        Self {
            has_ecc: true,
            has_kyber: true,
            fingerprint: Some(fingerprint(&info.public)),
            generation: Some(info.generation),
            protection: Some(match info.protection {
                SecretForm::Generated => SecretFormDocument::Generated,
                SecretForm::Passphrase => SecretFormDocument::Passphrase,
            }),
        }
    }
}

/// A fingerprint as it is shown and pinned: 64 hexadecimal digits in lower case.
pub(super) fn fingerprint(public: &hardened_crypto::key_pair::PublicKeys) -> String {
    let mut text = String::with_capacity(64);
    for byte in public.fingerprint().0 {
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(nibble.into(), 16).expect("a nibble is below 16"));
        }
    }
    text
}

/// Makes the caller's key pair, once, protected by the user secret.
#[utoipa::path(
    post, path = "/v1/keys/generate", operation_id = "generateKeys", tag = "keys",
    params(("X-User-Secret" = String, Header, description = "Protects the private keys from now on")),
    responses(
        (status = 201, description = "Made", body = PublicKeysDocument),
        (status = 400, description = "missing_header, malformed_request, user_secret_unusable, tampered"),
        (status = 403, description = "forbidden: root has no keys"),
        (status = 409, description = "keys_exist"),
    ),
)]
async fn generate(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
) -> Result<(StatusCode, Json<PublicKeysDocument>), Problem> {
    let info = state.vault.generate_keys(&caller, &secret).await?;
    Ok((StatusCode::CREATED, Json((&info).into())))
}

/// Whether the caller has keys, and which.
#[utoipa::path(
    get, path = "/v1/keys/status", operation_id = "keyStatus", tag = "keys",
    responses(
        (status = 200, description = "The state of the caller's keys", body = KeyStatusDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no keys"),
    ),
)]
async fn status(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
) -> Result<Json<KeyStatusDocument>, Problem> {
    let info = state.vault.key_status(&caller).await?;
    Ok(Json(info.as_ref().map(Into::into).unwrap_or_default()))
}

/// Puts the private keys under another user secret. Values stay as they are.
///
/// When `X-User-Secret` is not the secret in force but opens a staged restore whose waiting
/// time is over, and which holds the private half of every stored public key, that restore
/// becomes active under the new secret (`activateRestore` does the same for one restore by its
/// id). Such a call counts as one wrong secret, whatever comes of it.
#[utoipa::path(
    post, path = "/v1/keys/rekey", operation_id = "rekey", tag = "keys",
    params(
        ("X-User-Secret" = String, Header, description = "The secret until now"),
        ("X-New-User-Secret" = String, Header, description = "The secret from now on"),
    ),
    responses(
        (status = 200, description = "The new secret is in force", body = KeyStatusDocument),
        (status = 400, description = "missing_header, malformed_request, keys_missing, user_secret_unusable, user_secret_unchanged, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret: opens neither the keys nor a restore that may become active"),
        (status = 403, description = "forbidden: root has no keys"),
        (status = 409, description = "conflict: another rekey was faster"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn rekey(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    UserSecret(old): UserSecret,
    NewUserSecret(new): NewUserSecret,
) -> Result<Json<KeyStatusDocument>, Problem> {
    let info = state.vault.rekey(&caller, &old, &new).await?;
    Ok(Json((&info).into()))
}
