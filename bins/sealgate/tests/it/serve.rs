//! `sealgate serve`: what it refuses to start with, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The binary with a clean environment.
fn sealgate(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealgate"));
    command.env_clear().current_dir(directory);
    command
}

fn refused(arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } = sealgate(directory.path())
        .arg("serve")
        .args(arguments)
        .output()
        .unwrap();
    assert!(!status.success(), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

#[test]
fn dangerous_and_unreadable_settings_are_refused() {
    let text = refused(&["--dev", "--listen", "0.0.0.0:0"]);
    assert!(text.contains("loopback"), "{text}");
    let text = refused(&["--listen", "127.0.0.1"]);
    assert!(text.contains("--listen"), "{text}");
    let text = refused(&["--tls-cert", "chain.pem"]);
    assert!(text.contains("--tls-key"), "{text}");
    let text = refused(&["--workers", "0"]);
    assert!(text.contains("workers"), "{text}");
    let text = refused(&["--proxy-stream-idle", "18446744073709551615"]);
    assert!(text.contains("proxy_stream_idle"), "{text}");
    refused(&["--no-such-option"]);
}

/// A running development server.
struct Running {
    child: Child,
    address: String,
    _directory: tempfile::TempDir,
}

impl Running {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = sealgate(directory.path())
            .args(["serve", "--dev"])
            .env("SEALGATE_LISTEN", "127.0.0.1:0")
            .env("SEALGATE_LOG_FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the server ended: {said}");
            };
            said.push_str(&line);
            if let Some((_, rest)) = line.split_once("\"address\":\"") {
                break rest.split('"').next().unwrap().to_owned();
            }
        };
        assert!(said.contains("DEVELOPMENT MODE"), "{said}");
        // Read on, so that the server never blocks on its log.
        std::thread::spawn(move || lines.count());
        Self {
            child,
            address,
            _directory: directory,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[test]
fn signals_end_the_server_without_an_error() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Running::start();
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let process = server.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &process])
                .status()
                .unwrap()
                .success()
        );
        assert!(server.child.wait().unwrap().success(), "{signal}");
    }
}
