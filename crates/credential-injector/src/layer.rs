//! The tower middleware that turns a client's request into an upstream's.
//!
//! In: an `http::Request` with an [`Outbound`] in its extensions. Out: a call of the inner
//! service with an [`OutboundRequest`], or an [`InjectError`] as the service's error.
//!
//! Promise: the inner service is never called without a decided target, and the target it
//! sees is the one the credential was bound to.
//! Not here: making the decision, and the upstream client (`vault-server`).
//!
//! ```
//! use credential_injector::{
//!     HostPattern, InjectCredentialLayer, Injection, Outbound, OutboundRequest, SchemePolicy, Target,
//! };
//! use http::{Request, Response};
//! use tower::{BoxError, Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Stands where the upstream client is: it dials `target` and sends `request`.
//! let upstream = service_fn(|outbound: OutboundRequest<()>| async move {
//!     let (target, request) = outbound.into_parts();
//!     assert_eq!(target.sni_name(), Some("api.example.com"));
//!     assert_eq!(request.headers()["authorization"], "Bearer sk_live_1");
//!     assert_eq!(request.headers()["host"], "api.example.com");
//!     assert!(!request.headers().contains_key("x-api-key"));
//!     Ok::<_, BoxError>(Response::new(()))
//! });
//! let service = InjectCredentialLayer::new().layer(upstream);
//!
//! let target = Target::parse("https://api.example.com/v1/charges", &SchemePolicy::https_only())?;
//! let pattern = HostPattern::parse("api.example.com")?;
//! let secret = b"sk_live_1".to_vec().into();
//! let outbound = Outbound::with_credential(target, &pattern, &Injection::bearer(), &secret)?;
//!
//! let request = Request::post("/").header("x-api-key", "sgk_…").extension(outbound).body(())?;
//! service.oneshot(request).await?;
//! # Ok(())
//! # }
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Request;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::{InjectError, Outbound, OutboundRequest};

/// Wraps an upstream client in [`InjectCredential`].
#[derive(Debug, Clone, Copy, Default)]
pub struct InjectCredentialLayer(());

impl InjectCredentialLayer {
    /// A layer without settings: every decision travels with its request.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for InjectCredentialLayer {
    type Service = InjectCredential<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InjectCredential { inner }
    }
}

/// Applies the [`Outbound`] of each request and calls the inner service with the result.
#[derive(Debug, Clone)]
pub struct InjectCredential<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for InjectCredential<S>
where
    S: Service<OutboundRequest<B>>,
    S::Error: From<InjectError>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let outcome = request
            .extensions_mut()
            .remove::<Outbound>()
            .ok_or(InjectError::NoTarget)
            .and_then(|outbound| outbound.apply(request));
        let state = match outcome {
            Ok(outbound) => State::Called {
                call: self.inner.call(outbound),
            },
            Err(error) => State::Refused { error: Some(error) },
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// The answer of [`InjectCredential`].
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F> {
        Called { #[pin] call: F },
        Refused { error: Option<InjectError> },
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<InjectError>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Called { call } => call.poll(cx),
            Projected::Refused { error } => {
                let error = error
                    .take()
                    .expect("a future is not polled after it is ready");
                Poll::Ready(Err(error.into()))
            }
        }
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
