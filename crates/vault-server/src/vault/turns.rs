//! Takes turns on one value after two writers met.
//!
//! The first attempt of a write takes no turn. Who meets a conflict waits for the others that
//! did, so that each further attempt has one rival less and a burst of writes on one value
//! ends after one attempt each. A turn is a courtesy between callers of this process; what is
//! correct is decided by the store.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use super::error::VaultError;

/// Values share turns by chance, one in so many.
const TURNS: usize = 256;
/// Attempts of one write before its caller is told to try again.
const ATTEMPTS_MAX: usize = 16;

/// One turn at a time for each of a fixed number of groups of values.
pub(crate) struct Turns {
    hasher: RandomState,
    slots: Vec<Mutex<()>>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            slots: (0..TURNS).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Waits for the turn on a place. Whoever holds it must not call [`Turns::retry`]: places
    /// share turns.
    pub(crate) async fn take(&self, place: impl std::hash::Hash) -> MutexGuard<'_, ()> {
        let slot = self.hasher.hash_one(&place) as usize % TURNS;
        self.slots[slot].lock().await
    }

    /// Repeats `attempt` for as long as others are faster.
    ///
    /// # Errors
    /// That of the attempt; `Conflict` after the last one.
    pub(crate) async fn retry<T, F>(
        &self,
        place: impl std::hash::Hash,
        attempt: impl Fn() -> F,
    ) -> Result<T, VaultError>
    where
        F: Future<Output = Result<T, VaultError>>,
    {
        let mut turn: Option<MutexGuard<'_, ()>> = None;
        for _ in 0..ATTEMPTS_MAX {
            match attempt().await {
                Err(VaultError::Conflict) if turn.is_none() => {
                    turn = Some(self.take(&place).await);
                }
                Err(VaultError::Conflict) => {}
                settled => return settled,
            }
        }
        Err(VaultError::Conflict)
    }
}
