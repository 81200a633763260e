//! A server in a process of its own, to be killed.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::mpsc;

use super::watched::{Phase, REACHED, TRAP, Trap};
use crate::api_support::Api;

const TEST: &str = "crash_table::child::child_serves_until_killed";
const DIRECTORY: &str = "VAULT_SERVER_CRASH_DIRECTORY";
const PHASE: &str = "VAULT_SERVER_CRASH_PHASE";
const STEP: &str = "VAULT_SERVER_CRASH_STEP";
/// What the child says before its address and its directory.
const SERVING: &str = "serving ";
const ARM: &str = "arm";
const ARMED: &str = "armed";

/// A child that serves a copy of a directory.
pub(crate) struct Server {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    pub(crate) address: SocketAddr,
    /// What it works on; removed with the value.
    pub(crate) directory: Gone,
}

/// Removed when dropped.
pub(crate) struct Gone(pub(crate) PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

impl Server {
    /// Starts a child that stands still at this step from now on.
    pub(crate) async fn start(template: &Path, phase: Phase, step: u32) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, template)
            .env(PHASE, format!("{phase:?}"))
            .env(STEP, step.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (read, mut lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _unread = read.send(line);
            }
        });
        let serving = next(&mut lines, SERVING).await;
        let (address, directory) = serving.split_once(' ').unwrap();
        let directory = Gone(directory.into());
        writeln!(child.stdin.as_mut().unwrap(), "{ARM}").unwrap();
        next(&mut lines, ARMED).await;
        Self {
            child,
            lines,
            address: address.parse().unwrap(),
            directory,
        }
    }

    /// Returns once the child stands still.
    pub(crate) async fn stands(&mut self) {
        next(&mut self.lines, REACHED).await;
    }

    /// `kill -9`; what the child leaves.
    pub(crate) fn kill(mut self) -> Gone {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(!status.success(), "the child ended by itself");
        self.directory
    }
}

/// What follows `start` in the next line that starts so.
async fn next(lines: &mut mpsc::UnboundedReceiver<String>, start: &str) -> String {
    loop {
        let line = lines.recv().await.expect("the child goes on");
        if let Some(rest) = line.strip_prefix(start) {
            return rest.to_owned();
        }
    }
}

#[tokio::test]
#[ignore = "run in a child process by the tests of the crash table"]
async fn child_serves_until_killed() {
    let variable = |name: &str| std::env::var(name).expect("run by another test only");
    let phase = match variable(PHASE).as_str() {
        "Before" => Phase::Before,
        "During" => Phase::During,
        _ => Phase::After,
    };
    let trap = TRAP.get_or_init(|| Trap {
        phase,
        step: variable(STEP).parse().unwrap(),
        armed: AtomicBool::new(false),
        taken: AtomicU32::new(0),
    });
    let directory = PathBuf::from(variable(DIRECTORY));
    let api = Api::serve_copy(&directory, String::new()).await;
    say(&format!(
        "{SERVING}{} {}",
        api.address,
        api.directory().display()
    ));
    let waiting = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        line
    });
    assert_eq!(waiting.await.unwrap().trim(), ARM);
    trap.armed.store(true, Ordering::SeqCst);
    say(ARMED);
    std::future::pending::<()>().await;
}

/// On a line of its own: the harness may have begun one.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{text}").unwrap();
    out.flush().unwrap();
}
