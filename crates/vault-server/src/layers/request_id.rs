//! Names every request and every answer.
//!
//! In: a request. Out: the same with a [`RequestId`] extension, and an answer with our id in
//! `X-Request-Id`. A client's `X-Request-Id` is never used as our id; the proxy door passes it
//! on, because it belongs to the client and the upstream.
//!
//! An upstream's own `X-Request-Id` is kept, since clients quote it to that upstream's support;
//! our id then travels as `X-Sealgate-Request-Id`, which proxied answers always carry.

use std::convert::Infallible;
use std::fmt;
use std::task::{Context, Poll};

use http::header::{HeaderName, HeaderValue};
use tower::{Layer, Service};
use uuid::Uuid;

use super::{InfallibleFuture, Request, Response};

/// Our id of a request, on answers.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Our id on proxied answers, where `X-Request-Id` may be the upstream's.
pub const X_SEALGATE_REQUEST_ID: HeaderName = HeaderName::from_static("x-sealgate-request-id");

/// The id of one request: a time-ordered UUID (RFC 9562 version 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A fresh id.
    #[must_use]
    pub fn make() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id as a UUID, for audit rows.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// The id as a header value.
    #[must_use]
    pub fn to_header(self) -> HeaderValue {
        HeaderValue::try_from(self.0.to_string()).expect("a UUID is hexadecimal digits and dashes")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Makes [`AssignRequestId`].
#[derive(Debug, Clone, Copy)]
pub struct AssignRequestIdLayer;

/// Gives each request its id.
#[derive(Debug, Clone)]
pub struct AssignRequestId<S> {
    inner: S,
}

impl<S> Layer<S> for AssignRequestIdLayer {
    type Service = AssignRequestId<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AssignRequestId { inner }
    }
}

impl<S> Service<Request> for AssignRequestId<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = InfallibleFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> InfallibleFuture {
        let id = RequestId::make();
        request.extensions_mut().insert(id);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if !response.headers().contains_key(&X_REQUEST_ID) {
                response.headers_mut().insert(X_REQUEST_ID, id.to_header());
            }
            Ok(response)
        })
    }
}
