//! The one way by which a use case changes rows: together with the entry of its call.
//!
//! Promise: a change to what is kept in memory ([`Snapshot`](super::snapshot::Snapshot)) ends its epoch
//! before it is acknowledged, also when nobody waits for the acknowledgement any more.
//! Not here: boxes that are kept for the next reader. They tell nothing and are stored on the
//! side, with no use case to answer for them.

use std::sync::Arc;

use vault_store::{ApiKeyChange, Change, ChangeSet, Committed, OrgId, ShareChange, StoreError};

use super::Vault;
use super::audit::{AuditLog, CommitOutcome, OwnEntry};
use super::snapshot::Epoch;

impl Vault {
    /// Applies changes whole or not at all, and records the call that asked for them; durable
    /// when it returns `Ok`.
    pub(crate) async fn commit(
        &self,
        changes: impl Into<ChangeSet>,
    ) -> Result<Committed, StoreError> {
        self.commit_and(changes, |_| ()).await
    }

    /// As [`Vault::commit`]. `settled` is told what became of the changes before the caller is,
    /// also when nobody waits for it any more.
    pub(crate) async fn commit_and(
        &self,
        changes: impl Into<ChangeSet>,
        settled: impl FnOnce(&CommitOutcome) + Send + 'static,
    ) -> CommitOutcome {
        let changes = changes.into();
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
