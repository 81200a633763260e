//! Bounds the requests in flight, over all workers.
//!
//! A request counts until its answer's body is finished or dropped, so that streaming answers
//! count for as long as they hold memory. Over the bound: 503 with `Retry-After`, at once,
//! before any key is looked up. The health check is not counted, since strangers may ask for it:
//! its answers are small, and bounded by connections and their streams.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service};

use super::authenticate::is_public;
use super::{BoxFuture, Request, Response};
use crate::problem::{Code, Problem};

/// Makes [`LimitInFlight`]; clones share one bound.
#[derive(Debug, Clone)]
pub struct LimitInFlightLayer {
    slots: Arc<Semaphore>,
}

impl LimitInFlightLayer {
    /// At most `requests_max` at once.
    #[must_use]
    pub fn new(requests_max: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(requests_max.min(Semaphore::MAX_PERMITS))),
        }
    }
}

/// Refuses requests over the bound.
#[derive(Debug, Clone)]
pub struct LimitInFlight<S> {
    inner: S,
    slots: Arc<Semaphore>,
}

impl<S> Layer<S> for LimitInFlightLayer {
    type Service = LimitInFlight<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LimitInFlight {
            inner,
            slots: Arc::clone(&self.slots),
        }
    }
}

impl<S> Service<Request> for LimitInFlight<S>
where
    S: Service<Request, Response = Response, Error = Problem>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Problem;
    type Future = BoxFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> BoxFuture {
        if is_public(&request) {
            return Box::pin(self.inner.call(request));
        }
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Box::pin(async {
                Err(Problem::new(
                    Code::Overloaded,
                    "The server has as many requests in flight as it allows.",
                ))
            });
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|inner| Body::new(Counted { inner, _slot: slot })))
        })
    }
}

/// A body that gives its slot back when it is dropped.
struct Counted {
    inner: Body,
    _slot: OwnedSemaphorePermit,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
