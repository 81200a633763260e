//! A stream that is lent to hyper, and can be had back.
//!
//! In: a stream, and bytes that were read from it already; hyper reads those first. Out: the same
//! stream with whatever has not been read. A [`Loan`] is the lender's view: whether this is a time
//! to ask for the stream, and how to say that hyper's end is not the connection's.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the lender knows and says. One task reads and writes it, so no order is needed.
#[derive(Debug, Default)]
pub(super) struct Loan {
    /// The last attempt to write found no room.
    write_blocked: AtomicBool,
    /// The stream is being asked for: a shutdown is not passed on.
    called_in: AtomicBool,
    /// A request may take the stream along (an upgrade).
    for_good: AtomicBool,
}

impl Loan {
    /// Whether everything written has left, and nobody else may claim the stream.
    pub(super) fn can_be_called_in(&self) -> bool {
        !self.write_blocked.load(Ordering::Relaxed) && !self.for_good.load(Ordering::Relaxed)
    }

    /// From now on, or until told otherwise, hyper's shutdown leaves the stream open.
    pub(super) fn call_in(&self, called_in: bool) {
        self.called_in.store(called_in, Ordering::Relaxed);
    }

    /// This stream will not be asked for again.
    pub(super) fn lend_for_good(&self) {
        self.for_good.store(true, Ordering::Relaxed);
    }

    fn note<T>(&self, attempt: Poll<T>) -> Poll<T> {
        self.write_blocked
            .store(attempt.is_pending(), Ordering::Relaxed);
        attempt
    }
}

/// The lent stream.
pub(super) struct LentIo<T> {
    inner: T,
    first: Bytes,
    loan: Arc<Loan>,
}

impl<T> LentIo<T> {
    pub(super) fn new(inner: T, first: Bytes, loan: Arc<Loan>) -> Self {
        Self { inner, first, loan }
    }

    /// The stream, and its bytes that come next, of which hyper has read `unused` already.
    pub(super) fn into_inner(self, unused: &[u8]) -> (T, Bytes) {
        // A copy of its own size: hyper's buffer is larger, and even an empty one is kept.
        (self.inner, Bytes::from([unused, &self.first].concat()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for LentIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let count = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..count]);
        self.first.advance(count);
        if self.first.is_empty() {
            // Lets go of the memory.
            self.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for LentIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.loan.note(attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.loan.note(attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.inner).poll_flush(cx);
        self.loan.note(attempt)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.loan.called_in.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        // A connection whose end has begun carries no other request.
        self.loan.lend_for_good();
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn bytes_come_in_order_and_what_is_unread_comes_back() {
        let (near, mut far) = tokio::io::duplex(64);
        let first = Bytes::from_static(b"first");
        let mut lent = LentIo::new(near, first, Arc::default());
        far.write_all(b" then").await.unwrap();
        let mut some = [0; 3];
        lent.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"fir");
        let (near, rest) = lent.into_inner(b"ir");
        assert_eq!(&rest[..], b"irst");
        let mut lent = LentIo::new(near, rest, Arc::default());
        let mut rest = [0; 9];
        lent.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"irst then");
        assert!(lent.into_inner(b"").1.is_empty());
    }

    #[tokio::test]
    async fn only_what_has_left_can_be_called_in_and_then_the_stream_stays_open() {
        let (near, mut far) = tokio::io::duplex(4);
        let loan = Arc::new(Loan::default());
        let mut lent = LentIo::new(near, Bytes::new(), Arc::clone(&loan));
        assert!(loan.can_be_called_in());
        let blocked = std::future::poll_fn(|cx| {
            let mut lent = Pin::new(&mut lent);
            assert!(lent.as_mut().poll_write(cx, b"0123").is_ready());
            Poll::Ready(lent.poll_write(cx, b"4"))
        });
        assert!(blocked.await.is_pending() && !loan.can_be_called_in());
        far.read_exact(&mut [0; 4]).await.unwrap();
        lent.write_all(b"4").await.unwrap();
        assert!(loan.can_be_called_in());
        loan.call_in(true);
        lent.shutdown().await.unwrap();
        lent.write_all(b"5").await.unwrap();
        loan.call_in(false);
        lent.shutdown().await.unwrap();
        let mut seen = String::new();
        far.read_to_string(&mut seen).await.unwrap();
        assert_eq!(seen, "45");
        loan.lend_for_good();
        assert!(!loan.can_be_called_in());
    }
}
