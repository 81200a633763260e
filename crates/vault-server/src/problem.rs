//! The one place that chooses status codes and public error texts.
//!
//! In: a [`Code`] and a fixed sentence. Out: an RFC 9457 `application/problem+json` answer
//! with `type`, `title`, `status`, `detail`, `code` and `requestId`.
//!
//! Promise: the detail is a `&'static str`, so no input can be echoed; every code has its
//! status and title in one table ([`Code::all`]), from which documentation is generated.
//! Not here: log texts.

mod code;
mod vault;

pub use code::Code;

use axum::body::Body;
use axum::response::IntoResponse;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use uuid::Uuid;

use crate::layers::RequestId;

/// Media type of problem documents (RFC 9457 section 6.1).
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";
/// Prefix of the `type` member; the code follows.
pub const PROBLEM_TYPE_PREFIX: &str = "urn:sealgate:problem:";
/// Marks an answer that the proxy door made itself, as opposed to the upstream.
pub const X_SEALGATE_ERROR: HeaderName = HeaderName::from_static("x-sealgate-error");
/// Seconds after which a refused caller may try again, unless a rule says otherwise.
pub const RETRY_AFTER_DEFAULT_SECONDS: u32 = 1;

/// An error on its way to a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Problem {
    code: Code,
    detail: &'static str,
    retry_after_seconds: Option<u32>,
    allow: Option<HeaderValue>,
    content_bytes: Option<u64>,
    ids: Vec<Uuid>,
}

impl Problem {
    /// A problem with a fixed explanation. Explanations never contain input.
    #[must_use]
    pub fn new(code: Code, detail: &'static str) -> Self {
        let retry_after_seconds = match code {
            Code::Overloaded | Code::StorageUnavailable | Code::TooManyAttempts => {
                Some(RETRY_AFTER_DEFAULT_SECONDS)
            }
            _ => None,
        };
        Self {
            code,
            detail,
            retry_after_seconds,
            allow: None,
            content_bytes: None,
            ids: Vec::new(),
        }
    }

    /// Sets the `Retry-After` header.
    #[must_use]
    pub fn with_retry_after_seconds(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Sets the `Allow` header of a 405 (RFC 9110 section 15.5.6).
    #[must_use]
    pub fn with_allow(mut self, methods: HeaderValue) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Sets the `Content-Range` header of a 416 (RFC 9110 section 15.5.17) to the whole length.
    #[must_use]
    pub fn with_content_bytes(mut self, length: u64) -> Self {
        self.content_bytes = Some(length);
        self
    }

    /// Adds the member `ids`: between which of the caller's own things to choose.
    #[must_use]
    pub fn with_ids(mut self, ids: Vec<Uuid>) -> Self {
        self.ids = ids;
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The status that the code stands for.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The problem that a bare status of the router or of an extractor stands for.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => (Code::NotFound, "There is nothing at this address."),
            StatusCode::METHOD_NOT_ALLOWED => (
                Code::MethodNotAllowed,
                "This address does not answer to this method.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => (Code::TooLarge, "The body is larger than allowed."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (
                Code::UnsupportedMediaType,
                "The Content-Type is not one that this call accepts.",
            ),
            status if status.is_client_error() => (
                Code::MalformedRequest,
                "The request could not be understood.",
            ),
            _ => (Code::Internal, "The server could not complete the request."),
        };
        Self::new(code, detail)
    }

    /// The finished answer. `at_proxy_door` adds `X-Sealgate-Error`.
    #[must_use]
    pub fn render(&self, request_id: Option<&RequestId>, at_proxy_door: bool) -> Response<Body> {
        let mut document = serde_json::json!({
            "type": format!("{PROBLEM_TYPE_PREFIX}{}", self.code.as_str()),
            "title": self.code.title(),
            "status": self.status().as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
            "requestId": request_id.map(ToString::to_string),
        });
        if !self.ids.is_empty() {
            document["ids"] = serde_json::json!(self.ids);
        }
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(PROBLEM_MEDIA_TYPE),
        );
        if self.status() == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2 requires a challenge.
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"sealgate\""),
            );
        }
        if self.status() == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body may not be read, so the connection ends with this answer;
            // a client that is not told would send its next request into the closing.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = &self.allow {
            headers.insert(header::ALLOW, allow.clone());
        }
        if let Some(length) = self.content_bytes {
            let unsatisfied = HeaderValue::try_from(format!("bytes */{length}"))
                .expect("digits are a header value");
            headers.insert(header::CONTENT_RANGE, unsatisfied);
        }
        if at_proxy_door {
            headers.insert(
                X_SEALGATE_ERROR,
                HeaderValue::from_static(self.code.as_str()),
            );
        }
        response
    }
}

/// Lets a handler return a problem with `?`. The answer is empty here and carries the problem
/// as an extension: the rescue layer renders it, because only that layer knows the request id.
impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}
