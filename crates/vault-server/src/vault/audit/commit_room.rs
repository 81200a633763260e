//! Room for change sets on their way into the store.
//!
//! In: a change set. Out: its [`Room`], awaited by whoever wants it committed: a caller who goes
//! away before there is room takes the change set along. From then on the room belongs to the
//! commit, which nobody takes back, so commits that nobody waits for hold no more than all of it.
//!
//! Promise: half of the store's own queue stays free for what does not pass here, the entries
//! that wait for the recorder for one.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vault_store::limits::{AUDIT_ENTRY_BYTES_MAX, WRITE_QUEUE_BYTES_MAX, WRITE_QUEUE_MAX};
use vault_store::{ChangeSet, StoreError};

/// Change sets on their way at once, if all are small.
pub(super) const COMMITS_MAX: usize = WRITE_QUEUE_MAX / 2;
/// Bytes of all change sets on their way at once. A larger one goes alone.
pub(super) const COMMIT_BYTES_MAX: usize = WRITE_QUEUE_BYTES_MAX / 2;

/// What the smallest change set counts for.
const UNIT_BYTES: usize = COMMIT_BYTES_MAX / COMMITS_MAX;

/// Room for all commits together.
pub(super) struct CommitRoom(Arc<Semaphore>);

/// The part of one commit, held until that has ended.
pub(super) struct Room(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

impl CommitRoom {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(COMMITS_MAX)))
    }

    /// Waits for the room that `changes` take with the entry of a call.
    ///
    /// # Errors
    /// Those of [`ChangeSet::check`].
    pub(super) async fn take(&self, changes: &ChangeSet) -> Result<Room, StoreError> {
        let bytes = changes.check()? + AUDIT_ENTRY_BYTES_MAX;
        let units = bytes.div_ceil(UNIT_BYTES).min(COMMITS_MAX);
        let units = u32::try_from(units).map_err(|_| CUT_OFF)?;
        let room = Arc::clone(&self.0).acquire_many_owned(units);
        room.await.map(Room).map_err(|_| CUT_OFF)
    }
}

/// What nobody answered for.
pub(super) const CUT_OFF: StoreError = StoreError::Unavailable {
    reason: "a commit was cut off",
    source: None,
};
