//! Shares: what is common to records of every kind, and a file of routes for each kind.

mod inbox;
mod of_credentials;
mod of_files;
mod of_values;
mod outbox;

pub use inbox::{InboundShareDocument, InboxParameters};
pub use of_values::SharedValueDocument;
pub use outbox::{NewShareDocument, RevokeParameters, ShareDocument, ShareListParameters};

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use vault_store::ShareId;
use vault_store::rows::Permission;

use super::ApiState;
use super::input::id_in_segment;
use crate::problem::Problem;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    of_values::routes()
        .merge(of_files::routes())
        .merge(of_credentials::routes())
}

/// What a share allows.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PermissionDocument {
    /// Read the contents.
    Read,
    /// Be used, never shown.
    Use,
}

impl From<Permission> for PermissionDocument {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Read => Self::Read,
            Permission::Use => Self::Use,
        }
    }
}

impl From<PermissionDocument> for Permission {
    fn from(document: PermissionDocument) -> Self {
        match document {
            PermissionDocument::Read => Self::Read,
            PermissionDocument::Use => Self::Use,
        }
    }
}

/// The id of a share, the last segment of a path.
#[derive(Debug)]
struct ShareInPath(ShareId);

impl<S: Sync> FromRequestParts<S> for ShareInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let segment = parts.uri.path().rsplit('/').next();
        id_in_segment(segment).map(|id| Self(id.into()))
    }
}
