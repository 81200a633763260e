//! Takes files in, as JSON with base64 or as a raw stream, and deletes them.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderMap};
use http_body::Body as _;
use http_body_util::BodyExt;
use secrecy::SecretSlice;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroize;

use super::{FileDocument, FileInPath, document_bytes};
use crate::api::input::{NoBody, NoParameters, Parameters, SecretBody, json};
use crate::api::output::{no_content, secret_json};
use crate::api::{ApiState, base64, media_type};
use crate::layers::UserSecret;
use crate::layers::body::body_problem;
use crate::problem::{Code, Problem};
use crate::vault::files::{FileInfo, FileLabel};
use crate::vault::principal::Principal;

/// The type of a file of which nothing is said.
const TYPE_DEFAULT: &str = "application/octet-stream";

/// A file to store.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewFileDocument<'a> {
    /// Its name: 1 to 1024 bytes of printable UTF-8 without slashes.
    #[serde(borrow)]
    #[schema(value_type = String)]
    file_name: Cow<'a, str>,
    /// Its contents, in canonical base64 with padding. All of the document has to fit into the
    /// body of an API call; larger files travel raw.
    #[serde(rename = "contentB64", borrow)]
    #[schema(value_type = String, content_encoding = "base64")]
    content_b64: Cow<'a, str>,
    /// Its media type; `application/octet-stream` if absent.
    #[serde(default, borrow)]
    #[schema(value_type = Option<String>)]
    content_type: Option<Cow<'a, str>>,
}

impl Drop for NewFileDocument<'_> {
    fn drop(&mut self) {
        // A text with escapes was copied; a borrowed one is wiped with the body.
        if let Cow::Owned(copied) = &mut self.content_b64 {
            copied.zeroize();
        }
        if let Cow::Owned(copied) = &mut self.file_name {
            copied.zeroize();
        }
    }
}

/// What a raw upload says beside its body.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct NewFileParameters {
    /// The name of a raw file; not beside a JSON document.
    file_name: Option<String>,
    /// Its media type, if that is not the `Content-Type`: so can a JSON file travel raw.
    content_type: Option<String>,
}

/// Stores a file.
///
/// The body is a JSON document, or with any other `Content-Type` the file itself, streamed, of
/// that type and with the name in `fileName`. An upload that breaks off leaves nothing.
#[utoipa::path(
    post, path = "/v1/files", operation_id = "createFile", tag = "files",
    params(
        NewFileParameters,
        ("X-User-Secret" = String, Header, description = "The caller's user secret"),
    ),
    request_body(content(
        (NewFileDocument<'_> = "application/json"),
        (Vec<u8> = "application/octet-stream"),
    )),
    responses(
        (status = 201, description = "The file", body = FileDocument<'_>),
        (status = 400, description = "missing_header, malformed_request, keys_missing, tampered"),
        (status = 401, description = "api_key_invalid, wrong_user_secret"),
        (status = 403, description = "forbidden: root has no files"),
        (status = 408, description = "request_timeout"),
        (status = 409, description = "conflict"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type: there is no Content-Type, or two"),
        (status = 429, description = "too_many_attempts"),
        (status = 503, description = "overloaded, storage_unavailable"),
        (status = 507, description = "storage_full"),
    ),
)]
pub(super) async fn create(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<NewFileParameters>,
    UserSecret(secret): UserSecret,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let content_type = one_content_type(&headers)?;
    let is_json = media_type::is_json(content_type);
    let stored = if is_json {
        if parameters.file_name.is_some() || parameters.content_type.is_some() {
            return Err(Problem::new(
                Code::MalformedRequest,
                "fileName and contentType stand in the JSON document.",
            ));
        }
        from_json(&state, &caller, &secret, body).await?
    } else {
        let name = parameters
            .file_name
            .ok_or_else(|| Problem::new(Code::MalformedRequest, "A raw file needs ?fileName=."))?;
        let content_type = parameters.content_type.as_deref().unwrap_or(content_type);
        let label = FileLabel::new(&name, content_type)?;
        from_stream(&state, &caller, label, &secret, body).await?
    };
    let mut response = secret_json(&FileDocument::from(&stored), document_bytes(&stored))?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn from_json(
    state: &ApiState,
    caller: &Principal,
    secret: &SecretSlice<u8>,
    body: Body,
) -> Result<FileInfo, Problem> {
    let body = SecretBody::read(body, state.body_bytes_max).await;
    let body = body.map_err(|problem| match problem.code() {
        Code::TooLarge => Problem::new(
            Code::TooLarge,
            "The JSON document is larger than allowed; send the file raw, with ?fileName=.",
        ),
        _ => problem,
    })?;
    let document: NewFileDocument<'_> = json(body.as_bytes())?;
    let content_type = document.content_type.as_deref().unwrap_or(TYPE_DEFAULT);
    let label = FileLabel::new(&document.file_name, content_type)?;
    let content = base64::decode(&document.content_b64)?;
    let size = Some(content.len() as u64);
    let upload = state
        .vault
        .begin_upload(caller, label, size, secret)
        .await?;
    Ok(upload.write(&content).await?.finish().await?)
}

async fn from_stream(
    state: &ApiState,
    caller: &Principal,
    label: FileLabel,
    secret: &SecretSlice<u8>,
    mut body: Body,
) -> Result<FileInfo, Problem> {
    let declared = Some(body.size_hint().lower());
    let mut upload = state
        .vault
        .begin_upload(caller, label, declared, secret)
        .await?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| body_problem(&error))?;
        if let Some(bytes) = frame.data_ref() {
            upload = upload.write(bytes).await?;
        }
    }
    Ok(upload.finish().await?)
}

/// The only `Content-Type`, as text.
fn one_content_type(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let only = match (lines.next(), lines.next()) {
        (Some(only), None) => only.to_str().ok(),
        _ => None,
    };
    only.ok_or_else(|| {
        Problem::new(
            Code::UnsupportedMediaType,
            "A file needs exactly one Content-Type.",
        )
    })
}

/// Erases a file with its shares, for good.
#[utoipa::path(
    delete, path = "/v1/files/{fileId}", operation_id = "deleteFile", tag = "files",
    params(("fileId" = Uuid, Path, description = "The file")),
    responses(
        (status = 204, description = "Erased"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no files"),
        (status = 404, description = "not_found"),
        (status = 409, description = "conflict"),
    ),
)]
pub(super) async fn delete(
    caller: Principal,
    State(state): State<ApiState>,
    FileInPath(file_id): FileInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    state.vault.delete_file(&caller, file_id).await?;
    Ok(no_content())
}
