//! Log lines on standard error.
//!
//! In: the format, and the filter of `SEALGATE_LOG` (default `info`). Out: a global subscriber.
//!
//! Promise: libraries below the edge never log finer than `info`, whatever the filter says,
//! because their debug output shows frames and headers. Our own events carry no secret.

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::LogFormat;

/// Name of the environment variable with the filter.
pub const FILTER_VARIABLE: &str = "SEALGATE_LOG";
/// Level in force when the variable is not set.
pub const FILTER_DEFAULT: &str = "info";
/// The targets whose events may be finer than `info`: this workspace's crates.
const OWN_TARGETS: [&str; 5] = [
    "sealgate",
    "vault_server",
    "vault_store",
    "credential_injector",
    "hardened_crypto",
];

/// Installs the subscriber for the whole process.
///
/// # Errors
/// When one is installed already.
pub fn init(format: LogFormat) -> Result<(), TryInitError> {
    let filter = EnvFilter::builder()
        .with_default_directive(Level::INFO.into())
        .with_env_var(FILTER_VARIABLE)
        .from_env_lossy();
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        LogFormat::Text => Box::new(lines.with_ansi(false)),
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
    };
    tracing_subscriber::registry()
        .with(
            lines
                .with_filter(filter_fn(may_be_logged))
                .with_filter(filter),
        )
        .try_init()
}

/// Whether an event is of a kind that is safe to write.
#[must_use]
pub fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO
        || OWN_TARGETS.iter().any(|own| {
            metadata
                .target()
                .strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
}
