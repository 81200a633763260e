//! `/v1/recovery`: trustees, what they hold, and what they hand back.
//!
//! What clients seal passes through as bytes; `docs/recovery.md` tells what ours put into it.

mod owners;
mod restores;
mod trustees;

pub use owners::{HeldShareDocument, OwnerDocument, OwnerKeyDocument};
pub use restores::{NewRestoreDocument, RestoreDocument};
pub use trustees::{NewTrusteeDocument, TrusteeDocument};

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::input::{id, page_limit};
use super::{ApiState, base64};
use crate::problem::{Code, Problem};
use crate::vault::recovery::sealed_pair::HALF_BYTES_MAX;

/// Bytes of a body: two sealed halves in base64, and the terms with every character escaped.
const BODY_BYTES_MAX: usize = 2 * HALF_BYTES_MAX.div_ceil(3) * 4 + 4 * 1024;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(trustees::list))
        .routes(routes!(trustees::put, trustees::remove))
        .routes(routes!(owners::list))
        .routes(routes!(owners::get))
        .routes(routes!(restores::stage))
        .routes(routes!(restores::list))
        .routes(routes!(restores::veto))
        .routes(routes!(restores::activate))
}

/// Which page to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecoveryListParameters {
    /// Only entries after this id.
    #[param(value_type = Option<Uuid>)]
    after: Option<String>,
    /// Entries in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

impl RecoveryListParameters {
    fn read(&self) -> Result<(Option<Uuid>, u32), Problem> {
        let after = self.after.as_deref().map(id).transpose()?;
        Ok((after, page_limit(self.limit)?))
    }
}

/// Decodes a sealed half; base64 longer than one can be is not decoded first.
fn half(text: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    if text.len() > HALF_BYTES_MAX.div_ceil(3) * 4 {
        return Err(Problem::new(
            Code::TooLarge,
            "A sealed half has at most 24576 bytes.",
        ));
    }
    base64::decode(text)
}
