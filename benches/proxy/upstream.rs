//! The upstream: plain and TLS, HTTP/1.1 by hand, so that the proxy is what is busy. It answers 200
//! only to the right secret and without the key.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::BULK_BYTES;
use crate::proxies::Proxy;

/// What the upstream wants to see.
pub(crate) const SECRET: &str = "Bearer sk_bench_0123456789abcdef0123456789abcdef";

/// A small answer, the size of many APIs' answers.
const SMALL: &[u8] = &[b'j'; 256];

/// The large one.
static LARGE: [u8; BULK_BYTES] = [0; BULK_BYTES];

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 64 * 1_024;

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

/// Answers requests until the proxy closes the connection, as it likes.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut filled = 0;
    loop {
        let head = loop {
            let seen = &buffer[..filled];
            if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut buffer[filled..]).await {
                Ok(count) if count > 0 => filled += count,
                _ => return,
            }
        };
        let request = Head::read(std::str::from_utf8(&buffer[..head]).unwrap());
        let mut left = request.body_bytes;
        let come = left.min(filled - head);
        left -= come;
        buffer.copy_within(head + come..filled, 0);
        filled -= head + come;
        while left > 0 {
            // What comes is of this body: nobody sends the next request before the answer.
            match stream.read(&mut buffer).await {
                Ok(count) if count > 0 => left -= count,
                _ => return,
            }
        }
        if answer(&mut stream, &request).await.is_err() {
            return;
        }
    }
}

/// What the upstream looks at.
struct Head {
    is_down: bool,
    is_right: bool,
    body_bytes: usize,
}

impl Head {
    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1));
        let mut head = Self {
            is_down: path == Some("/down"),
            is_right: false,
            body_bytes: 0,
        };
        let mut has_key = false;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let (is, value) = (|known| name.eq_ignore_ascii_case(known), value.trim());
            if is("authorization") {
                head.is_right = value == SECRET;
            } else if is("x-api-key") {
                has_key = true;
            } else if is("content-length") {
                head.body_bytes = value.parse().unwrap();
            } else {
                // The generator sends lengths, and a proxy has no reason to change that.
                assert!(!is("transfer-encoding"), "a body without a length");
            }
        }
        head.is_right &= !has_key;
        head
    }
}

async fn answer(stream: &mut (impl AsyncWrite + Unpin), request: &Head) -> std::io::Result<()> {
    let status = if request.is_right {
        "200 OK"
    } else {
        "403 Forbidden"
    };
    let body = if request.is_down { &LARGE } else { SMALL };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if request.is_down {
        stream.write_all(&answer).await?;
        stream.write_all(body).await?;
    } else {
        answer.extend_from_slice(body);
        stream.write_all(&answer).await?;
    }
    stream.flush().await
}
