//! Changes to the wrapped keys of a record, and to the boxes that cache them.
//!
//! A wrap authenticates its place by itself; so none of these replaces the record's row.

use crate::error::conflict;
use crate::ids::UserId;
use crate::rows::{AccountBoxRow, Record, RecordKind, WrapRow};

/// One change to wraps or boxes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrapChange {
    /// Erases wraps of a record and adds others, whatever their versions.
    Replace(ReplaceWraps),
    /// Replaces one wrap by another to the same recipient on the same ground: another generation
    /// of the recipient's key pair. Its box goes.
    Rotate {
        /// What the record is.
        kind: RecordKind,
        /// The wrapped key that must be stored, byte by byte.
        old_wrap: Vec<u8>,
        /// The new wrap.
        row: WrapRow,
    },
    /// Stores a box, replacing an older one, if its wrap still exists; otherwise does nothing.
    PutBox {
        /// What the record is.
        kind: RecordKind,
        /// The box.
        row: AccountBoxRow,
    },
}

/// Wraps to erase and to add under one row version of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaceWraps {
    /// Which record.
    pub record: Record,
    /// The row version of the record: no version of its contents was added meanwhile.
    pub expected_version: u64,
    /// Version of the contents and recipient of each wrap to erase, with its box. One that is not
    /// there is not missed.
    pub removed: Vec<(u64, UserId)>,
    /// Wraps to store; each replaces the one of the same version and recipient, with its box. One
    /// that names a share needs that share, of this record and with this recipient.
    pub wraps: Vec<WrapRow>,
}

/// What a conflict about a record of this kind is about.
pub(crate) const fn conflict_on(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Value => conflict::VALUE,
        RecordKind::File => conflict::FILE,
        RecordKind::Credential => conflict::CREDENTIAL,
    }
}
