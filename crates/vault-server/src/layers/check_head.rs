//! Refuses request heads that readers could understand differently.
//!
//! hyper has parsed the head and framed the body by then: it refuses what RFC 9112 section 6
//! calls invalid, and after `Transfer-Encoding` beside `Content-Length` it closes the connection.
//! What it leaves open is refused here: `Host` absent, repeated, malformed or different from
//! `:authority` (RFC 9112 section 3.2, RFC 9113 section 8.3.1), transfer codings other than one
//! `chunked`, and the methods CONNECT, TRACE and TRACK, of which TRACE would echo credentials.

use std::task::{Context, Poll};

use http::header::{self, HeaderValue};
use http::uri::Authority;
use http::{HeaderMap, Method, Version};
use tower::{Layer, Service};

use super::{BoxFuture, Request, Response};
use crate::problem::{Code, Problem};

/// The methods that both doors may answer to.
const METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Makes [`CheckHead`].
#[derive(Debug, Clone, Copy)]
pub struct CheckHeadLayer;

/// Lets only unambiguous heads through.
#[derive(Debug, Clone)]
pub struct CheckHead<S> {
    inner: S,
}

impl<S> Layer<S> for CheckHeadLayer {
    type Service = CheckHead<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CheckHead { inner }
    }
}

impl<S> Service<Request> for CheckHead<S>
where
    S: Service<Request, Response = Response, Error = Problem, Future = BoxFuture>,
{
    type Response = Response;
    type Error = Problem;
    type Future = BoxFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> BoxFuture {
        match check_head(&request) {
            Ok(()) => self.inner.call(request),
            Err(problem) => Box::pin(std::future::ready(Err(problem))),
        }
    }
}

/// Judges a head.
///
/// # Errors
/// `malformed_request`, or `method_not_allowed` for the methods above.
pub fn check_head<B>(request: &http::Request<B>) -> Result<(), Problem> {
    let method = request.method();
    if method == Method::CONNECT || method == Method::TRACE || method.as_str() == "TRACK" {
        return Err(
            Problem::new(Code::MethodNotAllowed, "This method is not answered here.")
                .with_allow(METHODS),
        );
    }
    check_host(request)?;
    check_transfer_encoding(request.headers())
}

fn check_host<B>(request: &http::Request<B>) -> Result<(), Problem> {
    let refused = |detail| Err(Problem::new(Code::MalformedRequest, detail));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return refused("The request has more than one Host.");
    }
    let authority = request.uri().authority();
    let Some(host) = host else {
        let needed =
            request.version() == Version::HTTP_11 || (is_http2(request) && authority.is_none());
        return if needed {
            refused("The request has no Host.")
        } else {
            Ok(())
        };
    };
    let Ok(host) = Authority::try_from(host.as_bytes()) else {
        return refused("The Host of the request is malformed.");
    };
    if host.as_str().contains('@') {
        return refused("The Host of the request is malformed.");
    }
    match authority {
        Some(authority) if is_http2(request) && *authority != host => {
            refused("Host and :authority of the request differ.")
        }
        _ => Ok(()),
    }
}

fn is_http2<B>(request: &http::Request<B>) -> bool {
    request.version() == Version::HTTP_2
}

fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    if plain {
        return Ok(());
    }
    Err(Problem::new(
        Code::MalformedRequest,
        "The only transfer coding that is read is a single chunked.",
    ))
}
