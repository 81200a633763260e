//! Sealgate beside nginx and HAProxy, doing the same job.
//!
//! The job: know the caller by its key among a thousand, answer 401 to others, take the key off,
//! put `Authorization` on, and pass the request to an upstream that answers 200 only when the
//! header is right and the key is gone. The proxy has one core, this program (generator and
//! upstream) another. Rounds are interleaved, so whatever else the machine does strikes all alike;
//! what is printed are minimum, median and maximum of ratios within a round.
//!
//! ```text
//! cargo build --release -p sealgate
//! cargo run --release -p sealgate-benches --example proxy [-- rounds seconds [small]]
//! ```
//!
//! Requests per second are those of the proxy's own CPU time (`utime + stime`). Sealgate does all
//! its work with each request: a user of an organisation calls with an access token, which is
//! recognised, held to its scope, and opens the stored credential; each call is recorded in the
//! audit log, and each answer is searched for the secret. nginx and HAProxy take part where they
//! are installed.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a program for developers: it prints, and an error ends it"
)]

mod load;
mod process;
mod proxies;
mod report;
mod upstream;
mod vault;

use std::time::{Duration, Instant};

use load::{Bulk, bulk, closed_loop, idle, open_loop};
use proxies::{Job, Proxy};
use report::Table;
use upstream::Upstream;

/// Connections of the closed loop.
const CONNECTIONS: usize = 32;
/// Requests per second of the open loop.
const OPEN_RATE: u32 = 1_000;
/// Bytes of the large body.
const BULK_BYTES: usize = 64 * 1_024 * 1_024;
/// How often the large body is sent: CPU time is counted in hundredths of a second.
const BULK_TIMES: usize = 4;
/// Idle connections of the memory measurement.
const IDLE_CONNECTIONS: usize = 10_000;
/// From their last use to the look at the memory: until then they are not idle but fresh.
const IDLE_TIME: Duration = Duration::from_secs(2);
/// How long system calls and instructions are counted.
const COUNT_TIME: Duration = Duration::from_secs(2);
const SYSTEM_CALLS: &str = "system calls per request";
const INSTRUCTIONS: &str = "user instructions per request";
/// Core of the proxy, and of everything else.
pub(crate) const PROXY_CORE: &str = "0";
const OTHER_CORE: &str = "1";

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("pinned") {
        return process::rerun_pinned(OTHER_CORE);
    }
    let mut number = |or: u32| arguments.next().map_or(or, |text| text.parse().unwrap());
    let scope = Scope {
        rounds: number(5),
        time: Duration::from_secs(number(4).into()),
        small_only: arguments.next().as_deref() == Some("small"),
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(scope));
}

/// What is measured.
#[derive(Clone, Copy)]
struct Scope {
    rounds: u32,
    time: Duration,
    /// Nothing but small requests.
    small_only: bool,
}

async fn run(scope: Scope) {
    let upstream = Upstream::start().await;
    let jobs = Job::all();
    for tls in [false, true] {
        let mut proxies = Vec::new();
        for job in &jobs {
            if let Some(proxy) = job.start(&upstream, tls).await {
                proxies.push(proxy);
            }
        }
        let what = if tls { "TLS" } else { "plain" };
        println!("\nupstream: {what}");
        measure(&upstream, &proxies, scope, tls).await;
    }
}

async fn measure(upstream: &Upstream, proxies: &[Proxy], scope: Scope, tls: bool) {
    let mut table = Table::new(proxies);
    for _ in 0..scope.rounds {
        for proxy in proxies {
            requests(&mut table, proxy, scope.time).await;
            if !scope.small_only {
                bodies(&mut table, proxy).await;
            }
        }
        if !scope.small_only {
            latencies(&mut table, upstream, proxies, scope.time).await;
        }
    }
    for proxy in proxies {
        counts(&mut table, proxy).await;
        if !tls && !scope.small_only {
            idle_memory(&mut table, proxy).await;
        }
    }
    table.print();
    for counted in [SYSTEM_CALLS, INSTRUCTIONS] {
        if !table.has(counted) {
            println!("{counted}: not measured, the machine does not count them");
        }
    }
}

async fn requests(table: &mut Table, proxy: &Proxy, time: Duration) {
    // Pools are filled and caches are warm before anything counts.
    closed_loop(proxy, CONNECTIONS, time / 8).await;
    let (before, began) = (proxy.cpu(), Instant::now());
    let requests = closed_loop(proxy, CONNECTIONS, time).await;
    let (cpu, took) = (proxy.cpu() - before, began.elapsed());
    table.add("requests per CPU second", proxy, rate(requests, cpu));
    let busy = cpu.as_secs_f64() / took.as_secs_f64();
    table.add("share of its core", proxy, busy);
}

async fn bodies(table: &mut Table, proxy: &Proxy) {
    for (name, direction) in [("64 MiB down", Bulk::Down), ("64 MiB up", Bulk::Up)] {
        let before = proxy.cpu();
        for _ in 0..BULK_TIMES {
            bulk(proxy, direction, BULK_BYTES).await;
        }
        let name = format!("CPU ns per byte, {name}");
        table.add(&name, proxy, per_byte(proxy.cpu() - before));
    }
}

/// Latencies are those over the plain way without a proxy, in the same round.
async fn latencies(table: &mut Table, upstream: &Upstream, proxies: &[Proxy], time: Duration) {
    let (base50, base99) = open_loop(&upstream.direct(), OPEN_RATE, time).await;
    for proxy in proxies {
        let (p50, p99) = open_loop(proxy, OPEN_RATE, time).await;
        table.add("added p50, us", proxy, p50 - base50);
        table.add("added p99, us", proxy, p99 - base99);
    }
}

async fn counts(table: &mut Table, proxy: &Proxy) {
    for (name, event) in [
        (SYSTEM_CALLS, "raw_syscalls:sys_enter"),
        (INSTRUCTIONS, "instructions:u"),
    ] {
        let load = closed_loop(proxy, CONNECTIONS, COUNT_TIME);
        if let Some(count) = process::counted(event, proxy.pids(), load).await {
            table.add(name, proxy, count);
        }
    }
}

async fn idle_memory(table: &mut Table, proxy: &Proxy) {
    let before = proxy.resident();
    let open = idle(proxy, IDLE_CONNECTIONS).await;
    tokio::time::sleep(IDLE_TIME).await;
    let grown = proxy.resident().saturating_sub(before);
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = grown as f64 / open.len() as f64;
    table.add("bytes per idle connection", proxy, each);
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rate(requests: usize, cpu: Duration) -> f64 {
    requests as f64 / cpu.as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_byte(cpu: Duration) -> f64 {
    cpu.as_secs_f64() * 1e9 / (BULK_BYTES * BULK_TIMES) as f64
}
