//! The whole stack in one place, outermost first, each line with its reason.
//!
//! In: what all workers share. Out: the service that a worker puts behind its connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath};
use tower::{Service, ServiceBuilder};

use crate::api;
use crate::config::Limits;
use crate::layers::audit::{AuditLayer, note_route};
use crate::layers::authenticate::AuthenticateLayer;
use crate::layers::body::{Pace, PacedBody};
use crate::layers::check_head::CheckHeadLayer;
use crate::layers::hide_headers::hide_secret_headers;
use crate::layers::limit_in_flight::{LimitInFlightLayer, RequestPlace};
use crate::layers::request_id::AssignRequestIdLayer;
use crate::layers::rescue::{RescueErrorsLayer, secure};
use crate::layers::trace::TraceLayer;
use crate::layers::{Authenticator, BodyBudget, BoxFuture, Request, Response};
use crate::problem::{PROBLEM_MEDIA_TYPE, Problem};
use crate::proxy::{Door, is_for_the_door};
use crate::vault::Vault;
use crate::vault::principal::Principal;

/// What the edge serves: who is recognised, and the routes behind it.
#[derive(Clone)]
pub struct Services {
    /// Recognises API keys.
    pub authenticator: Arc<dyn Authenticator>,
    /// Routes of the API, health check excluded; its state is already applied.
    pub api: Router,
    /// Where the proxy finds stored credentials; `None` for none.
    pub vault: Option<Arc<Vault>>,
}

/// Composes the stack around the routes and one worker's proxy door.
pub(crate) fn compose(
    services: &Services,
    limits: &Limits,
    in_flight: LimitInFlightLayer,
    bodies: BodyBudget,
    door: Door,
) -> impl Service<
    Request,
    Response = Response,
    Error = Infallible,
    Future = crate::layers::InfallibleFuture,
> + Clone
+ Send
+ Sync
+ 'static {
    let audit = services.vault.as_ref();
    let audit = audit.map(|vault| Arc::clone(vault.audit()));
    ServiceBuilder::new()
        // Everything below can name the request it belongs to.
        .layer(AssignRequestIdLayer)
        // Above tracing: a span must never see an unmarked credential.
        .layer(hide_secret_headers())
        // Sees every answer, also those of the steps below that refuse.
        .layer(TraceLayer)
        // Turns any error from below into an answer; nothing below picks status codes.
        .layer(RescueErrorsLayer)
        // Refuse early: before the first key look-up.
        .layer(in_flight)
        // Nothing below reasons about a head that could be read in two ways.
        .layer(CheckHeadLayer)
        // Sees who is refused below as well, and lets no answer out that is not recorded.
        .layer(AuditLayer::new(audit))
        // A stranger learns nothing about routes, targets or limits.
        .layer(AuthenticateLayer::new(Arc::clone(&services.authenticator)))
        .service(Doors {
            api: routes(services, limits),
            pace: Pace::strict(limits),
            bodies,
            door,
        })
}

/// The routes of the API with what every answer of theirs needs.
fn routes(services: &Services, limits: &Limits) -> Router {
    api::health()
        .merge(services.api.clone())
        // Inside routing, where the matched route is known, and before any handler.
        .route_layer(axum::middleware::from_fn(api::authorise))
        .route_layer(axum::middleware::from_fn(remember_route))
        // For every extractor that collects a body; a route may set its own.
        .layer(DefaultBodyLimit::max(limits.api_body_bytes_max))
}

async fn remember_route(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    if let Some(matched) = &matched {
        note_route(request.method(), matched, request.uri());
    }
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        response.extensions_mut().insert(matched);
    }
    response
}

/// Sends a request to the proxy door or to the routes.
#[derive(Clone)]
struct Doors {
    api: Router,
    pace: Pace,
    bodies: BodyBudget,
    door: Door,
}

impl Service<Request> for Doors {
    type Response = Response;
    type Error = Problem;
    type Future = BoxFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> BoxFuture {
        let caller = request.extensions().get::<Principal>().cloned();
        let caller = caller.as_ref();
        if let Err(problem) = charge(&request, caller) {
            return Box::pin(std::future::ready(Err(problem)));
        }
        if is_for_the_door(&request) {
            return Box::pin(self.bodies.govern(caller, self.door.pass(request)));
        }
        let pace = self.pace.clone();
        let paced = request.map(|body| Body::new(PacedBody::new(body, pace)));
        let answer = self.bodies.govern(caller, self.api.call(paced));
        Box::pin(async move {
            let Ok(response) = answer.await;
            Ok(finish(response))
        })
    }
}

/// Counts the request among those of its caller's organisation.
fn charge(request: &Request, caller: Option<&Principal>) -> Result<(), Problem> {
    let place = request.extensions().get::<RequestPlace>();
    match (place, caller.and_then(Principal::org_id)) {
        (Some(place), Some(org_id)) => place.charge(org_id),
        _ => Ok(()),
    }
}

/// Gives an API answer its security headers, and bare errors of the router or of an extractor
/// the form of a problem: their own texts may repeat input.
fn finish(mut response: Response) -> Response {
    secure(&mut response);
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_problem = response.extensions().get::<Problem>().is_some();
    if !is_error || is_problem || has_problem_type(&response) {
        return response;
    }
    let mut problem = Problem::from_status(status);
    if let Some(allow) = response.headers().get(http::header::ALLOW) {
        problem = problem.with_allow(allow.clone());
    }
    response.extensions_mut().insert(problem);
    response
}

fn has_problem_type(response: &Response) -> bool {
    response
        .headers()
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value == PROBLEM_MEDIA_TYPE)
}
