//! Finds out who is calling, before anything else is done for them.
//!
//! In: a request. Out: the same with a [`Principal`] extension, or 401. A missing key and an
//! unknown key give the same answer. Only the health check needs no key.
//!
//! Not here: where keys are kept; an [`Authenticator`] is given by whoever builds the server.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::FromRequestParts;
use http::request::Parts;
use tower::{Layer, Service};

use super::{BoxFuture, PresentedKey, Request, Response, standing};
use crate::api::HEALTH_PATH;
use crate::problem::{Code, Problem};
use crate::proxy::is_for_the_door;
use crate::vault::audit;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;

/// Recognises API keys.
#[async_trait::async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// The owner of `presented`, as of now: a revoked key is unknown on its next request.
    ///
    /// # Errors
    /// [`AuthenticateError`].
    async fn authenticate(&self, presented: &PresentedKey) -> Result<Principal, AuthenticateError>;

    /// Judges a caller who was recognised before, as of now.
    ///
    /// # Errors
    /// `Forbidden` when their key ended, their user is shut out, or their rights are others;
    /// those of looking it up.
    async fn judge_again(&self, caller: &Principal) -> Result<(), VaultError>;
}

/// A reason why nobody was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// No such key: never issued, revoked, expired, or its owner is disabled.
    #[error("the API key is not known")]
    Unknown,
    /// The stored row of the key or of its owner did not authenticate.
    #[error("the stored key did not authenticate")]
    Tampered,
    /// The place where keys are kept does not answer.
    #[error("keys cannot be looked up now")]
    Unavailable,
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Unknown => key_needed(),
            AuthenticateError::Tampered => Problem::new(
                Code::Tampered,
                "Stored data are not as the server wrote them.",
            ),
            AuthenticateError::Unavailable => Problem::new(
                Code::StorageUnavailable,
                "API keys cannot be looked up at the moment.",
            ),
        }
    }
}

fn key_needed() -> Problem {
    Problem::new(Code::ApiKeyInvalid, "This call needs a valid API key.")
}

/// Makes [`Authenticate`].
#[derive(Clone)]
pub struct AuthenticateLayer {
    authenticator: Arc<dyn Authenticator>,
}

impl AuthenticateLayer {
    /// Recognises callers with `authenticator`.
    #[must_use]
    pub fn new(authenticator: Arc<dyn Authenticator>) -> Self {
        Self { authenticator }
    }
}

/// Refuses strangers and names everybody else.
#[derive(Clone)]
pub struct Authenticate<S> {
    inner: S,
    authenticator: Arc<dyn Authenticator>,
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            inner,
            authenticator: Arc::clone(&self.authenticator),
        }
    }
}

impl<S> Service<Request> for Authenticate<S>
where
    S: Service<Request, Response = Response, Error = Problem> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Problem;
    type Future = BoxFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> BoxFuture {
        // The clone takes the place of the service whose readiness was just established.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        if is_public(&request) {
            return Box::pin(inner.call(request));
        }
        let authenticator = Arc::clone(&self.authenticator);
        Box::pin(async move {
            let presented =
                PresentedKey::from_headers(request.headers())?.ok_or_else(key_needed)?;
            let principal = authenticator.authenticate(&presented).await?;
            drop(presented);
            audit::identify(&principal);
            request.extensions_mut().insert(principal.clone());
            standing::with_caller(authenticator, principal, inner.call(request)).await
        })
    }
}

/// Whether anybody may ask this.
pub(super) fn is_public(request: &Request) -> bool {
    request.uri().path() == HEALTH_PATH && !is_for_the_door(request)
}

/// Hands a handler the caller that this layer recognised.
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Principal>()
            .cloned()
            .ok_or_else(key_needed)
    }
}
