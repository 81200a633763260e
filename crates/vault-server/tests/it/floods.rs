//! Peers that want the server's memory or time, against a server process of its own with short
//! limits: every hostile connection ends, somebody else is served meanwhile, and the process does
//! not grow beyond a bound.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use http_body_util::channel::Channel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use vault_server::Config;
use vault_server::layers::read_body;

use super::frames;
use super::support::{KEY_A, TestServer};

/// Longest wait for the end of a hostile connection.
const PATIENCE: Duration = Duration::from_secs(60);
/// Resident memory that a flood may add, in bytes.
const GROWTH_BYTES_MAX: usize = 64 * 1_024 * 1_024;
const PAGE_BYTES: usize = 4_096;
const SHORT: Duration = Duration::from_secs(1);
/// Tells the child that it is one.
const CHILD: &str = "SEALGATE_TEST_FLOOD_CHILD";

/// The server process; ends with its standard input.
struct Process {
    child: Child,
    address: SocketAddr,
    /// Stays open: the harness in the child speaks up when a test takes long.
    _output: BufReader<ChildStdout>,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["floods::child", "--exact", "--ignored", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let lines = output.by_ref().lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("listening ")?.1.parse().ok())
            .expect("the child says where it listens");
        Self {
            child,
            address,
            _output: output,
        }
    }

    /// Resident memory in bytes.
    fn resident(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * PAGE_BYTES
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "is the server process of the flood tests"]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = TestServer::start_with(short, routes()).await;
        #[allow(clippy::print_stdout, reason = "how the parent learns the address")]
        {
            println!("listening {}", server.address);
        }
        // Ends with the parent, however that ends.
        let (ended, ends) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let _ = std::io::stdin().lines().count();
            drop(ended);
        });
        let _ = ends.await;
    });
}

fn short(config: &mut Config) {
    let limits = &mut config.limits;
    limits.first_request_timeout = SHORT;
    limits.header_read_timeout = SHORT;
    limits.keep_alive_timeout = SHORT;
    limits.write_stall_timeout = SHORT;
    limits.body_grace = SHORT;
    limits.api_body_bytes_max = 64 * 1_024;
}

fn routes() -> axum::Router {
    let collect = |body: Body| async move {
        read_body(body, 64 * 1_024)
            .await
            .map(|b| b.as_bytes().len().to_string())
    };
    let endless = || async {
        let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        tokio::spawn(async move {
            while sender
                .send_data(Bytes::from_static(&[b'x'; 64 * 1_024]))
                .await
                .is_ok()
            {}
        });
        Body::new(body)
    };
    axum::Router::new()
        .route("/collect", post(collect))
        .route("/endless", get(endless))
}

/// What one hostile connection does.
#[derive(Clone)]
struct Flood {
    name: &'static str,
    connections: usize,
    /// Sent at once.
    first: Vec<u8>,
    /// Sent again and again, with the number of the repetition; `None` sends nothing more.
    then: Option<fn(u32) -> Vec<u8>>,
    pause: Duration,
    /// Whether answers are read.
    reads: bool,
}

