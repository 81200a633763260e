//! Where time comes from: an argument, so that expiry is tested without waiting.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use vault_store::UtcMillis;

/// Tells the time, twice: the calendar decides what has expired, the steady clock how long a
/// refused caller has to wait.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn utc(&self) -> UtcMillis;

    /// Time since some fixed point; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose steady part starts now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn utc(&self) -> UtcMillis {
        // A clock before 1970 makes everything look unexpired for ever: 1970 it is.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since_epoch.map_or(0, |since| since.as_millis());
        UtcMillis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}
