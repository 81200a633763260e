//! Turns every error from below into an answer.
//!
//! In: `Err(Problem)` from a step, or an answer that carries a [`Problem`] as an extension
//! because a handler returned one. Out: the rendered problem document with the request's id.

use std::convert::Infallible;
use std::task::{Context, Poll};

use http::header::{self, HeaderValue};
use tower::{Layer, Service};

use super::{InfallibleFuture, Request, RequestId, Response};
use crate::problem::Problem;
use crate::proxy::is_for_the_door;

/// Makes [`RescueErrors`].
#[derive(Debug, Clone, Copy)]
pub struct RescueErrorsLayer;

/// Renders problems. Nothing below it picks a status code.
#[derive(Debug, Clone)]
pub struct RescueErrors<S> {
    inner: S,
}

impl<S> Layer<S> for RescueErrorsLayer {
    type Service = RescueErrors<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RescueErrors { inner }
    }
}

impl<S> Service<Request> for RescueErrors<S>
where
    S: Service<Request, Response = Response, Error = Problem>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = InfallibleFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The steps below are always ready; a failure would come back from `call`.
        let _ = self.inner.poll_ready(cx);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> InfallibleFuture {
        let id = request.extensions().get::<RequestId>().copied();
        let at_proxy_door = is_for_the_door(&request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            Ok(match answer.await {
                Ok(response) => rendered(response, id.as_ref()),
                Err(problem) => {
                    let mut response = problem.render(id.as_ref(), at_proxy_door);
                    secure(&mut response);
                    response.extensions_mut().insert(problem.code());
                    response
                }
            })
        })
    }
}

/// Replaces the placeholder of a handler's problem by the document; other answers pass.
fn rendered(mut response: Response, id: Option<&RequestId>) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut document = problem.render(id, false);
    secure(&mut document);
    // The matched route and the code stay known to the trace.
    response.extensions_mut().insert(problem.code());
    *document.extensions_mut() = std::mem::take(response.extensions_mut());
    document
}

/// Headers of every answer that is ours: never cached, never guessed to be another type.
pub fn secure(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
