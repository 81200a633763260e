//! Key exchange with peers that know the post-quantum group and with peers that do not, and the
//! client certificate that some upstreams ask for.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{NamedGroup, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vault_server::config::{ClientIdentity, TlsFiles};

use super::support::{KEY_A, TestServer};
use super::upstream::{Identity, read_head};

/// ring alone: a peer that has never heard of the hybrid.
fn classical(groups: &[NamedGroup]) -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider
        .kx_groups
        .retain(|group| groups.contains(&group.name()));
    Arc::new(provider)
}

/// Another implementation of everything, ML-KEM included.
fn independent() -> Arc<CryptoProvider> {
    Arc::new(rustls_graviola::default_provider())
}

fn peers() -> [(Arc<CryptoProvider>, NamedGroup); 3] {
    [
        (independent(), NamedGroup::X25519MLKEM768),
        (classical(&[NamedGroup::X25519]), NamedGroup::X25519),
        (classical(&[NamedGroup::secp256r1]), NamedGroup::secp256r1),
    ]
}

fn files(identity: &Identity) -> TlsFiles {
    TlsFiles {
        certificate: identity.certificate_file.clone(),
        key: identity.key_file.clone(),
    }
}

fn trusting(identity: &Identity) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(&identity.certificate_file).unwrap();
    roots.add(certificate).unwrap();
    roots
}

#[tokio::test]
async fn the_listener_prefers_the_hybrid_and_serves_those_without() {
    let identity = Identity::make();
    let tls = files(&identity);
    let server = TestServer::start(move |config| config.tls = Some(tls)).await;
    for (provider, expected) in peers() {
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(trusting(&identity))
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, server.connect().await)
            .await
            .unwrap();
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200 "));
        let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap();
        assert_eq!(group.name(), expected);
    }
}

/// What an upstream saw of a handshake: the group, and whether a client certificate came.
type Seen = (NamedGroup, bool);

async fn upstream(
    identity: &Identity,
    provider: Arc<CryptoProvider>,
    client_ca: Option<&Identity>,
) -> (String, UnboundedReceiver<Seen>) {
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(trusting(ca));
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .allow_unauthenticated()
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_file(&identity.certificate_file).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&identity.key_file).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let (seen, handshakes) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let mut stream = acceptor.accept(tcp).await.unwrap();
            read_head(&mut stream).await;
            let tls = stream.get_ref().1;
            let group = tls.negotiated_key_exchange_group().unwrap().name();
            let _ = seen.send((group, tls.peer_certificates().is_some()));
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    (url, handshakes)
}

#[tokio::test]
async fn upstreams_are_offered_the_hybrid_and_reached_without() {
    let identity = Identity::make();
    let ca_file = identity.certificate_file.clone();
    let server = TestServer::start(move |c| c.egress.extra_ca_file = Some(ca_file)).await;
    for (provider, expected) in peers() {
        let (url, mut handshakes) = upstream(&identity, provider, None).await;
        let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", url.as_str())];
        assert_eq!(server.request("GET", "/", &headers).await.status, 200);
        assert_eq!(handshakes.recv().await.unwrap(), (expected, false));
    }
}

#[tokio::test]
async fn the_client_certificate_is_shown_to_the_named_hosts_alone() {
    let (identity, ours) = (Identity::make(), Identity::make());
    for (host, shown) in [("localhost", true), ("other.example", false)] {
        let ca_file = identity.certificate_file.clone();
        let client = ClientIdentity {
            files: files(&ours),
            hosts: vec![host.to_owned()],
        };
        let server = TestServer::start(move |config| {
            config.egress.extra_ca_file = Some(ca_file);
            config.egress.client_identity = Some(client);
        })
        .await;
        let (url, mut handshakes) = upstream(&identity, independent(), Some(&ours)).await;
        let headers = [("X-Api-Key", KEY_A), ("X-Target-URL", url.as_str())];
        assert_eq!(server.request("GET", "/", &headers).await.status, 200);
        let (_, certificate) = handshakes.recv().await.unwrap();
        assert_eq!(certificate, shown, "{host}");
    }
}