impl Flood {
    fn new(name: &'static str, connections: usize, first: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            connections,
            first: first.into(),
            then: None,
            pause: Duration::ZERO,
            reads: true,
        }
    }

    fn then(mut self, then: fn(u32) -> Vec<u8>) -> Self {
        self.then = Some(then);
        self
    }

    fn slowly(mut self) -> Self {
        self.pause = SHORT / 10;
        self
    }

    fn unread(mut self) -> Self {
        self.reads = false;
        self
    }

    /// One connection, from its beginning to its end by the server.
    async fn run(self, address: SocketAddr) {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let name = self.name;
        let (reads, pause) = (self.reads, self.pause);
        let pour = async move {
            if writing.write_all(&self.first).await.is_err() {
                return;
            }
            let Some(then) = self.then else {
                return std::future::pending().await;
            };
            for n in 0.. {
                if writing.write_all(&then(n)).await.is_err() {
                    return;
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        };
        let drain = async {
            if !reads {
                // Long enough for every stall to be noticed; then look what is left.
                tokio::time::sleep(SHORT * 3).await;
            }
            let mut buffer = vec![0; 64 * 1_024];
            while matches!(reading.read(&mut buffer).await, Ok(1..)) {}
        };
        let ended = async {
            tokio::select! { () = pour => {}, () = drain => {} }
        };
        tokio::time::timeout(PATIENCE, ended)
            .await
            .unwrap_or_else(|_| panic!("{name}: a connection stayed open"));
    }
}

fn http1_floods() -> Vec<Flood> {
    let head = |line: &str| format!("{line} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {KEY_A}\r\n");
    let chunked = head("POST /collect") + "Transfer-Encoding: chunked\r\n\r\n";
    let endless = head("GET /endless") + "\r\n";
    vec![
        Flood::new("silent", 1_000, ""),
        Flood::new("half a preface", 300, "PRI * HTTP/2.0\r\n"),
        Flood::new("slow header", 300, "GET / HTTP/1.1\r\n")
            .then(|_| b"X-A: b\r\n".to_vec())
            .slowly(),
        Flood::new(
            "slow body",
            300,
            head("POST /collect") + "Content-Length: 60000\r\n\r\n",
        )
        .then(|_| b"x".to_vec())
        .slowly(),
        Flood::new("slow read", 100, endless.clone()).unread(),
        Flood::new("endless headers", 50, "GET / HTTP/1.1\r\n")
            .then(|n| format!("X-{n}: {}\r\n", "x".repeat(1_000)).into_bytes()),
        Flood::new("endless request line", 50, "GET /").then(|_| vec![b'x'; 1_000]),
        Flood::new("endless chunks", 50, chunked.clone())
            .then(|_| [&b"1000\r\n"[..], &[b'x'; 0x1000], b"\r\n"].concat()),
        Flood::new("endless chunk extension", 50, chunked + "1;").then(|_| vec![b'x'; 1_000]),
        Flood::new("unread pipeline", 100, endless.repeat(200)).unread(),
    ]
}

fn http2_floods() -> Vec<Flood> {
    let http2 = frames::opening;
    vec![
        Flood::new("rapid reset", 20, http2())
            .then(|n| [frames::get(stream(n), true), frames::reset(stream(n))].concat()),
        Flood::new("made you reset", 20, http2()).then(|n| {
            [
                frames::get(stream(n), false),
                frames::window_update(stream(n), 0),
            ]
            .concat()
        }),
        Flood::new(
            "continuation",
            20,
            [http2(), frames::unfinished_headers(1)].concat(),
        )
        .then(|_| frames::continuation(1, &frames::literal("x-a", &"x".repeat(1_000)))),
        Flood::new("empty data", 20, [http2(), frames::get(1, false)].concat())
            .then(|_| frames::data(1, b"").repeat(100)),
        Flood::new("header compression bomb", 20, http2()).then(|n| frames::bomb(stream(n))),
        Flood::new("pings", 5, http2()).then(|_| frames::ping().repeat(100)),
        Flood::new("settings", 5, http2()).then(|_| frames::settings().repeat(100)),
        Flood::new("unread settings", 5, http2())
            .then(|_| frames::settings().repeat(100))
            .unread(),
    ]
}

/// The client's n-th stream.
fn stream(n: u32) -> u32 {
    2 * n + 1
}

/// One try of a healthy client. On a machine that is busy with other things its connection may
/// be taken for a silent one, with limits as short as these.
async fn is_served(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let sent = stream.write_all(request).await.is_ok();
    sent && stream.read_to_string(&mut answer).await.is_ok() && answer.starts_with("HTTP/1.1 200 ")
}

/// Asks for the health check on fresh connections until `over`, and watches the memory.
async fn watch(process: &Process, over: &AtomicBool, name: &str) -> usize {
    let mut peak = 0;
    loop {
        let last = over.load(Ordering::SeqCst);
        let served = tokio::time::timeout(PATIENCE, async {
            while !is_served(process.address).await {
                tokio::task::yield_now().await;
            }
        });
        let served = served.await;
        served.unwrap_or_else(|_| panic!("{name}: a healthy client starves"));
        peak = peak.max(process.resident());
        if last {
            return peak;
        }
        tokio::time::sleep(SHORT / 10).await;
    }
}

#[tokio::test]
async fn http1_floods_end_while_others_are_served_and_memory_stays_bounded() {
    endure(http1_floods()).await;
}

#[tokio::test]
async fn http2_floods_end_while_others_are_served_and_memory_stays_bounded() {
    endure(http2_floods()).await;
}

async fn endure(floods: Vec<Flood>) {
    for flood in floods {
        let process = Process::start();
        let name = flood.name;
        let over = Arc::new(AtomicBool::new(true));
        let before = watch(&process, &over, name).await;
        over.store(false, Ordering::SeqCst);
        let mut hostile = JoinSet::new();
        for _ in 0..flood.connections {
            hostile.spawn(flood.clone().run(process.address));
        }
        let ending = Arc::clone(&over);
        let attack = tokio::spawn(async move {
            hostile.join_all().await;
            ending.store(true, Ordering::SeqCst);
        });
        let peak = watch(&process, &over, name).await;
        attack.await.unwrap();
        let growth = peak.saturating_sub(before);
        assert!(growth <= GROWTH_BYTES_MAX, "{name}: {growth} bytes more");
    }
}
