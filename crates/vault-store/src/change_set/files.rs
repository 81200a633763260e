//! Changes to files.
//!
//! Order of durability: a body is finished in the [`BlobStore`](crate::BlobStore) before its row
//! is committed, and its row is gone before it is removed. A commit that lets go of a body notes
//! it down, so that a crash in between forgets nothing
//! ([`FileStore::erased_bodies`](crate::FileStore::erased_bodies)).

use crate::ids::{BlobId, OrgId, RecordId, UserId};
use crate::rows::{FileRow, WrapRow};

/// One change to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileChange {
    /// Adds a file whose body is durable.
    Insert {
        /// The new row.
        row: FileRow,
        /// The data key, wrapped to the owner.
        wraps: Vec<WrapRow>,
    },
    /// Gives a file another body under another data key. All wraps and boxes of the old one go.
    ReplaceBody {
        /// The row version to replace.
        expected_version: u64,
        /// The share revision at which the recipients were read
        /// ([`ShareStore::recipients`](crate::ShareStore::recipients)).
        share_revision: u64,
        /// The new row: another body, `content_version` one higher.
        row: FileRow,
        /// The new data key, wrapped to each reader.
        wraps: Vec<WrapRow>,
    },
    /// Erases a file with its wraps, boxes and shares.
    Delete {
        /// The owner's organisation.
        org_id: OrgId,
        /// Whose file.
        owner: UserId,
        /// Which file.
        file_id: RecordId,
        /// The row version to erase.
        expected_version: u64,
    },
    /// Takes note that an erased body is no more. One that is not waited for is not missed.
    ForgetErasedBody(BlobId),
}
