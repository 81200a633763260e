//! Changes to trustees and staged restores.

use crate::ids::{OrgId, RestoreId, UserId};
use crate::rows::{StagedRestoreRow, TrusteeRow};

/// One change to recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveryChange {
    /// Names a trustee.
    InsertTrustee(TrusteeRow),
    /// Replaces what a trustee holds.
    ReplaceTrustee {
        /// The version to replace.
        expected_version: u64,
        /// The new row.
        row: TrusteeRow,
    },
    /// Removes a trustee with everything the trustee staged.
    DeleteTrustee {
        /// The organisation.
        org_id: OrgId,
        /// Whose trustee.
        owner: UserId,
        /// Who.
        trustee: UserId,
        /// The version to erase.
        expected_version: u64,
    },
    /// Stages a restore by a present trustee. At most
    /// [`RESTORES_MAX`](crate::limits::RESTORES_MAX) of one trustee for one owner are kept.
    InsertRestore(StagedRestoreRow),
    /// Decides a pending restore: vetoed or activated. Activation belongs into one change set with
    /// the [`ReplaceUserKeys`](crate::Change::ReplaceUserKeys) that it is.
    ReplaceRestore {
        /// The version to replace.
        expected_version: u64,
        /// The new row, no longer pending.
        row: StagedRestoreRow,
    },
    /// Erases a restore.
    DeleteRestore {
        /// Which restore.
        restore_id: RestoreId,
        /// The version to erase.
        expected_version: u64,
    },
    /// Erases every restore of an owner, or every one by one trustee, whichever there are.
    DeleteRestores {
        /// The organisation.
        org_id: OrgId,
        /// Whose keys they are.
        owner: UserId,
        /// By whom; `None` for everybody.
        trustee: Option<UserId>,
    },
    /// Changes nothing, but expects that a trustee is on the terms of this version.
    ExpectTrustee {
        /// The organisation.
        org_id: OrgId,
        /// Whose trustee.
        owner: UserId,
        /// Who.
        trustee: UserId,
        /// The version of the [`TrusteeRow`].
        expected_version: u64,
    },
}
