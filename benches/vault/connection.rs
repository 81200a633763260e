//! One kept connection: HTTP/1.1 by hand, so that it costs little beside what it measures.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes read or written at a time.
const PIECE_BYTES: usize = 256 * 1_024;

/// The bytes of a request with a small body.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A connection that is used for one request after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: vec![0; PIECE_BYTES],
        }
    }

    /// Sends `request`; the body of the answer, which must be a success.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Vec<u8> {
        self.stream.write_all(request).await.unwrap();
        let mut body = Vec::new();
        self.answer(|piece| body.extend_from_slice(piece)).await;
        body
    }

    /// Sends `request` and forgets the body of the answer. Its length.
    pub(crate) async fn drain(&mut self, request: &[u8]) -> usize {
        self.stream.write_all(request).await.unwrap();
        let mut count = 0;
        self.answer(|piece| count += piece.len()).await;
        count
    }

    /// Sends `head` and a body of `bytes`; the body of the answer.
    pub(crate) async fn upload(&mut self, head: &str, bytes: usize) -> Vec<u8> {
        self.stream.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'f'; PIECE_BYTES];
        assert_eq!(bytes % PIECE_BYTES, 0);
        for _ in 0..bytes / PIECE_BYTES {
            self.stream.write_all(&piece).await.unwrap();
        }
        self.call(b"").await
    }

    async fn answer(&mut self, mut take: impl FnMut(&[u8])) {
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled).await;
            let seen = &self.buffer[..filled];
            if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).unwrap();
        let status = text.split(' ').nth(1).unwrap();
        let seen = String::from_utf8_lossy(&self.buffer[..filled]);
        assert!(status.starts_with('2'), "{seen}");
        let mut left = length(text) - (filled - head);
        take(&self.buffer[head..filled]);
        while left > 0 {
            let count = self.read(0).await;
            take(&self.buffer[..count]);
            left -= count;
        }
    }

    async fn read(&mut self, from: usize) -> usize {
        let count = self.stream.read(&mut self.buffer[from..]).await.unwrap();
        assert!(count > 0, "the connection was closed");
        count
    }
}

/// `Content-Length`; 204 has none and no body.
fn length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap())
}
