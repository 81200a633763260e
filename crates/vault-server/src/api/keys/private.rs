//! `/v1/keys/private`: the caller's private keys as they are stored, for the caller's client.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::input::{NoParameters, Parameters};
use crate::api::{ApiState, base64};
use crate::layers::UserSecret;
use crate::problem::Problem;
use crate::vault::keys::SealedKeys;
use crate::vault::principal::Principal;

/// Everything that the user secret protects, sealed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealedKeysDocument {
    /// The caller's organisation; bound into the boxes.
    org_id: Uuid,
    /// The caller; bound into the boxes.
    user_id: Uuid,
    /// How the key that opens the boxes is derived from the secret.
    #[schema(content_encoding = "base64")]
    protection_b64: String,
    /// The account key, sealed.
    #[schema(content_encoding = "base64")]
    encrypted_account_key_b64: String,
    /// The generation that new wraps go to.
    generation: u32,
    /// Every generation, ascending.
    key_pairs: Vec<SealedKeyPairDocument>,
}

/// One generation of a key pair, its private half sealed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealedKeyPairDocument {
    /// Which generation, from 1.
    generation: u32,
    /// The P-256 public key: an uncompressed point of 65 bytes.
    #[schema(content_encoding = "base64")]
    public_key_b64: String,
    /// The ML-KEM-768 public key: 1184 bytes.
    #[schema(content_encoding = "base64")]
    public_key_kyber_b64: String,
    /// The P-256 private key, sealed.
    #[schema(content_encoding = "base64")]
    encrypted_private_key_ecc_b64: String,
    /// The ML-KEM-768 private key, sealed.
    #[schema(content_encoding = "base64")]
    encrypted_private_key_kyber_b64: String,
}

impl From<&SealedKeys> for SealedKeysDocument {
    fn from(keys: &SealedKeys) -> Self {
        let key_pairs = keys.key_pairs.iter().map(|pair| SealedKeyPairDocument {
            generation: pair.generation,
            public_key_b64: base64::encode(pair.public.p256_bytes()),
            public_key_kyber_b64: base64::encode(pair.public.ml_kem_bytes()),
            encrypted_private_key_ecc_b64: base64::encode(&pair.private.p256),
            encrypted_private_key_kyber_b64: base64::encode(&pair.private.ml_kem),
        });
        Self {
            org_id: keys.org_id.into(),
            user_id: keys.user_id.into(),
            protection_b64: base64::encode(&keys.protection),
            encrypted_account_key_b64: base64::encode(&keys.account_key),
            generation: keys.generation,
            key_pairs: key_pairs.collect(),
        }
    }
}

/// The caller's private keys, sealed under the user secret.
///
/// For clients that make or join recovery shares: they open the boxes themselves, and no
/// private key is in the clear on the way. The secret is needed although nothing is opened
/// here, so that an API key alone takes nothing away on which passphrases could be tried.
#[utoipa::path(
    get, path = "/v1/keys/private", operation_id = "sealedKeys", tag = "keys",
    params(("X-User-Secret" = String, Header, description = "Protects the private keys")),
    responses(
        (status = 200, description = "The sealed keys", body = SealedKeysDocument),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no keys"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn private(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
) -> Result<Json<SealedKeysDocument>, Problem> {
    let keys = state.vault.sealed_keys(&caller, &secret).await?;
    Ok(Json((&keys).into()))
}
