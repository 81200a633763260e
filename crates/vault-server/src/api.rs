//! Routes of the JSON API, one file per noun. Only this module knows paths and bodies.
//!
//! In: a [`Vault`]. Out: a router whose OpenAPI document is made of the same handlers.
//! Not here: who is calling (a layer found out before), status codes of errors (`problem`).

pub mod actions;
pub mod api_keys;
mod audit;
mod authorise;
pub mod base64;
pub mod conditions;
pub mod credentials;
pub mod files;
pub mod input;
pub mod keys;
pub mod media_type;
mod openapi;
pub mod orgs;
mod output;
pub mod range;
pub mod recovery;
pub mod shares;
pub mod tokens;
pub mod users;
pub mod utc;
pub mod values;

pub(crate) use authorise::authorise;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use axum::{Json, Router};
use credential_injector::SchemePolicy;
use http::header::{self, HeaderMap};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::input::SecretBody;
use self::media_type::Form;
use crate::problem::{Code, Problem};
use crate::vault::Vault;

/// Path of the health check, the only one that needs no key.
pub const HEALTH_PATH: &str = "/health";
/// Body of a call about users and organisations, in bytes.
pub const ADMIN_BODY_BYTES_MAX: usize = 16 * 1024;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct ApiState {
    vault: Arc<Vault>,
    body_bytes_max: usize,
    schemes: Arc<SchemePolicy>,
}

/// Routes that exist whatever the server stores: `GET /health`.
pub fn health() -> Router {
    health_routes().into()
}

fn health_routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(check_health))
}

/// All routes over `vault`. A JSON document with a value in it has at most `body_bytes_max`
/// bytes; `schemes` says which targets of the proxy may be plain http.
pub fn router(vault: Arc<Vault>, body_bytes_max: usize, schemes: SchemePolicy) -> Router {
    let routes = OpenApiRouter::<ApiState>::with_openapi(openapi::head())
        .merge(keys::routes())
        .merge(values::routes())
        .merge(files::routes())
        .merge(credentials::routes())
        .merge(shares::routes())
        .merge(recovery::routes())
        .merge(tokens::routes())
        .merge(orgs::routes())
        .merge(users::routes())
        .merge(api_keys::routes())
        .merge(audit::routes())
        .with_state(ApiState {
            vault,
            body_bytes_max,
            schemes: Arc::new(schemes),
        });
    let (router, mut document) = routes.split_for_parts();
    document.merge(health_routes().into_openapi());
    router.merge(openapi::serve(document))
}

/// That the server answers at all.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthDocument {
    /// `ok`
    status: &'static str,
}

/// Whether the server answers.
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "operations", security(()),
    responses((status = 200, description = "It does", body = HealthDocument)),
)]
async fn check_health() -> Json<HealthDocument> {
    Json(HealthDocument { status: "ok" })
}

/// The collected JSON body of a call about users and organisations.
async fn read_json(headers: &HeaderMap, body: Body) -> Result<SecretBody, Problem> {
    read_json_of(headers, body, ADMIN_BODY_BYTES_MAX).await
}

/// A collected JSON body of at most `bytes_max` bytes.
async fn read_json_of(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<SecretBody, Problem> {
    match media_type::of_body(headers)? {
        Form::Json => SecretBody::read(body, bytes_max).await,
        Form::Raw => Err(Problem::new(
            Code::UnsupportedMediaType,
            "The Content-Type is not one that this call accepts.",
        )),
    }
}

/// Adds the link to the page after the entry `last`, if the list goes on.
fn with_next(mut page: Response, path: &str, last: Option<Uuid>, limit: u32) -> Response {
    if let Some(last) = last {
        let (last, limit) = (last.to_string(), limit.to_string());
        let link = output::next_link(path, &[("after", &last), ("limit", &limit)]);
        page.headers_mut().insert(header::LINK, link);
    }
    page
}
