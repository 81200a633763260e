//! What the machine does without Sealgate.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::FILE_BYTES;

/// First argument of the process that is the empty handler.
pub(crate) const SERVE: &str = "empty-handler";
/// Bytes of its small answer, about those of a value read.
const SMALL: &[u8] = &[b'j'; 512];
/// Bytes sealed or written at a time.
const CHUNK_BYTES: usize = 64 * 1_024;

/// An empty hyper handler in a process of its own; dropped, it is killed.
pub(crate) struct Empty {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Empty {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(SERVE)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        Self {
            address: line.trim().parse().unwrap(),
            child,
        }
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the empty handler: a thread per core, as the server has them.
pub(crate) fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    println!("{}", listener.local_addr().unwrap());
    let cores = std::thread::available_parallelism().unwrap().get();
    let large = Bytes::from(vec![b'd'; FILE_BYTES]);
    let threads: Vec<_> = (0..cores)
        .map(|_| {
            let (listener, large) = (listener.try_clone().unwrap(), large.clone());
            std::thread::spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(accept(listener, large));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

async fn accept(listener: TcpListener, large: Bytes) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let large = large.clone();
        tokio::spawn(async move {
            let handler = service_fn(move |request| answer(request, large.clone()));
            // A connection that ends early is not this program's concern.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), handler)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    large: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let down = request.uri().path() == "/down";
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let answer = if down {
        large
    } else {
        Bytes::from_static(SMALL)
    };
    Ok(Response::new(Full::new(answer)))
}

/// Commits per second of one row of `bytes` each, one after the other.
pub(crate) fn sqlite_commits(directory: &Path, bytes: usize, time: Duration) -> f64 {
    let file = directory.join("floor.db");
    let db = rusqlite::Connection::open(&file).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.pragma_update(None, "synchronous", "FULL").unwrap();
    db.execute_batch("CREATE TABLE IF NOT EXISTS floor (id INTEGER PRIMARY KEY, value BLOB)")
        .unwrap();
    let row = vec![b'v'; bytes];
    let (begin, mut count) = (Instant::now(), 0_u32);
    let mut insert = db.prepare("INSERT INTO floor (value) VALUES (?1)").unwrap();
    while begin.elapsed() < time {
        insert.execute([&row]).unwrap();
        count += 1;
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}

/// Time to seal `bytes` in chunks, on this thread.
pub(crate) fn aes_gcm(bytes: usize) -> Duration {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let mut chunk = vec![b'f'; CHUNK_BYTES];
    let begin = Instant::now();
    for n in 0..bytes / CHUNK_BYTES {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&n.to_le_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let _ = key
            .seal_in_place_separate_tag(nonce, Aad::empty(), &mut chunk)
            .unwrap();
    }
    begin.elapsed()
}

/// Time to write `bytes` to a new file and sync it.
pub(crate) fn written(directory: &Path, bytes: usize) -> Duration {
    let path = directory.join("floor.bin");
    let chunk = vec![b'f'; CHUNK_BYTES];
    let begin = Instant::now();
    let mut file = std::fs::File::create(&path).unwrap();
    for _ in 0..bytes / CHUNK_BYTES {
        file.write_all(&chunk).unwrap();
    }
    file.sync_all().unwrap();
    let took = begin.elapsed();
    std::fs::remove_file(path).unwrap();
    took
}
