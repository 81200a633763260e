//! Reads request bodies within bounds of size and pace.
//!
//! In: a body from the network. Out: the same bytes, or an error once it is too large or too
//! slow. A library server waits for a body for ever; here the time spent waiting is held against
//! a grace period plus what a minimum rate allows, so one byte now and then does not help.
//!
//! A body may be relaxed later ([`Pace::relaxed`]): beside a streaming answer, silence is normal.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use http_body_util::LengthLimitError;
use tokio::time::{Instant, Sleep};

use crate::config::Limits;
use crate::problem::{Code, Problem};

/// What a body owes, measured over the time that its reader waited for it.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Waiting that is always granted.
    pub grace: Duration,
    /// Each so many bytes earn one more second.
    pub rate_min_bytes_per_second: u64,
    /// Silence that is granted between two frames once `relaxed` is set.
    pub idle_max: Duration,
    /// Set when an answer has begun beside the body.
    pub relaxed: Arc<AtomicBool>,
}

impl Pace {
    /// The pace of a body that somebody waits for before anything else happens.
    #[must_use]
    pub fn strict(limits: &Limits) -> Self {
        Self {
            grace: limits.body_grace,
            rate_min_bytes_per_second: limits.body_rate_min_bytes_per_second,
            idle_max: limits.body_grace,
            relaxed: Arc::default(),
        }
    }
}

/// The body came too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body came too slowly")]
pub struct BodyStalled;

/// A body with a pace to keep.
pub struct PacedBody<B = Body> {
    inner: B,
    pace: Pace,
    received_bytes: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B> PacedBody<B> {
    /// Holds `inner` to `pace`.
    pub fn new(inner: B, pace: Pace) -> Self {
        Self {
            inner,
            pace,
            received_bytes: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            alarm: None,
        }
    }

    /// Holds what is still to come to another pace, measured from now on.
    pub fn hold_to(&mut self, pace: Pace) {
        self.pace = pace;
        self.received_bytes = 0;
        self.waited = Duration::ZERO;
        self.waiting_since = None;
    }

    fn note_progress(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.received_bytes = self.received_bytes.saturating_add(bytes as u64);
    }

    /// The end of the wait that began at `since`.
    fn deadline(&self, since: Instant) -> Instant {
        if self.pace.relaxed.load(Ordering::Relaxed) {
            return since + self.pace.idle_max;
        }
        let earned =
            Duration::from_secs(self.received_bytes / self.pace.rate_min_bytes_per_second.max(1));
        // Never longer than the idle bound, however much was sent before.
        since
            + self
                .pace
                .grace
                .saturating_add(earned)
                .saturating_sub(self.waited)
                .min(self.pace.idle_max)
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        loop {
            let deadline = self.deadline(since);
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            std::task::ready!(alarm.as_mut().poll(cx));
            // The pace may have been relaxed meanwhile.
            if self.deadline(since) <= Instant::now() {
                return Poll::Ready(());
            }
        }
    }
}

impl<B> http_body::Body for PacedBody<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                let bytes = match &frame {
                    Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                    _ => 0,
                };
                this.note_progress(bytes);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                std::task::ready!(this.poll_alarm(cx));
                Poll::Ready(Some(Err(BodyStalled.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> fmt::Debug for PacedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacedBody").finish_non_exhaustive()
    }
}

/// What a failed body means to the client.
#[must_use]
pub fn body_problem(error: &(dyn Error + 'static)) -> Problem {
    if caused_by::<LengthLimitError>(error) {
        Problem::new(Code::TooLarge, "The body is larger than allowed.")
    } else if caused_by::<BodyStalled>(error) {
        Problem::new(Code::RequestTimeout, "The body came too slowly.")
    } else {
        Problem::new(Code::MalformedRequest, "The body broke off before its end.")
    }
}

/// Whether an error of type `E` stands anywhere in the chain of sources.
pub(crate) fn caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<E>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use http_body_util::channel::Channel;

    fn pace(relaxed: bool) -> Pace {
        Pace {
            grace: Duration::from_secs(10),
            rate_min_bytes_per_second: 100,
            idle_max: Duration::from_secs(60),
            relaxed: Arc::new(AtomicBool::new(relaxed)),
        }
    }

    /// Feeds one byte every `every` until the body fails, and says how long that took.
    async fn time_to_refusal(pace: Pace, every: Duration) -> Duration {
        let (mut sender, body) = Channel::<Bytes, BodyStalled>::new(1);
        let feeder = tokio::spawn(async move {
            while sender.send_data(Bytes::from_static(b"x")).await.is_ok() {
                tokio::time::sleep(every).await;
            }
        });
        let started = Instant::now();
        let error = PacedBody::new(body, pace).collect().await.unwrap_err();
        assert!(error.is::<BodyStalled>());
        feeder.abort();
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn trickling_does_not_outlive_the_grace() {
        let took = time_to_refusal(pace(false), Duration::from_secs(1)).await;
        assert!(took <= Duration::from_secs(11), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_relaxed_body_may_be_silent_until_the_idle_bound() {
        let took = time_to_refusal(pace(true), Duration::from_secs(600)).await;
        assert_eq!(took.as_secs(), 60);
    }
}
