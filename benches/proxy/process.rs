//! Other processes, as the kernel sees them.

use std::process::{Command, Stdio};
use std::time::Duration;

/// Clock ticks per second in `/proc/*/stat`, fixed on Linux.
const TICKS_PER_SECOND: u64 = 100;
const PAGE_BYTES: u64 = 4_096;

/// Starts this program again on one core, with the same arguments behind `pinned`.
pub(crate) fn rerun_pinned(core: &str) {
    let status = Command::new("taskset")
        .args(["-c", core])
        .arg(std::env::current_exe().unwrap())
        .arg("pinned")
        .args(std::env::args().skip(1))
        .status()
        .expect("taskset is installed");
    assert!(status.success());
}

/// `utime + stime` of all threads of `pids`.
pub(crate) fn cpu(pids: &[u32]) -> Duration {
    let ticks = |pid: &u32| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // Fields are counted behind the command, which may hold spaces.
        let fields = stat.rsplit_once(") ").unwrap().1;
        let number = |at: usize| fields.split(' ').nth(at).unwrap().parse::<u64>().unwrap();
        number(11) + number(12)
    };
    Duration::from_millis(pids.iter().map(ticks).sum::<u64>() * 1_000 / TICKS_PER_SECOND)
}

/// Resident bytes of `pids`.
pub(crate) fn resident(pids: &[u32]) -> u64 {
    let pages = |pid: &u32| -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
        statm.split(' ').nth(1).unwrap().parse().unwrap()
    };
    pids.iter().map(pages).sum::<u64>() * PAGE_BYTES
}

/// The children of a process, one level deep.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.unwrap_or_default();
    listed
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// How often `event` happens per request while `load` runs, as the kernel counts it for perf:
/// strace would slow the proxy down, and a slow proxy finds more to do each time it looks. `None`
/// where perf is not installed or the machine does not count it.
pub(crate) async fn counted(
    event: &str,
    pids: &[u32],
    load: impl Future<Output = usize>,
) -> Option<f64> {
    let out = tempfile::NamedTempFile::new().unwrap();
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let mut perf = Command::new("perf");
    perf.args(["stat", "-x", ",", "-e", event, "-p", &pids.join(","), "-o"]);
    let (stdout, stderr) = (Stdio::null(), Stdio::null());
    let perf = perf.arg(out.path()).stdout(stdout).stderr(stderr).spawn();
    let mut perf = perf.ok()?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let requests = load.await;
    Command::new("kill")
        .args(["-INT", &perf.id().to_string()])
        .status()
        .ok()?;
    perf.wait().ok()?;
    let counts = std::fs::read_to_string(out.path()).ok()?;
    let line = counts.lines().find(|line| line.contains(event))?;
    let total: f64 = line.split(',').next()?.parse().ok()?;
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    (requests > 0).then(|| total / requests as f64)
}
