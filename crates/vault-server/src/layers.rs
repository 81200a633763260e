//! The steps between a connection and a route, one file each. `stack.rs` puts them in order.

pub mod audit;
pub mod authenticate;
pub mod body;
pub mod body_budget;
pub mod check_head;
pub mod collected_body;
pub mod hide_headers;
pub mod limit_in_flight;
pub mod presented_key;
pub mod request_id;
pub mod rescue;
pub mod secret_headers;
pub(crate) mod standing;
pub mod trace;

pub use authenticate::{AuthenticateError, Authenticator};
pub use body_budget::BodyBudget;
pub use collected_body::{CollectedBody, read_body};
pub use presented_key::PresentedKey;
pub use request_id::RequestId;
pub use secret_headers::{NewUserSecret, UserSecret};

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use axum::body::Body;

/// A request as the stack sees it.
pub type Request = http::Request<Body>;
/// An answer as the stack makes it.
pub type Response = http::Response<Body>;
/// The future of a step that waits for something.
pub type BoxFuture<E = crate::problem::Problem> =
    Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;
/// The future of a step that turns every error into an answer.
pub type InfallibleFuture = BoxFuture<Infallible>;
