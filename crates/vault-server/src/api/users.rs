//! `/admin/orgs/{orgId}/users` and `/v1/users`: users of an organisation.

mod change;

pub use change::PatchUserDocument;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::HeaderMap;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;
use vault_store::Page;

use super::input::{IdInPath, NoParameters, Parameters, json};
use super::keys::fingerprint;
use super::orgs::PageParameters;
use super::output::secret_json;
use super::utc::Utc;
use super::{ApiState, base64, read_json, with_next};
use crate::problem::Problem;
use crate::vault::principal::Principal;
use crate::vault::users::{NewUser, User};

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(change::get, change::patch, change::remove))
        .routes(routes!(colleagues))
        .routes(routes!(me))
}

/// A user to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateUserDocument {
    /// Display name: 1 to 512 bytes of printable UTF-8.
    name: String,
    /// Whether the user administers the organisation.
    #[serde(default)]
    is_admin: bool,
}

/// A user who was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewUserDocument<'a> {
    #[serde(flatten)]
    user: AdminUserDocument,
    /// Public id of the API key.
    api_key_id: &'a str,
    /// The API key, shown this once.
    api_key: &'a str,
}

/// A user as admins see them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminUserDocument {
    /// The user's id.
    user_id: Uuid,
    /// The user's organisation.
    org_id: Uuid,
    /// Display name.
    name: String,
    /// Whether the user administers the organisation.
    is_admin: bool,
    /// Whether the user is shut out.
    disabled: bool,
    /// Whether the user has made keys.
    has_keys: bool,
    /// When the user was made.
    #[schema(value_type = String, format = DateTime)]
    created_utc: Utc,
}

impl From<&User> for AdminUserDocument {
    fn from(user: &User) -> Self {
        Self {
            user_id: user.user_id.into(),
            org_id: user.org_id.into(),
            name: user.name.clone(),
            is_admin: user.is_admin,
            disabled: user.disabled,
            has_keys: user.public.is_some(),
            created_utc: Utc(user.created),
        }
    }
}

/// A user as colleagues see them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserDocument {
    /// The user's id.
    user_id: Uuid,
    /// Display name.
    name: String,
    /// Whether the user administers the organisation.
    is_admin: bool,
    /// Whether the user has made keys.
    has_keys: bool,
    /// SHA-256 over both public keys, in hexadecimal; absent without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// The P-256 public key; absent without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64")]
    public_key_b64: Option<String>,
    /// The ML-KEM-768 public key; absent without keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64")]
    public_key_kyber_b64: Option<String>,
}

