//! The one way by which a use case changes rows: together with the entry of its call, and only for
//! a caller who still may.
//!
//! Promise: the caller is judged once more right before the changes are handed to the store, so
//! that no use case can go on for somebody who was shut out since; a change to what is kept in
//! memory ([`Snapshot`](super::snapshot::Snapshot)) ends its epoch before it is acknowledged, also
//! when nobody waits for the acknowledgement any more.
//! Not here: boxes that are kept for the next reader. They tell nothing and are stored on the
//! side, with no use case to answer for them.

use std::sync::Arc;

use vault_store::{ApiKeyChange, Change, ChangeSet, Committed, OrgId, ShareChange, StoreError};

use super::Vault;
use super::audit::{AuditLog, CommitOutcome, OwnEntry};
use super::error::VaultError;
use super::snapshot::Epoch;
use crate::layers::standing;

/// A reason why changes were not committed.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// The caller may not go on, or could not be judged. Nothing was tried.
    Caller(VaultError),
    /// The store's.
    Store(StoreError),
}

impl From<CommitError> for VaultError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Caller(error) => error,
            CommitError::Store(error) => error.into(),
        }
    }
}

impl Vault {
    /// Applies changes whole or not at all, and records the call that asked for them; durable
    /// when it returns `Ok`.
    pub(crate) async fn commit(
        &self,
        changes: impl Into<ChangeSet>,
    ) -> Result<Committed, CommitError> {
        self.commit_and(changes, || |_: &CommitOutcome| ()).await
    }

    /// As [`Vault::commit`]. What `hand_over` returns is told what became of the changes before
    /// the caller is, also when nobody waits for it any more; `hand_over` is dropped uncalled when
    /// nothing is tried.
    pub(crate) async fn commit_and<S>(
        &self,
        changes: impl Into<ChangeSet>,
        hand_over: impl FnOnce() -> S,
    ) -> Result<Committed, CommitError>
    where
        S: FnOnce(&CommitOutcome) + Send + 'static,
    {
        let judged = standing::judge_again().await;
        judged.map_err(CommitError::Caller)?;
        let committed = self.apply(changes.into(), hand_over()).await;
        committed.map_err(CommitError::Store)
    }

    /// As [`Vault::commit`], for what no caller asks for: the first start.
    pub(crate) async fn commit_unjudged(&self, changes: impl Into<ChangeSet>) -> CommitOutcome {
        self.apply(changes.into(), |_: &CommitOutcome| ()).await
    }

    async fn apply(
        &self,
        changes: ChangeSet,
        settled: impl FnOnce(&CommitOutcome) + Send + 'static,
    ) -> CommitOutcome {
        let ended = settles(&self.epoch, &changes);
        let settled = move |outcome: &CommitOutcome| {
            ended();
            settled(outcome);
        };
        self.audit.commit(changes, settled).await
    }

    /// Room for one commit that no call asked for and none waits for, with an entry of its own
    /// that names the current call.
    pub(crate) fn aside(&self, org_id: OrgId, action: &'static str) -> Aside {
        Aside {
            audit: Arc::clone(&self.audit),
            epoch: Arc::clone(&self.epoch),
            entry: OwnEntry::beside_the_call(org_id, action),
        }
    }
}

/// A commit of the server's own, on the side.
pub(crate) struct Aside {
    audit: Arc<AuditLog>,
    epoch: Arc<Epoch>,
    entry: OwnEntry,
}

impl Aside {
    /// As [`Vault::commit`].
    pub(crate) async fn commit(self, changes: impl Into<ChangeSet>) -> CommitOutcome {
        let changes = changes.into();
        let ended = settles(&self.epoch, &changes);
        let settled = move |_: &CommitOutcome| ended();
        self.audit.commit_own(changes, &self.entry, settled).await
    }
}

/// Ends the epoch, if the changes may touch what is kept in memory.
fn settles(epoch: &Arc<Epoch>, changes: &ChangeSet) -> impl FnOnce() + Send + 'static {
    let touched = changes.changes().iter().any(may_touch_kept_rows);
    let epoch = touched.then(|| Arc::clone(epoch));
    move || {
        if let Some(epoch) = epoch {
            epoch.end();
        }
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
