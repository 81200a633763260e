//! The doors: any method, and a target in `X-Target-URL` or in a path of the base-URL door.
//!
//! In: an authenticated request. Out: the upstream's answer. Beside `X-Target-URL` the request's
//! own path and query are not looked at; the target's are sent.

use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use credential_injector::{
    Outbound, OutboundRequest, QueryParameter, Target, leaks_own_key, remove_header, strip_response,
};
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::{Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use vault_store::OrgId;

use super::account::Account;
use super::continue_gate::ContinueGate;
use super::control::{Choice, read_choice, read_retry, read_secret, read_target, read_timeout};
use super::decide::decide;
use super::pool::Lease;
use super::retry::{Going, Replay, is_worth};
use super::scrub::Scrub;
use super::setup::ProxySetup;
use super::streaming::{DownBody, Progress, UpBody};
use super::tunnel::{self, TunnelLimits};
use super::upgrade::{Upgrade, agrees, name_websocket};
use super::upstream::{Upstream, UpstreamError, target_is_self, too_slow, unusable};
use crate::config::Limits;
use crate::layers::limit_in_flight::RequestPlace;
use crate::layers::request_id::X_SEALGATE_REQUEST_ID;
use crate::layers::trace::ProxiedHost;
use crate::layers::{BoxFuture, Request, RequestId};
use crate::problem::{Code, Problem, X_SEALGATE_ERROR};
use crate::vault::error::VaultError;
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
        let setup = Arc::new(setup.clone());
        Self {
            upstream: Upstream::new(Arc::clone(&setup)),
            setup,
        }
    }

    /// Passes a request to its target.
    pub(crate) fn pass(&self, request: Request) -> BoxFuture {
        let door = self.clone();
        Box::pin(async move {
            let account = Account::open(request.method())?;
            let answer = door.forward(request, account.clone()).await;
            Account::watch(account, answer)
        })
    }

    async fn forward(
        self,
        mut request: Request,
        account: Option<Arc<Account>>,
    ) -> Result<Response<Body>, Problem> {
        let limits = &self.setup.limits;
        let (caller, org_id) = caller(&request)?;
        let upgrade = Upgrade::take(&mut request)?;
        refuse_oversize(&request, limits)?;
        let target = read_target(&request, &self.setup.schemes)?;
        refuse_overrides(&caller, request.headers(), &target)?;
        if let Some(account) = &account {
            account.goes_to(&target);
        }
        if self
            .setup
            .own_hosts
            .iter()
            .any(|own| own.matches_target(&target))
        {
            return Err(target_is_self());
        }
        refuse_own_keys(request.headers(), &target)?;
        let patience = read_timeout(request.headers(), limits)?;
        let choice = read_choice(request.headers())?;
        let is_identity = matches!(choice, Choice::Identity(_));
        let secret = if is_identity {
            None
        } else {
            read_secret(request.headers())?
        };
        let vault = self.setup.vault.as_deref();
        // A hash is bounded by its pool and its queue.
        let deciding = decide(vault, &caller, request.method(), target, choice, secret);
        let mut outbound = deciding.await?;
        if is_identity {
            outbound = outbound.with_echo_scrub(self.setup.identity_echo_scrub);
        }

        let host = outbound.target().host().to_string();
        let request_id = request.extensions().get::<RequestId>().copied();
        let place = request.extensions_mut().remove::<RequestPlace>();
        let progress = Progress::counted(account.clone(), place.clone());
        let scrub = Scrub::prepare(&outbound, request.headers_mut(), self.setup.untouched);
        let retry = read_retry(request.headers())?.filter(|_| upgrade.is_none());
        let going = Going::choose(retry, request, limits).await?;
        // A body that was collected has come only now.
        progress.note();
        let gate = going.gate();
        let sending = async {
            let sent = match going {
                Going::Kept(replay) => {
                    // In boxes: what few requests need. All would carry its room along.
                    let sending = self.send_kept(org_id, &outbound, &replay, &progress);
                    Box::pin(sending).await?
                }
                Going::Once(request) => {
                    let request = self.prepare(outbound, request, &progress, gate.clone())?;
                    match upgrade {
                        Some(_) => Box::pin(self.upstream.send_upgrade(org_id, request)).await,
                        None => self.upstream.send(org_id, request).await,
                    }
                }
            };
            sent.map_err(|error| {
                note_failure(&host, &error);
                Problem::from(error)
            })
        };
        let (answer, lease) = tokio::select! {
            answer = sending => answer?,
            () = progress.exhausts(patience) => return Err(too_slow()),
        };
        progress.answered();

        let mut response = match upgrade {
            Some(upgrade) => {
                let client = (upgrade, place);
                upgraded(answer, lease, limits, client, scrub, account, progress)?
            }
            None => downstream(answer, lease, limits, gate, scrub, progress)?,
        };
        if let Some(id) = request_id {
            let headers = response.headers_mut();
            headers.insert(X_SEALGATE_REQUEST_ID, id.to_header());
        }
        response.extensions_mut().insert(ProxiedHost(host));
        Ok(response)
    }

    /// Makes the upstream's request of the client's.
    fn prepare(
        &self,
        outbound: Outbound,
        request: Request,
        progress: &Arc<Progress>,
        gate: Option<Arc<ContinueGate>>,
    ) -> Result<OutboundRequest<UpBody>, Problem> {
        let limits = &self.setup.limits;
        let (body_progress, body_gate) = (Arc::clone(progress), gate.clone());
        let mut request = request.map(|body| UpBody::new(body, limits, body_progress, body_gate));
        open_at_100(&mut request, gate);
        Ok(outbound.apply(request)?)
    }

    /// Sends a kept request as often as it takes and is permitted, always to the same target.
    async fn send_kept(
        &self,
        org_id: OrgId,
        outbound: &Outbound,
        replay: &Replay,
        progress: &Arc<Progress>,
    ) -> Result<Result<(Response<Incoming>, Lease), UpstreamError>, Problem> {
        let mut left = replay.retry.count;
        loop {
            let request = self.prepare(outbound.clone(), replay.request(), progress, None)?;
            let outcome = self.upstream.send(org_id, request).await;
            if left == 0 || !is_worth(&outcome) {
                return Ok(outcome);
            }
            // Dropping an unread answer closes its connection.
            drop(outcome);
            left -= 1;
            tokio::time::sleep(replay.retry.delay).await;
        }
    }
}

