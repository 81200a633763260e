//! A few threads, each with a connection that can only read.
//!
//! In: closures over a connection, through one bounded queue. Out: what they return. In WAL mode
//! readers neither wait for the writer nor hold it up. Nothing here blocks the caller's reactor.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::CLOSED;
use crate::error::StoreError;
use crate::limits::READ_QUEUE_MAX;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub(super) struct Readers {
    /// `None` only while dropping.
    queue: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(READ_QUEUE_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut readers = Self {
            queue: Some(queue),
            threads: Vec::new(),
        };
        for connection in connections {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new()
                .name("vault-store-read".into())
                .spawn(move || serve(connection, &jobs))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Runs `read` on some reader. It sees one snapshot if it opens a transaction or runs a single
    /// statement.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more: spare the work.
            if !reply.is_closed() {
                // The receiver may still vanish; then nobody misses the answer.
                let _unwanted = reply.send(read(connection));
            }
        });
        let queue = self.queue.as_ref().ok_or(CLOSED)?;
        queue.send(job).await.map_err(|_| CLOSED)?;
        answer.await.map_err(|_| CLOSED)?
    }
}

fn serve(mut connection: Connection, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // Held while waiting, released before the work: the others take their turns at the queue.
        let job = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        match job {
            Some(job) => job(&mut connection),
            None => return,
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader thread of the store panicked");
            }
        }
    }
}
