//! What a trustee holds for others.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hardened_crypto::key_pair::PublicKeys;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vault_store::Page;

use super::RecoveryListParameters;
use crate::api::input::{IdInPath, NoParameters, Parameters};
use crate::api::keys::fingerprint;
use crate::api::utc::Utc;
use crate::api::{ApiState, base64, with_next};
use crate::problem::Problem;
use crate::vault::principal::Principal;
use crate::vault::recovery::{HeldShare, Trust};

/// An owner as the trustee sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerDocument {
    /// Whose private keys can be recovered.
    owner_user_id: Uuid,
    /// The owner's display name.
    owner_name: String,
    /// The set that the share belongs to.
    set_id: Uuid,
    /// Whether the answer to a question is needed to use the share.
    xor_applied: bool,
    /// The question.
    xor_salt_hint: String,
    /// How long a restore waits, counted from its staging.
    wait_seconds: u32,
    /// Whether the owner's secret or key pair has changed since.
    stale: bool,
    /// When the owner first named the caller.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
}

/// A share with everything that is needed to make a restore.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldShareDocument {
    /// Whose, and on what terms.
    #[serde(flatten)]
    owner: OwnerDocument,
    /// What the owner's client sealed, first half.
    #[schema(content_encoding = "base64")]
    encrypted_private_key_ecc_share_b64: String,
    /// What the owner's client sealed, second half.
    #[schema(content_encoding = "base64")]
    encrypted_private_key_kyber_share_b64: String,
    /// The version of the owner's secret; a restore is made for the next one.
    owner_secret_version: u32,
    /// Every generation of the owner's key pair; a restore holds them all.
    owner_key_pairs: Vec<OwnerKeyDocument>,
}

/// Public keys of one generation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerKeyDocument {
    /// Which generation, from 1.
    generation: u32,
    /// The P-256 public key: an uncompressed point of 65 bytes.
    #[schema(content_encoding = "base64")]
    public_key_b64: String,
    /// The ML-KEM-768 public key: 1184 bytes.
    #[schema(content_encoding = "base64")]
    public_key_kyber_b64: String,
    /// SHA-256 over the ML-KEM key and the P-256 key, in hexadecimal.
    fingerprint: String,
}

impl From<&Trust> for OwnerDocument {
    fn from(trust: &Trust) -> Self {
        let terms = &trust.terms;
        Self {
            owner_user_id: trust.owner.into(),
            owner_name: trust.owner_name.clone(),
            set_id: terms.set_id.into(),
            xor_applied: terms.xor_applied,
            xor_salt_hint: terms.hint.clone(),
            wait_seconds: terms.wait_seconds,
            stale: terms.stale,
            created_utc: Utc(terms.created),
        }
    }
}

impl From<&HeldShare> for HeldShareDocument {
    fn from(held: &HeldShare) -> Self {
        let key = |(generation, public): &(u32, PublicKeys)| OwnerKeyDocument {
            generation: *generation,
            public_key_b64: base64::encode(public.p256_bytes()),
            public_key_kyber_b64: base64::encode(public.ml_kem_bytes()),
            fingerprint: fingerprint(public),
        };
        Self {
            owner: (&held.trust).into(),
            encrypted_private_key_ecc_share_b64: base64::encode(&held.ecc_share),
            encrypted_private_key_kyber_share_b64: base64::encode(&held.kyber_share),
            owner_secret_version: held.keys.secret_version,
            owner_key_pairs: held.keys.public.iter().map(key).collect(),
        }
    }
}

/// Owners who trust the caller, in the order of their ids.
#[utoipa::path(
    get, path = "/v1/recovery/owners", operation_id = "listTrustingOwners", tag = "recovery",
    params(RecoveryListParameters),
    responses(
        (status = 200, description = "One page of owners", body = Vec<OwnerDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root is nobody's trustee"),
        (status = 404, description = "not_found: an owner went meanwhile"),
    ),
)]
pub(super) async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<RecoveryListParameters>,
    uri: http::Uri,
) -> Result<Response, Problem> {
    let (after, limit) = parameters.read()?;
    let after = after.map(Into::into);
    let found = state.vault.trusting_owners(&caller, after, limit);
    let Page { rows, more } = found.await?;
    let last = rows.last().filter(|_| more).map(|last| last.owner.into());
    let documents: Vec<OwnerDocument> = rows.iter().map(Into::into).collect();
    let page = Json(documents).into_response();
    Ok(with_next(page, uri.path(), last, limit))
}

/// The share that the caller holds for an owner.
#[utoipa::path(
    get, path = "/v1/recovery/owners/{ownerUserId}", operation_id = "heldShare", tag = "recovery",
    params(("ownerUserId" = Uuid, Path, description = "The owner")),
    responses(
        (status = 200, description = "The share", body = HeldShareDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root is nobody's trustee"),
        (status = 404, description = "not_found: also for everyone who is not, or no longer, a trustee"),
    ),
)]
pub(super) async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(owner): IdInPath,
    _: Parameters<NoParameters>,
) -> Result<Json<HeldShareDocument>, Problem> {
    let held = state.vault.held_share(&caller, owner.into()).await?;
    Ok(Json((&held).into()))
}
