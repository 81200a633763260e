//! Bodies on their way through, in both directions, one frame at a time.
//!
//! Request bodies go up as [`UpBody`]: bounded in size and pace, trailers stripped, each frame
//! noted in a [`Progress`] that the wait for the answer reads. Beside an answer they may be as slow
//! as a stream; once the answer is over they owe the pace of any request's body again, or the
//! upstream's connection is reset. Answers come down as [`DownBody`]:
//! trailers stripped, silence bounded, and the upstream's connection given back at a clean end.

use std::error::Error;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use credential_injector::strip_trailers;
use http_body::{Frame, SizeHint};
use http_body_util::Limited;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::account::Account;
use super::continue_gate::{ContinueGate, Waiting};
use super::control::Patience;
use super::pool::Lease;
use super::shared_sender::OpenStream;
use crate::config::Limits;
use crate::layers::body::{Pace, PacedBody};
use crate::layers::limit_in_flight::RequestPlace;

type BodyError = Box<dyn Error + Send + Sync>;

/// Whether the answer has ended, and whom that wakes.
#[derive(Default)]
struct AnswerEnd {
    reached: bool,
    body: Option<Waker>,
}

/// How far the request's body has come.
pub(crate) struct Progress {
    last: Mutex<Instant>,
    answered: Arc<AtomicBool>,
    over: Mutex<AnswerEnd>,
    account: Option<Arc<Account>>,
    _place: Option<RequestPlace>,
}

impl Progress {
    /// Counts the bytes of the body, too, and keeps the request's place for as long as the body
    /// is on its way.
    pub(crate) fn counted(account: Option<Arc<Account>>, place: Option<RequestPlace>) -> Arc<Self> {
        Arc::new(Self {
            last: Mutex::new(Instant::now()),
            answered: Arc::default(),
            over: Mutex::default(),
            account,
            _place: place,
        })
    }

