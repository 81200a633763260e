//! The listener with a certificate: both versions of HTTP, and handshakes that never end.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use vault_server::config::TlsFiles;

use super::support::{TestServer, read_to_end};
use super::upstream::Identity;

fn connector(identity: &Identity, alpn: &str) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&identity.certificate_file).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn start(identity: &Identity) -> TestServer {
    let files = TlsFiles {
        certificate: identity.certificate_file.clone(),
        key: identity.key_file.clone(),
    };
    TestServer::start(move |config| {
        config.tls = Some(files);
        config.limits.tls_handshake_timeout = Duration::from_millis(300);
        config.limits.first_request_timeout = Duration::from_millis(300);
    })
    .await
}

#[tokio::test]
async fn both_versions_are_served_over_tls() {
    let identity = Identity::make();
    let server = start(&identity).await;
    let name = || ServerName::try_from("localhost").unwrap();
    let tcp = server.connect().await;
    let mut stream = connector(&identity, "http/1.1")
        .connect(name(), tcp)
        .await
        .unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let tcp = server.connect().await;
    let stream = connector(&identity, "h2")
        .connect(name(), tcp)
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, axum::body::Body>(executor, io)
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://localhost/health")
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, http::Version::HTTP_2)
    );
}

#[tokio::test]
async fn handshakes_and_tunnels_that_stay_silent_are_closed() {
    let identity = Identity::make();
    let server = start(&identity).await;
    for said in [&b""[..], b"\x16\x03\x01", b"GET /health HTTP/1.1\r\n\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(said).await.unwrap();
        read_to_end(&mut stream).await;
    }
    let tcp = server.connect().await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut silent = connector(&identity, "http/1.1")
        .connect(name, tcp)
        .await
        .unwrap();
    let mut rest = Vec::new();
    let closed = silent.read_to_end(&mut rest);
    let _ = tokio::time::timeout(super::support::PATIENCE, closed)
        .await
        .expect("closed");
}

#[tokio::test]
async fn a_kept_tunnel_is_served_again_after_a_quiet_time_and_closed_in_order() {
    let identity = Identity::make();
    let files = TlsFiles {
        certificate: identity.certificate_file.clone(),
        key: identity.key_file.clone(),
    };
    let server = TestServer::start(move |config| {
        config.tls = Some(files);
        config.limits.keep_alive_timeout = Duration::from_secs(2);
    })
    .await;
    let name = ServerName::try_from("localhost").unwrap();
    let tcp = server.connect().await;
    let mut stream = connector(&identity, "http/1.1")
        .connect(name, tcp)
        .await
        .unwrap();
    for _ in 0..2 {
        // In two records with a pause between, and half of it behind the request before.
        for piece in ["GET /health HTTP/1.1\r\nHo", "st: localhost\r\n\r\n"] {
            stream.write_all(piece.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        let head = super::upstream::read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        super::upstream::read_exactly(&mut stream, 15).await;
    }
    let mut rest = Vec::new();
    let closed = stream.read_to_end(&mut rest);
    // An end without `close_notify` would be an error.
    tokio::time::timeout(super::support::PATIENCE, closed)
        .await
        .expect("closed")
        .unwrap();
    assert!(rest.is_empty());
}
