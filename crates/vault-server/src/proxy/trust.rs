//! Whose certificates an upstream may show.
//!
//! The system's authorities; Mozilla's, as compiled in, where the system has none (a bare
//! container image); in addition the operator's own file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::serve::tls::alpn_protocols;

/// A reason why there is nobody to trust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The operator's file cannot be read, or holds no usable certificate.
    #[error("the extra CA file cannot be used")]
    ExtraCaFile,
    /// The TLS library refused the settings.
    #[error("the TLS client cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// The TLS settings for upstreams: TLS 1.2 and 1.3, HTTP/2 preferred.
pub(crate) fn client_config(extra_ca_file: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore::empty();
    // Single unreadable files of the system are no reason not to start.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = extra_ca_file {
        add_extra(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn_protocols();
    Ok(config)
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
