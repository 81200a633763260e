//! What can be wrapped and shared: values, files and credentials.

use crate::ids::RecordId;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A named value.
    Value,
    /// A file.
    File,
    /// A stored upstream credential.
    Credential,
}

impl RecordKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Value, Self::File, Self::Credential];

    /// The number that stands for it in the database; it never changes.
    pub const fn number(self) -> u8 {
        match self {
            Self::Value => 1,
            Self::File => 2,
            Self::Credential => 3,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// One record of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// Which one.
    pub record_id: RecordId,
}

impl Record {
    /// A value.
    pub const fn value(record_id: RecordId) -> Self {
        Self {
            kind: RecordKind::Value,
            record_id,
        }
    }

    /// A file.
    pub const fn file(record_id: RecordId) -> Self {
        Self {
            kind: RecordKind::File,
            record_id,
        }
    }

    /// A credential.
    pub const fn credential(record_id: RecordId) -> Self {
        Self {
            kind: RecordKind::Credential,
            record_id,
        }
    }
}
