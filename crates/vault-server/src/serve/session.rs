//! Lets hyper serve a connection on which something happens.
//!
//! In: a stream and its first bytes. Out: requests for the stack, and for HTTP/1.1 the stream back
//! once it has fallen quiet. hyper itself says that nothing is left to do: it is told to end the
//! connection, and the end is not passed on. The watch is asked before, so that hyper is only told
//! to when it has nothing to do.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use bytes::Bytes;
use http::header::UPGRADE;
use http::{Method, Version};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use super::attend::{Attended, attend};
use super::connection::{Edge, Stack};
use super::guarded_body::{GuardedBody, InFlight};
use super::lent_io::{LentIo, Loan};
use super::place::Place;
use super::received_body::ReceivedBody;
use super::watch::Watch;

/// Serves HTTP/1.1 until the connection ends (`None`) or has fallen quiet: the stream, and what it
/// has brought of the next request.
pub(super) async fn serve_http1<I, S>(
    edge: &Edge<S>,
    io: I,
    first: Bytes,
    watch: &Arc<Watch>,
    place: &Place,
) -> Option<(I, Bytes)>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Stack,
{
    let loan = Arc::new(Loan::default());
    let service = service_fn(|mut request: http::Request<Incoming>| {
        let upgrades = request.headers().contains_key(UPGRADE);
        if upgrades || request.method() == Method::CONNECT {
            // hyper would give the stream to the upgrade instead, even to a refused one.
            loan.lend_for_good();
        }
        if upgrades {
            // What follows the HTTP on this connection still counts as this connection.
            request.extensions_mut().insert(place.clone());
        }
        serve(edge.stack.clone(), Arc::clone(watch), request)
    });
    let io = TokioIo::new(LentIo::new(io, first, Arc::clone(&loan)));
    let mut connection = edge.http1.serve_connection(io, service).with_upgrades();
    let attended = attend(Pin::new(&mut connection), watch, place, Some(&loan)).await;
    if let Attended::Over = attended {
        return None;
    }
    loan.call_in(true);
    Pin::new(&mut connection).graceful_shutdown();
    match poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll(cx))).await {
        Poll::Ready(Ok(())) => {
            let parts = connection.into_parts()?;
            Some(parts.io.into_inner().into_inner(&parts.read_buf))
        }
        Poll::Ready(Err(_)) => None,
        Poll::Pending => {
            // hyper has something left to do; it now ends the connection after that.
            loan.call_in(false);
            attend(Pin::new(&mut connection), watch, place, None).await;
            None
        }
    }
}

/// Serves HTTP/2 until the connection ends.
pub(super) async fn serve_http2<I, S>(
    edge: &Edge<S>,
    io: I,
    first: Bytes,
    watch: &Arc<Watch>,
    place: &Place,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Stack,
{
    let service = service_fn(|request| serve(edge.stack.clone(), Arc::clone(watch), request));
    let io = TokioIo::new(LentIo::new(io, first, Arc::default()));
    let connection = pin!(edge.http2.serve_connection(io, service));
    attend(connection, watch, place, None).await;
}

/// One request through the stack, counted until its answer is gone.
async fn serve<S: Stack>(
    stack: S,
    watch: Arc<Watch>,
    request: http::Request<Incoming>,
) -> Result<http::Response<GuardedBody>, Infallible> {
    let in_flight = InFlight::begin(Arc::clone(&watch));
    let is_http2 = request.version() == Version::HTTP_2;
    let request = request.map(|body| {
        if is_http2 || body.is_end_stream() {
            Body::new(body)
        } else {
            Body::new(ReceivedBody::new(body, watch))
        }
    });
    let response = stack.oneshot(request).await?;
    Ok(response.map(|body| GuardedBody::new(body, in_flight, is_http2)))
}
