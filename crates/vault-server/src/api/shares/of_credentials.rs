//! `/v1/credentials/{credentialId}/shares` and `/v1/credentials/shared`: shares of credentials.
//!
//! Whoever a credential is shared with has it injected by the proxy; no call shows its value.

use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault_store::rows::RecordKind;

use super::{
    InboundShareDocument, InboxParameters, NewShareDocument, ShareDocument, ShareInPath,
    ShareListParameters, inbox, outbox,
};
use crate::api::ApiState;
use crate::api::input::{IdInPath, NoBody, NoParameters, Parameters, TwoIdsInPath};
use crate::api::output::no_content;
use crate::layers::UserSecret;
use crate::problem::Problem;
use crate::vault::principal::Principal;
use crate::vault::records::OwnRecord;

/// Where the list of inbound shares is.
const INBOX: &str = "/v1/credentials/shared";

/// The routes about shares of credentials.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(share, list))
        .routes(routes!(revoke))
        .routes(routes!(inbound))
        .routes(routes!(leave))
}

/// Lets a colleague use a credential, sealed to keys, from its current version on.
///
/// For a colleague who may already, alias and expiry are replaced and the id stays. Later
/// versions are shared too.
#[utoipa::path(
    post, path = "/v1/credentials/{credentialId}/shares", operation_id = "shareCredential", tag = "shares",
    params(
        ("credentialId" = Uuid, Path, description = "The credential"),
        ("X-User-Secret" = String, Header, description = "Opens the caller's private keys"),
    ),
    request_body = NewShareDocument<'_>,
    responses(
        (status = 201, description = "The share", body = ShareDocument<'_>),
        (status = 400, description = "missing_header, malformed_request, self_share, expiry_in_past, keys_missing, recipient_keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found: the credential, or the recipient in this organisation"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "fingerprint_mismatch, too_many_shares, conflict"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn share(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(id): IdInPath,
    _: Parameters<NoParameters>,
    secret: UserSecret,
    request: Request,
) -> Result<Response, Problem> {
    outbox::share(
        &state,
        &caller,
        OwnRecord::Credential(id.into()),
        secret,
        request,
    )
    .await
}

/// Live shares of a credential, in the order of the ids of their recipients.
#[utoipa::path(
    get, path = "/v1/credentials/{credentialId}/shares", operation_id = "listCredentialShares", tag = "shares",
    params(
        ("credentialId" = Uuid, Path, description = "The credential"),
        ShareListParameters,
        ("X-User-Secret" = Option<String>, Header, description = "Opens the aliases"),
    ),
    responses(
        (status = 200, description = "One page of shares", body = Vec<ShareDocument<'_>>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found: also deleted and expired"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(id): IdInPath,
    Parameters(parameters): Parameters<ShareListParameters>,
    secret: Result<UserSecret, Problem>,
    uri: Uri,
) -> Result<Response, Problem> {
    let what = OwnRecord::Credential(id.into());
    outbox::list(&state, &caller, what, parameters, secret, &uri).await
}

/// Ends a share at once.
///
/// The recipient's next request is without the credential. The value itself may have reached the
/// upstream only; to be sure that nobody else has it, replace it.
#[utoipa::path(
    delete, path = "/v1/credentials/{credentialId}/shares/{shareId}", operation_id = "revokeCredentialShare", tag = "shares",
    params(
        ("credentialId" = Uuid, Path, description = "The credential"),
        ("shareId" = Uuid, Path, description = "The share"),
    ),
    responses(
        (status = 204, description = "Ended"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found: also expired and revoked"),
        (status = 409, description = "conflict"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large"),
    ),
)]
async fn revoke(
    caller: Principal,
    State(state): State<ApiState>,
    TwoIdsInPath(id, share_id): TwoIdsInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let what = OwnRecord::Credential(id.into());
    state
        .vault
        .revoke_share(&caller, what, share_id.into())
        .await?;
    Ok(no_content())
}

/// Credentials shared with the caller that can be used now.
#[utoipa::path(
    get, path = "/v1/credentials/shared", operation_id = "listSharedCredentials", tag = "shares",
    params(
        InboxParameters,
        ("X-User-Secret" = String, Header, description = "Opens the aliases"),
    ),
    responses(
        (status = 200, description = "One page of shares, in the order in which they were made", body = Vec<InboundShareDocument<'_>>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: nothing is shared with root"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn inbound(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<InboxParameters>,
    secret: UserSecret,
) -> Result<Response, Problem> {
    let kind = RecordKind::Credential;
    inbox::list(&state, &caller, kind, INBOX, parameters, secret).await
}

/// Gives a share back: the caller can use the credential no more.
#[utoipa::path(
    delete, path = "/v1/credentials/shared/{shareId}", operation_id = "leaveCredentialShare", tag = "shares",
    params(("shareId" = Uuid, Path, description = "The share")),
    responses(
        (status = 204, description = "Given back"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: nothing is shared with root"),
        (status = 404, description = "not_found: also expired, revoked, and another's"),
        (status = 409, description = "conflict"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large"),
    ),
)]
async fn leave(
    caller: Principal,
    State(state): State<ApiState>,
    ShareInPath(share_id): ShareInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let kind = RecordKind::Credential;
    state.vault.leave_share(&caller, kind, share_id).await?;
    Ok(no_content())
}
