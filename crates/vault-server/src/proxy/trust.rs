//! Whose certificates an upstream may show, and which one is shown to it.
//!
//! The system's authorities; Mozilla's, as compiled in, where the system has none (a bare
//! container image); in addition the operator's own file.

use std::path::Path;
use std::sync::Arc;

use credential_injector::{HostPattern, Target};
use rustls::client::WantsClientCert;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::config::TlsFiles;
use crate::serve::tls::{TlsError, alpn_protocols, provider, read_identity};

/// A reason why there is nobody to trust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The operator's file cannot be read, or holds no usable certificate.
    #[error("the extra CA file cannot be used")]
    ExtraCaFile,
    /// The client certificate or its key.
    #[error("the client certificate for upstreams: {0}")]
    ClientIdentity(#[source] TlsError),
    /// The TLS library refused the settings.
    #[error("the TLS client cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// TLS settings for upstreams: TLS 1.2 and 1.3, the post-quantum group preferred.
pub(crate) struct UpstreamTls {
    anonymous: Settings,
    identified: Option<(Vec<HostPattern>, Settings)>,
}

/// One set of settings, with HTTP/2 preferred and without it.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) any: TlsConnector,
    /// For upgrades, which HTTP/2 does not have.
    pub(crate) http1: TlsConnector,
}

impl UpstreamTls {
    pub(crate) fn new(
        extra_ca_file: Option<&Path>,
        identity: Option<(&TlsFiles, Vec<HostPattern>)>,
    ) -> Result<Self, TrustError> {
        let roots = Arc::new(roots(extra_ca_file)?);
        let anonymous = client_builder(&roots)?.with_no_client_auth();
        let identified = match identity {
            None => None,
            Some((files, hosts)) => {
                let (chain, key) = read_identity(files).map_err(TrustError::ClientIdentity)?;
                let config = client_builder(&roots)?.with_client_auth_cert(chain, key)?;
                Some((hosts, Settings::new(config)))
            }
        };
        Ok(Self {
            anonymous: Settings::new(anonymous),
            identified,
        })
    }

    /// The settings for `target`: with the client certificate where it is for.
    pub(crate) fn for_target(&self, target: &Target) -> &Settings {
        match &self.identified {
            Some((hosts, settings)) if hosts.iter().any(|host| host.matches_target(target)) => {
                settings
            }
            _ => &self.anonymous,
        }
    }
}

impl Settings {
    fn new(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let http1 = TlsConnector::from(Arc::new(config.clone()));
        config.alpn_protocols = alpn_protocols();
        Self {
            any: TlsConnector::from(Arc::new(config)),
            http1,
        }
    }
}

fn client_builder(
    roots: &Arc<RootCertStore>,
) -> Result<rustls::ConfigBuilder<ClientConfig, WantsClientCert>, TrustError> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(roots)))
}

fn roots(extra_ca_file: Option<&Path>) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    // Single unreadable files of the system are no reason not to start.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = extra_ca_file {
        add_extra(&mut roots, path)?;
    }
    Ok(roots)
}

fn add_extra(roots: &mut RootCertStore, path: &Path) -> Result<(), TrustError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|_| TrustError::ExtraCaFile)?;
    if certificates.is_empty() {
        return Err(TrustError::ExtraCaFile);
    }
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|_| TrustError::ExtraCaFile)?;
    }
    Ok(())
}
