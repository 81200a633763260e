//! Answers with the contents of files, own and shared.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vault_store::ShareId;
use zeroize::Zeroizing;

use super::answer::FileBody;
use super::{FileDocument, FileInPath, document_bytes};
use crate::api::input::{NoParameters, Parameters};
use crate::api::media_type::{self, Form};
use crate::api::range::{self, Ranged};
use crate::api::utc::Utc;
use crate::api::{ApiState, conditions};
use crate::layers::UserSecret;
use crate::problem::{Code, Problem};
use crate::vault::files::{FileAccess, OpenedFile};
use crate::vault::principal::Principal;

/// How `contentB64`, the last field, begins; the brace that it replaces is cut off.
const CONTENT_FIELD: &[u8] = b",\"contentB64\":\"";
/// What follows the contents.
const CONTENT_END: Bytes = Bytes::from_static(b"\"}");

/// A file with its contents.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileContentDocument<'a> {
    #[serde(flatten)]
    file: FileDocument<'a>,
    /// Counts the bodies of the file; also in `ETag`.
    version: u64,
    /// The share through which it was read; absent for one's own file.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<Uuid>,
    /// Whose file it is; absent for one's own file.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_user_id: Option<Uuid>,
    /// When the share ends; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
    /// The contents in base64 with padding: streamed, behind the other fields.
    #[serde(rename = "contentB64", skip_serializing_if = "str::is_empty")]
    #[schema(content_encoding = "base64")]
    content_b64: &'a str,
}

/// Opens a file.
///
/// With `Accept: application/octet-stream` the answer is the contents themselves, under the
/// file's own media type; one range may be asked for then. A stored body that does not
/// authenticate breaks the transfer off before a byte of it is sent.
#[utoipa::path(
    get, path = "/v1/files/{fileId}", operation_id = "getFile", tag = "files",
    params(
        ("fileId" = Uuid, Path, description = "The file"),
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
        (status = 403, description = "forbidden: root has no files"),
        (status = 404, description = "not_found"),
        (status = 409, description = "conflict"),
        (status = 416, description = "range_not_satisfiable", headers(("Content-Range" = String, description = "How many bytes there are"))),
        (status = 429, description = "too_many_attempts"),
        (status = 503, description = "overloaded, storage_unavailable"),
    ),
)]
pub(super) async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    FileInPath(file_id): FileInPath,
    _: Parameters<NoParameters>,
    UserSecret(secret): UserSecret,
    parts: Parts,
) -> Result<Response, Problem> {
    let access = FileAccess::Own(file_id);
    let opened = state.vault.open_file(&caller, access, &secret).await?;
    answer(&parts.method, &parts.headers, opened, None)
}

/// The answer with an opened file.
pub(in crate::api) fn answer(
    method: &Method,
    headers: &HeaderMap,
    opened: OpenedFile,
    share: Option<ShareId>,
) -> Result<Response, Problem> {
    let tag = conditions::entity_tag(opened.info.version);
    let mut response = match media_type::of_answer(headers) {
        Form::Json => json_answer(opened, share)?,
        Form::Raw => {
            let length = opened.info.size_bytes;
            // Defined for GET alone (RFC 9110 section 14.2).
            let ranged = match *method {
                Method::GET => range::asked(headers, length, &tag),
                _ => Ranged::Whole,
            };
            raw_answer(opened, ranged)?
        }
    };
    let answered = response.headers_mut();
    answered.insert(header::ETAG, tag);
    answered.insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

fn raw_answer(opened: OpenedFile, ranged: Ranged) -> Result<Response, Problem> {
    let OpenedFile { info, content, .. } = opened;
    let length = info.size_bytes;
    let (content, range) = match ranged {
        Ranged::Whole => (content, None),
        Ranged::Part { first, end } => {
            let text = format!("bytes {first}-{}/{length}", end - 1);
            (content.part(first, end), Some(text))
        }
        Ranged::Unsatisfiable => {
            let refused = Problem::new(
                Code::RangeNotSatisfiable,
                "The range is not within the file.",
            );
            return Err(refused.with_content_bytes(length));
        }
    };
    let mut response = streamed(FileBody::raw(content));
    let headers = response.headers_mut();
    let content_type = text_header(info.label.content_type().to_owned())?;
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Whoever opens it in a browser saves it; nothing of it runs under this origin.
    let name = utf8_percent_encode(info.label.name(), NON_ALPHANUMERIC);
    let disposition = text_header(format!("attachment; filename*=UTF-8''{name}"))?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    if let Some(range) = range {
        headers.insert(header::CONTENT_RANGE, text_header(range)?);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

fn json_answer(opened: OpenedFile, share: Option<ShareId>) -> Result<Response, Problem> {
    let OpenedFile {
        info,
        expires,
        content,
    } = opened;
    let document = FileContentDocument {
        file: FileDocument::from(&info),
        version: info.version,
        share_id: share.map(Into::into),
        owner_user_id: share.map(|_| info.owner.into()),
        expires_utc: expires.map(Utc),
        content_b64: "",
    };
    let mut head = Zeroizing::new(Vec::with_capacity(document_bytes(&info)));
    serde_json::to_writer(&mut *head, &document)
        .map_err(|_| Problem::new(Code::Internal, "The server could not complete the request."))?;
    // The closing brace comes behind the contents.
    head.pop();
    head.extend_from_slice(CONTENT_FIELD);
    let mut response = streamed(FileBody::base64(head, content, CONTENT_END));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type::JSON);
    Ok(response)
}

fn streamed(body: FileBody) -> Response {
    let length = HeaderValue::from(body.byte_count());
    let mut response = Response::new(Body::new(body));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length);
    response
}

fn text_header(text: String) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(text)
        .map_err(|_| Problem::new(Code::Internal, "The server could not complete the request."))
}
