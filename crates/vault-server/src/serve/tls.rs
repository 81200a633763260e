//! The listener's TLS identity, and the cryptography of TLS on both sides.

mod hybrid_group;

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// A reason why the listener has no identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM of the kind that is needed.
    #[error("cannot read the TLS {part}: {cause}")]
    Unreadable {
        /// `certificate` or `key`.
        part: &'static str,
        /// What the reader said; it names no content.
        cause: io::Error,
    },
    /// Certificate and key do not fit each other or are not supported.
    #[error("the TLS certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The protocols offered, HTTP/2 first (RFC 7301).
pub(crate) fn alpn_protocols() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

/// ring's cipher suites and signatures, with the post-quantum hybrid in front of its groups.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups.insert(0, hybrid_group::X25519MLKEM768);
    Arc::new(provider)
}

/// Reads the files and makes an acceptor of them.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let (chain, key) = read_identity(files)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = alpn_protocols();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Certificate chain and private key, leaf first.
pub(crate) fn read_identity(
    files: &TlsFiles,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = read_chain(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| unreadable("key", e))?;
    Ok((chain, key))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|e| unreadable("certificate", e))
}

fn unreadable(part: &'static str, error: rustls::pki_types::pem::Error) -> TlsError {
    use rustls::pki_types::pem::Error;
    let cause = match error {
        Error::Io(cause) => cause,
        // The other variants may quote the file.
        _ => io::Error::new(io::ErrorKind::InvalidData, "not the PEM that is needed"),
    };
    TlsError::Unreadable { part, cause }
}
