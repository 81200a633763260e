//! The client that reaches upstreams.
//!
//! In: an [`OutboundRequest`] and the organisation it is sent for. Out: the answer's head, with
//! its body still to come. Promise: the connection is the one of the request's own target and
//! organisation; everything ends within its bound. A request is sent twice only if the first
//! connection had taken no byte of it.

use std::sync::Arc;
use std::time::Duration;

use credential_injector::egress::{EgressError, ResolveError};
use credential_injector::{Host, OutboundRequest, Scheme, Target};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use vault_store::OrgId;

use super::bound_connection::{is_bound_by_answer, is_bound_by_request};
use super::pool::{Lease, Pool, PoolKey, Sender};
use super::request_form::{for_http1, for_http2};
use super::setup::ProxySetup;
use super::shared_sender::{STREAMS_BEFORE_SETTINGS, SharedSender};
use super::streaming::UpBody;
use super::trust::UpstreamTls;
use super::upgrade::name_websocket;
use crate::config::defaults::{
    HTTP2_PING_INTERVAL_SECONDS, HTTP2_PING_TIMEOUT_SECONDS, UPSTREAM_HEADER_BYTES_MAX,
};
use crate::layers::body::{BodyStalled, body_problem, caused_by};
use crate::problem::{Code, Problem};

/// Kept connections that are tried before a fresh one is made.
const KEPT_TRIES_MAX: usize = 3;

/// One worker's way to upstreams.
#[derive(Clone)]
pub(crate) struct Upstream {
    setup: Arc<ProxySetup>,
    tls: Arc<UpstreamTls>,
    pool: Pool,
    handshake_timeout: Duration,
}

/// A reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error("the TLS handshake failed")]
    Tls(#[source] std::io::Error),
    #[error("the connection took too long")]
    TimedOut,
    #[error("the exchange failed")]
    Exchange(#[from] hyper::Error),
    #[error("the upstream changed the protocol")]
    Switched,
    #[error("the answer's length can be read in two ways")]
    Framing,
}

impl UpstreamError {
    /// Whether the fault may be gone in a moment: not one of the client's, of the rules or of
    /// the upstream's certificate.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Egress(error) => matches!(
                egress_problem(error).code(),
                Code::UpstreamUnreachable | Code::UpstreamTimeout
            ),
            Self::TimedOut => true,
            Self::Exchange(error) => matches!(
                exchange_problem(error).code(),
                Code::UpstreamUnreachable | Code::UpstreamTimeout
            ),
            Self::Tls(_) | Self::Switched | Self::Framing => false,
        }
    }
}

type Sent = Result<Response<Incoming>, TrySendError<Request<UpBody>>>;

impl Upstream {
    pub(crate) fn new(setup: Arc<ProxySetup>) -> Self {
        Self {
            tls: Arc::clone(&setup.tls),
            pool: Pool::new(),
            handshake_timeout: setup.limits.proxy_connect_timeout,
            setup,
        }
    }

    /// Sends `outbound` and waits for the head of the answer.
    pub(crate) async fn send(
        &self,
        org_id: OrgId,
        outbound: OutboundRequest<UpBody>,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let (target, mut request) = outbound.into_parts();
        let is_bound = is_bound_by_request(request.headers());
        let key = PoolKey::new(org_id, &target);
        // A kept connection may have been closed at the very moment it was taken; then the
        // request comes back untouched and tries the next one.
        for _ in 0..KEPT_TRIES_MAX {
            let Some(mut lease) = self.pool.take(&key) else {
                break;
            };
            match exchange(&mut lease, &target, request).await {
                Ok(response) => return answered(response, lease, is_bound),
                Err(mut failed) => match failed.take_message() {
                    Some(untouched) => request = untouched,
                    None => return Err(failed.into_error().into()),
                },
            }
        }
        let tls = &self.tls.for_target(&target).any;
        // Large and rare: in a box, so that no request carries its room along.
        let sender = Box::pin(self.connect(org_id, &target, tls)).await?;
        let mut lease = self.pool.adopt(key, sender);
        match exchange(&mut lease, &target, request).await {
            Ok(response) => answered(response, lease, is_bound),
            Err(failed) => Err(failed.into_error().into()),
        }
    }

    /// Sends a WebSocket handshake on an HTTP/1.1 connection of its own and waits for the head
    /// of the answer, which may be a 101.
    pub(crate) async fn send_upgrade(
        &self,
        org_id: OrgId,
        outbound: OutboundRequest<UpBody>,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let (target, mut request) = outbound.into_parts();
        let is_bound = is_bound_by_request(request.headers());
        name_websocket(request.headers_mut());
        let sender = self
            .connect(org_id, &target, &self.tls.for_target(&target).http1)
            .await?;
        let key = PoolKey::new(org_id, &target);
        let mut lease = self.pool.adopt(key, sender);
        let sent = exchange(&mut lease, &target, request).await;
        let response = sent.map_err(TrySendError::into_error)?;
        check_framing(response.headers())?;
        if is_bound || is_bound_by_answer(response.headers()) {
            lease.bind();
        }
        Ok((response, lease))
    }

    async fn connect(
        &self,
        org_id: OrgId,
        target: &Target,
        tls: &TlsConnector,
    ) -> Result<Sender, UpstreamError> {
        let connector = self.setup.connector_of(org_id);
        let stream = connector.connect_for(*org_id.as_bytes(), target).await?;
        if target.scheme() == Scheme::Http {
            return handshake_http1(stream).await;
        }
        let name = server_name(target)?;
        let handshake = tls.connect(name, stream);
        let stream = tokio::time::timeout(self.handshake_timeout, handshake)
            .await
            .map_err(|_| UpstreamError::TimedOut)?
            .map_err(UpstreamError::Tls)?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => handshake_http2(stream).await,
            _ => handshake_http1(stream).await,
        }
    }
}

