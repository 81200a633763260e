//! An HTTP/2 connection to an upstream, and how many streams it has left.
//!
//! The HTTP library takes any number of requests and sends what the peer permits
//! (SETTINGS_MAX_CONCURRENT_STREAMS, RFC 9113 section 5.1.2); the others wait in the library, where
//! they cannot be called off. So nothing is given to it that would wait: streams are counted here,
//! from the request to the end of its answer and of its own body.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hyper::client::conn::http2::{Connection, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::streaming::UpBody;

/// Streams of a connection whose peer has not said yet how many it permits: the one that it was
/// made for.
pub(super) const STREAMS_BEFORE_SETTINGS: usize = 1;

/// The sending end of a connection, for many.
#[derive(Clone)]
pub(crate) struct SharedSender {
    pub(super) sender: SendRequest<UpBody>,
    open: Arc<AtomicUsize>,
    peer: Weak<dyn Peer>,
}

/// A stream in use; over with its last clone.
#[derive(Clone)]
pub(crate) struct OpenStream {
    _counted: Arc<Counted>,
}

struct Counted(Arc<AtomicUsize>);

/// The other end of a connection.
trait Peer: Send + Sync {
    /// How many streams it permits at once.
    fn streams_max(&self) -> usize;
}

type Driven<T> = Mutex<Connection<TokioIo<T>, UpBody, TokioExecutor>>;

impl<T> Peer for Driven<T>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn streams_max(&self) -> usize {
        let connection = self.lock().unwrap_or_else(PoisonError::into_inner);
        connection.current_max_send_streams()
    }
}

impl SharedSender {
    /// Drives `connection` in the background until it ends.
    pub(super) fn new<T>(
        sender: SendRequest<UpBody>,
        connection: Connection<TokioIo<T>, UpBody, TokioExecutor>,
    ) -> Self
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let driven: Arc<Driven<T>> = Arc::new(Mutex::new(connection));
        let weak: Weak<Driven<T>> = Arc::downgrade(&driven);
        tokio::spawn(poll_fn(move |cx| {
            let mut connection = driven.lock().unwrap_or_else(PoisonError::into_inner);
            // Errors reach whoever waits for an answer.
            Pin::new(&mut *connection).poll(cx).map(drop)
        }));
        Self {
            sender,
            open: Arc::default(),
            peer: weak,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether one more stream would be opened at once.
    pub(super) fn has_room(&self) -> bool {
        let max = self.peer.upgrade().map_or(0, |peer| peer.streams_max());
        self.open.load(Ordering::Relaxed) < max
    }

    /// Counts one more stream.
    pub(super) fn open(&self) -> OpenStream {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenStream {
            _counted: Arc::new(Counted(Arc::clone(&self.open))),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
