//! The proxy: doors that name a target, and the client that reaches it.

use std::net::SocketAddr;

use http::HeaderMap;
use http::header::HeaderName;

use crate::config::Config;
use crate::layers::{BoxFuture, Request};
use crate::problem::{Code, Problem};

/// Names the target of the explicit door.
pub const X_TARGET_URL: HeaderName = HeaderName::from_static("x-target-url");

/// Whether a request is meant for the proxy, whatever its method and path.
#[must_use]
pub fn is_for_the_door(headers: &HeaderMap) -> bool {
    headers.contains_key(&X_TARGET_URL)
}
#[derive(Clone)]
pub struct ProxySetup;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct ProxySetupError;
impl ProxySetup {
    pub fn new(_: &Config, _: SocketAddr) -> Result<Self, ProxySetupError> {
        Ok(Self)
    }
}
#[derive(Clone)]
pub struct Door;
impl Door {
    pub fn new(_: &ProxySetup) -> Self {
        Self
    }
    pub fn pass(&mut self, _: Request) -> BoxFuture {
        Box::pin(async { Err(Problem::new(Code::Internal, "")) })
    }
}
