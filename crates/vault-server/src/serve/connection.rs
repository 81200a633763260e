//! Drives one connection from its first byte to its end.
//!
//! In: a stream. Out: nothing; requests go to the stack. The driver polls hyper's connection,
//! asks the [`Watch`] when it may go on, and passes the stop signal on. A connection that was
//! upgraded is out of its hands: the tunnel has bounds of its own.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Version;
use http::header::UPGRADE;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use super::guarded_body::{GuardedBody, InFlight};
use super::place::Place;
use super::watch::{Verdict, Watch, WatchLimits};
use crate::config::{Limits, defaults};
use crate::layers::{InfallibleFuture, Request, Response};

/// From the polite end of a connection (GOAWAY, `Connection: close`) to the hard one.
const CLOSING_GRACE: Duration = Duration::from_secs(5);

/// hyper's settings for every connection of a worker.
pub(crate) fn http_builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_headers(limits.header_count_max)
        // Bounds the head, and what an unread pipeline may hold.
        .max_buf_size(limits.header_bytes_max)
        .keep_alive(true)
        // Header names reach an upstream in the case they came in.
        .preserve_header_case(true);
    let header_list_bytes = u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams_max)
        .max_header_list_size(header_list_bytes)
        .max_local_error_reset_streams(defaults::HTTP2_LOCAL_RESETS_MAX)
        .max_pending_accept_reset_streams(defaults::HTTP2_PENDING_RESETS_MAX)
        .max_send_buf_size(defaults::HTTP2_SEND_BUFFER_BYTES_MAX)
        .keep_alive_interval(Duration::from_secs(defaults::HTTP2_PING_INTERVAL_SECONDS))
        .keep_alive_timeout(Duration::from_secs(defaults::HTTP2_PING_TIMEOUT_SECONDS));
    builder
}

/// Serves requests from `io` until it ends, idles out, stalls or the server stops.
pub(crate) async fn drive<I, S>(
    builder: &auto::Builder<TokioExecutor>,
    io: I,
    stack: S,
    limits: WatchLimits,
    place: Place,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request, Response = Response, Error = Infallible, Future = InfallibleFuture>
        + Clone
        + Send
        + 'static,
{
    let state = Arc::new(Watch::new(limits));
    let mut stopping = place.stopping();
    let service = service_fn(|mut request: http::Request<Incoming>| {
        if request.headers().contains_key(UPGRADE) {
            // What follows the HTTP on this connection still counts as this connection.
            request.extensions_mut().insert(place.clone());
        }
        serve(stack.clone(), Arc::clone(&state), request)
    });
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
    let mut alarm = pin!(tokio::time::sleep(limits.first_request));
    let mut closing = false;
    loop {
        tokio::select! {
            // On a busy worker the alarm may ring while a request lies in the socket already: the
            // connection is asked first.
            biased;
            // Errors here are the peer's doing; there is nobody left to tell.
            _ = connection.as_mut() => return,
            _ = stopping.wait_for(|stop| *stop), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = alarm.as_mut() => match state.verdict() {
                Verdict::Until(next) => alarm.as_mut().reset(next),
                Verdict::Idle if !closing => {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    alarm.as_mut().reset(Instant::now() + CLOSING_GRACE);
                }
                Verdict::Idle | Verdict::Stalled => return,
            },
        }
    }
}

/// One request through the stack, counted until its answer is gone.
async fn serve<S>(
    stack: S,
    state: Arc<Watch>,
    request: http::Request<Incoming>,
) -> Result<http::Response<GuardedBody>, Infallible>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let in_flight = InFlight::begin(state);
    let is_http2 = request.version() == Version::HTTP_2;
    let response = stack.oneshot(request.map(Body::new)).await?;
    Ok(response.map(|body| GuardedBody::new(body, in_flight, is_http2)))
}
