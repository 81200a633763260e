//! Ends connections whose peer takes no bytes, and gives others a turn beside one that sends many.
//!
//! In: a stream. Out: the same stream, whose writes fail with `TimedOut` once they have been
//! blocked for a whole window without the peer having taken a useful amount in it. The clock
//! runs only while a write is blocked, so silence with nothing to write costs nothing, and a
//! byte taken now and then gains nothing. A peer that never stops sending, say a flood of HTTP/2
//! settings, would be read for as long as it sends: its task yields after each burst.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes that a peer must take per window of blocked time.
const TAKEN_BYTES_MIN: usize = 4 * 1_024;

/// Bytes that are read before other tasks of the worker get a turn.
const READ_BURST_BYTES: usize = 128 * 1_024;

/// A stream with a write deadline.
pub(crate) struct StallIo<T> {
    inner: T,
    window: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
    blocked_since: Option<Instant>,
    blocked: Duration,
    taken_bytes: usize,
    burst_bytes: usize,
}

impl<T> StallIo<T> {
    pub(crate) fn new(inner: T, window: Duration) -> Self {
        Self {
            inner,
            window,
            alarm: None,
            blocked_since: None,
            blocked: Duration::ZERO,
            taken_bytes: 0,
            burst_bytes: 0,
        }
    }

    /// Accounts for one attempt to write and turns an over-long block into an error.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match attempt {
            Poll::Ready(Ok(bytes)) => {
                self.note_taken(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_alarm(cx),
        }
    }

    fn note_taken(&mut self, bytes: usize) {
        if let Some(since) = self.blocked_since.take() {
            self.blocked += since.elapsed();
        }
        self.taken_bytes = self.taken_bytes.saturating_add(bytes);
        if self.taken_bytes >= TAKEN_BYTES_MIN {
            self.taken_bytes = 0;
            self.blocked = Duration::ZERO;
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        let deadline = since + self.window.saturating_sub(self.blocked);
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        ready!(alarm.as_mut().poll(cx));
        let text = "the peer takes no bytes";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for StallIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.burst_bytes >= READ_BURST_BYTES {
            self.burst_bytes = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        match read {
            Poll::Ready(_) => self.burst_bytes += buf.filled().len() - before,
            Poll::Pending => self.burst_bytes = 0,
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for StallIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.judge(cx, attempt)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.judge(cx, attempt)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const WINDOW: Duration = Duration::from_secs(30);

    /// Writes without end to a peer that takes `bytes` every `every`; how long it lasted.
    async fn lasts(bytes: usize, every: Duration) -> Duration {
        let (near, mut far) = tokio::io::duplex(64);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; bytes];
            loop {
                tokio::time::sleep(every).await;
                if far.read_exact(&mut buffer).await.is_err() {
                    return;
                }
            }
        });
        let mut io = StallIo::new(near, WINDOW);
        let started = Instant::now();
        let outcome = tokio::time::timeout(Duration::from_secs(600), async {
            loop {
                if let Err(error) = io.write_all(&[0; 1024]).await {
                    return error;
                }
            }
        })
        .await;
        reader.abort();
        if let Ok(error) = outcome {
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_or_a_trickle_is_ended() {
        let silent = lasts(1, Duration::from_secs(10_000)).await;
        assert_eq!(silent.as_secs(), 30);
        let trickle = lasts(1, Duration::from_secs(1)).await;
        assert!(trickle.as_secs() <= 60, "{trickle:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_but_steady_peer_is_kept() {
        let steady = lasts(1_024, Duration::from_secs(5)).await;
        assert_eq!(steady.as_secs(), 600);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_with_nothing_to_write_is_no_stall() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut io = StallIo::new(near, WINDOW);
        for _ in 0..3 {
            io.write_all(b"event").await.unwrap();
            let mut buffer = [0; 5];
            far.read_exact(&mut buffer).await.unwrap();
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
    }

    #[tokio::test]
    async fn other_tasks_get_a_turn_beside_a_peer_that_never_stops() {
        let mut io = StallIo::new(tokio::io::repeat(b'x'), WINDOW);
        let mut buffer = vec![0; 16 * 1_024];
        let (mut bursts, mut burst) = (0, 0);
        std::future::poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut buffer);
            loop {
                buffer.clear();
                match Pin::new(&mut io).poll_read(cx, &mut buffer) {
                    Poll::Ready(read) => {
                        read.unwrap();
                        burst += buffer.filled().len();
                    }
                    Poll::Pending => break,
                }
            }
            assert!((1..=READ_BURST_BYTES).contains(&burst), "{burst}");
            (bursts, burst) = (bursts + 1, 0);
            if bursts == 10 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn blocks_long_past_do_not_count_against_a_fresh_one() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut io = StallIo::new(near, WINDOW);
        for _ in 0..3 {
            // A third of a window, then an hour without any block.
            let (written, ()) = tokio::join!(io.write_all(&[0; 2_048]), async {
                tokio::time::sleep(WINDOW / 3).await;
                far.read_exact(&mut [0; 2_048]).await.unwrap();
            });
            written.unwrap();
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
    }
}
