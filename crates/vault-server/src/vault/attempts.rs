//! Slows down whoever tries user secrets: a bounded memory of wrong ones, per user.
//!
//! In: a user and the steady clock. Out: leave to try, or how long to wait. The number of
//! wrong secrets in a row is bounded, and each recovery time earns one more (a generic cell
//! rate algorithm, ITU-T I.371, with one point in time per user).
//!
//! Promise: asked before any password hash; a right secret does not shorten the wait, so it
//! cannot be used to reset the count; memory is bounded, and a full table forgets first who
//! has to wait the least.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wrong attempts of many, each known by a key.
#[derive(Debug)]
pub struct AttemptLimiter<K> {
    recovery: Duration,
    tolerance: Duration,
    users_max: usize,
    /// When each one's wrong attempts will all have been worked off.
    paid_off_at: Mutex<HashMap<K, Duration>>,
}

/// Leave is refused for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Duration);

impl Wait {
    /// Whole seconds, rounded up, at least 1.
    #[must_use]
    pub fn seconds(self) -> u32 {
        let whole = self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0);
        u32::try_from(whole).unwrap_or(u32::MAX).max(1)
    }
}

impl<K: Eq + Hash + Copy> AttemptLimiter<K> {
    /// Allows `wrong_max` wrong attempts in a row, and one more for each `recovery`.
    #[must_use]
    pub fn new(wrong_max: u32, recovery: Duration, users_max: usize) -> Self {
        Self {
            recovery,
            tolerance: recovery.saturating_mul(wrong_max.saturating_sub(1)),
            users_max: users_max.max(1),
            paid_off_at: Mutex::default(),
        }
    }

    /// Leave for `who` to try now.
    ///
    /// # Errors
    /// [`Wait`] after too many wrong attempts.
    pub fn check(&self, who: &K, now: Duration) -> Result<(), Wait> {
        let paid_off_at = self.lock().get(who).copied().unwrap_or_default();
        let wait = paid_off_at
            .saturating_sub(now)
            .saturating_sub(self.tolerance);
        if wait.is_zero() {
            Ok(())
        } else {
            Err(Wait(wait))
        }
    }

    /// Notes a wrong attempt of `who`.
    pub fn note_wrong(&self, who: K, now: Duration) {
        let mut table = self.lock();
        if !table.contains_key(&who) && table.len() >= self.users_max {
            make_room(&mut table, now);
        }
        let paid_off_at = table.entry(who).or_default();
        *paid_off_at = (*paid_off_at).max(now).saturating_add(self.recovery);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Duration>> {
        self.paid_off_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets everybody who has nothing left to wait for, or else the one who has the least.
fn make_room<K: Eq + Hash + Copy>(table: &mut HashMap<K, Duration>, now: Duration) {
    let before = table.len();
    table.retain(|_, paid_off_at| *paid_off_at > now);
    if table.len() == before {
        let least = table.iter().min_by_key(|(_, at)| **at).map(|(who, _)| *who);
        if let Some(who) = least {
            table.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_bound_is_exact_and_recovers_one_at_a_time() {
        let limiter = AttemptLimiter::new(3, 6 * SECOND, 10);
        let start = 100 * SECOND;
        for _ in 0..3 {
            assert_eq!(limiter.check(&1, start), Ok(()));
            limiter.note_wrong(1, start);
        }
        assert_eq!(limiter.check(&1, start), Err(Wait(6 * SECOND)));
        assert_eq!(limiter.check(&1, start + 5 * SECOND), Err(Wait(SECOND)));
        assert_eq!(limiter.check(&2, start), Ok(()), "another user");
        let later = start + 6 * SECOND;
        assert_eq!(limiter.check(&1, later), Ok(()));
        limiter.note_wrong(1, later);
        assert_eq!(limiter.check(&1, later), Err(Wait(6 * SECOND)));
        assert_eq!(limiter.check(&1, start + 60 * SECOND), Ok(()));
    }

    #[test]
    fn a_full_table_stays_bounded_and_keeps_the_worst() {
        let limiter = AttemptLimiter::new(1, SECOND, 4);
        for _ in 0..9 {
            limiter.note_wrong(0, SECOND);
        }
        for who in 1..100 {
            limiter.note_wrong(who, SECOND);
            assert!(limiter.lock().len() <= 4);
        }
        assert!(limiter.check(&0, 2 * SECOND).is_err());
        limiter.note_wrong(100, 50 * SECOND);
        assert_eq!(limiter.lock().len(), 1, "all others had recovered");
    }

    #[test]
    fn waits_are_whole_seconds_and_never_none() {
        for (wait, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (6_000, 6)] {
            assert_eq!(Wait(Duration::from_millis(wait)).seconds(), seconds);
        }
    }
}
