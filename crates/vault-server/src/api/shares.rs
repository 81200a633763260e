//! `/v1/kv/{key}/shares` and `/v1/kv/shared`: shares of values.

mod inbox;
mod outbox;

pub use inbox::{InboundShareDocument, InboxParameters, SharedValueDocument};
pub use outbox::{NewShareDocument, RevokeParameters, ShareDocument, ShareListParameters};

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vault_store::ShareId;
use vault_store::rows::Permission;

use super::ApiState;
use super::input::id;
use crate::problem::Problem;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(outbox::share, outbox::list))
        .routes(routes!(outbox::revoke))
        .routes(routes!(inbox::list))
        .routes(routes!(inbox::get, inbox::leave))
}

/// What a share of a value allows.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PermissionDocument {
    /// Read the value.
    Read,
    /// Be used, never shown. Not for values.
    #[serde(skip_deserializing)]
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

/// The id of a share, the last segment of a path.
#[derive(Debug)]
struct ShareInPath(ShareId);

impl<S: Sync> FromRequestParts<S> for ShareInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let segment = parts.uri.path().rsplit('/').next();
        id(segment.unwrap_or_default()).map(|id| Self(id.into()))
    }
}