/// The caller and the organisation that the request is made for. The root key belongs to none and so has no
/// way out.
fn caller(request: &Request) -> Result<(Principal, OrgId), Problem> {
    let principal = request.extensions().get::<Principal>();
    let member = principal.and_then(|who| Some((who.clone(), who.org_id()?)));
    member.ok_or_else(|| {
        Problem::new(
            Code::Forbidden,
            "This key may not send requests to targets.",
        )
    })
}

/// Headers by which some upstreams take another method or path than those of the request line, or
/// a second path beside it (RFC 4918, section 10.3).
const OVERRIDES: [HeaderName; 8] = [
    HeaderName::from_static("destination"),
    HeaderName::from_static("x-amz-copy-source"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-ms-copy-source"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// Parameters by which some frameworks take another method. PHP reads the second as the first.
const METHOD_PARAMETERS: [&str; 2] = ["_method", ".method"];

/// Keeps a key or token that is confined from reaching past what was judged.
fn refuse_overrides(
    caller: &Principal,
    headers: &http::HeaderMap,
    target: &Target,
) -> Result<(), Problem> {
    let confined = caller.scope.is_some() || caller.grant.is_some();
    let by_header = || OVERRIDES.iter().any(|name| headers.contains_key(name));
    if confined && (by_header() || takes_method_from_query(target)) {
        return Err(VaultError::OutOfScope.into());
    }
    Ok(())
}

fn takes_method_from_query(target: &Target) -> bool {
    let Some((_, query)) = target.path_and_query().split_once('?') else {
        return false;
    };
    let stands_there = |name| QueryParameter::parse(name).is_ok_and(|it| it.stands_in(query));
    METHOD_PARAMETERS.into_iter().any(stands_there)
}

/// Refuses to send our own keys and secrets along where nothing strips them. What they are part of
/// there means more than the key, so cutting them out would send something else than was meant.
fn refuse_own_keys(headers: &http::HeaderMap, target: &Target) -> Result<(), Problem> {
    if leaks_own_key(headers, target) {
        return Err(Problem::new(
            Code::KeyInRequest,
            "A key, token or user secret of this server stands in the target's path or query, or inside a header.",
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

/// Lets the body go when the upstream says 100.
fn open_at_100(request: &mut http::Request<UpBody>, gate: Option<Arc<ContinueGate>>) {
    let Some(gate) = gate else { return };
    hyper::ext::on_informational(request, move |interim| {
        if interim.status() == StatusCode::CONTINUE {
            gate.open();
        }
    });
}

/// Makes the client's answer of the upstream's.
fn downstream(
    answer: Response<Incoming>,
    lease: Lease,
    limits: &Limits,
    gate: Option<Arc<ContinueGate>>,
    scrub: Option<Scrub>,
    progress: Arc<Progress>,
) -> Result<Response<Body>, Problem> {
    let mut response = answer.map(|body| DownBody::new(body, limits, lease, gate, progress));
    clean(&mut response, scrub.as_ref())?;
    Ok(match scrub {
        Some(scrub) => scrub.body(response),
        None => response.map(Body::new),
    })
}

fn clean<B>(response: &mut Response<B>, scrub: Option<&Scrub>) -> Result<(), Problem> {
    strip_response(response.headers_mut());
    // Ours alone: an upstream must not pass its own answer off as the proxy's.
    remove_header(response.headers_mut(), &X_SEALGATE_ERROR);
    // The version is the connection's matter: an answer in HTTP/1.0 is sent on as ours.
    *response.version_mut() = Version::HTTP_11;
    scrub.map_or(Ok(()), |scrub| scrub.head(response))
}

/// Makes the answer to a WebSocket handshake, and the tunnel that follows a 101.
fn upgraded(
    mut answer: Response<Incoming>,
    lease: Lease,
    limits: &Limits,
    (upgrade, place): (Upgrade, Option<RequestPlace>),
    scrub: Option<Scrub>,
    account: Option<Arc<Account>>,
    progress: Arc<Progress>,
) -> Result<Response<Body>, Problem> {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let mut response = downstream(answer, lease, limits, None, scrub, progress)?;
        // What the client may have sent behind its handshake is no request.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        return Ok(response);
    }
    if !agrees(answer.status(), answer.headers()) {
        return Err(unusable());
    }
    let upstream = hyper::upgrade::on(&mut answer);
    let mut response = answer.map(|_| Body::empty());
    clean(&mut response, scrub.as_ref())?;
    name_websocket(response.headers_mut());
    let limits = TunnelLimits::new(limits);
    let ends = (upgrade.client, upstream);
    tokio::spawn(tunnel::run(ends, limits, (upgrade.place, place), account));
    Ok(response)
}
