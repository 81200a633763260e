//! The vault over loopback, each figure beside what the machine does without it.
//!
//! The server is the release binary with its defaults and one data directory on disk; generator,
//! server and floors share the machine's cores. A round measures everything once, each figure and
//! its floor one after the other; what is printed are medians, and minimum, median and maximum of
//! the ratio within a round.
//!
//! ```text
//! cargo build --release -p sealgate
//! cargo run --release -p sealgate-benches --example vault [-- rounds seconds]
//! ```
//!
//! Floors: an empty hyper handler in a process of its own, SQLite committing one row at a time to
//! the same disk (WAL, `synchronous=FULL`), AES-256-GCM over the same bytes on one core, and the
//! same bytes written to a file and synced.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a program for developers: it prints, an error ends it, and counts are below 2^52"
)]

mod connection;
mod floors;
mod server;
mod table;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use connection::{Connection, request};
use floors::Empty;
use server::{Server, User};
use table::Table;
use tokio::task::JoinSet;

/// Connections that read at the same time.
const READERS: usize = 16;
/// Connections that write at the same time.
const WRITERS: usize = 64;
/// Connections that share at the same time.
const SHARERS: usize = 8;
/// Values that are shared with one recipient.
const INBOX: usize = 500;
/// Bytes of a value.
const VALUE_BYTES: usize = 256;
/// Bytes of a file.
const FILE_BYTES: usize = 256 * 1_024 * 1_024;
/// Looks at an inbox that was seen before, of which the median counts.
const LATER_LOOKS: usize = 21;

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|word| word == floors::SERVE).is_some() {
        return floors::serve();
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
    let directory = tempfile::tempdir().unwrap();
    let empty = Empty::start();
    let mut server = Server::first_start(directory.path()).await;
    let owner = server.admin().await;
    owner.generate_keys(server.address).await;
    let mut table = Table::default();
    for round in 0..rounds {
        let ours = Measured {
            server: &server,
            empty: empty.address,
            owner: &owner,
            directory: directory.path(),
        };
        ours.reads(&mut table, time).await;
        ours.writes(&mut table, time).await;
        let recipient = ours.shares(&mut table, round).await;
        ours.inbox(&mut table, &recipient).await;
        ours.files(&mut table).await;
        table.alone("resident after a round", "MiB", server.resident_mib());
        server.stop();
        let begin = Instant::now();
        server = Server::start(directory.path()).await;
        let took = begin.elapsed();
        table.beside(
            "start of the program to the first answer",
            "ms",
            millis(took),
            ("the program says its version", millis(server::version())),
        );
        table.alone("resident after the start", "MiB", server.resident_mib());
    }
    table.print();
}

/// One round's subjects.
struct Measured<'a> {
    server: &'a Server,
    empty: SocketAddr,
    owner: &'a User,
    directory: &'a std::path::Path,
}

