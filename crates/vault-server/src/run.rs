//! The whole server, from a configuration to its end. The one call of the binary.

use std::io::{self, Write};
use std::sync::Arc;

use credential_injector::SchemePolicy;
use tokio::time::MissedTickBehavior;

use crate::api;
use crate::config::Config;
use crate::proxy::scheme_policy;
use crate::server::{Server, ServerError};
use crate::shutdown::on_signal;
use crate::stack::Services;
use crate::vault::Vault;
use crate::vault::authentication::ApiKeyAuthenticator;
use crate::vault::bootstrap::{self, BootstrapError};
use crate::vault::housekeeping::{HOUSEKEEPING_INTERVAL, Swept, Tidied};

/// A reason why the server ended other than by a signal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no vault to serve.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The server could not start or go on.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The process cannot listen for signals.
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    /// The keys of the first start could not be shown.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Loads, serves until SIGTERM or SIGINT, drains. A development server says on standard output
/// how to use it.
///
/// # Errors
/// [`RunError`].
pub async fn run(config: Config) -> Result<(), RunError> {
    config.validate().map_err(ServerError::from)?;
    let stopped = on_signal().map_err(RunError::Signals)?;
    let mut opened = bootstrap::open(&config).await?;
    let tls = config.tls.is_some();
    let services = services(Arc::clone(&opened.vault), &config);
    let server = Server::bind(config, services).await?;
    // Keys that nobody saw would lock the vault for good: whatever can fail comes before them,
    // and they before their rows.
    if let Some(greeting) = &opened.greeting {
        let text = greeting.text(server.local_addr(), tls);
        show(&mut io::stdout().lock(), text.as_bytes()).map_err(RunError::Output)?;
    }
    opened.complete().await?;
    tidy_files(&opened.vault).await;
    let keeping = tokio::spawn(keep_house(Arc::clone(&opened.vault)));
    let ended = server.run(stopped).await;
    keeping.abort();
    Ok(ended?)
}

/// Tidies what was left of files.
async fn tidy_files(vault: &Vault) {
    match vault.clear_after_crash().await {
        Ok(tidied) if tidied == Tidied::default() => {}
        Ok(tidied) if tidied.set_aside > 0 => tracing::warn!(
            ?tidied,
            "bodies of files that the database does not know were moved to files/lost"
        ),
        Ok(tidied) => tracing::info!(?tidied, "tidied the bodies of files"),
        // Files that cannot be read answer for themselves; everything else is served.
        Err(error) => tracing::error!(%error, "the bodies of files were not tidied"),
    }
}

/// Sweeps for as long as the server runs.
async fn keep_house(vault: Arc<Vault>) {
    let mut rounds = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        match vault.sweep().await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(swept) => tracing::info!(?swept, "swept"),
            Err(error) => tracing::warn!(%error, "a round of housekeeping failed"),
        }
    }
}

fn show(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    out.write_all(text)?;
    out.flush()
}

/// What stands behind the edge.
#[must_use]
pub fn services(vault: Arc<Vault>, config: &Config) -> Services {
    // A list that cannot be read keeps the server from starting; see `Server::bind`.
    let schemes = scheme_policy(&config.egress).unwrap_or_else(|_| SchemePolicy::https_only());
    Services {
        authenticator: Arc::new(ApiKeyAuthenticator::new(Arc::clone(&vault))),
        api: api::router(
            Arc::clone(&vault),
            config.limits.api_body_bytes_max,
            schemes,
        ),
        vault: Some(vault),
    }
}
