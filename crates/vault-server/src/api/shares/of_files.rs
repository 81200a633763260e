//! `/v1/files/{fileId}/shares` and `/v1/files/shared`: shares of files.

use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use http::header;
use http::request::Parts;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault_store::rows::RecordKind;

use super::{
    InboundShareDocument, InboxParameters, NewShareDocument, RevokeParameters, ShareDocument,
    ShareInPath, ShareListParameters, inbox, outbox,
};
use crate::api::files::{FileContentDocument, FileInPath, answer};
use crate::api::input::{NoBody, NoParameters, Parameters};
use crate::api::output::no_content;
use crate::api::{ApiState, conditions};
use crate::layers::UserSecret;
use crate::problem::Problem;
use crate::vault::files::FileAccess;
use crate::vault::principal::Principal;
use crate::vault::records::OwnRecord;

/// Where the list of inbound shares is.
const INBOX: &str = "/v1/files/shared";

/// The routes about shares of files.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(share, list))
        .routes(routes!(revoke))
        .routes(routes!(inbound))
        .routes(routes!(get, leave))
}

/// Lets a colleague read a file.
///
/// For a colleague who may already, alias and expiry are replaced and the id stays.
#[utoipa::path(
    post, path = "/v1/files/{fileId}/shares", operation_id = "shareFile", tag = "shares",
    params(
        ("fileId" = Uuid, Path, description = "The file"),
        ("X-User-Secret" = String, Header, description = "Opens the caller's private keys"),
    ),
    request_body = NewShareDocument<'_>,
    responses(
        (status = 201, description = "The share", body = ShareDocument<'_>),
        (status = 400, description = "missing_header, malformed_request, self_share, expiry_in_past, keys_missing, recipient_keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no files"),
        (status = 404, description = "not_found: the file, or the recipient in this organisation"),
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
    FileInPath(file_id): FileInPath,
    _: Parameters<NoParameters>,
    secret: UserSecret,
    request: Request,
) -> Result<Response, Problem> {
    outbox::share(&state, &caller, OwnRecord::File(file_id), secret, request).await
}

/// Live shares of a file, in the order of the ids of their recipients.
#[utoipa::path(
    get, path = "/v1/files/{fileId}/shares", operation_id = "listFileShares", tag = "shares",
    params(
        ("fileId" = Uuid, Path, description = "The file"),
        ShareListParameters,
        ("X-User-Secret" = Option<String>, Header, description = "Opens the aliases"),
    ),
    responses(
        (status = 200, description = "One page of shares", body = Vec<ShareDocument<'_>>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no files"),
        (status = 404, description = "not_found"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    FileInPath(file_id): FileInPath,
    Parameters(parameters): Parameters<ShareListParameters>,
    secret: Result<UserSecret, Problem>,
    uri: Uri,
) -> Result<Response, Problem> {
    let what = OwnRecord::File(file_id);
    outbox::list(&state, &caller, what, parameters, secret, &uri).await
}

/// Ends a share at once.
///
/// What the recipient has read stays read. With `rekey=true` and the user secret the current
/// contents become a new body under a new data key, in the same step; `ETag` names it.
#[utoipa::path(
    delete, path = "/v1/files/{fileId}/shares/{shareId}", operation_id = "revokeFileShare", tag = "shares",
    params(
        ("fileId" = Uuid, Path, description = "The file"),
        ("shareId" = Uuid, Path, description = "The share"),
        RevokeParameters,
        ("X-User-Secret" = Option<String>, Header, description = "With `rekey=true`: opens the caller's private keys"),
    ),
    responses(
        (status = 204, description = "Ended", headers(("ETag" = String, description = "With `rekey=true`: the new version in quotes"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no files"),
        (status = 404, description = "not_found: also expired and revoked"),
        (status = 409, description = "conflict"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
async fn revoke(
    caller: Principal,
    State(state): State<ApiState>,
    FileInPath(file_id): FileInPath,
    ShareInPath(share_id): ShareInPath,
    Parameters(parameters): Parameters<RevokeParameters>,
    secret: Result<UserSecret, Problem>,
    _: NoBody,
) -> Result<Response, Problem> {
    let vault = &state.vault;
    if !parameters.rekey {
        let what = OwnRecord::File(file_id);
        vault.revoke_share(&caller, what, share_id).await?;
        return Ok(no_content());
    }
    let UserSecret(secret) = secret?;
    let version = vault.revoke_share_of_file_and_rekey(&caller, file_id, share_id, &secret);
    let tag = conditions::entity_tag(version.await?);
    let mut response = no_content();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// Files shared with the caller that can be read now.
#[utoipa::path(
    get, path = "/v1/files/shared", operation_id = "listSharedFiles", tag = "shares",
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
    let kind = RecordKind::File;
    inbox::list(&state, &caller, kind, INBOX, parameters, secret).await
}

/// Opens a shared file.
///
/// As `GET /v1/files/{fileId}`, ranges included.
#[utoipa::path(
    get, path = "/v1/files/shared/{shareId}", operation_id = "getSharedFile", tag = "shares",
    params(
        ("shareId" = Uuid, Path, description = "The share"),
        ("X-User-Secret" = String, Header, description = "Opens the caller's private keys"),
        ("Range" = Option<String>, Header, description = "One range of bytes of a raw answer"),
        ("If-Range" = Option<String>, Header, description = "The entity tag that the range is of"),
    ),
    responses(
        (status = 200, description = "The file", content(
            (FileContentDocument<'_> = "application/json"),
            (Vec<u8> = "application/octet-stream"),
        ), headers(("ETag" = String, description = "The version in quotes"))),
        (status = 206, description = "The range that was asked for", body = Vec<u8>, content_type = "application/octet-stream", headers(("Content-Range" = String, description = "Which bytes of how many"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: nothing is shared with root"),
        (status = 404, description = "not_found: also expired, revoked, and another's"),
        (status = 409, description = "conflict"),
        (status = 416, description = "range_not_satisfiable", headers(("Content-Range" = String, description = "How many bytes there are"))),
        (status = 429, description = "too_many_attempts"),
        (status = 503, description = "overloaded, storage_unavailable"),
    ),
)]
async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    ShareInPath(share_id): ShareInPath,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
    parts: Parts,
) -> Result<Response, Problem> {
    let access = FileAccess::Shared(share_id);
    let opened = state.vault.open_file(&caller, access, &secret).await?;
    answer(&parts.method, &parts.headers, opened, Some(share_id))
}

/// Gives a share back: the caller can read the file no more.
#[utoipa::path(
    delete, path = "/v1/files/shared/{shareId}", operation_id = "leaveFileShare", tag = "shares",
    params(("shareId" = Uuid, Path, description = "The share")),
    responses(
        (status = 204, description = "Given back"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: nothing is shared with root"),
        (status = 404, description = "not_found: also expired, revoked, and another's"),
        (status = 409, description = "conflict"),
    ),
)]
async fn leave(
    caller: Principal,
    State(state): State<ApiState>,
    ShareInPath(share_id): ShareInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    let kind = RecordKind::File;
    state.vault.leave_share(&caller, kind, share_id).await?;
    Ok(no_content())
}