    /// From here on the body may be as slow as a stream may be.
    pub(crate) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// The answer has ended, or nobody wants more of it: whatever is left of the body is hurried.
    fn answer_ends(&self) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        over.reached = true;
        if let Some(body) = over.body.take() {
            body.wake();
        }
    }

    /// Whether the answer has ended. If not, its end wakes the body.
    fn has_ended(&self, cx: &Context<'_>) -> bool {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let known = over.body.as_ref();
        if !over.reached && !known.is_some_and(|known| known.will_wake(cx.waker())) {
            over.body = Some(cx.waker().clone());
        }
        over.reached
    }

    /// Ready once nothing has moved for `timeout`.
    pub(crate) async fn stands_still_for(&self, timeout: Duration) {
        self.stands_still(timeout, None).await;
    }

    /// Ready once nothing has moved for too long, or all of it took too long.
    pub(crate) async fn exhausts(&self, patience: Patience) {
        let end = Instant::now().checked_add(patience.total);
        self.stands_still(patience.still, end).await;
    }

    /// One timer for both ends: every request has it.
    async fn stands_still(&self, timeout: Duration, end: Option<Instant>) {
        loop {
            let still = self.last() + timeout;
            let due = end.map_or(still, |end| end.min(still));
            if due <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }

    /// Something moved.
    pub(crate) fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's body on its way up.
pub(crate) struct UpBody {
    waiting: Option<Waiting>,
    inner: PacedBody<Limited<Body>>,
    progress: Arc<Progress>,
    stream: Option<OpenStream>,
    /// For what follows the answer; taken when that begins.
    afterwards: Option<Pace>,
}

impl UpBody {
    /// `gate` holds the body back until it is opened.
    pub(crate) fn new(
        body: Body,
        limits: &Limits,
        progress: Arc<Progress>,
        gate: Option<Arc<ContinueGate>>,
    ) -> Self {
        let answered = Arc::clone(&progress.answered);
        let pace = Pace {
            grace: limits.body_grace,
            rate_min_bytes_per_second: limits.body_rate_min_bytes_per_second,
            idle_max: limits.proxy_stream_idle,
            relaxed: Arc::clone(&progress.answered),
        };
        let bytes_max = usize::try_from(limits.proxy_body_bytes_max).unwrap_or(usize::MAX);
        Self {
            waiting: gate.map(|gate| Waiting::new(gate, answered)),
            inner: PacedBody::new(Limited::new(body, bytes_max), pace),
            progress,
            stream: None,
            afterwards: Some(Pace::strict(limits)),
        }
    }

    /// Keeps `stream` in use until this body is over.
    pub(crate) fn hold(&mut self, stream: Option<OpenStream>) {
        self.stream = stream;
    }

    /// Lets the body go without waiting.
    pub(crate) fn stop_waiting(&mut self) {
        self.waiting = None;
    }
}

impl http_body::Body for UpBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(waiting) = &mut self.waiting {
            if let Err(unwanted) = ready!(waiting.poll(cx)) {
                return Poll::Ready(Some(Err(unwanted.into())));
            }
            self.waiting = None;
        }
        if self.afterwards.is_some()
            && self.progress.has_ended(cx)
            && let Some(pace) = self.afterwards.take()
        {
            self.inner.hold_to(pace);
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        self.progress.note();
        if let (Some(account), Some(Ok(frame))) = (&self.progress.account, &frame) {
            account.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame.map(|frame| frame.map(without_hop_trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body on its way down.
pub(crate) struct DownBody {
    inner: PacedBody<Incoming>,
    lease: Option<Lease>,
    gate: Option<Arc<ContinueGate>>,
    progress: Arc<Progress>,
    ended: bool,
}

impl DownBody {
    /// `gate` is closed at the end: a body that nobody asked for by then is not sent.
    pub(crate) fn new(
        body: Incoming,
        limits: &Limits,
        lease: Lease,
        gate: Option<Arc<ContinueGate>>,
        progress: Arc<Progress>,
    ) -> Self {
        let pace = Pace {
            grace: limits.proxy_stream_idle,
            rate_min_bytes_per_second: limits.body_rate_min_bytes_per_second,
            idle_max: limits.proxy_stream_idle,
            relaxed: Arc::new(AtomicBool::new(true)),
        };
        Self {
            inner: PacedBody::new(body, pace),
            lease: Some(lease),
            gate,
            progress,
            ended: false,
        }
    }

    fn clean_end(&self) -> bool {
        self.ended || http_body::Body::is_end_stream(&self.inner)
    }
}

impl http_body::Body for DownBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        self.ended = frame.is_none();
        Poll::Ready(frame.map(|frame| frame.map(without_hop_trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for DownBody {
    fn drop(&mut self) {
        self.progress.answer_ends();
        let unsent = self.gate.as_ref().is_some_and(|gate| gate.close());
        if self.clean_end()
            && !unsent
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
        // Otherwise the lease is dropped with us, which closes the upstream's connection or,
        // in HTTP/2, resets the stream.
    }
}

fn without_hop_trailers(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            strip_trailers(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::body::BodyStalled;
    use http_body_util::BodyExt;
    use http_body_util::channel::Channel;

    /// Seconds until patience ends while a piece of the body moves every second, `moves` times.
    async fn seconds_until_the_end(moves: u64, still: u64, total: u64) -> u64 {
        let progress = Progress::counted(None, None);
        let moving = Arc::clone(&progress);
        let body = tokio::spawn(async move {
            for _ in 0..moves {
                tokio::time::sleep(Duration::from_secs(1)).await;
                moving.note();
            }
        });
        let started = Instant::now();
        let patience = Patience {
            still: Duration::from_secs(still),
            total: Duration::from_secs(total),
        };
        progress.exhausts(patience).await;
        body.abort();
        started.elapsed().as_secs()
    }

    /// Seconds until a body that sends nothing more is given up, from the end of its answer on.
    #[tokio::test(start_paused = true)]
    async fn what_follows_an_answer_owes_the_pace_of_a_request() {
        let limits = Limits::default();
        let (mut sender, channel) = Channel::<Bytes, BodyStalled>::new(1);
        let progress = Progress::counted(None, None);
        let body = UpBody::new(Body::new(channel), &limits, Arc::clone(&progress), None);
        progress.answered();
        let reading = tokio::spawn(async move { body.collect().await.err() });
        // As silent as a stream may be, beside the answer.
        let beside = limits.body_grace * 3;
        assert!(beside < limits.proxy_stream_idle);
        tokio::time::sleep(beside).await;
        sender.send_data(Bytes::from_static(b"x")).await.unwrap();
        assert!(!reading.is_finished());
        let started = Instant::now();
        progress.answer_ends();
        assert!(reading.await.unwrap().unwrap().is::<BodyStalled>());
        let took = started.elapsed();
        let second = Duration::from_secs(1);
        assert!(
            took >= limits.body_grace && took <= limits.body_grace + second,
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_moving_body_extends_the_wait_within_the_time_in_all() {
        assert_eq!(seconds_until_the_end(0, 30, 600).await, 30);
        assert_eq!(seconds_until_the_end(100, 30, 600).await, 130);
        assert_eq!(seconds_until_the_end(10_000, 30, 600).await, 600);
        // Asked for: nothing extends it.
        assert_eq!(seconds_until_the_end(10_000, 5, 5).await, 5);
    }
}