impl From<&User> for UserDocument {
    fn from(user: &User) -> Self {
        let public = user.public.as_ref();
        Self {
            user_id: user.user_id.into(),
            name: user.name.clone(),
            is_admin: user.is_admin,
            has_keys: public.is_some(),
            fingerprint: public.map(fingerprint),
            public_key_b64: public.map(|keys| base64::encode(keys.p256_bytes())),
            public_key_kyber_b64: public.map(|keys| base64::encode(keys.ml_kem_bytes())),
        }
    }
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeDocument {
    /// The caller's organisation.
    org_id: Uuid,
    #[serde(flatten)]
    user: UserDocument,
}

/// Makes a user with an API key. Root makes the first admin, admins everybody else.
#[utoipa::path(
    post, path = "/admin/orgs/{orgId}/users", operation_id = "createUser", tag = "admin",
    params(("orgId" = Uuid, Path, description = "The organisation")),
    request_body = CreateUserDocument,
    responses(
        (status = 201, description = "Made; the API key cannot be shown again", body = NewUserDocument<'_>),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden"),
        (status = 404, description = "not_found: also every other organisation"),
        (status = 408, description = "request_timeout"),
        (status = 413, description = "too_large"),
        (status = 415, description = "unsupported_media_type"),
    ),
)]
async fn create(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(org_id): IdInPath,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_json(&headers, body).await?;
    let document: CreateUserDocument = json(body.as_bytes())?;
    let (name, is_admin) = (&document.name, document.is_admin);
    let made = state
        .vault
        .create_user(&caller, org_id.into(), name, is_admin);
    let mut response = new_user_answer(&made.await?)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Room for everything in a [`NewUserDocument`] but the name.
const DOCUMENT_FRAME_BYTES: usize = 1_024;
/// A character of a name takes at most so many bytes for each of its own in JSON.
const JSON_ESCAPE_FACTOR: usize = 6;

fn new_user_answer(made: &NewUser) -> Result<Response, Problem> {
    let document = NewUserDocument {
        user: (&made.user).into(),
        api_key_id: made.key_id.as_str(),
        // Expose: shown to whoever made the user, this once.
        api_key: made.api_key.expose_secret(),
    };
    let name_bytes = made.user.name.len() * JSON_ESCAPE_FACTOR;
    secret_json(&document, DOCUMENT_FRAME_BYTES + name_bytes)
}

/// Users of an organisation, oldest first, disabled ones too.
#[utoipa::path(
    get, path = "/admin/orgs/{orgId}/users", operation_id = "listUsers", tag = "admin",
    params(("orgId" = Uuid, Path, description = "The organisation"), PageParameters),
    responses(
        (status = 200, description = "One page", body = Vec<AdminUserDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden"),
        (status = 404, description = "not_found: also every other organisation"),
    ),
)]
async fn list(
    caller: Principal,
    State(state): State<ApiState>,
    IdInPath(org_id): IdInPath,
    Parameters(parameters): Parameters<PageParameters>,
) -> Result<Response, Problem> {
    let (after, limit) = parameters.read()?;
    let after = after.map(Into::into);
    let page = state
        .vault
        .users(&caller, org_id.into(), after, limit)
        .await?;
    let Page { rows, more } = page;
    let last = rows.last().filter(|_| more).map(|user| user.user_id.into());
    let documents: Vec<AdminUserDocument> = rows.iter().map(Into::into).collect();
    let path = format!("/admin/orgs/{org_id}/users");
    Ok(with_next(
        Json(documents).into_response(),
        &path,
        last,
        limit,
    ))
}

/// Users of the caller's organisation, to share with. Disabled users are left out.
#[utoipa::path(
    get, path = "/v1/users/org", operation_id = "listColleagues", tag = "users",
    params(PageParameters),
    responses(
        (status = 200, description = "One page", body = Vec<UserDocument>, headers(("Link" = String, description = "rel=\"next\" when the list goes on"))),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root belongs to no organisation"),
    ),
)]
async fn colleagues(
    caller: Principal,
    State(state): State<ApiState>,
    Parameters(parameters): Parameters<PageParameters>,
) -> Result<Response, Problem> {
    let (after, limit) = parameters.read()?;
    let found = state
        .vault
        .colleagues(&caller, after.map(Into::into), limit);
    let (Page { rows, more }, last) = found.await?;
    let last = last.filter(|_| more).map(Into::into);
    let documents: Vec<UserDocument> = rows.iter().map(Into::into).collect();
    Ok(with_next(
        Json(documents).into_response(),
        "/v1/users/org",
        last,
        limit,
    ))
}

/// The caller.
#[utoipa::path(
    get, path = "/v1/users/me", operation_id = "me", tag = "users",
    responses(
        (status = 200, description = "The caller", body = MeDocument),
        (status = 400, description = "malformed_request, tampered"),
        (status = 403, description = "forbidden: root is no user"),
    ),
)]
async fn me(
    caller: Principal,
    State(state): State<ApiState>,
    _: Parameters<NoParameters>,
) -> Result<Json<MeDocument>, Problem> {
    let user = state.vault.me(&caller).await?;
    Ok(Json(MeDocument {
        org_id: user.org_id.into(),
        user: (&user).into(),
    }))
}
