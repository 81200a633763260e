//! `/v1/keys/rotate`: a new key pair, and the move of wrapped data keys to it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::PublicKeysDocument;
use crate::api::ApiState;
use crate::api::input::Parameters;
use crate::layers::UserSecret;
use crate::problem::Problem;
use crate::vault::keys::Rotation;
use crate::vault::principal::Principal;

/// How to rotate.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RotateParameters {
    /// Only go on with an earlier rotation; never make a key pair.
    #[serde(default)]
    resume: bool,
}

/// How far a rotation has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotationDocument {
    /// The key pair that new wraps go to.
    #[serde(flatten)]
    keys: PublicKeysDocument,
    /// Whether this call made it; otherwise it went on with an earlier rotation.
    started: bool,
    /// Wrapped data keys that this call moved.
    moved: u32,
    /// Wrapped data keys that further calls with `resume=true` can move.
    remaining: u64,
    /// Wrapped data keys that did not open in this call and were left as they are.
    unreadable: u32,
}

impl From<&Rotation> for RotationDocument {
    fn from(rotation: &Rotation) -> Self {
        Self {
            keys: (&rotation.info).into(),
            started: rotation.started,
            moved: rotation.moved,
            remaining: rotation.remaining,
            unreadable: rotation.unreadable,
        }
    }
}

/// Makes a new key pair and moves wrapped data keys to it, or goes on moving.
///
/// New wraps use the new key pair at once. A call moves at most 256 wrapped data keys, of
/// values, files and credentials and of what was shared with the caller; call again with
/// `resume=true` while `remaining` is not 0. A call that finds wraps of an earlier rotation to
/// move goes on with that one and makes no key pair: `started` tells. Everything stays readable
/// throughout. Older key pairs are kept, up to 64 in all.
#[utoipa::path(
    post, path = "/v1/keys/rotate", operation_id = "rotateKeys", tag = "keys",
    params(
        RotateParameters,
        ("X-User-Secret" = String, Header, description = "Opens the caller's private keys"),
    ),
    responses(
        (status = 200, description = "How far it has come", body = RotationDocument),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no keys"),
        (status = 409, description = "conflict: a rekey or another rotation was faster; too_many_generations"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn rotate(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<RotateParameters>,
    UserSecret(secret): UserSecret,
) -> Result<Json<RotationDocument>, Problem> {
    let rotation = state
        .vault
        .rotate_keys(&caller, &secret, parameters.resume)
        .await?;
    Ok(Json((&rotation).into()))
}
