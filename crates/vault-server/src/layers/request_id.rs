//! Names every request and every answer.
//!
//! In: a request. Out: the same with a [`RequestId`] extension, and an answer with our id in
//! `X-Request-Id`. A client's `X-Request-Id` is never used as our id; the proxy door passes it
//! on, because it belongs to the client and the upstream.
//!
//! An upstream's own `X-Request-Id` is kept, since clients quote it to that upstream's support;
//! our id then travels as `X-Sealgate-Request-Id`, which proxied answers always carry.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HeaderName, HeaderValue};
use tower::{Layer, Service};
use uuid::{Builder, Uuid};

use super::{InfallibleFuture, Request, Response};

/// Our id of a request, on answers.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Our id on proxied answers, where `X-Request-Id` may be the upstream's.
pub const X_SEALGATE_REQUEST_ID: HeaderName = HeaderName::from_static("x-sealgate-request-id");

/// Random bytes of one id (RFC 9562 section 5.7).
const RANDOM_BYTES: usize = 10;
/// Ids for which random bytes are fetched at once: one system call instead of as many.
const STOCK_IDS: usize = 128;

/// Random bytes for the next ids of this thread. Ids are unique, not secret.
struct Stock {
    bytes: [u8; RANDOM_BYTES * STOCK_IDS],
    used: usize,
}

thread_local! {
    static STOCK: RefCell<Stock> = const {
        RefCell::new(Stock {
            bytes: [0; RANDOM_BYTES * STOCK_IDS],
            used: STOCK_IDS,
        })
    };
}

impl Stock {
    /// The bytes of one id; `None` when the system has no randomness to give.
    fn take(&mut self) -> Option<[u8; RANDOM_BYTES]> {
        if self.used == STOCK_IDS {
            let random = rustls::crypto::ring::default_provider().secure_random;
            random.fill(&mut self.bytes).ok()?;
            self.used = 0;
        }
        let at = self.used * RANDOM_BYTES;
        self.used += 1;
        self.bytes[at..at + RANDOM_BYTES].try_into().ok()
    }
}

/// The id of one request: a time-ordered UUID (RFC 9562 version 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A fresh id.
    #[must_use]
    pub fn make() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let milliseconds = since_epoch.unwrap_or_default().as_millis();
        let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
        // Without random bytes of this thread's stock: the library asks the system each time.
        let id = STOCK
            .with_borrow_mut(Stock::take)
            .map(|random| Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid());
        Self(id.unwrap_or_else(Uuid::now_v7))
    }

    /// The id as a UUID, for audit rows.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// The id as a header value.
    #[must_use]
    pub fn to_header(self) -> HeaderValue {
        HeaderValue::try_from(self.0.to_string()).expect("a UUID is hexadecimal digits and dashes")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Makes [`AssignRequestId`].
#[derive(Debug, Clone, Copy)]
pub struct AssignRequestIdLayer;

/// Gives each request its id.
#[derive(Debug, Clone)]
pub struct AssignRequestId<S> {
    inner: S,
}

impl<S> Layer<S> for AssignRequestIdLayer {
    type Service = AssignRequestId<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AssignRequestId { inner }
    }
}

impl<S> Service<Request> for AssignRequestId<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = InfallibleFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> InfallibleFuture {
        let id = RequestId::make();
        request.extensions_mut().insert(id);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if !response.headers().contains_key(&X_REQUEST_ID) {
                response.headers_mut().insert(X_REQUEST_ID, id.to_header());
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique_ordered_by_time_and_of_version_7() {
        let ids: Vec<Uuid> = (0..STOCK_IDS * 3).map(|_| RequestId::make().0).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        let times: Vec<u64> = ids.iter().map(|id| (id.as_u128() >> 80) as u64).collect();
        assert!(times.is_sorted());
        let others = std::thread::spawn(|| RequestId::make().0).join().unwrap();
        assert!(!ids.contains(&others));
    }
}
