//! The explicit door: any method, any path, and `X-Target-URL`.
//!
//! In: an authenticated request. Out: the upstream's answer. The request's own path and query
//! are not looked at; the target's are sent.

use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use credential_injector::strip_response;
use http::header::UPGRADE;
use http::{HeaderMap, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use vault_store::OrgId;

use super::control::{read_choice, read_target, read_timeout};
use super::decide::decide;
use super::pool::Lease;
use super::setup::ProxySetup;
use super::streaming::{DownBody, Progress, UpBody};
use super::upstream::{Upstream, UpstreamError, target_is_self, too_slow};
use crate::config::Limits;
use crate::layers::request_id::X_SEALGATE_REQUEST_ID;
use crate::layers::trace::ProxiedHost;
use crate::layers::{BoxFuture, Request, RequestId};
use crate::problem::{Code, Problem, X_SEALGATE_ERROR};
use crate::vault::principal::Principal;

/// One worker's proxy.
#[derive(Clone)]
pub(crate) struct Door {
    setup: Arc<ProxySetup>,
    upstream: Upstream,
}

impl Door {
    /// A door with a pool of its own. Called on the worker's runtime.
    pub(crate) fn new(setup: &ProxySetup) -> Self {
        Self {
            upstream: Upstream::new(setup),
            setup: Arc::new(setup.clone()),
        }
    }

    /// Passes a request to its target.
    pub(crate) fn pass(&self, request: Request) -> BoxFuture {
        let door = self.clone();
        Box::pin(async move { door.forward(request).await })
    }

    async fn forward(self, request: Request) -> Result<Response<Body>, Problem> {
        let limits = &self.setup.limits;
        let org_id = caller(&request)?;
        refuse_upgrade(request.headers())?;
        refuse_oversize(&request, limits)?;
        let target = read_target(request.headers(), &self.setup.schemes)?;
        if self
            .setup
            .own_hosts
            .iter()
            .any(|own| own.matches_target(&target))
        {
            return Err(target_is_self());
        }
        let timeout = read_timeout(request.headers(), limits)?;
        let outbound = decide(target, &read_choice(request.headers())?)?;

        let host = outbound.target().host().to_string();
        let request_id = request.extensions().get::<RequestId>().copied();
        let progress = Progress::new();
        let body_progress = Arc::clone(&progress);
        let request = request.map(|body| UpBody::new(body, limits, body_progress));
        let outbound = outbound.apply(request)?;
        let (answer, lease) = tokio::select! {
            answer = self.upstream.send(org_id, outbound) => {
                answer.inspect_err(|error| note_failure(&host, error))?
            }
            () = progress.stands_still_for(timeout) => return Err(too_slow()),
        };
        progress.answered();

        let mut response = downstream(answer, lease, limits);
        if let Some(id) = request_id {
            let headers = response.headers_mut();
            headers.insert(X_SEALGATE_REQUEST_ID, id.to_header());
        }
        response.extensions_mut().insert(ProxiedHost(host));
        Ok(response)
    }
}

/// The organisation that the request is made for. The root key belongs to none and so has no
/// way out.
fn caller(request: &Request) -> Result<OrgId, Problem> {
    let principal = request.extensions().get::<Principal>();
    principal.and_then(Principal::org_id).ok_or_else(|| {
        Problem::new(
            Code::Forbidden,
            "This key may not send requests to targets.",
        )
    })
}

fn refuse_upgrade(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(UPGRADE) {
        return Err(Problem::new(
            Code::UpgradeUnsupported,
            "Protocol upgrades are not carried to targets.",
        ));
    }
    Ok(())
}

fn refuse_oversize(request: &Request, limits: &Limits) -> Result<(), Problem> {
    if request.body().size_hint().lower() > limits.proxy_body_bytes_max {
        return Err(Problem::from_status(http::StatusCode::PAYLOAD_TOO_LARGE));
    }
    Ok(())
}

/// Tells the operator what the client is not told. The errors name no header and no query.
fn note_failure(host: &str, error: &UpstreamError) {
    let cause = error.source().map(ToString::to_string);
    tracing::info!(host, %error, cause, "the upstream gave no answer");
}

/// Makes the client's answer of the upstream's.
fn downstream(answer: Response<Incoming>, lease: Lease, limits: &Limits) -> Response<Body> {
    let mut response = answer.map(|body| Body::new(DownBody::new(body, limits, lease)));
    strip_response(response.headers_mut());
    // Ours alone: an upstream must not pass its own answer off as the proxy's.
    response.headers_mut().remove(X_SEALGATE_ERROR);
    // The version is the connection's matter: an answer in HTTP/1.0 is sent on as ours.
    *response.version_mut() = Version::HTTP_11;
    response
}
