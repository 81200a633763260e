//! A running server, a key ring in memory, and clients that do as little as possible for us.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use vault_server::layers::{AuthenticateError, Authenticator, PresentedKey};
use vault_server::vault::error::VaultError;
use vault_server::vault::principal::{Principal, Role};
use vault_server::{Config, Server, Services};
use vault_store::{KeyId, OrgId, UserId};

/// Key of a user of the first organisation.
pub(crate) const KEY_A: &str = "sgk_test_key_of_organisation_a";
/// Key of a user of the second organisation.
pub(crate) const KEY_B: &str = "sgk_test_key_of_organisation_b";
/// Longest wait for anything; reaching it fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Recognises the keys it was given.
struct KeyRing(HashMap<&'static str, Principal>);

#[async_trait::async_trait]
impl Authenticator for KeyRing {
    async fn authenticate(&self, presented: &PresentedKey) -> Result<Principal, AuthenticateError> {
        self.0
            .get(presented.expose_secret())
            .cloned()
            .ok_or(AuthenticateError::Unknown)
    }

    async fn judge_again(&self, caller: &Principal) -> Result<(), VaultError> {
        let is_known = self.0.values().any(|known| known == caller);
        is_known.then_some(()).ok_or(VaultError::Forbidden)
    }
}

fn user(key_id: &str, org: u8) -> Principal {
    let role = Role::User {
        org_id: OrgId::from_bytes([org; 16]),
        user_id: UserId::from_bytes([org; 16]),
        is_admin: false,
    };
    Principal::unlimited(KeyId::parse(key_id).unwrap(), role)
}

/// A server on a loopback port, stopped when dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) ended: Option<tokio::task::JoinHandle<()>>,
    _data_dir: tempfile::TempDir,
}

impl TestServer {
    /// Starts with development rules, so that upstreams on loopback can be reached.
    pub(crate) async fn start(adjust: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(adjust, axum::Router::new()).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut Config), api: axum::Router) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(data_dir.path()).with_dev();
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.workers = Some(2);
        adjust(&mut config);
        let keys = KeyRing(HashMap::from([
            (KEY_A, user("keyAAAAA", 1)),
            (KEY_B, user("keyBBBBB", 2)),
        ]));
        let services = Services {
            authenticator: Arc::new(keys),
            api,
            vault: None,
        };
        let server = Server::bind(config, services).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server.run(stopped).await.unwrap();
        });
        Self {
            address,
            stop: Some(stop),
            ended: Some(ended),
            _data_dir: data_dir,
        }
    }

    /// Gives the stop signal.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Sends bytes on a fresh connection and reads until the server closes it.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a request without a body and reads the whole answer.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.send(method, path, headers, b"").await
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        Answer::parse(&self.raw(&[head.as_bytes(), body].concat()).await)
    }
}

/// Reads until the other side closes or resets.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("the connection stayed open");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self {
            status,
            headers,
            body: body.to_owned(),
        }
    }

    /// The value of the only header called `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name);
        let value = values.next().map(|(_, v)| v.as_str());
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        value
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Asserts that this is a complete problem document with this status and code.
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let document = self.json();
        assert_eq!(document["code"], code, "{self:?}");
        assert_eq!(document["status"], status, "{self:?}");
        assert_eq!(document["type"], format!("urn:sealgate:problem:{code}"));
        assert!(document["title"].is_string() && document["detail"].is_string());
        assert_eq!(
            document["requestId"].as_str(),
            self.header("x-request-id"),
            "{self:?}"
        );
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert_eq!(
            self.header("x-content-type-options"),
            Some("nosniff"),
            "{self:?}"
        );
    }
}
