//! What an operator may choose, parsed once into strict types and passed down.
//!
//! In: the values that the binary read from flags and the environment. Out: a [`Config`]
//! whose combinations have been checked by [`Config::validate`].
//!
//! Promise: a configuration that validates can be served; a dangerous combination (development
//! rules on a public address, half a TLS pair) is refused and never silently corrected.
//! Not here: reading flags (`bins/sealgate`) and reading the files that are named here.

mod audit;
mod bootstrap;
mod egress;
mod limits;

pub use audit::AuditConfig;
pub use bootstrap::{BootstrapSource, FirstOrg};
pub use credential_injector::{EchoScrub, SubstringPatterns};
pub use egress::{ClientIdentity, Egress, NotAnOrgNetwork, OrgNetwork};
pub use limits::{Limits, defaults};

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::vault::audit::CHECKPOINT_FILE_NAME;
use crate::vault::limits::VaultLimits;

/// Where the server listens when nothing is said: loopback, port 8200.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8200);
/// Where rows and the root key live when nothing is said.
pub const DATA_DIR_DEFAULT: &str = "./sealgate-data";
/// Name of the root key file inside the data directory when no other source is named.
pub const ROOT_KEY_FILE_NAME: &str = "root.key";
/// The most worker threads that a configuration may ask for.
pub const WORKERS_MAX: usize = 256;

/// Everything the server needs to know before it starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on. Port 0 takes a free port.
    pub listen: SocketAddr,
    /// Directory of the database and, by default, of the root key.
    pub data_dir: PathBuf,
    /// Where the root key comes from.
    pub root_key: RootKeySource,
    /// Development rules: loopback listener only, loopback targets allowed, first-start bootstrap.
    pub dev: bool,
    /// What a start on an empty data directory makes; without it such a start is refused.
    pub bootstrap: Option<BootstrapSource>,
    /// Certificate chain and key of the listener; plain HTTP when absent.
    pub tls: Option<TlsFiles>,
    /// Threads, each with its own runtime and listener; `None` is one per core.
    pub workers: Option<usize>,
    /// Bounds of sizes, times and counts.
    pub limits: Limits,
    /// Bounds of what is stored and of work done for secrets.
    pub vault: VaultLimits,
    /// Where proxied requests may go.
    pub egress: Egress,
    /// What becomes of the audit log.
    pub audit: AuditConfig,
    /// Shape of log lines.
    pub log_format: LogFormat,
}

/// Source of the root key. The key itself is never part of a configuration value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKeySource {
    /// A file that only its owner may read.
    File(PathBuf),
    /// The name of an environment variable that holds it.
    EnvironmentVariable(String),
}

/// PEM files of the listener's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Private key of the leaf.
    pub key: PathBuf,
}

/// Shape of log lines on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One line of text per event.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// A combination of settings that must not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Development rules are only safe where nobody else can connect.
    #[error("development mode binds to a loopback address only, not to {0}")]
    DevOnPublicAddress(SocketAddr),
    /// Development mode makes an organisation of its own.
    #[error("development mode and a bootstrap exclude each other")]
    DevAndBootstrap,
    /// One half of a certificate and key pair.
    #[error("a TLS certificate and its key must be given together")]
    HalfTlsPair,
    /// Zero, or more than any machine has.
    #[error("the number of workers must be between 1 and {WORKERS_MAX}")]
    Workers,
    /// A bound of zero, or one beyond what the protocol libraries accept.
    #[error("limit {0} is out of range")]
    Limit(&'static str),
}

impl Config {
    /// The default configuration over `data_dir`.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            listen: LISTEN_DEFAULT,
            root_key: RootKeySource::File(data_dir.join(ROOT_KEY_FILE_NAME)),
            data_dir,
            dev: false,
            bootstrap: None,
            tls: None,
            workers: None,
            limits: Limits::default(),
            vault: VaultLimits::default(),
            egress: Egress::default(),
            audit: AuditConfig::default(),
            log_format: LogFormat::default(),
        }
    }

    /// Turns development rules on: loopback targets, and plain HTTP to them, become reachable.
    #[must_use]
    pub fn with_dev(mut self) -> Self {
        self.dev = true;
        self.egress.allow_loopback = true;
        self
    }

    /// Refuses combinations that must not be served.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.dev && !self.listen.ip().is_loopback() {
            return Err(ConfigError::DevOnPublicAddress(self.listen));
        }
        if self.dev && self.bootstrap.is_some() {
            return Err(ConfigError::DevAndBootstrap);
        }
        if self.workers.is_some_and(|n| n == 0 || n > WORKERS_MAX) {
            return Err(ConfigError::Workers);
        }
        if let Some(name) = self.vault.out_of_range() {
            return Err(ConfigError::Limit(name));
        }
        self.limits.validate()
    }

    /// Where checkpoints of the audit log are appended.
    #[must_use]
    pub fn audit_checkpoint_file(&self) -> PathBuf {
        let named = self.audit.checkpoint_file.clone();
        named.unwrap_or_else(|| self.data_dir.join(CHECKPOINT_FILE_NAME))
    }

    /// Worker threads to start: the configured number, or one per core.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        self.workers.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, |n| n.get().min(WORKERS_MAX))
        })
    }
}

impl TlsFiles {
    /// Pairs the two optional paths of the command line.
    ///
    /// # Errors
    /// [`ConfigError::HalfTlsPair`] when exactly one is given.
    pub fn from_pair(
        certificate: Option<&Path>,
        key: Option<&Path>,
    ) -> Result<Option<Self>, ConfigError> {
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Self {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            })),
            _ => Err(ConfigError::HalfTlsPair),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_rules_refuse_a_public_address() {
        let mut config = Config::new("data").with_dev();
        assert!(config.validate().is_ok());
        for public in ["0.0.0.0:8200", "[::]:8200", "192.0.2.1:1"] {
            config.listen = public.parse().unwrap();
            assert!(
                matches!(config.validate(), Err(ConfigError::DevOnPublicAddress(_))),
                "{public}"
            );
        }
    }

    #[test]
    fn half_a_tls_pair_is_refused() {
        let path = Path::new("a.pem");
        assert!(TlsFiles::from_pair(Some(path), None).is_err());
        assert!(TlsFiles::from_pair(None, Some(path)).is_err());
        assert!(matches!(TlsFiles::from_pair(None, None), Ok(None)));
        assert!(TlsFiles::from_pair(Some(path), Some(path)).is_ok());
    }
}
