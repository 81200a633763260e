//! `Expect: 100-continue`, from end to end (RFC 9110 section 10.1.1).
//!
//! A client that expects a 100 gets it when its body is first asked for. So the body stays
//! unasked until the upstream has said 100 itself, has been silent for [`CONTINUE_WAIT`] (it may
//! be older than the rule), or speaks HTTP/2, where interim answers are not seen here. An
//! upstream that answers at once, with 401 or 417, is heard before a byte of body is sent; the
//! body is then refused for good and both connections end with the answer.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::EXPECT;
use http::{HeaderMap, Version};
use tokio::time::Sleep;

/// How long an upstream may leave a body waiting without a word.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// Whether the body may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Held,
    Open,
    Refused,
}

/// Holds a body back.
#[derive(Debug)]
pub(crate) struct ContinueGate {
    inner: Mutex<(State, Option<Waker>)>,
}

/// The request's body was not wanted.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the upstream answered without wanting the body")]
pub(crate) struct BodyUnwanted;

impl ContinueGate {
    /// A closed gate, if the client waits at one.
    pub(crate) fn wanted(version: Version, headers: &HeaderMap) -> Option<Arc<Self>> {
        let expected = headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        (expected && version == Version::HTTP_11).then(|| {
            Arc::new(Self {
                inner: Mutex::new((State::Held, None)),
            })
        })
    }

    /// The body may go.
    pub(crate) fn open(&self) {
        self.leave_held_for(State::Open);
    }

    /// The exchange is over. Says whether the body was still held.
    pub(crate) fn close(&self) -> bool {
        self.leave_held_for(State::Refused)
    }

    fn leave_held_for(&self, state: State) -> bool {
        let mut inner = self.lock();
        if inner.0 != State::Held {
            return false;
        }
        inner.0 = state;
        if let Some(waker) = inner.1.take() {
            waker.wake();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, (State, Option<Waker>)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body's wait at its gate.
pub(crate) struct Waiting {
    gate: Arc<ContinueGate>,
    answered: Arc<std::sync::atomic::AtomicBool>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    /// `answered` is set once the final answer has begun: then the alarm opens nothing more.
    pub(crate) fn new(
        gate: Arc<ContinueGate>,
        answered: Arc<std::sync::atomic::AtomicBool>,
    ) -> Self {
        Self {
            gate,
            answered,
            alarm: None,
        }
    }

    /// Ready when the body may go, or with an error when it never may.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyUnwanted>> {
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(CONTINUE_WAIT)));
        let answered = self.answered.load(std::sync::atomic::Ordering::Relaxed);
        if !answered && alarm.as_mut().poll(cx).is_ready() {
            self.gate.open();
        }
        let mut inner = self.gate.lock();
        match inner.0 {
            State::Open => Poll::Ready(Ok(())),
            State::Refused => Poll::Ready(Err(BodyUnwanted)),
            State::Held => {
                inner.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::AtomicBool;

    fn held() -> Arc<ContinueGate> {
        let headers = HeaderMap::from_iter([(EXPECT, "100-Continue".parse().unwrap())]);
        assert!(ContinueGate::wanted(Version::HTTP_2, &headers).is_none());
        assert!(ContinueGate::wanted(Version::HTTP_11, &HeaderMap::new()).is_none());
        ContinueGate::wanted(Version::HTTP_11, &headers).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_upstream_gets_the_body_after_the_wait() {
        let mut waiting = Waiting::new(held(), Arc::default());
        let started = tokio::time::Instant::now();
        assert!(poll_fn(|cx| waiting.poll(cx)).await.is_ok());
        assert_eq!(started.elapsed(), CONTINUE_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_answer_only_the_end_of_the_exchange_ends_the_wait() {
        let gate = held();
        let mut waiting = Waiting::new(Arc::clone(&gate), Arc::new(AtomicBool::new(true)));
        let polled = tokio::time::timeout(CONTINUE_WAIT * 5, poll_fn(|cx| waiting.poll(cx)));
        assert!(polled.await.is_err(), "held");
        assert!(gate.close() && !gate.close());
        gate.open();
        assert!(poll_fn(|cx| waiting.poll(cx)).await.is_err());
    }
}
