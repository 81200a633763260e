//! The body of an answer, which tells its connection's watch how it fares.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

use super::watch::Watch;

/// A request in flight; ends when dropped.
pub(crate) struct InFlight {
    watch: Arc<Watch>,
    answer: u64,
}

impl InFlight {
    pub(crate) fn begin(watch: Arc<Watch>) -> Self {
        let answer = watch.begin();
        Self { watch, answer }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.watch.end(self.answer);
    }
}

/// An answer's body that keeps its request in flight.
pub(crate) struct GuardedBody {
    inner: Body,
    in_flight: InFlight,
    // HTTP/1 writes are seen by the stalled-write clock already.
    watch_window: bool,
    handed_over: bool,
}

impl GuardedBody {
    pub(crate) fn new(inner: Body, in_flight: InFlight, watch_window: bool) -> Self {
        Self {
            inner,
            in_flight,
            watch_window,
            handed_over: false,
        }
    }
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let answer = self.in_flight.answer;
        if self.handed_over {
            self.handed_over = false;
            self.in_flight.watch.asked_again(answer);
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        // The last frame waits for the window like the others: this body is kept until it is taken.
        if self.watch_window && matches!(frame, Some(Ok(_))) {
            self.handed_over = true;
            self.in_flight.watch.handed_over(answer);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
