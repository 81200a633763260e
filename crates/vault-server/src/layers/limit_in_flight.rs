//! Bounds the requests in flight, over all workers: together, and those of one organisation.
//!
//! A request counts until its answer's body is finished or dropped, so that streaming answers
//! count for as long as they hold memory. What outlives the answer, a tunnel or an upload, holds
//! its `RequestPlace` on. One organisation holds half of the places at most, so that there is
//! room for the others; who holds none has no entry. Over the bound: 503 with `Retry-After`, at once and
//! before any key is looked up where it is the bound of all, after that where it is an organisation's. The health check is not counted, since strangers may ask for it:
//! its answers are small, and bounded by connections and their streams.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service};
use vault_store::OrgId;

use super::authenticate::is_public;
use super::{BoxFuture, Request, Response};
use crate::problem::{Code, Problem};

/// One organisation can hold one part in so many.
const PARTS: usize = 2;

/// Makes [`LimitInFlight`]; clones share one bound.
#[derive(Debug, Clone)]
pub struct LimitInFlightLayer {
    slots: Arc<Semaphore>,
    shares: Arc<Shares>,
}

#[derive(Debug)]
struct Shares {
    requests_max: usize,
    held: Mutex<HashMap<OrgId, usize>>,
}

impl Shares {
    /// No step under the lock can panic halfway.
    fn lock(&self) -> MutexGuard<'_, HashMap<OrgId, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one request among those in flight, in its extensions. Given back with its last
/// clone.
#[derive(Debug, Clone)]
pub(crate) struct RequestPlace(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    shares: Arc<Shares>,
    org_id: OnceLock<OrgId>,
    _slot: OwnedSemaphorePermit,
}

impl RequestPlace {
    /// Counts the place among those of an organisation.
    ///
    /// # Errors
    /// `overloaded` where it holds its share.
    pub(crate) fn charge(&self, org_id: OrgId) -> Result<(), Problem> {
        let Self(taken) = self;
        let mut held = taken.shares.lock();
        let places = held.entry(org_id).or_default();
        if *places >= taken.shares.requests_max {
            return Err(Problem::new(
                Code::Overloaded,
                "The server has as many requests of this organisation in flight as it allows.",
            ));
        }
        if taken.org_id.set(org_id).is_ok() {
            *places += 1;
        }
        Ok(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(org_id) = self.org_id.get() else {
            return;
        };
        let mut held = self.shares.lock();
        match held.get_mut(org_id) {
            Some(places) if *places > 1 => *places -= 1,
            _ => {
                held.remove(org_id);
            }
        }
    }
}

impl LimitInFlightLayer {
    /// At most `requests_max` at once, and half of them for one organisation.
    #[must_use]
    pub fn new(requests_max: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(requests_max.min(Semaphore::MAX_PERMITS))),
            shares: Arc::new(Shares {
                requests_max: (requests_max / PARTS).max(1),
                held: Mutex::default(),
            }),
        }
    }
}

/// Refuses requests over the bound.
#[derive(Debug, Clone)]
pub struct LimitInFlight<S> {
    inner: S,
    slots: Arc<Semaphore>,
    shares: Arc<Shares>,
}

impl<S> Layer<S> for LimitInFlightLayer {
    type Service = LimitInFlight<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LimitInFlight {
            inner,
            slots: Arc::clone(&self.slots),
            shares: Arc::clone(&self.shares),
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

    fn call(&mut self, mut request: Request) -> BoxFuture {
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
        let place = RequestPlace(Arc::new(Taken {
            shares: Arc::clone(&self.shares),
            org_id: OnceLock::new(),
            _slot: slot,
        }));
        request.extensions_mut().insert(place.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|inner| {
                Body::new(Counted {
                    inner,
                    _place: place,
                })
            }))
        })
    }
}

/// A body that gives its place back when it is dropped.
struct Counted {
    inner: Body,
    _place: RequestPlace,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn place(layer: &LimitInFlightLayer) -> RequestPlace {
        RequestPlace(Arc::new(Taken {
            shares: Arc::clone(&layer.shares),
            org_id: OnceLock::new(),
            _slot: Arc::clone(&layer.slots).try_acquire_owned().unwrap(),
        }))
    }

    #[test]
    fn one_organisation_holds_half_and_each_place_once() {
        let layer = LimitInFlightLayer::new(4);
        let (one, other) = (OrgId::from_bytes([1; 16]), OrgId::from_bytes([2; 16]));
        let places = [place(&layer), place(&layer), place(&layer)];
        places[0].charge(one).unwrap();
        places[1].charge(one).unwrap();
        let refused = places[2].charge(one).unwrap_err();
        assert_eq!(refused.code(), Code::Overloaded);
        places[2].charge(other).unwrap();
        let outlives = places[0].clone();
        drop(places);
        assert_eq!(*layer.shares.lock(), HashMap::from([(one, 1)]));
        assert_eq!(layer.slots.available_permits(), 3);
        drop(outlives);
        assert!(layer.shares.lock().is_empty());
        assert_eq!(layer.slots.available_permits(), 4);
    }
}
