//! The whole server, from a configuration to its end. The one call of the binary.

use std::io;
use std::sync::Arc;

use axum::Router;

use crate::config::Config;
use crate::layers::{AuthenticateError, Authenticator, PresentedKey};
use crate::server::{Server, ServerError};
use crate::shutdown::on_signal;
use crate::stack::Services;
use crate::vault::principal::Principal;

/// A reason why the server ended other than by a signal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The server could not start or go on.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The process cannot listen for signals.
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
}

/// Loads, serves until SIGTERM or SIGINT, drains.
///
/// # Errors
/// [`RunError`].
pub async fn run(config: Config) -> Result<(), RunError> {
    let stopped = on_signal().map_err(RunError::Signals)?;
    let server = Server::bind(config, services()).await?;
    server.run(stopped).await?;
    Ok(())
}

/// What stands behind the edge.
fn services() -> Services {
    Services {
        authenticator: Arc::new(NoKeys),
        api: Router::new(),
    }
}

/// The key ring of a server that has issued no key: every key is unknown.
struct NoKeys;

#[async_trait::async_trait]
impl Authenticator for NoKeys {
    async fn authenticate(&self, _: &PresentedKey) -> Result<Principal, AuthenticateError> {
        Err(AuthenticateError::Unknown)
    }
}
