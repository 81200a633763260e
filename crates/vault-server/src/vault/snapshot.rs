//! Rows that requests start with, kept in memory until a commit may have changed them.
//!
//! In: a key and how to load what belongs to it. Out: what was loaded, shared. A [`Snapshot`] is
//! one table of such rows; all tables of a vault share one [`Epoch`].
//!
//! Promise: a request that starts after a write was acknowledged never sees what the write
//! replaced: every commit that may touch a kept row ends the epoch before it is acknowledged
//! (`commit.rs`), and rows of an ended epoch are loaded anew. A writer other than this process is
//! seen once the lifetime of a row is over. Rows are authenticated when they are loaded.
//! Not here: whether a kept row is still good, by its expiry for one: that is looked at each time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::error::VaultError;

/// Counts the commits that may have changed a kept row.
#[derive(Debug, Default)]
pub(crate) struct Epoch(AtomicU64);

impl Epoch {
    /// Makes every kept row outdated.
    pub(crate) fn end(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// The time at which a row is asked for, and how long rows are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Age {
    /// By the steady clock.
    pub(crate) now: Duration,
    /// Zero keeps nothing.
    pub(crate) lifetime: Duration,
}

/// One bounded table of kept rows.
pub(crate) struct Snapshot<K, V> {
    kept: RwLock<HashMap<K, Kept<V>>>,
    entries_max: usize,
}

struct Kept<V> {
    value: Arc<V>,
    epoch: u64,
    since: Duration,
}

impl<V> Kept<V> {
    fn is_fresh(&self, epoch: u64, age: Age) -> bool {
        self.epoch == epoch && age.now.saturating_sub(self.since) < age.lifetime
    }
}

impl<K: Copy + Eq + Hash, V> Snapshot<K, V> {
    /// An empty table for at most `entries_max` rows.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            kept: RwLock::default(),
            entries_max,
        }
    }

    /// The row of `key`, if it is kept.
    pub(crate) fn kept(&self, epoch: &Epoch, age: Age, key: &K) -> Option<Arc<V>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let found = kept
            .get(key)
            .filter(|kept| kept.is_fresh(epoch.now(), age))?;
        Some(Arc::clone(&found.value))
    }

    /// The row of `key`, loaded and then kept. Absence is never kept.
    ///
    /// # Errors
    /// Those of `load`.
    pub(crate) async fn load(
        &self,
        epoch: &Epoch,
        age: Age,
        key: K,
        load: impl Future<Output = Result<Option<V>, VaultError>>,
    ) -> Result<Option<Arc<V>>, VaultError> {
        // Before the load: a commit in between makes what it finds outdated from the start.
        let epoch = epoch.now();
        let Some(value) = load.await?.map(Arc::new) else {
            return Ok(None);
        };
        let kept = Kept {
            value: Arc::clone(&value),
            epoch,
            since: age.now,
        };
        self.keep(key, kept, age);
        Ok(Some(value))
    }

    fn keep(&self, key: K, row: Kept<V>, age: Age) {
        if age.lifetime.is_zero() {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.entries_max {
            kept.retain(|_, other| other.is_fresh(row.epoch, age));
        }
        if kept.len() >= self.entries_max {
            // More callers than places: rare, and only slower.
            kept.clear();
        }
        kept.insert(key, row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const LIFETIME: Duration = Duration::from_secs(1);

    struct Table {
        snapshot: Snapshot<u8, u32>,
        epoch: Epoch,
        loads: Cell<u32>,
    }

    fn at(ms: u64) -> Age {
        Age {
            now: Duration::from_millis(ms),
            lifetime: LIFETIME,
        }
    }

    impl Table {
        fn new(entries_max: usize) -> Self {
            Self {
                snapshot: Snapshot::new(entries_max),
                epoch: Epoch::default(),
                loads: Cell::new(0),
            }
        }

        /// What is loaded is the number of the load.
        async fn get(&self, key: u8, age: Age) -> u32 {
            if let Some(kept) = self.snapshot.kept(&self.epoch, age, &key) {
                return *kept;
            }
            let load = async {
                self.loads.set(self.loads.get() + 1);
                Ok(Some(self.loads.get()))
            };
            let loaded = self.snapshot.load(&self.epoch, age, key, load).await;
            *loaded.unwrap().unwrap()
        }

        fn count(&self) -> usize {
            self.snapshot.kept.read().unwrap().len()
        }
    }

    #[tokio::test]
    async fn a_row_is_kept_for_its_lifetime_and_its_epoch() {
        let table = Table::new(8);
        assert_eq!(table.get(1, at(0)).await, 1);
        assert_eq!(table.get(1, at(999)).await, 1);
        assert_eq!(table.get(1, at(1_000)).await, 2);
        table.epoch.end();
        assert_eq!(table.get(1, at(1_001)).await, 3);
        assert_eq!(table.get(1, at(1_002)).await, 3);
    }

    #[tokio::test]
    async fn what_was_loaded_across_a_commit_is_outdated_from_the_start() {
        let table = Table::new(8);
        let load = async {
            table.epoch.end();
            Ok(Some(7))
        };
        let old = table.snapshot.load(&table.epoch, at(0), 1, load).await;
        assert_eq!(*old.unwrap().unwrap(), 7);
        assert_eq!(table.get(1, at(0)).await, 1);
    }

    #[tokio::test]
    async fn no_more_rows_are_kept_than_allowed() {
        let table = Table::new(2);
        for key in 0..50 {
            table.get(key, at(0)).await;
            assert!(table.count() <= 2);
        }
    }

    #[tokio::test]
    async fn absence_is_not_kept_and_nothing_without_a_lifetime() {
        let table = Table::new(2);
        let absent = async { Ok(None) };
        let found = table.snapshot.load(&table.epoch, at(0), 1, absent).await;
        assert!(found.unwrap().is_none());
        let never = Age {
            now: Duration::ZERO,
            lifetime: Duration::ZERO,
        };
        table.get(2, never).await;
        assert_eq!(table.count(), 0);
    }
}
