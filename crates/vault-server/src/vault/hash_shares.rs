//! A share of the password hashing pool for each user, so that one cannot keep the others out.
//!
//! In: a user. Out: a [`HashShare`] that is held while a hash of theirs waits or runs, or
//! [`VaultError::TooManyAtOnce`]. Memory is bounded by the pool: who has no share has no entry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardened_crypto::argon2_pool::PoolSize;

use super::access::Member;
use super::error::VaultError;

/// Hashes of one user that wait or run at once, where the pool has room for many.
const HASHES_PER_USER_MAX: usize = 16;

/// Counts the hashes of each user.
pub(crate) struct HashShares {
    per_user_max: usize,
    held: Arc<Mutex<HashMap<Member, usize>>>,
}

impl HashShares {
    /// Shares of a pool of this size: half of it at most.
    pub(crate) fn new(pool: PoolSize) -> Self {
        let half = (pool.threads.saturating_add(pool.queue) / 2).max(1);
        Self {
            per_user_max: half.min(HASHES_PER_USER_MAX),
            held: Arc::default(),
        }
    }

    /// Room for one more hash of `whose`.
    ///
    /// # Errors
    /// `TooManyAtOnce`.
    pub(crate) fn take(&self, whose: Member) -> Result<HashShare, VaultError> {
        let mut held = lock(&self.held);
        let count = held.entry(whose).or_insert(0);
        if *count >= self.per_user_max {
            return Err(VaultError::TooManyAtOnce);
        }
        *count += 1;
        Ok(HashShare {
            whose,
            held: Arc::clone(&self.held),
        })
    }
}

/// Room for one hash, given back when dropped.
pub(crate) struct HashShare {
    whose: Member,
    held: Arc<Mutex<HashMap<Member, usize>>>,
}

impl Drop for HashShare {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.whose);
            }
        }
    }
}

fn lock(held: &Mutex<HashMap<Member, usize>>) -> MutexGuard<'_, HashMap<Member, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn member(number: u128) -> Member {
        Member {
            org_id: Uuid::from_u128(1).into(),
            user_id: Uuid::from_u128(number).into(),
        }
    }

    #[test]
    fn one_user_gets_a_share_and_leaves_the_rest() {
        for (threads, queue, share) in [(1, 0, 1), (1, 4, 2), (2, 128, 16), (256, 65_536, 16)] {
            let shares = HashShares::new(PoolSize { threads, queue });
            let held: Vec<_> = (0..share)
                .map(|_| shares.take(member(1)).unwrap())
                .collect();
            assert_eq!(
                shares.take(member(1)).err(),
                Some(VaultError::TooManyAtOnce)
            );
            drop(shares.take(member(2)).unwrap());
            drop(held);
            drop(shares.take(member(1)).unwrap());
            assert!(lock(&shares.held).is_empty());
        }
    }
}
