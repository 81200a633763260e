//! Drives one connection from its first byte to its end.
//!
//! In: a stream. Out: nothing; requests go to the stack. A connection on which nothing happens is
//! parked: it waits in a small future, without any machinery of HTTP. Its first bytes decide the
//! version; an HTTP/1.1 connection that has fallen quiet between two requests is parked again.
//! A connection that was upgraded is out of its hands: the tunnel has bounds of its own.
//!
//! Promise: no byte is lost on the way into and out of the park, and the deadlines of the
//! [`Watch`] are the same in both.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::Duration;
use tower::Service;

use super::parked::heard;
use super::place::Place;
use super::session::{serve_http1, serve_http2};
use super::watch::{Watch, WatchLimits};
use crate::config::{Limits, defaults};
use crate::layers::{InfallibleFuture, Request, Response};

/// From the polite end of a connection (GOAWAY, `Connection: close`) to the hard one.
pub(super) const CLOSING_GRACE: Duration = Duration::from_secs(5);

/// What a client of HTTP/2 says first (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The service behind the connections of a worker.
pub(crate) trait Stack:
    Service<Request, Response = Response, Error = Infallible, Future = InfallibleFuture>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Stack for S where
    S: Service<Request, Response = Response, Error = Infallible, Future = InfallibleFuture>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// What all connections of a worker share.
pub(crate) struct Edge<S> {
    pub(super) http1: http1::Builder,
    pub(super) http2: http2::Builder<TokioExecutor>,
    pub(super) stack: S,
    watch_limits: WatchLimits,
}

impl<S> Edge<S> {
    pub(crate) fn new(stack: S, limits: &Limits) -> Self {
        Self {
            http1: http1_builder(limits),
            http2: http2_builder(limits),
            stack,
            watch_limits: WatchLimits {
                first_request: limits.first_request_timeout,
                keep_alive: limits.keep_alive_timeout,
                hand_over: limits.write_stall_timeout,
            },
        }
    }
}

fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        // Bounds the head, and what an unread pipeline may hold.
        .max_buf_size(limits.header_bytes_max)
        .keep_alive(true)
        // Header names reach an upstream in the case they came in.
        .preserve_header_case(true);
    if limits.header_count_max != defaults::HEADER_COUNT_MAX {
        builder.max_headers(limits.header_count_max);
    }
    builder
}

fn http2_builder(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let header_list_bytes = u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
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
pub(crate) async fn drive<I, S>(edge: Arc<Edge<S>>, mut io: I, place: Place)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Stack,
{
    let watch = Arc::new(Watch::new(edge.watch_limits));
    let Some(mut first) = opening(&mut io, &watch, &place).await else {
        return farewell(&mut io).await;
    };
    // What a parked connection can do without is in boxes, and gone while it is parked.
    if first.starts_with(HTTP2_PREFACE) {
        return Box::pin(serve_http2(&edge, io, first, &watch, &place)).await;
    }
    loop {
        let served = Box::pin(serve_http1(&edge, io, first, &watch, &place)).await;
        let Some(returned) = served else { return };
        (io, first) = returned;
        if first.is_empty() {
            match heard(&mut io, watch.idle_end(), &place).await {
                Some(bytes) => first = bytes,
                None => return farewell(&mut io).await,
            }
        }
    }
}

/// The first bytes: enough to tell the version by. `None` if there are none, or half a preface.
async fn opening<I: AsyncRead + Unpin>(io: &mut I, watch: &Watch, place: &Place) -> Option<Bytes> {
    let mut seen = heard(io, watch.idle_end(), place).await?;
    while seen.len() < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(&seen) {
        let more = heard(io, watch.idle_end(), place).await?;
        seen = Bytes::from([seen, more].concat());
    }
    Some(seen)
}

/// Ends a parked connection as a polite peer would.
async fn farewell<I: AsyncWrite + Unpin>(io: &mut I) {
    // Whether it worked makes no difference to anybody here.
    let _ = tokio::time::timeout(CLOSING_GRACE, io.shutdown()).await;
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::body::Body;
    use tokio::io::AsyncReadExt;
    use tokio::sync::{mpsc, watch};
    use tokio::time::Instant;

    use super::super::peers::Peers;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_exchange_may_last_for_hours() {
        let stack = tower::service_fn(|_: Request| -> InfallibleFuture {
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(2 * 60 * 60)).await;
                Ok(Response::new(Body::from("late")))
            })
        });
        let limits = Limits::default();
        let peers = Arc::new(Peers::new(&limits));
        let admission = peers.admit(IpAddr::from([127, 0, 0, 1]), Instant::now());
        let (open, _closed) = mpsc::channel(1);
        let (_stop, stopping) = watch::channel(false);
        let place = Place::new(admission.unwrap(), open, stopping);
        let (mut client, server) = tokio::io::duplex(4_096);
        let driving = drive(Arc::new(Edge::new(stack, &limits)), server, place);
        let asking = async {
            let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            client.write_all(request).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let ((), answer) = tokio::join!(driving, asking);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\nlate"), "{answer}");
    }
}
