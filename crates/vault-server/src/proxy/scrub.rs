//! Keeps an upstream from handing the caller the secret that was injected.
//!
//! In: a decision and the client's head, then the answer. Out: a request that asks for the whole
//! of an uncompressed answer (over two ranges an echo could be split), and an answer without the secret in headers, body or trailers. An answer
//! that is compressed all the same cannot be searched: it passes under `redact`, and is refused
//! under `refuse`. What a WebSocket tunnel carries is not looked at.

use axum::body::{Body, Bytes};
use credential_injector::{EchoScrub, EchoedSecret, Outbound};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Response};
use hyper::ext::ReasonPhrase;

use super::scrub_body::ScrubBody;
use crate::problem::{Code, Problem};

/// What a request keeps although echoes are then not always found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Untouched {
    /// `Accept-Encoding`.
    pub(crate) accept_encoding: bool,
    /// `Range` and `If-Range`.
    pub(crate) range: bool,
}

/// What to look for in one answer.
pub(crate) struct Scrub {
    secret: EchoedSecret,
    policy: EchoScrub,
}

impl Scrub {
    /// Prepares for the answer to `outbound`, and asks for one that can be read.
    pub(crate) fn prepare(
        outbound: &Outbound,
        headers: &mut HeaderMap,
        untouched: Untouched,
    ) -> Option<Self> {
        let secret = outbound.echoed_secret()?;
        if !untouched.accept_encoding {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if !untouched.range {
            // A server may ignore them at any time (RFC 9110 section 14.2).
            headers.remove(RANGE);
            headers.remove(IF_RANGE);
        }
        Some(Self {
            secret,
            policy: outbound.echo_scrub(),
        })
    }

    /// Judges the head of the answer.
    ///
    /// # Errors
    /// `upstream_echo` where echoes are refused.
    pub(crate) fn head<B>(&self, response: &mut Response<B>) -> Result<(), Problem> {
        let mut found = self.secret.redact_headers(response.headers_mut());
        let reason = response.extensions().get::<ReasonPhrase>();
        if reason.is_some_and(|reason| self.secret.is_in(reason.as_bytes())) {
            response.extensions_mut().remove::<ReasonPhrase>();
            found = true;
        }
        let refuses = self.policy == EchoScrub::Refuse;
        if refuses && (found || is_compressed(response.headers())) {
            return Err(Problem::new(
                Code::UpstreamEcho,
                "The upstream's answer repeats the credential, or hides whether it does.",
            ));
        }
        Ok(())
    }

    /// Puts the search between the body and the client.
    pub(crate) fn body<B>(self, response: Response<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>>
            + Unpin
            + Send
            + 'static,
    {
        if response.body().is_end_stream() || is_compressed(response.headers()) {
            return response.map(Body::new);
        }
        response.map(|body| Body::new(ScrubBody::new(body, self.secret, self.policy)))
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
