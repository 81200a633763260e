//! The binary as a process of its own, and what a test needs around it.

use secrecy::SecretString;
use serde_json::Value as Json;
use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

/// How long anything may take before a test gives up; never a measure of speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The keys that a development server shows once.
#[derive(Clone)]
pub(crate) struct FirstKeys {
    pub(crate) api_key: String,
    pub(crate) root_key: String,
    pub(crate) user_secret: String,
}

/// A running server. Killed when dropped.
pub(crate) struct Sealgate {
    child: Child,
    pub(crate) base: String,
    pub(crate) stdout: String,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Sealgate {
    /// Starts `serve --dev` in `data_dir` and waits until it listens.
    pub(crate) fn dev(data_dir: &Path, more: &[&str]) -> Self {
        let mut arguments = vec!["serve", "--dev", "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        Self::start(data_dir, &arguments)
    }

    pub(crate) fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_logging(data_dir, arguments, "trace")
    }

    /// As [`Sealgate::dev`], for transfers that the finest level would drown.
    pub(crate) fn quiet_dev(data_dir: &Path) -> Self {
        let arguments = ["serve", "--dev", "--listen", "127.0.0.1:0"];
        Self::start_logging(data_dir, &arguments, "info")
    }

    fn start_logging(data_dir: &Path, arguments: &[&str], level: &str) -> Self {
        let mut child = command(arguments)
            .env("SEALGATE_LOG", level)
            .arg("--data-dir")
            .arg(data_dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::default();
        let address = follow_log(child.stderr.take().unwrap(), Arc::clone(&log));
        let stdout = collect(child.stdout.take().unwrap());
        let address = address.recv_timeout(PATIENCE).expect("the server listens");
        let expects_greeting = arguments.contains(&"--dev");
        let mut shown = String::new();
        while expects_greeting && !shown.contains("X-Identity-Key") {
            shown.push_str(&stdout.recv_timeout(PATIENCE).expect("the server greets"));
        }
        Self {
            child,
            base: format!("http://{address}"),
            stdout: shown,
            log,
        }
    }

    /// What a first start in development mode showed.
    pub(crate) fn first_keys(&self) -> FirstKeys {
        let after = |label: &str| {
            let line = self.stdout.lines().find(|line| line.starts_with(label));
            line.expect(label)
                .split_whitespace()
                .last()
                .unwrap()
                .to_owned()
        };
        FirstKeys {
            api_key: after("API key:"),
            root_key: after("Root API key:"),
            user_secret: after("User secret:"),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn client(&self, api_key: &str) -> vault_client::Client {
        vault_client::Client::new(&self.base, SecretString::from(api_key)).unwrap()
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }

    /// The most of its memory that ever was in RAM (`VmHWM` of proc_pid_status(5)), in bytes.
    pub(crate) fn resident_bytes_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        let kib = line.split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() * 1024
    }

    /// Memory of the process that is in RAM (proc_pid_statm(5)), in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        const PAGE_BYTES: u64 = 4096;
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages = statm.split(' ').nth(1).unwrap();
        pages.parse::<u64>().unwrap() * PAGE_BYTES
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit status.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.signal("-TERM")
    }

    /// Any signal that ends the server, and the exit status.
    pub(crate) fn signal(mut self, signal: &str) -> ExitStatus {
        let killed = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Sealgate {
    fn drop(&mut self) {
        // Already gone after `kill` and `terminate`.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The binary with an environment that no setting of the machine reaches.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealgate"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SEALGATE_") {
            command.env_remove(name);
        }
    }
    // The finest level, so that the canaries have every chance to show.
    command.env("SEALGATE_LOG", "trace");
    command
}

/// Keeps the log and reports the address once the server says that it serves.
fn follow_log(
    stderr: impl Read + Send + 'static,
    log: Arc<Mutex<Vec<u8>>>,
) -> mpsc::Receiver<String> {
    let (found, address) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.contains("serving") {
                let field = line.split("address=").nth(1).unwrap_or_default();
                let _unread = found.send(field.split(' ').next().unwrap_or_default().to_owned());
            }
            let mut log = log.lock().unwrap();
            log.extend_from_slice(line.as_bytes());
            log.push(b'\n');
        }
    });
    address
}

fn collect(stdout: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (line_read, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line_read.send(line + "\n").is_err() {
                return;
            }
        }
    });
    lines
}

/// A plain HTTP client that follows no redirect.
pub(crate) fn http() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// Asserts a problem document with this status and code.
pub(crate) async fn assert_problem(response: reqwest::Response, status: u16, code: &str) {
    assert_eq!(response.status(), status);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let request_id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let problem: Json = response.json().await.unwrap();
    assert_eq!(problem["code"], code);
    assert_eq!(problem["status"], status);
    assert_eq!(problem["requestId"], request_id);
}

/// Every file below `directory`, with its bytes.
pub(crate) fn files_below(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found
}
