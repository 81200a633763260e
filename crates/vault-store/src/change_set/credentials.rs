//! Changes to stored credentials.

use crate::ids::{OrgId, RecordId, UserId};
use crate::rows::{CredentialRow, CredentialVersionRow, WrapRow};

/// One change to a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialChange {
    /// Adds a credential with its first version.
    Insert {
        /// The new row.
        row: CredentialRow,
        /// Version 1, sealed with the row's host pattern, header and template.
        version_row: CredentialVersionRow,
        /// The data key, wrapped to the owner; none under a passphrase.
        wraps: Vec<WrapRow>,
    },
    /// Adds a version and makes it the current one.
    PutVersion {
        /// The row version to replace.
        expected_version: u64,
        /// The share revision at which the recipients were read
        /// ([`ShareStore::recipients`](crate::ShareStore::recipients)).
        share_revision: u64,
        /// The new row; `current_version` and `newest_version` are the version being written.
        row: CredentialRow,
        /// The new version, one higher than the newest.
        version_row: CredentialVersionRow,
        /// The data key, wrapped to each who may use it; none under a passphrase.
        wraps: Vec<WrapRow>,
        /// How many versions stay, this one included; at least 1.
        versions_kept: u32,
    },
    /// Replaces the row: name, expiry, or the version in use (roll-back). That version must be
    /// stored and have been sealed with the row's host pattern, header and template.
    Replace {
        /// The row version to replace.
        expected_version: u64,
        /// The new row; `newest_version` stays.
        row: CredentialRow,
    },
    /// Erases a credential with all its versions, wraps, boxes and shares. The name is free again.
    Delete {
        /// The owner's organisation.
        org_id: OrgId,
        /// Whose credential.
        owner: UserId,
        /// Which credential.
        credential_id: RecordId,
        /// The row version to erase.
        expected_version: u64,
    },
}
