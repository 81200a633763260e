//! What is done without being asked: expired shares and tokens are erased, bodies of erased files
//! removed, and at the start the bodies of files are tidied.
//!
//! Promise: every round is bounded, and what is left over comes with the next. What fails keeps
//! nothing else from being done; the first error is told at the end. Nothing here
//! decides who may read: what is expired is hidden from its very millisecond, swept or not.
//! Not here: when a round is due (`run`).

mod after_crash;
mod first_error;

use std::time::Duration;

use vault_store::{ChangeSet, TokenChange};

use super::Vault;
use super::error::VaultError;
use super::files::forget_body;
use super::shares::deletion;

use self::first_error::FirstError;

pub use after_crash::{LOST_KEPT, Tidied};

/// Time between two rounds.
pub const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(60);
/// Things looked at in one step.
const BATCH: u32 = 100;
/// Steps of one kind in a round.
const BATCHES_MAX: usize = 100;

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Shares that had expired.
    pub shares: u64,
    /// Tokens that had expired.
    pub tokens: u64,
    /// Bodies of files that were erased before.
    pub bodies: u64,
}

impl Vault {
    /// One round.
    ///
    /// # Errors
    /// Those of the stores, after all that could be done; the next round starts over.
    pub async fn sweep(&self) -> Result<Swept, VaultError> {
        let mut failed = FirstError::default();
        let swept = Swept {
            shares: failed.or_none(self.sweep_shares().await),
            tokens: failed.or_none(self.sweep_tokens().await),
            bodies: failed.or_none(self.sweep_erased_bodies().await),
        };
        failed.none_or_err().map(|()| swept)
    }

    async fn sweep_shares(&self) -> Result<u64, VaultError> {
        let (mut swept, mut after) = (0, None);
        for _ in 0..BATCHES_MAX {
            let now = self.clock.utc();
            let expired = self.store.expired_shares(now, after, BATCH).await?;
            let last = expired.rows.last();
            after = last.and_then(|share| Some((share.expires?, share.share_id)));
            // A row that somebody edited is evidence, and no ground to erase anything.
            let sound = |share: &&_| self.integrity.check(*share).is_ok();
            let changes: ChangeSet = expired
                .rows
                .iter()
                .filter(sound)
                .map(|share| deletion(share).into())
                .collect();
            let count = changes.changes().len();
            if count > 0 {
                match self.commit(changes).await.map_err(VaultError::from) {
                    Ok(_) => swept += count as u64,
                    // Another writer had one of them; the next round sees what is left.
                    Err(VaultError::Conflict) => break,
                    Err(error) => return Err(error),
                }
            }
            if !expired.more {
                break;
            }
        }
        Ok(swept)
    }

    async fn sweep_tokens(&self) -> Result<u64, VaultError> {
        let mut swept = 0;
        for _ in 0..BATCHES_MAX {
            let change = TokenChange::SweepExpired {
                now: self.clock.utc(),
                limit: BATCH,
            };
            // Directly: a round that finds nothing leaves no entry in the audit log.
            let erased = self.store.commit(change.into()).await?.tokens_erased;
            swept += erased;
            if erased < u64::from(BATCH) {
                break;
            }
        }
        Ok(swept)
    }

    async fn sweep_erased_bodies(&self) -> Result<u64, VaultError> {
        let (mut swept, mut after) = (0, None);
        let mut failed = FirstError::default();
        for _ in 0..BATCHES_MAX {
            let erased = self.store.erased_bodies(after, BATCH).await?;
            for body in &erased.rows {
                let forgotten = forget_body(&*self.store, &self.blobs, *body).await;
                swept += failed.or_none(forgotten.map(|()| 1));
            }
            after = erased.rows.last().copied();
            if !erased.more {
                break;
            }
        }
        failed.none_or_err().map(|()| swept)
    }
}
