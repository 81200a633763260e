//! Upstreams that a test controls byte by byte, and one that speaks HTTPS.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::support::PATIENCE;

/// A plain listener whose connections are handed to the test.
pub(crate) struct RawUpstream {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl RawUpstream {
    pub(crate) async fn start<F, T>(handle: F) -> Self
    where
        F: Fn(TcpStream) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(handle(stream));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// Reads one request (head and a body of its declared length), then sends `answer` and closes.
    pub(crate) async fn answering(
        answer: &'static str,
    ) -> (Self, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let (seen, requests) = tokio::sync::mpsc::unbounded_channel();
        let upstream = Self::start(move |mut stream| {
            let seen = seen.clone();
            async move {
                let _ = seen.send(read_request(&mut stream).await);
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
            }
        })
        .await;
        (upstream, requests)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads up to and including the empty line.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("the head is complete"));
        }
        String::from_utf8_lossy(&head).into_owned()
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("a head arrives")
}

/// Reads exactly `count` bytes.
pub(crate) async fn read_exactly(stream: &mut (impl AsyncRead + Unpin), count: usize) -> String {
    let mut bytes = vec![0; count];
    let reading = stream.read_exact(&mut bytes);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("bytes arrive")
        .expect("the stream goes on");
    String::from_utf8(bytes).unwrap()
}

async fn read_request(stream: &mut TcpStream) -> String {
    let head = read_head(stream).await;
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    head + &read_exactly(stream, length).await
}

/// An HTTPS upstream under the name `localhost`, with a certificate of its own.
pub(crate) struct TlsUpstream {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// File to trust.
    pub(crate) ca_file: PathBuf,
    _directory: tempfile::TempDir,
}

impl TlsUpstream {
    pub(crate) async fn start<F, T>(alpn: &[&str], handle: F) -> Self
    where
        F: Fn(Request<Incoming>) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::start_with(alpn, |_| {}, handle).await
    }

    /// With an HTTP/2 side that `adjust` has set up.
    pub(crate) async fn start_with<F, T>(
        alpn: &[&str],
        adjust: impl FnOnce(&mut auto::Builder<TokioExecutor>),
        handle: F,
    ) -> Self
    where
        F: Fn(Request<Incoming>) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = Response<Body>> + Send + 'static,
    {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        adjust(&mut builder);
        let identity = Identity::make();
        let mut config = identity.server_config();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (acceptor, handle) = (acceptor.clone(), handle.clone());
                let builder = builder.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request| {
                        let answer = handle(request);
                        async move { Ok::<_, std::convert::Infallible>(answer.await) }
                    });
                    let _ = builder
                        .serve_connection_with_upgrades(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            connections,
            ca_file: identity.certificate_file,
            _directory: identity.directory,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A self-signed certificate for `localhost`, also as PEM files.
pub(crate) struct Identity {
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    pub(crate) directory: tempfile::TempDir,
    made: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl Identity {
    pub(crate) fn make() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let certificate_file = directory.path().join("certificate.pem");
        let key_file = directory.path().join("key.pem");
        std::fs::write(&certificate_file, made.cert.pem()).unwrap();
        std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
        Self {
            certificate_file,
            key_file,
            directory,
            made,
        }
    }

    fn server_config(&self) -> rustls::ServerConfig {
        let key = PrivatePkcs8KeyDer::from(self.made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![self.made.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key),
            )
            .unwrap()
    }
}
