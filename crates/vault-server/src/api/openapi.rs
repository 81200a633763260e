//! The OpenAPI document: what the handlers say of themselves, and what holds for all of them.

mod shapes;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use http::header;
use serde::Serialize;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, OpenApi as Document, Ref, RefOr, Response,
    ResponseBuilder,
};
use utoipa::{OpenApi, ToSchema};

use crate::problem::PROBLEM_MEDIA_TYPE;

/// Where the document is.
const PATH: &str = "/openapi.json";

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "describes what `problem` writes")]
struct ProblemDocument {
    /// `urn:sealgate:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    kind: String,
    /// A summary of the code.
    title: String,
    /// The status code.
    status: u16,
    /// A fixed sentence about what went wrong.
    detail: String,
    /// A stable name to compare against.
    code: String,
    /// The id of the request, also in `X-Request-Id`.
    request_id: String,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Sealgate", description = "Secrets vault and credential-injecting proxy"),
    components(schemas(ProblemDocument)),
    security(("apiKey" = []), ("bearer" = [])),
    tags(
        (name = "keys", description = "A user's key pair"),
        (name = "values", description = "Named secrets"),
        (name = "files", description = "Files, streamed in and out"),
        (name = "credentials", description = "Upstream credentials, used and never shown"),
        (name = "shares", description = "Values given to colleagues"),
        (name = "recovery", description = "Trustees, and what they hand back"),
        (name = "tokens", description = "Access tokens for credentials and values"),
        (name = "users", description = "Colleagues"),
        (name = "apikeys", description = "A user's API keys"),
        (name = "admin", description = "Organisations and their users"),
        (name = "operations", description = "The server itself"),
    ),
)]
struct Head;

/// The document without paths.
pub(super) fn head() -> Document {
    let mut document = Head::openapi();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        "apiKey",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key"))),
    );
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    document
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "operations",
    responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json")),
)]
#[allow(
    dead_code,
    reason = "describes the route that serves the finished document"
)]
fn describe_this() {}

#[derive(OpenApi)]
#[openapi(paths(describe_this))]
struct Own;

/// The route of the finished document.
pub(super) fn serve(mut document: Document) -> Router {
    document.merge(Own::openapi());
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        operations.into_iter().flatten().for_each(complete);
    }
    let mut document =
        serde_json::to_value(document).expect("texts, numbers and booleans are written as JSON");
    shapes::add(&mut document);
    let text = Bytes::from(document.to_string());
    let answer =
        move || async move { ([(header::CONTENT_TYPE, "application/json")], text.clone()) };
    Router::new().route(PATH, get(answer))
}

/// Adds what every call answers, and the form of every error.
fn complete(operation: &mut Operation) {
    let is_public = operation.security.is_some();
    if !is_public {
        for (status, codes) in [
            ("400", "malformed_request"),
            ("401", "api_key_invalid"),
            ("403", "forbidden"),
            ("503", "overloaded, storage_unavailable, audit_unavailable"),
        ] {
            let known = operation.responses.responses.entry(status.to_owned());
            known.or_insert_with(|| RefOr::T(Response::new(codes)));
        }
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        response
            .headers
            .insert("X-Request-Id".to_owned(), RefOr::T(request_id_header()));
        if status.starts_with(['4', '5']) {
            *response = with_problem(response.clone());
        }
    }
}

fn with_problem(response: Response) -> Response {
    let schema = Ref::from_schema_name("ProblemDocument");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::from(response)
        .content(PROBLEM_MEDIA_TYPE, content)
        .build()
}

fn request_id_header() -> utoipa::openapi::header::Header {
    HeaderBuilder::new()
        .description(Some("The id of the request"))
        .build()
}
