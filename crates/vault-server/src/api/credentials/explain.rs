//! `/v1/proxy/explain`: which credential the proxy would use, and why. Nothing is opened.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use credential_injector::echoes_request;
use http::Method;
use http::header::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{CredentialDocument, ProtectionDocument};
use crate::api::input::{NoParameters, Parameters, json};
use crate::api::{ApiState, read_json};
use crate::problem::{Code, Problem};
use crate::proxy::control::parse_target;
use crate::vault::credentials::Explanation;
use crate::vault::principal::Principal;

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(explain))
}

/// A request that might be sent.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExplainDocument {
    /// What would stand in `X-Target-URL`.
    url: String,
    /// The method.
    method: String,
    /// Only credentials that such a secret opens; by default all.
    #[serde(default)]
    protection: Option<ProtectionDocument>,
}

/// What the proxy would do with it, given the secret and no `X-Credential-ID`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplanationDocument {
    /// The host that would be dialled, as it is compared with patterns.
    host: String,
    /// The port.
    port: u16,
    /// `inject`, `credential_not_found` or `credential_ambiguous`.
    outcome: &'static str,
    /// A sentence about the outcome.
    reason: &'static str,
    /// The credential that would be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<CredentialDocument>,
    /// Every unexpired credential, own or shared, whose pattern matches.
    matching: Vec<CredentialDocument>,
}

/// Says which credential the proxy would use for a target, and why. Needs no secret.
///
/// Credentials that were shared with the caller are considered too.
#[utoipa::path(
    post, path = "/v1/proxy/explain", operation_id = "explainProxy", tag = "credentials",
    request_body = ExplainDocument,
    responses(
        (status = 200, description = "What would happen", body = ExplanationDocument),
        (status = 400, description = "malformed_request, target_invalid, tampered"),
        (status = 403, description = "forbidden: root has no credentials; target_forbidden"),
        (status = 405, description = "method_not_allowed: a method that no credential goes with"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
async fn explain(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ExplanationDocument>, Problem> {
    let body = read_json(&headers, body).await?;
    let document: ExplainDocument = json(body.as_bytes())?;
    check_method(&document.method)?;
    let target = parse_target(&document.url, &state.schemes)?;
    let protection = document.protection.map(Into::into);
    let vault = &state.vault;
    let explaining = vault.explain_credential(&caller, &target, protection);
    let explanation = explaining.await?;
    let (outcome, reason) = verdict(&explanation);
    let documents = explanation.matching.into_iter().map(Into::into);
    Ok(Json(ExplanationDocument {
        host: target.host().to_string(),
        port: target.port(),
        outcome,
        reason,
        credential: explanation.chosen.map(Into::into),
        matching: documents.collect(),
    }))
}

fn check_method(text: &str) -> Result<(), Problem> {
    let method = Method::from_bytes(text.as_bytes())
        .map_err(|_| Problem::new(Code::MalformedRequest, "method is not an HTTP method."))?;
    if method.as_str().eq_ignore_ascii_case("CONNECT") || echoes_request(&method) {
        return Err(Problem::new(
            Code::MethodNotAllowed,
            "This method cannot be sent to a target.",
        ));
    }
    Ok(())
}

fn verdict(explanation: &Explanation) -> (&'static str, &'static str) {
    match (&explanation.chosen, explanation.ambiguous) {
        (Some(_), _) => (
            "inject",
            "This credential has the narrowest host pattern that matches the target.",
        ),
        (None, true) => (
            Code::CredentialAmbiguous.as_str(),
            "Several credentials match, and none may be taken for the others; X-Credential-ID names one.",
        ),
        (None, false) => (
            Code::CredentialNotFound.as_str(),
            "No unexpired credential of the caller has a host pattern that matches the target.",
        ),
    }
}