fn answered(
    response: Response<Incoming>,
    mut lease: Lease,
    is_bound: bool,
) -> Result<(Response<Incoming>, Lease), UpstreamError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(UpstreamError::Switched);
    }
    check_framing(response.headers())?;
    if is_bound || is_bound_by_answer(response.headers()) {
        lease.bind();
    }
    Ok((response, lease))
}

/// Refuses an answer whose body could end in two places, or is in a coding that nobody here
/// takes off (RFC 9112 section 6.3). The HTTP library reads by the last coding alone and would
/// leave a false `Content-Length` in place.
fn check_framing(headers: &HeaderMap) -> Result<(), UpstreamError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked_alone = match (codings.next(), codings.next()) {
        (None, _) => return Ok(()),
        (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    if chunked_alone && !headers.contains_key(CONTENT_LENGTH) {
        Ok(())
    } else {
        Err(UpstreamError::Framing)
    }
}

/// The name that the certificate must be for, from the same value that was dialled.
fn server_name(target: &Target) -> Result<ServerName<'static>, UpstreamError> {
    match target.host() {
        Host::Ip(ip) => Ok(ServerName::from(*ip)),
        Host::Dns(name) => ServerName::try_from(name.as_str().to_owned())
            .map_err(|error| UpstreamError::Tls(std::io::Error::other(error))),
    }
}

/// Gives the request the form of the connection's version and sends it.
async fn exchange(lease: &mut Lease, target: &Target, mut request: Request<UpBody>) -> Sent {
    // The stream is over when both of its directions are.
    request.body_mut().hold(lease.stream());
    match &mut lease.sender {
        Sender::Http1(sender) => {
            for_http1(&mut request, target);
            sender.try_send_request(request).await
        }
        Sender::Http2(shared) => {
            for_http2(&mut request, target);
            // Interim answers are not seen in this version.
            request.body_mut().stop_waiting();
            shared.sender.try_send_request(request).await
        }
    }
}

async fn handshake_http1<T>(stream: T) -> Result<Sender, UpstreamError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The number of headers has its bound from hyper, see `HEADER_COUNT_MAX`.
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(UPSTREAM_HEADER_BYTES_MAX)
        // Header names travel in the case they came in.
        .preserve_header_case(true)
        .handshake(TokioIo::new(stream))
        .await?;
    // Ends with its last sender; an error reaches whoever waits on it. After a 101 the stream
    // belongs to whoever asked for it; unasked, it is dropped.
    tokio::spawn(connection.with_upgrades());
    Ok(Sender::Http1(sender))
}

async fn handshake_http2<T>(stream: T) -> Result<Sender, UpstreamError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let header_list_bytes = u32::try_from(UPSTREAM_HEADER_BYTES_MAX).unwrap_or(u32::MAX);
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(header_list_bytes)
        .initial_max_send_streams(STREAMS_BEFORE_SETTINGS)
        .keep_alive_interval(Duration::from_secs(HTTP2_PING_INTERVAL_SECONDS))
        .keep_alive_timeout(Duration::from_secs(HTTP2_PING_TIMEOUT_SECONDS))
        .handshake(TokioIo::new(stream))
        .await?;
    Ok(Sender::Http2(SharedSender::new(sender, connection)))
}

/// Public texts never name an address: a caller must not map a network by asking.
impl From<UpstreamError> for Problem {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Egress(error) => egress_problem(&error),
            UpstreamError::Tls(_) => Problem::new(
                Code::UpstreamTls,
                "No trusted TLS connection to the upstream could be made.",
            ),
            UpstreamError::TimedOut => too_slow(),
            UpstreamError::Switched | UpstreamError::Framing => unusable(),
            UpstreamError::Exchange(error) => exchange_problem(&error),
        }
    }
}

fn egress_problem(error: &EgressError) -> Problem {
    match error {
        EgressError::Forbidden { .. } | EgressError::PeerMismatch => Problem::new(
            Code::TargetForbidden,
            "The egress rules do not permit this target.",
        ),
        EgressError::OwnListener => target_is_self(),
        EgressError::TimedOut | EgressError::Resolve(ResolveError::TimedOut) => too_slow(),
        EgressError::Resolve(ResolveError::Overloaded) => Problem::new(
            Code::Overloaded,
            "Too many host names are being resolved at the moment.",
        ),
        _ => unreachable(),
    }
}

fn exchange_problem(error: &hyper::Error) -> Problem {
    let from_client = error.is_user() || caused_by::<BodyStalled>(error);
    if from_client {
        body_problem(error)
    } else if error.is_parse() {
        unusable()
    } else if error.is_timeout() {
        too_slow()
    } else {
        unreachable()
    }
}

pub(crate) fn target_is_self() -> Problem {
    Problem::new(Code::TargetIsSelf, "The target is this server.")
}

pub(crate) fn too_slow() -> Problem {
    Problem::new(
        Code::UpstreamTimeout,
        "The upstream did not answer in time.",
    )
}

fn unreachable() -> Problem {
    Problem::new(
        Code::UpstreamUnreachable,
        "The upstream could not be reached or broke the connection off.",
    )
}

pub(crate) fn unusable() -> Problem {
    Problem::new(
        Code::UpstreamProtocol,
        "The upstream's answer could not be understood.",
    )
}
