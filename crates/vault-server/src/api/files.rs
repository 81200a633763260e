//! `/v1/files`: files, streamed in and out.

mod answer;
mod list;
mod read;
mod write;

pub use list::FileListParameters;
pub use read::FileContentDocument;
pub use write::{NewFileDocument, NewFileParameters};

pub(super) use read::answer;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault_store::RecordId;

use super::ApiState;
use super::input::id_in_segment;
use super::utc::Utc;
use crate::problem::Problem;
use crate::vault::files::FileInfo;

/// Room for what is told about a file in JSON, besides name and type.
const FRAME_BYTES: usize = 512;
/// Bytes that one byte of text takes at most in JSON.
const ESCAPE_FACTOR: usize = 6;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(write::create, list::list))
        .routes(routes!(read::get, write::delete))
}

/// What a file is, without its contents.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileDocument<'a> {
    /// Its id.
    file_id: Uuid,
    /// Its name.
    file_name: &'a str,
    /// Its media type.
    content_type: &'a str,
    /// Bytes of its contents.
    size_bytes: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
}

impl<'a> From<&'a FileInfo> for FileDocument<'a> {
    fn from(info: &'a FileInfo) -> Self {
        Self {
            file_id: info.file_id.into(),
            file_name: info.label.name(),
            content_type: info.label.content_type(),
            size_bytes: info.size_bytes,
            created_utc: Utc(info.created),
        }
    }
}

/// Room for a [`FileDocument`], so that its buffer never grows.
fn document_bytes(info: &FileInfo) -> usize {
    let texts = info.label.name().len() + info.label.content_type().len();
    FRAME_BYTES + texts * ESCAPE_FACTOR
}

/// What stands in front of an id.
const FILES_PREFIX: &str = "/v1/files/";

/// The id of a file in `/v1/files/{fileId}`.
#[derive(Debug)]
pub(super) struct FileInPath(pub(super) RecordId);

impl<S: Sync> FromRequestParts<S> for FileInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let path = parts.uri.path().strip_prefix(FILES_PREFIX);
        let segment = path.and_then(|rest| rest.split('/').next());
        id_in_segment(segment).map(|id| Self(id.into()))
    }
}
