//! `/v1/credentials`: upstream credentials, used by the proxy and shown by no call.

mod change;
mod explain;
mod make;

pub use change::{PatchCredentialDocument, PutCredentialValueDocument, RollBackCredentialDocument};
pub use explain::{ExplainDocument, ExplanationDocument};
pub use make::CreateCredentialDocument;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use credential_injector::EchoScrub;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault_store::Page;

use super::input::{IdInPath, NoBody, NoParameters, Parameters};
use super::orgs::PageParameters;
use super::output::no_content;
use super::utc::Utc;
use super::{ApiState, with_next};
use crate::problem::{Code, Problem};
use crate::vault::credentials::{Credential, CredentialProtection};
use crate::vault::error::Invalid;
use crate::vault::principal::Principal;

/// Bytes of a body with a value: every byte of the value may be an escape of six.
const CREDENTIAL_BODY_BYTES_MAX: usize = 64 * 1024;

/// Stands before the name of a query parameter where a header name could stand.
const QUERY_MARK: char = '?';

/// The place in a request that a document names, if it names one.
fn slot(header: Option<&str>, query_parameter: Option<&str>) -> Result<Option<String>, Problem> {
    match (header, query_parameter) {
        (None, None) => Ok(None),
        (Some(name), None) if name.starts_with(QUERY_MARK) => Err(Invalid::Header.into()),
        (Some(name), None) => Ok(Some(name.to_owned())),
        (None, Some(name)) => Ok(Some(format!("{QUERY_MARK}{name}"))),
        (Some(_), Some(_)) => Err(Problem::new(
            Code::MalformedRequest,
            "header and queryParameter exclude each other.",
        )),
    }
}

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(make::create, list))
        .routes(routes!(show, change::patch, delete))
        .routes(routes!(change::put_value))
        .routes(routes!(change::roll_back))
        .merge(explain::routes())
}

/// What opens a credential.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProtectionDocument {
    /// Its own passphrase, in `X-Proxy-Master-Key`.
    Passphrase,
    /// The keys of its owner and of those it is shared with, by `X-User-Secret`.
    UserKeys,
}

impl From<CredentialProtection> for ProtectionDocument {
    fn from(protection: CredentialProtection) -> Self {
        match protection {
            CredentialProtection::Passphrase => Self::Passphrase,
            CredentialProtection::UserKeys => Self::UserKeys,
        }
    }
}

impl From<ProtectionDocument> for CredentialProtection {
    fn from(document: ProtectionDocument) -> Self {
        match document {
            ProtectionDocument::Passphrase => Self::Passphrase,
            ProtectionDocument::UserKeys => Self::UserKeys,
        }
    }
}

/// What happens to an upstream's answer that repeats the value.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum EchoDocument {
    /// The value is overwritten.
    #[default]
    Redact,
    /// The answer is refused, or broken off where the value begins.
    Refuse,
    /// It passes as it came.
    Off,
}

impl From<EchoScrub> for EchoDocument {
    fn from(echo: EchoScrub) -> Self {
        match echo {
            EchoScrub::Redact => Self::Redact,
            EchoScrub::Refuse => Self::Refuse,
            EchoScrub::Off => Self::Off,
        }
    }
}

impl From<EchoDocument> for EchoScrub {
    fn from(document: EchoDocument) -> Self {
        match document {
            EchoDocument::Redact => Self::Redact,
            EchoDocument::Refuse => Self::Refuse,
            EchoDocument::Off => Self::Off,
        }
    }
}

/// A credential without its value.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialDocument {
    /// Its id, for `X-Credential-ID`.
    credential_id: Uuid,
    /// Its name.
    name: String,
    /// What opens it.
    protection: ProtectionDocument,
    /// By which share the caller may use it; absent for the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_id: Option<Uuid>,
    /// Whose it is, if not the caller's.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_user_id: Option<Uuid>,
    /// Where its value may be sent.
    host_pattern: String,
    /// The header that carries its value, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    /// The query parameter that carries it instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    query_parameter: Option<String>,
    /// What its value is filled into.
    template: String,
    /// What happens to an upstream's answer that repeats its value.
    echo: EchoDocument,
    /// The version in use.
    version: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_utc: Utc,
    /// Unusable from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_utc: Option<Utc>,
}

impl From<Credential> for CredentialDocument {
    fn from(credential: Credential) -> Self {
        let query_parameter = credential.slot.strip_prefix(QUERY_MARK);
        let query_parameter = query_parameter.map(ToOwned::to_owned);
        Self {
            header: query_parameter.is_none().then_some(credential.slot),
            query_parameter,
            credential_id: credential.credential_id.into(),
            name: credential.name,
            protection: credential.protection.into(),
            owner_user_id: credential.share_id.map(|_| credential.owner.into()),
            share_id: credential.share_id.map(Into::into),
            host_pattern: credential.host_pattern,
            template: credential.template,
            echo: credential.echo.into(),
            version: credential.version,
            created_utc: Utc(credential.created),
            updated_utc: Utc(credential.updated),
            expires_utc: credential.expires.map(Utc),
        }
    }
}

/// The caller's credentials, oldest first, expired ones too. No value is shown.
#[utoipa::path(
    get, path = "/v1/credentials", operation_id = "listCredentials", tag = "credentials",
    params(PageParameters),
    responses(
        (status = 200, description = "One page", body = Vec<CredentialDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no credentials"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<PageParameters>,
) -> Result<Response, Problem> {
    let (after, limit) = parameters.read()?;
    let found = state
        .vault
        .credentials(&caller, after.map(Into::into), limit);
    let Page { rows, more } = found.await?;
    let last = rows
        .last()
        .filter(|_| more)
        .map(|row| row.credential_id.into());
    let documents: Vec<CredentialDocument> = rows.into_iter().map(Into::into).collect();
    Ok(with_next(
        Json(documents).into_response(),
        "/v1/credentials",
        last,
        limit,
    ))
}

/// One credential, without its value.
#[utoipa::path(
    get, path = "/v1/credentials/{credentialId}", operation_id = "showCredential", tag = "credentials",
    params(("credentialId" = Uuid, Path, description = "The credential")),
    responses(
        (status = 200, description = "The credential", body = CredentialDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found"),
    ),
)]
async fn show(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(id): IdInPath,
    _: Parameters<NoParameters>,
) -> Result<Json<CredentialDocument>, Problem> {
    let credential = state.vault.credential(&caller, id.into()).await?;
    Ok(Json(credential.into()))
}

/// Erases a credential with all its versions.
#[utoipa::path(
    delete, path = "/v1/credentials/{credentialId}", operation_id = "deleteCredential", tag = "credentials",
    params(("credentialId" = Uuid, Path, description = "The credential")),
    responses(
        (status = 204, description = "Erased"),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root has no credentials"),
        (status = 404, description = "not_found"),
        (status = 409, description = "conflict: others wrote at the same time, many times"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large"),
    ),
)]
async fn delete(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(id): IdInPath,
    _: Parameters<NoParameters>,
    _: NoBody,
) -> Result<Response, Problem> {
    state.vault.delete_credential(&caller, id.into()).await?;
    Ok(no_content())
}
