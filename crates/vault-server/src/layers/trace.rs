//! One log line per request: method, route, status, duration, id.
//!
//! Promise: never a query, a header value or a path segment that a client chose. The route is
//! the router's template; a proxied request shows only the host of its target; a method outside
//! the registered ones is shown as `other`, because its text is the client's.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::MatchedPath;
use http::Method;
use tower::{Layer, Service};
use tracing::Instrument;

use super::{InfallibleFuture, Request, RequestId, Response};
use crate::problem::Code;

/// Left on the answer by the proxy door: where the request went.
#[derive(Debug, Clone)]
pub struct ProxiedHost(pub String);

/// Makes [`Trace`].
#[derive(Debug, Clone, Copy)]
pub struct TraceLayer;

/// Logs the end of each request, at its answer's head.
#[derive(Debug, Clone)]
pub struct Trace<S> {
    inner: S,
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace { inner }
    }
}

impl<S> Service<Request> for Trace<S>
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

    fn call(&mut self, request: Request) -> InfallibleFuture {
        let started = Instant::now();
        let method = method_label(request.method());
        let id = request.extensions().get::<RequestId>().copied();
        let span = tracing::info_span!("request", id = id.map(tracing::field::display));
        let answer = {
            let _entered = span.enter();
            self.inner.call(request)
        };
        Box::pin(
            async move {
                let response = answer.await?;
                log(method, &response, started);
                Ok(response)
            }
            .instrument(span),
        )
    }
}

fn log(method: &'static str, response: &Response, started: Instant) {
    let status = response.status().as_u16();
    let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let notes = response.extensions();
    let code = notes.get::<Code>().map(|code| code.as_str());
    let (route, host) = match notes.get::<ProxiedHost>() {
        Some(ProxiedHost(host)) => ("proxy", Some(host.as_str())),
        None => (notes.get().map_or("-", MatchedPath::as_str), None),
    };
    tracing::info!(method, route, host, status, code, duration_us, "answered");
}

pub(crate) fn method_label(method: &Method) -> &'static str {
    const KNOWN: [(Method, &str); 8] = [
        (Method::GET, "GET"),
        (Method::HEAD, "HEAD"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::DELETE, "DELETE"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::TRACE, "TRACE"),
    ];
    KNOWN
        .iter()
        .find(|(known, _)| known == method)
        .map_or("other", |(_, label)| label)
}
