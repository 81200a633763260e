//! `/v1/kv`: values.

mod batch;
mod erase;
mod list;
mod read;
mod versions;
mod write;

pub use batch::{BatchDocument, BatchErrorDocument, BatchItemDocument};
pub use erase::DeleteParameters;
pub use list::ListParameters;
pub use read::{GetParameters, ValueDocument};
pub use versions::{RollbackDocument, VersionDocument, VersionParameters};
pub use write::{PutValueDocument, WrittenDocument};

pub(super) use read::metadata;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(read::get, write::put, erase::delete))
        .routes(routes!(erase::undelete))
        .routes(routes!(versions::list))
        .routes(routes!(versions::rollback))
        .routes(routes!(batch::get))
}