impl Measured<'_> {
    async fn reads(&self, table: &mut Table, time: Duration) {
        let address = self.server.address;
        let mut connection = Connection::connect(address).await;
        for n in 0..READERS {
            connection.call(&self.put(&format!("read-{n}"))).await;
        }
        let read = |n| {
            let path = format!("/v1/kv/read-{n}");
            request("GET", &path, &self.owner.with_secret(), b"")
        };
        closed_loop(address, READERS, time / 8, read).await;
        let reads = closed_loop(address, READERS, time, read).await;
        let empty = |_| request("GET", "/", "", b"");
        let answers = closed_loop(self.empty, READERS, time, empty).await;
        let floor = ("empty hyper handler", answers);
        table.beside("hot reads, 16 connections", "/s", reads, floor);
        let health = |_| request("GET", "/health", "", b"");
        let answers = closed_loop(address, READERS, time, health).await;
        let floor = ("GET /health of the same server", answers);
        table.beside("hot reads, 16 connections", "/s", reads, floor);
    }

    async fn writes(&self, table: &mut Table, time: Duration) {
        let write = |n| self.put(&format!("write-{n}"));
        let commits = floors::sqlite_commits(self.directory, VALUE_BYTES, time / 2);
        for writers in [1, WRITERS] {
            let writes = closed_loop(self.server.address, writers, time, write).await;
            let floor = ("SQLite commits of one row, one after the other", commits);
            let what = format!("durable writes, {writers} at a time");
            table.beside(&what, "/s", writes, floor);
        }
    }

    /// Shares many values with a new user.
    async fn shares(&self, table: &mut Table, round: usize) -> User {
        let address = self.server.address;
        let recipient = self
            .owner
            .new_user(address, &format!("reader-{round}"))
            .await;
        recipient.generate_keys(address).await;
        let names: Vec<String> = (0..INBOX).map(|n| format!("shared-{n}")).collect();
        let mut connection = Connection::connect(address).await;
        for name in &names {
            connection.call(&self.put(name)).await;
        }
        let document = format!(
            r#"{{"recipientUserId":"{}","permission":"read","alias":"an alias of some length"}}"#,
            recipient.id
        );
        let commits = floors::sqlite_commits(self.directory, VALUE_BYTES, Duration::from_secs(1));
        let mut sharers = JoinSet::new();
        let begin = Instant::now();
        for part in names.chunks(INBOX.div_ceil(SHARERS)) {
            let requests: Vec<_> = part
                .iter()
                .map(|name| {
                    let path = format!("/v1/kv/{name}/shares");
                    let headers = self.owner.with_secret() + "Content-Type: application/json\r\n";
                    request("POST", &path, &headers, document.as_bytes())
                })
                .collect();
            sharers.spawn(async move {
                let mut connection = Connection::connect(address).await;
                for request in requests {
                    connection.call(&request).await;
                }
            });
        }
        sharers.join_all().await;
        let floor = ("SQLite commits of one row, one after the other", commits);
        let shares = per_second(INBOX, begin.elapsed());
        table.beside("new shares, 8 at a time", "/s", shares, floor);
        recipient
    }

    async fn inbox(&self, table: &mut Table, recipient: &User) {
        let list = request(
            "GET",
            "/v1/kv/shared?limit=500",
            &recipient.with_secret(),
            b"",
        );
        let mut connection = Connection::connect(self.server.address).await;
        let first = looked(&mut connection, &list).await;
        let mut later = Vec::new();
        for _ in 0..LATER_LOOKS {
            later.push(looked(&mut connection, &list).await);
        }
        later.sort_unstable();
        let floor = ("the same list, seen before", millis(later[LATER_LOOKS / 2]));
        table.beside("inbox of 500, first sight", "ms", millis(first), floor);
    }

    async fn files(&self, table: &mut Table) {
        let raw = floors::aes_gcm(FILE_BYTES);
        let written = floors::written(self.directory, FILE_BYTES);
        let up = |path: &str, headers: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {FILE_BYTES}\r\n\r\n"
            )
        };
        let mut connection = Connection::connect(self.empty).await;
        let begin = Instant::now();
        connection.upload(&up("/", ""), FILE_BYTES).await;
        let empty_up = megabytes(begin.elapsed());
        let begin = Instant::now();
        connection.drain(&request("GET", "/down", "", b"")).await;
        let empty_down = megabytes(begin.elapsed());

        let mut connection = Connection::connect(self.server.address).await;
        let headers = self.owner.with_secret() + "Content-Type: application/octet-stream\r\n";
        let begin = Instant::now();
        let answer = connection
            .upload(&up("/v1/files?fileName=bench.bin", &headers), FILE_BYTES)
            .await;
        let up = megabytes(begin.elapsed());
        let id = server::text(&answer, "fileId");
        let path = format!("/v1/files/{id}");
        let headers = self.owner.with_secret() + "Accept: application/octet-stream\r\n";
        let begin = Instant::now();
        let count = connection
            .drain(&request("GET", &path, &headers, b""))
            .await;
        let down = megabytes(begin.elapsed());
        assert_eq!(count, FILE_BYTES);
        connection
            .call(&request("DELETE", &path, &self.owner.with_secret(), b""))
            .await;
        let aes = ("AES-256-GCM of the same bytes", megabytes(raw));
        table.beside("file up", "MB/s", up, aes);
        let disk = ("the same bytes to a file, synced", megabytes(written));
        table.beside("file up", "MB/s", up, disk);
        table.beside("file up", "MB/s", up, ("empty hyper handler", empty_up));
        table.beside("file down", "MB/s", down, aes);
        table.beside(
            "file down",
            "MB/s",
            down,
            ("empty hyper handler", empty_down),
        );
    }

    fn put(&self, name: &str) -> Vec<u8> {
        let headers = self.owner.key() + "Content-Type: application/octet-stream\r\n";
        let path = format!("/v1/kv/{name}");
        request("PUT", &path, &headers, &[b'v'; VALUE_BYTES])
    }
}

/// Answers per second of `connections`, each asking its own question again and again.
async fn closed_loop(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    question: impl Fn(usize) -> Vec<u8>,
) -> f64 {
    let mut clients = JoinSet::new();
    let begin = Instant::now();
    for n in 0..connections {
        let request = question(n);
        clients.spawn(async move {
            let mut connection = Connection::connect(address).await;
            let mut count = 0_usize;
            while begin.elapsed() < time {
                connection.call(&request).await;
                count += 1;
            }
            count
        });
    }
    let count = clients.join_all().await.into_iter().sum();
    per_second(count, begin.elapsed())
}

async fn looked(connection: &mut Connection, list: &[u8]) -> Duration {
    let begin = Instant::now();
    let answer = connection.call(list).await;
    let took = begin.elapsed();
    let shares: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(shares.as_array().map(Vec::len), Some(INBOX));
    took
}

fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn megabytes(time: Duration) -> f64 {
    FILE_BYTES as f64 / 1e6 / time.as_secs_f64()
}
