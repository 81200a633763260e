//! Lists names, a page at a time.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;
use vault_store::Page;

use crate::api::ApiState;
use crate::api::input::{Parameters, page_limit};
use crate::api::output::next_link;
use crate::problem::Problem;
use crate::vault::principal::Principal;
use crate::vault::values::ListNames;

/// Where the list is.
const PATH: &str = "/v1/kv";

/// Which names to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParameters {
    /// Only names that start with this.
    #[serde(default)]
    pub(in crate::api) prefix: String,
    /// Only names after this one.
    after: Option<String>,
    /// Names in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Names that are neither deleted nor expired, in the order of their bytes.
#[utoipa::path(
    get, path = "/v1/kv", operation_id = "listValues", tag = "values",
    params(ListParameters),
    responses(
        (status = 200, description = "One page of names", body = Vec<String>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no values"),
    ),
)]
pub(super) async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Response, Problem> {
    let limit = page_limit(parameters.limit)?;
    let wanted = ListNames {
        prefix: &parameters.prefix,
        after: parameters.after.as_deref(),
        limit,
    };
    let Page { rows, more } = state.vault.names(&caller, wanted).await?;
    let link = rows.last().filter(|_| more).map(|last| {
        let limit = limit.to_string();
        let mut next = vec![("after", last.as_str()), ("limit", limit.as_str())];
        if !parameters.prefix.is_empty() {
            next.push(("prefix", &parameters.prefix));
        }
        next_link(PATH, &next)
    });
    let mut response = Json(rows).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}
