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
//! cargo run -p sealgate-benches --example proxy [-- rounds seconds]
//! ```
//!
//! Requests per second are those of the proxy's own CPU time (`utime + stime`). Sealgate is given
//! the secret per request (`X-Identity-Key`). Another way to name it, such as an access token, is
//! one more [`proxies::Job`]. nginx and HAProxy take part where they are installed.

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

use std::time::Duration;

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
/// Idle connections of the memory measurement.
const IDLE_CONNECTIONS: usize = 10_000;
/// From their last use to the look at the memory: until then they are not idle but fresh.
const IDLE_TIME: Duration = Duration::from_secs(2);
/// Core of the proxy, and of everything else.
pub(crate) const PROXY_CORE: &str = "0";
const OTHER_CORE: &str = "1";

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("pinned") {
        return process::rerun_pinned(OTHER_CORE);
    }
    let rounds = arguments.next().map_or(5, |text| text.parse().unwrap());
    let seconds = arguments.next().map_or(4, |text| text.parse().unwrap());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(rounds, Duration::from_secs(seconds)));
}

async fn run(rounds: usize, time: Duration) {
    let upstream = Upstream::start().await;
    let jobs = Job::all(&upstream);
    for tls in [false, true] {
        let mut proxies = Vec::new();
        for job in &jobs {
            if let Some(proxy) = job.start(&upstream, tls).await {
                proxies.push(proxy);
            }
        }
        let what = if tls { "TLS" } else { "plain" };
        println!("\nupstream: {what}");
        measure(&upstream, &proxies, rounds, time, tls).await;
    }
}

async fn measure(upstream: &Upstream, proxies: &[Proxy], rounds: usize, time: Duration, tls: bool) {
    let mut table = Table::new(proxies);
    for _ in 0..rounds {
        for proxy in proxies {
            // Pools are filled and caches are warm before anything counts.
            closed_loop(proxy, CONNECTIONS, time / 8).await;
            let before = proxy.cpu();
            let requests = closed_loop(proxy, CONNECTIONS, time).await;
            table.add(
                "requests per CPU second",
                proxy,
                rate(requests, proxy.cpu() - before),
            );
            for (name, direction) in [("64 MiB down", Bulk::Down), ("64 MiB up", Bulk::Up)] {
                let before = proxy.cpu();
                bulk(proxy, direction, BULK_BYTES).await;
                table.add(
                    &format!("CPU ns per byte, {name}"),
                    proxy,
                    per_byte(proxy.cpu() - before),
                );
            }
        }
        // Latencies are those over the plain way without a proxy, in the same round.
        let (base50, base99) = open_loop(&upstream.direct(), OPEN_RATE, time).await;
        for proxy in proxies {
            let (p50, p99) = open_loop(proxy, OPEN_RATE, time).await;
            table.add("added p50, us", proxy, p50 - base50);
            table.add("added p99, us", proxy, p99 - base99);
        }
    }
    for proxy in proxies {
        if let Some(calls) = process::system_calls(proxy.pids(), async {
            closed_loop(proxy, CONNECTIONS, Duration::from_secs(2)).await
        })
        .await
        {
            table.add("system calls per request", proxy, calls);
        }
        if !tls {
            let before = proxy.resident();
            let open = idle(proxy, IDLE_CONNECTIONS).await;
            tokio::time::sleep(IDLE_TIME).await;
            let grown = proxy.resident().saturating_sub(before);
            #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
            table.add(
                "bytes per idle connection",
                proxy,
                grown as f64 / open.len() as f64,
            );
        }
    }
    table.print();
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rate(requests: usize, cpu: Duration) -> f64 {
    requests as f64 / cpu.as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_byte(cpu: Duration) -> f64 {
    cpu.as_secs_f64() * 1e9 / BULK_BYTES as f64
}
