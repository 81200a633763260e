//! Lists files.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use vault_store::{Page, RecordId};

use super::{FileDocument, document_bytes};
use crate::api::input::{Parameters, id, page_limit};
use crate::api::output::secret_json;
use crate::api::{ApiState, with_next};
use crate::layers::UserSecret;
use crate::problem::Problem;
use crate::vault::principal::Principal;

/// Where the list is.
const PATH: &str = "/v1/files";

/// Which files to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileListParameters {
    /// Only files after this one.
    #[param(value_type = Option<Uuid>)]
    after: Option<String>,
    /// Files in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// The caller's files, in the order in which they were made.
#[utoipa::path(
    get, path = "/v1/files", operation_id = "listFiles", tag = "files",
    params(
        FileListParameters,
        ("X-User-Secret" = String, Header, description = "Opens the names"),
    ),
    responses(
        (status = 200, description = "One page of files", body = Vec<FileDocument<'_>>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no files"),
        (status = 409, description = "conflict: the user secret was replaced meanwhile"),
        (status = 429, description = "too_many_attempts"),
    ),
)]
pub(super) async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<FileListParameters>,
    UserSecret(secret): UserSecret,
) -> Result<Response, Problem> {
    let limit = page_limit(parameters.limit)?;
    let after = parameters.after.as_deref().map(id).transpose()?;
    let after = after.map(RecordId::from);
    let found = state.vault.files(&caller, after, limit, &secret);
    let Page { rows, more } = found.await?;
    let documents: Vec<FileDocument<'_>> = rows.iter().map(Into::into).collect();
    let room = rows.iter().map(document_bytes).sum::<usize>() + 2;
    let response = secret_json(&documents, room)?;
    let last = rows.last().filter(|_| more).map(|last| last.file_id.into());
    Ok(with_next(response, PATH, last, limit))
}
