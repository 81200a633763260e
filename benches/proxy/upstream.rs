//! The upstream: plain and TLS, HTTP/1.1, 200 only for the right secret and without the key.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::BULK_BYTES;
use crate::proxies::Proxy;

/// What the upstream wants to see.
pub(crate) const SECRET: &str = "Bearer sk_bench_0123456789abcdef0123456789abcdef";

/// A small answer, the size of many APIs' answers.
const SMALL: &[u8] = &[b'j'; 256];

/// The two listeners and the certificate.
pub(crate) struct Upstream {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) ca_file: PathBuf,
    _directory: tempfile::TempDir,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, made.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .unwrap();
        Self {
            plain: listen(None).await,
            tls: listen(Some(TlsAcceptor::from(Arc::new(config)))).await,
            ca_file,
            _directory: directory,
        }
    }

    /// The way without a proxy, for comparison.
    pub(crate) fn direct(&self) -> Proxy {
        Proxy::none(self.plain, format!("Authorization: {SECRET}\r\n"))
    }
}

async fn listen(tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => serve(stream).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream).await;
                        }
                    }
                }
            });
        }
    });
    address
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    // A proxy closes its kept connections as it likes.
    let _ = connection.await;
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let headers = request.headers();
    let right = headers
        .get("authorization")
        .is_some_and(|value| value == SECRET)
        && !headers.contains_key("x-api-key");
    while let Some(Ok(_)) = request.body_mut().frame().await {}
    let body = if request.uri().path() == "/down" {
        // One zeroed page range, shared by all answers.
        Bytes::from_static(&[0; BULK_BYTES])
    } else {
        Bytes::from_static(SMALL)
    };
    let mut response = Response::new(Full::new(body));
    if !right {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    Ok(response)
}
