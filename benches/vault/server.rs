//! The server under measurement, and its users.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::connection::{Connection, request};

const PAGE_BYTES: u64 = 4_096;
const JSON: &str = "Content-Type: application/json\r\n";
/// Name of the file with the first admin's API key.
const KEY_FILE: &str = "admin.key";

/// A running server; dropped, it is stopped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    key_file: PathBuf,
}

impl Server {
    /// The first start, which makes an organisation and its admin.
    pub(crate) async fn first_start(directory: &Path) -> Self {
        let mut command = Command::new(program());
        command
            .env("SEALGATE_BOOTSTRAP_ORGANISATION", "bench")
            .env("SEALGATE_BOOTSTRAP_ADMIN", "owner")
            .env(
                "SEALGATE_BOOTSTRAP_ADMIN_API_KEY_FILE",
                directory.join(KEY_FILE),
            );
        Self::spawn(command, directory).await
    }

    /// Starts on data that is there, and waits for the first answer.
    pub(crate) async fn start(directory: &Path) -> Self {
        Self::spawn(Command::new(program()), directory).await
    }

    async fn spawn(mut command: Command, directory: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut child = command
            .args(["serve", "--listen", &address.to_string(), "--data-dir"])
            .arg(directory.join("data"))
            .env("SEALGATE_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the server does not start"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut connection = Connection::connect(address).await;
        connection.call(&request("GET", "/health", "", b"")).await;
        Self {
            address,
            child,
            key_file: directory.join(KEY_FILE),
        }
    }

    /// The first admin.
    pub(crate) async fn admin(&self) -> User {
        let api_key = std::fs::read_to_string(&self.key_file).unwrap();
        let mut user = User {
            id: String::new(),
            org: String::new(),
            api_key: api_key.trim().to_owned(),
            secret: generated_secret(),
        };
        let mut connection = Connection::connect(self.address).await;
        let me = request("GET", "/v1/users/me", &user.key(), b"");
        let me = connection.call(&me).await;
        (user.id, user.org) = (text(&me, "userId"), text(&me, "orgId"));
        user
    }

    /// Resident memory in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        let statm = format!("/proc/{}/statm", self.child.id());
        let statm = std::fs::read_to_string(statm).unwrap();
        let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        (pages * PAGE_BYTES) as f64 / f64::from(1 << 20)
    }

    pub(crate) fn stop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let pid = self.child.id().to_string();
            let _ = Command::new("kill").arg(pid).status();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A user and what only the user holds.
pub(crate) struct User {
    pub(crate) id: String,
    org: String,
    api_key: String,
    secret: String,
}

impl User {
    /// The header with the API key.
    pub(crate) fn key(&self) -> String {
        format!("X-Api-Key: {}\r\n", self.api_key)
    }

    /// The headers with API key and user secret.
    pub(crate) fn with_secret(&self) -> String {
        format!("{}X-User-Secret: {}\r\n", self.key(), self.secret)
    }

    pub(crate) async fn generate_keys(&self, address: SocketAddr) {
        let generate = request("POST", "/v1/keys/generate", &self.with_secret(), b"");
        Connection::connect(address).await.call(&generate).await;
    }

    /// Another user of the same organisation.
    pub(crate) async fn new_user(&self, address: SocketAddr, name: &str) -> Self {
        let path = format!("/admin/orgs/{}/users", self.org);
        let document = format!(r#"{{"name":"{name}","isAdmin":false}}"#);
        let headers = self.key() + JSON;
        let make = request("POST", &path, &headers, document.as_bytes());
        let made = Connection::connect(address).await.call(&make).await;
        Self {
            id: text(&made, "userId"),
            org: self.org.clone(),
            api_key: text(&made, "apiKey"),
            secret: generated_secret(),
        }
    }
}

/// How long the program takes to say its version.
pub(crate) fn version() -> Duration {
    let begin = Instant::now();
    let mut command = Command::new(program());
    assert!(command.arg("--version").output().unwrap().status.success());
    begin.elapsed()
}

/// A text of a JSON object.
pub(crate) fn text(document: &[u8], name: &str) -> String {
    let document: Value = serde_json::from_slice(document).unwrap();
    document[name].as_str().unwrap().to_owned()
}

fn generated_secret() -> String {
    let made = Command::new(program()).args(["secret", "new"]).output();
    let secret = String::from_utf8(made.unwrap().stdout).unwrap();
    secret.trim().to_owned()
}

fn program() -> PathBuf {
    let program = std::env::var_os("SEALGATE_BIN");
    let program = program.map_or_else(|| PathBuf::from("target/release/sealgate"), Into::into);
    assert!(program.exists(), "{}: build it first", program.display());
    program
}
