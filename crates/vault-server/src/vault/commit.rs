//! The one way by which a use case changes rows.
//!
//! Promise: a change to what is kept in memory ([`Snapshot`](super::snapshot::Snapshot)) ends its epoch
//! before it is acknowledged, also when nobody waits for the acknowledgement any more.
//! Not here: boxes that are kept for the next reader. They tell nothing and are stored on the
//! side, with no use case to answer for them.

use std::sync::Arc;

use vault_store::{ApiKeyChange, Change, ChangeSet, Committed, ShareChange, StoreError};

use super::Vault;

impl Vault {
    /// Applies changes whole or not at all; durable when it returns `Ok`.
    pub(crate) async fn commit(
        &self,
        changes: impl Into<ChangeSet>,
    ) -> Result<Committed, StoreError> {
        let changes = changes.into();
        if !changes.changes().iter().any(may_touch_kept_rows) {
            return self.store.commit(changes).await;
        }
        let (store, epoch) = (Arc::clone(&self.store), Arc::clone(&self.epoch));
        // On its own: dropping a commit does not take it back, so the epoch must end all the same.
        let commit = tokio::spawn(async move {
            let committed = store.commit(changes).await;
            epoch.end();
            committed
        });
        commit.await.unwrap_or(Err(StoreError::Unavailable {
            reason: "the commit was cut off",
            source: None,
        }))
    }
}

/// Whether rows that requests start with may be others after `change`: everything but contents
/// and what hangs on them.
fn may_touch_kept_rows(change: &Change) -> bool {
    !matches!(
        change,
        Change::PutValue(_)
            | Change::PutSharedValue { .. }
            | Change::ReplaceValue { .. }
            | Change::DestroyValue { .. }
            | Change::PutAccountBox(_)
            | Change::Wrap(_)
            | Change::File(_)
            | Change::Share(ShareChange::PutAliasBox(_))
            | Change::ApiKey(ApiKeyChange::NoteUse { .. })
    )
}
