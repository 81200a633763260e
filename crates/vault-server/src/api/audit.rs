//! `/audit`: who did what in an organisation.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hardened_crypto::audit_chain::{Actor, ChainLink};
use http::header;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault_store::UtcMillis;

use super::input::{Parameters, id, page_limit};
use super::utc::Utc;
use super::{ApiState, output};
use crate::audit_files::hash_text;
use crate::problem::Problem;
use crate::vault::audit::AuditFilter;
use crate::vault::principal::Principal;

const PATH: &str = "/audit";

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditParameters {
    /// Only entries with a higher sequence number.
    after: Option<u64>,
    /// Entries in one page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only acts of this user.
    #[param(value_type = Option<Uuid>)]
    user: Option<String>,
    /// Only this action, for example `kv.read`.
    action: Option<String>,
}

/// One entry of the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditDocument {
    /// Its place in the log, from 1.
    sequence: u64,
    /// When the call ended.
    #[schema(value_type = String, format = DateTime)]
    time_utc: Utc,
    /// `user`, `root`, `system` or `anonymous`.
    actor: &'static str,
    /// The user, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    /// What was asked for, for example `kv.read`.
    action: String,
    /// Which objects, as `kind:id`; the names of values only as keyed hashes.
    target: String,
    /// `ok`, or the code of the problem.
    outcome: String,
    /// Version of the object that the call made.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_version: Option<u64>,
    /// The id of the request.
    request_id: String,
    /// The public id of the API key, and of proxied calls status, time and bytes.
    note: String,
    /// Hash of the log up to this entry, hexadecimal.
    hash: String,
}

impl From<ChainLink> for AuditDocument {
    fn from(link: ChainLink) -> Self {
        let event = link.entry.event;
        let (actor, user_id) = match event.actor {
            Actor::User(user) => ("user", Some(Uuid::from_bytes(user.0))),
            Actor::Root => ("root", None),
            Actor::System => ("system", None),
            _ => ("anonymous", None),
        };
        Self {
            sequence: link.entry.sequence,
            time_utc: Utc(UtcMillis(event.time_utc_ms)),
            actor,
            user_id,
            action: event.action.as_str().to_owned(),
            target: event.target.as_str().to_owned(),
            outcome: event.outcome.as_str().to_owned(),
            new_version: event.new_version,
            request_id: event.request_id.as_str().to_owned(),
            note: event.note.as_str().to_owned(),
            hash: hash_text(&link.hash),
        }
    }
}

/// The log of the caller's organisation, oldest first; for root that of the server itself. Only
/// admins may. A page with `user` or `action` may hold few entries or none and still go on.
#[utoipa::path(
    get, path = "/audit", operation_id = "listAudit", tag = "admin",
    params(AuditParameters),
    responses(
        (status = 200, description = "One page", body = Vec<AuditDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<AuditParameters>,
) -> Result<Response, Problem> {
    let user = parameters.user.as_deref().map(id).transpose()?;
    let limit = page_limit(parameters.limit)?;
    let filter = AuditFilter {
        after: parameters.after.unwrap_or(0),
        limit,
        user: user.map(Into::into),
        action: parameters.action.as_deref(),
    };
    let page = state.vault.audit_entries(&caller, filter).await?;
    let documents: Vec<AuditDocument> = page.links.into_iter().map(Into::into).collect();
    let mut answer = Json(documents).into_response();
    if let Some(after) = page.next_after {
        let (after, limit) = (after.to_string(), limit.to_string());
        let mut query = vec![("after", after.as_str()), ("limit", limit.as_str())];
        query.extend(parameters.user.as_deref().map(|user| ("user", user)));
        query.extend(
            parameters
                .action
                .as_deref()
                .map(|action| ("action", action)),
        );
        let link = output::next_link(PATH, &query);
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}
