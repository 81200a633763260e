//! `/admin/orgs`: organisations.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault_store::Page;

use super::input::{IdInPath, NoParameters, Parameters, id, json, page_limit};
use super::utc::Utc;
use super::{ApiState, read_json, with_next};
use crate::problem::Problem;
use crate::vault::orgs::Org;
use crate::vault::principal::Principal;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get))
}

/// An organisation to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrgDocument {
    /// Display name: 1 to 512 bytes of printable UTF-8.
    name: String,
}

/// An organisation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrgDocument {
    /// Its id.
    org_id: Uuid,
    /// Its display name.
    name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
}

impl From<Org> for OrgDocument {
    fn from(org: Org) -> Self {
        Self {
            org_id: org.org_id.into(),
            name: org.name,
            created_utc: Utc(org.created),
        }
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParameters {
    /// Only entries after the one with this id.
    #[param(value_type = Option<Uuid>)]
    pub(super) after: Option<String>,
    /// Entries in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: Option<u32>,
}

impl PageParameters {
    /// The checked id and limit.
    pub(super) fn read(&self) -> Result<(Option<Uuid>, u32), Problem> {
        let after = self.after.as_deref().map(id).transpose()?;
        Ok((after, page_limit(self.limit)?))
    }
}

/// Makes an organisation. Only root may.
#[utoipa::path(
    post, path = "/admin/orgs", operation_id = "createOrg", tag = "admin",
    request_body = CreateOrgDocument,
    responses(
        (status = 201, description = "Made", body = OrgDocument),
        (status = 400, description = "malformed_request"),
        (status = 403, description = "forbidden"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
async fn create(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<OrgDocument>), Problem> {
    let body = read_json(&headers, body).await?;
    let document: CreateOrgDocument = json(body.as_bytes())?;
    let org = state.vault.create_org(&caller, &document.name).await?;
    Ok((StatusCode::CREATED, Json(org.into())))
}

/// Organisations, oldest first. Only root may.
#[utoipa::path(
    get, path = "/admin/orgs", operation_id = "listOrgs", tag = "admin",
    params(PageParameters),
    responses(
        (status = 200, description = "One page", body = Vec<OrgDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<PageParameters>,
) -> Result<Response, Problem> {
    let (after, limit) = parameters.read()?;
    let page = state
        .vault
        .orgs(&caller, after.map(Into::into), limit)
        .await?;
    let Page { rows, more } = page;
    let last = rows.last().filter(|_| more).map(|org| org.org_id.into());
    let documents: Vec<OrgDocument> = rows.into_iter().map(Into::into).collect();
    Ok(with_next(
        Json(documents).into_response(),
        "/admin/orgs",
        last,
        limit,
    ))
}

/// One organisation, for root and its admins.
#[utoipa::path(
    get, path = "/admin/orgs/{orgId}", operation_id = "getOrg", tag = "admin",
    params(("orgId" = Uuid, Path, description = "The organisation")),
    responses(
        (status = 200, description = "The organisation", body = OrgDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden"),
        (status = 404, description = "not_found: also every other organisation"),
    ),
)]
async fn get(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(org_id): IdInPath,
    _: Parameters<NoParameters>,
) -> Result<Json<OrgDocument>, Problem> {
    let org = state.vault.org(&caller, org_id.into()).await?;
    Ok(Json(org.into()))
}
