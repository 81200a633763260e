//! Tidies the bodies of files, before anything is served.
//!
//! In: the bodies there are, and what the database says of them. Out: how many of which kind.
//!
//! Promise: a body that the database does not know is set aside and not removed, because the
//! database may be the older of the two. Once a database names it, it is taken back. Removed is
//! what was never finished, what the database says was erased, and what was aside for
//! [`LOST_KEPT`] at one start, and for as long again at a later one: a clock that is wrong at one
//! start makes nobody give up anything early.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vault_store::{BlobError, BlobId, BlobStore, LostBody, UtcMillis};

use super::first_error::FirstError;
use crate::vault::Vault;
use crate::vault::error::VaultError;
use crate::vault::files::blocking;

/// How long a body that no database names is aside before it is noted as old, and then again
/// before it is removed.
pub const LOST_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Bodies that are looked up together.
const BODIES_BATCH: usize = 1_000;

/// What was done to bodies at a start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Removed: they were never finished.
    pub unfinished: u64,
    /// Removed: their files were erased.
    pub erased: u64,
    /// Bodies again: the database names them.
    pub taken_back: u64,
    /// Noted as old: they were aside for [`LOST_KEPT`].
    pub noted_old: u64,
    /// Removed: they were old for [`LOST_KEPT`].
    pub given_up: u64,
    /// Set aside: the database does not know them.
    pub set_aside: u64,
}

/// What is to be done with bodies that were set aside.
#[derive(Default)]
struct Lost {
    named: Vec<BlobId>,
    /// Not noted yet.
    old: Vec<BlobId>,
    given_up: Vec<BlobId>,
}

impl Vault {
    /// Tidies what a crash, or another database, left of files. Only before anything is served.
    ///
    /// # Errors
    /// Those of the stores, after all that could be done; the next start starts over.
    pub async fn clear_after_crash(&self) -> Result<Tidied, VaultError> {
        let mut failed = FirstError::default();
        let unfinished = self.with_blobs(|blobs| Ok(blobs.remove_unfinished()?));
        let mut tidied = Tidied {
            unfinished: failed.or_none(unfinished.await),
            erased: failed.or_none(self.sweep_erased_bodies().await),
            ..Tidied::default()
        };
        failed.or_none(self.sort_lost_bodies(&mut tidied).await);
        tidied.set_aside = failed.or_none(self.set_aside_unknown_bodies().await);
        failed.none_or_err().map(|()| tidied)
    }

    async fn sort_lost_bodies(&self, tidied: &mut Tidied) -> Result<(), VaultError> {
        let kept_ms = i64::try_from(LOST_KEPT.as_millis()).unwrap_or(i64::MAX);
        let now = self.clock.utc();
        let too_old = UtcMillis(now.0.saturating_sub(kept_ms));
        let (mut batches, listing) = self.batches(|blobs, found| send(blobs.lost()?, found));
        let mut failed = FirstError::default();
        while let Some(batch) = batches.recv().await {
            let lost = self.sort(&batch, too_old).await?;
            let sort = move |blobs: &dyn BlobStore| {
                Ok([
                    each(lost.named, |body| blobs.take_back(body)),
                    each(lost.old, |body| blobs.note_old(body, now)),
                    each(lost.given_up, |body| blobs.delete_lost(body)),
                ])
            };
            let [named, old, given_up] = self.with_blobs(sort).await?;
            tidied.taken_back += named.in_all(&mut failed);
            tidied.noted_old += old.in_all(&mut failed);
            tidied.given_up += given_up.in_all(&mut failed);
        }
        failed.or_none(ended(listing).await);
        failed.none_or_err()
    }

    async fn sort(&self, batch: &[LostBody], too_old: UtcMillis) -> Result<Lost, VaultError> {
        let bodies: Vec<_> = batch.iter().map(|lost| lost.body).collect();
        let unknown = self.store.unused_bodies(&bodies).await?;
        let mut sorted = Lost::default();
        for lost in batch {
            if !unknown.contains(&lost.body) {
                sorted.named.push(lost.body);
            } else if lost.since <= too_old {
                let old = if lost.is_old {
                    &mut sorted.given_up
                } else {
                    &mut sorted.old
                };
                old.push(lost.body);
            }
        }
        Ok(sorted)
    }

    async fn set_aside_unknown_bodies(&self) -> Result<u64, VaultError> {
        let now = self.clock.utc();
        let (mut batches, listing) = self.batches(|blobs, found| send(blobs.bodies()?, found));
        let mut set_aside = 0;
        let mut failed = FirstError::default();
        while let Some(batch) = batches.recv().await {
            let unknown = self.store.unused_bodies(&batch).await?;
            let move_away =
                move |blobs: &dyn BlobStore| Ok(each(unknown, |body| blobs.set_aside(body, now)));
            let moved = self.with_blobs(move_away).await?;
            set_aside += moved.in_all(&mut failed);
        }
        failed.or_none(ended(listing).await);
        failed.none_or_err().map(|()| set_aside)
    }

    async fn with_blobs<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn BlobStore) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let blobs = Arc::clone(&self.blobs);
        blocking(move || work(&*blobs)).await
    }

    /// What `list` sends, while it lists.
    fn batches<T: Send + 'static>(
        &self,
        list: impl FnOnce(&dyn BlobStore, &mpsc::Sender<Vec<T>>) -> Result<(), VaultError>
        + Send
        + 'static,
    ) -> (mpsc::Receiver<Vec<T>>, JoinHandle<Result<(), VaultError>>) {
        let (found, batches) = mpsc::channel(1);
        let blobs = Arc::clone(&self.blobs);
        let listing = tokio::spawn(blocking(move || list(&*blobs, &found)));
        (batches, listing)
    }
}

/// Sends what was found on, batch by batch. Blocks.
fn send<T>(
    bodies: impl Iterator<Item = Result<T, BlobError>>,
    found: &mpsc::Sender<Vec<T>>,
) -> Result<(), VaultError> {
    let mut batch = Vec::with_capacity(BODIES_BATCH);
    for body in bodies {
        batch.push(body?);
        // Who does not listen any more has failed and says so.
        if batch.len() == BODIES_BATCH && found.blocking_send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        let _nobody_listens = found.blocking_send(batch);
    }
    Ok(())
}

/// What became of a step on many bodies.
struct Each {
    done: u64,
    failed: FirstError,
}

impl Each {
    fn in_all(self, failed: &mut FirstError) -> u64 {
        failed.or_none(self.failed.none_or_err());
        self.done
    }
}

/// Takes a step on each of these. Blocks.
fn each(bodies: Vec<BlobId>, step: impl Fn(BlobId) -> Result<bool, BlobError>) -> Each {
    let mut failed = FirstError::default();
    let mut done = 0;
    for body in bodies {
        let found = step(body).map_err(VaultError::from);
        done += u64::from(failed.or_none(found));
    }
    Each { done, failed }
}

async fn ended(listing: JoinHandle<Result<(), VaultError>>) -> Result<(), VaultError> {
    let listed = listing.await;
    listed.unwrap_or(Err(VaultError::Internal("a task was cut off")))
}
