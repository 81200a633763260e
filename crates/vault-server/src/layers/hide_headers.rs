//! Marks headers that carry secrets, so that nothing below prints them.
//!
//! `HeaderValue`s marked sensitive show as `Sensitive` in `Debug` and are never put into the
//! HPACK table (RFC 7541 section 7.1.3). `X-Target-URL` is marked because its query may hold keys.

use http::header::{self, HeaderName};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

/// Request headers whose values are secrets or may contain one.
pub const SECRET_HEADERS: [HeaderName; 12] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("x-mirapi-key"),
    HeaderName::from_static("x-user-secret"),
    HeaderName::from_static("x-new-user-secret"),
    HeaderName::from_static("x-identity-key"),
    HeaderName::from_static("x-proxy-master-key"),
    HeaderName::from_static("x-target-url"),
];

/// The marking layer. It stands outside tracing.
#[must_use]
pub fn hide_secret_headers() -> SetSensitiveRequestHeadersLayer {
    SetSensitiveRequestHeadersLayer::new(SECRET_HEADERS)
}
