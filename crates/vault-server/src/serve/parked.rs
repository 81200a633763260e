//! Waits for the next bytes of a connection on which nothing happens.
//!
//! In: a stream, and until when its peer may be silent. Out: the bytes that it sent. Promise: the
//! wait itself holds no buffer, so that a silent connection costs little more than its socket.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::place::Place;

/// Bytes that are taken at once: most heads fit, and need no second read then.
const HEARD_BYTES_MAX: usize = 4 * 1_024;

/// The next bytes, at least one. `None` if the peer is gone, is silent until `end`, or the server
/// stops.
pub(super) async fn heard<I>(io: &mut I, end: Instant, place: &Place) -> Option<Bytes>
where
    I: AsyncRead + Unpin,
{
    tokio::select! {
        // On a busy worker the time may be over while a request lies in the socket already.
        biased;
        bytes = poll_fn(|cx| poll_heard(io, cx)) => bytes,
        () = place.stopped() => None,
        () = tokio::time::sleep_until(end) => None,
    }
}

fn poll_heard<I: AsyncRead + Unpin>(io: &mut I, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
    // On the stack of this call, not in the future.
    let mut space = [MaybeUninit::uninit(); HEARD_BYTES_MAX];
    let mut buffer = ReadBuf::uninit(&mut space);
    let read = ready!(Pin::new(io).poll_read(cx, &mut buffer));
    let bytes = Bytes::copy_from_slice(buffer.filled());
    Poll::Ready((read.is_ok() && !bytes.is_empty()).then_some(bytes))
}
