//! What one connection is doing, and until when it may.
//!
//! Shared by the connection's driver and the bodies of its answers. Requests count from their
//! head to the end or drop of their answer's body. For HTTP/2 the watch also knows, per answer,
//! since when a frame waits for the peer's window: hyper stops asking the body for more then,
//! so only an outside clock can see it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The bounds that a watch applies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WatchLimits {
    pub(crate) first_request: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) hand_over: Duration,
}

/// What the driver should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Look again at this time.
    Until(Instant),
    /// Nothing is in flight: finish politely.
    Idle,
    /// The peer does not take what it asked for.
    Stalled,
}

/// What a connection has done so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance {
    /// Requests that have arrived.
    pub(crate) requests: u64,
    /// Since when nothing is in flight and no body is read; `None` while something is.
    pub(crate) quiet_since: Option<Instant>,
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    limits: WatchLimits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    /// Bodies of requests that somebody still reads.
    bodies: usize,
    any_served: bool,
    idle_since: Instant,
    quiet_since: Instant,
    next_answer: u64,
    waiting: HashMap<u64, Instant>,
}

impl Watch {
    pub(crate) fn new(limits: WatchLimits) -> Self {
        let now = Instant::now();
        Self {
            limits,
            state: Mutex::new(State {
                in_flight: 0,
                bodies: 0,
                any_served: false,
                idle_since: now,
                quiet_since: now,
                next_answer: 0,
                waiting: HashMap::new(),
            }),
        }
    }

    /// A request's head has arrived. Returns the number of its answer.
    pub(crate) fn begin(&self) -> u64 {
        let mut state = self.lock();
        state.in_flight += 1;
        state.any_served = true;
        state.next_answer += 1;
        state.next_answer
    }

    /// The answer is finished or dropped.
    pub(crate) fn end(&self, answer: u64) {
        let mut state = self.lock();
        state.waiting.remove(&answer);
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.idle_since = Instant::now();
            state.quiet_since = state.idle_since;
        }
    }

    /// A frame of `answer` now waits for the peer.
    pub(crate) fn handed_over(&self, answer: u64) {
        self.lock().waiting.insert(answer, Instant::now());
    }

    /// The peer made room: more of `answer` is asked for.
    pub(crate) fn asked_again(&self, answer: u64) {
        self.lock().waiting.remove(&answer);
    }

    /// The body of a request is being read.
    pub(crate) fn begin_body(&self) {
        self.lock().bodies += 1;
    }

    /// A body is read, or nobody wants it any more.
    pub(crate) fn end_body(&self) {
        let mut state = self.lock();
        state.bodies -= 1;
        state.quiet_since = Instant::now();
    }

    pub(crate) fn glance(&self) -> Glance {
        let state = self.lock();
        let quiet = state.in_flight == 0 && state.bodies == 0;
        Glance {
            requests: state.next_answer,
            quiet_since: quiet.then_some(state.quiet_since),
        }
    }

    /// Until when the peer may be silent, if nothing is in flight.
    pub(crate) fn idle_end(&self) -> Instant {
        self.end_of_silence(&self.lock())
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let now = Instant::now();
        let state = self.lock();
        if state.in_flight == 0 {
            let end = self.end_of_silence(&state);
            return if end <= now {
                Verdict::Idle
            } else {
                Verdict::Until(end)
            };
        }
        let oldest = state.waiting.values().min();
        match oldest.map(|since| *since + self.limits.hand_over) {
            Some(end) if end <= now => Verdict::Stalled,
            Some(end) => Verdict::Until(end),
            None => Verdict::Until(now + self.limits.hand_over.min(self.limits.keep_alive)),
        }
    }

    fn end_of_silence(&self, state: &State) -> Instant {
        let bound = if state.any_served {
            self.limits.keep_alive
        } else {
            self.limits.first_request
        };
        state.idle_since + bound
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: WatchLimits = WatchLimits {
        first_request: Duration::from_secs(15),
        keep_alive: Duration::from_secs(45),
        hand_over: Duration::from_secs(30),
    };

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_sooner_before_the_first_request_than_after() {
        let watch = Watch::new(LIMITS);
        pass(14).await;
        assert!(matches!(watch.verdict(), Verdict::Until(_)));
        let answer = watch.begin();
        pass(600).await;
        assert!(matches!(watch.verdict(), Verdict::Until(_)), "in flight");
        watch.end(answer);
        pass(44).await;
        assert!(matches!(watch.verdict(), Verdict::Until(_)));
        pass(1).await;
        assert_eq!(watch.verdict(), Verdict::Idle);
        let silent = Watch::new(LIMITS);
        pass(15).await;
        assert_eq!(silent.verdict(), Verdict::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_quiet_once_its_answers_and_bodies_are_done() {
        let watch = Watch::new(LIMITS);
        let answer = watch.begin();
        watch.begin_body();
        assert_eq!(watch.glance().quiet_since, None);
        pass(1).await;
        let answered = Instant::now();
        watch.end(answer);
        assert_eq!(watch.glance().quiet_since, None, "its body is read");
        pass(1).await;
        watch.end_body();
        let glance = watch.glance();
        let quiet_since = Some(Instant::now());
        assert_eq!((glance.requests, glance.quiet_since), (1, quiet_since));
        assert_eq!(watch.idle_end(), answered + LIMITS.keep_alive);
    }

    #[tokio::test(start_paused = true)]
    async fn one_untaken_answer_among_many_is_a_stall() {
        let watch = Watch::new(LIMITS);
        let (stuck, fine) = (watch.begin(), watch.begin());
        watch.handed_over(stuck);
        for _ in 0..3 {
            watch.handed_over(fine);
            pass(10).await;
            watch.asked_again(fine);
        }
        assert_eq!(watch.verdict(), Verdict::Stalled);
        watch.end(stuck);
        assert!(matches!(watch.verdict(), Verdict::Until(_)));
    }
}
