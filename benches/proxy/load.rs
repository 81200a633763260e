//! The generator: HTTP/1.1 by hand, so that it costs little beside what it measures.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::proxies::Proxy;

/// Direction of a large body.
#[derive(Clone, Copy)]
pub(crate) enum Bulk {
    Down,
    Up,
}

/// One kept connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(proxy: &Proxy) -> Self {
        let stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: vec![0; 256 * 1_024],
        }
    }

    /// Sends `request` and reads the whole answer, which must be a 200.
    async fn call(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.unwrap();
        let mut filled = 0;
        let head = loop {
            let count = self.stream.read(&mut self.buffer[filled..]).await.unwrap();
            assert!(count > 0, "the proxy closed a connection");
            filled += count;
            let seen = &self.buffer[..filled];
            if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        let mut left = length(text) + head - filled;
        while left > 0 {
            let count = self.stream.read(&mut self.buffer).await.unwrap();
            assert!(count > 0, "the proxy closed a connection");
            left -= count;
        }
    }
}

fn length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .expect("answers have a length")
        .1
        .trim()
        .parse()
        .unwrap()
}

/// As many requests as fit, each connection one after the other. How many there were.
pub(crate) async fn closed_loop(proxy: &Proxy, connections: usize, time: Duration) -> usize {
    let end = Instant::now() + time;
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let mut client = Client::connect(proxy).await;
        let request = proxy.request("GET", "/", "");
        clients.spawn(async move {
            let mut count = 0;
            while Instant::now() < end {
                client.call(&request).await;
                count += 1;
            }
            count
        });
    }
    clients.join_all().await.into_iter().sum()
}

/// Requests at fixed times, whether or not earlier ones were answered. Median and 99th percentile
/// of the time from when each was due, in microseconds.
pub(crate) async fn open_loop(proxy: &Proxy, per_second: u32, time: Duration) -> (f64, f64) {
    let (due, mut dues) = mpsc::unbounded_channel::<Instant>();
    let (free, mut frees) = mpsc::unbounded_channel();
    for _ in 0..64 {
        free.send(Client::connect(proxy).await).unwrap();
    }
    let interval = Duration::from_secs(1) / per_second;
    let count = u32::try_from(time.as_micros() / interval.as_micros()).unwrap();
    let begin = Instant::now();
    tokio::spawn(async move {
        for n in 0..count {
            tokio::time::sleep_until(begin + interval * n).await;
            // The timer ticks in milliseconds; lateness of the generator is not the proxy's.
            let _ = due.send(Instant::now());
        }
    });
    let request: std::sync::Arc<[u8]> = proxy.request("GET", "/", "").into();
    let mut calls = JoinSet::new();
    while let Some(due) = dues.recv().await {
        let mut client = frees.recv().await.unwrap();
        let (request, free) = (request.clone(), free.clone());
        calls.spawn(async move {
            client.call(&request).await;
            let took = due.elapsed();
            let _ = free.send(client);
            took
        });
    }
    let mut took = calls.join_all().await;
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    (at(50), at(99))
}

/// One large body.
pub(crate) async fn bulk(proxy: &Proxy, direction: Bulk, bytes: usize) {
    let mut client = Client::connect(proxy).await;
    match direction {
        Bulk::Down => client.call(&proxy.request("GET", "/down", "")).await,
        Bulk::Up => {
            let mut request = proxy.request("POST", "/", &format!("Content-Length: {bytes}\r\n"));
            request.resize(request.len() + bytes, 0);
            client.call(&request).await;
        }
    }
}

/// Opens connections, uses each once and keeps them.
pub(crate) async fn idle(proxy: &Proxy, count: usize) -> Vec<TcpStream> {
    let request = proxy.request("GET", "/", "");
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = Client::connect(proxy).await;
        client.call(&request).await;
        open.push(client.stream);
    }
    open
}
