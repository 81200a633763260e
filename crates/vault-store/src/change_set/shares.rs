//! Changes to shares.
//!
//! Promise: shares follow updates. Whatever changes who holds a share, or on which terms, counts
//! up the record's share revision. A new version of the contents expects the revision at which its
//! recipients were read, and a share expects the row version at which its wraps were made: of a
//! write and a share that do not know of each other, the later one gets a conflict.

use crate::ids::ShareId;
use crate::rows::{AliasBoxRow, ShareRow, WrapRow};

/// One change to a share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShareChange {
    /// Adds a share of an existing record, with its wraps.
    Insert {
        /// The new row. Organisation and owner are those of the record.
        row: ShareRow,
        /// The row version of the record.
        record_version: u64,
        /// A wrap to the recipient, naming this share, for each version it opens.
        wraps: Vec<WrapRow>,
    },
    /// Replaces a share and all its wraps: they are bound to its terms. Its boxes go.
    Replace {
        /// The version of the share to replace.
        expected_version: u64,
        /// The new row.
        row: ShareRow,
        /// The row version of the record.
        record_version: u64,
        /// As for [`ShareChange::Insert`].
        wraps: Vec<WrapRow>,
    },
    /// Erases a share with its wraps and boxes.
    Delete {
        /// Which share.
        share_id: ShareId,
        /// The version of the share to erase.
        expected_version: u64,
    },
    /// Stores a box of an alias, replacing an older one, if the share still has the version that
    /// the box was made from; otherwise does nothing.
    PutAliasBox(AliasBoxRow),
}
