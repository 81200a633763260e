//! Tries again, where the client asked for it and where that does no harm.
//!
//! In: `X-Retry-Count` and `X-Retry-Delay`. Off unless the count is given. A request is tried
//! again when its method is idempotent (RFC 9110 section 9.2.2) or it carries `Idempotency-Key`,
//! and its body is of a declared length within [`RETRY_BODY_BYTES_MAX`], so that it can be kept.
//! What is worth another try: an upstream that could not be reached or broke off, and its 502,
//! 503 and 504. Everything else is an answer.
//!
//! Promise: every try goes to the one target that the credential was bound to, and all of them
//! together end within the time of the request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::request::Parts;
use http::{HeaderName, Method, StatusCode};
use http_body::Body as _;

use super::continue_gate::ContinueGate;
use super::pool::Lease;
use super::upstream::UpstreamError;
use crate::config::Limits;
use crate::config::defaults::RETRY_BODY_BYTES_MAX;
use crate::layers::body::{Pace, PacedBody};
use crate::layers::{Request, read_body};
use crate::problem::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How often, and after which pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries beyond the first.
    pub count: u32,
    /// Pause before each of them.
    pub delay: Duration,
}

/// A request that is kept until it has been answered.
pub(crate) struct Replay {
    pub(crate) retry: Retry,
    parts: Parts,
    body: Bytes,
}

impl Retry {
    /// Whether a second try of `request` could do harm or could not be made.
    fn permits(self, request: &Request) -> bool {
        let idempotent = [
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::PUT,
            Method::DELETE,
        ]
        .contains(request.method())
            || request.headers().contains_key(IDEMPOTENCY_KEY);
        let kept = request.body().size_hint().exact();
        let small = kept.is_some_and(|bytes| bytes <= RETRY_BODY_BYTES_MAX as u64);
        // Trailers could not be sent again.
        let trailers = request.headers().contains_key(http::header::TRAILER);
        self.count > 0 && idempotent && small && !trailers
    }
}

/// How a request goes up.
pub(crate) enum Going {
    /// Streamed, and gone.
    Once(Request),
    /// Kept until it has been answered.
    Kept(Replay),
}

impl Going {
    /// Keeps `request` if it may be tried again.
    ///
    /// # Errors
    /// As of a body that is collected: `request_timeout`, or `malformed_request`.
    pub(crate) async fn choose(
        retry: Option<Retry>,
        request: Request,
        limits: &Limits,
    ) -> Result<Self, Problem> {
        let Some(retry) = retry.filter(|retry| retry.permits(&request)) else {
            return Ok(Self::Once(request));
        };
        let (parts, body) = request.into_parts();
        let paced = Body::new(PacedBody::new(body, Pace::strict(limits)));
        let reading = Box::pin(read_body(paced, RETRY_BODY_BYTES_MAX));
        let body = Bytes::from_owner(reading.await?);
        Ok(Self::Kept(Replay { retry, parts, body }))
    }

    /// Where the client waits for a 100; a kept body has come already.
    pub(crate) fn gate(&self) -> Option<Arc<ContinueGate>> {
        match self {
            Self::Once(request) => ContinueGate::wanted(request.version(), request.headers()),
            Self::Kept(_) => None,
        }
    }
}

impl Replay {
    /// The request, once more.
    pub(crate) fn request(&self) -> Request {
        Request::from_parts(self.parts.clone(), Body::from(self.body.clone()))
    }
}

/// Whether another try may end better.
pub(crate) fn is_worth<T>(outcome: &Result<(http::Response<T>, Lease), UpstreamError>) -> bool {
    match outcome {
        Ok((answer, _)) => [
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ]
        .contains(&answer.status()),
        Err(error) => error.is_passing(),
    }
}
