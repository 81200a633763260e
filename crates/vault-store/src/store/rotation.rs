//! Reads of wraps across all records of one recipient, for the rotation of key pairs.

use async_trait::async_trait;

use super::Page;
use crate::error::StoreError;
use crate::ids::{OrgId, RecordId, UserId};
use crate::rows::{RecordKind, ShareRow, WrapRow};

/// Where a wrap of one recipient stands, in the order of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrapPlace {
    /// What the record is.
    pub kind: RecordKind,
    /// Which record.
    pub record_id: RecordId,
    /// Which version of its contents.
    pub value_version: u64,
}

/// A wrap with all that it is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWrap {
    /// What the record is.
    pub kind: RecordKind,
    /// The record's organisation.
    pub org_id: OrgId,
    /// Who owns the record.
    pub owner: UserId,
    /// The wrap.
    pub wrap: WrapRow,
    /// The share it names; `None` for the owner's own wrap.
    pub share: Option<ShareRow>,
}

impl StoredWrap {
    /// Its place, to continue a list after it.
    pub const fn place(&self) -> WrapPlace {
        WrapPlace {
            kind: self.kind,
            record_id: self.wrap.record_id,
            value_version: self.wrap.value_version,
        }
    }
}

/// Reads what is left of a generation.
#[async_trait]
pub trait RotationStore: Send + Sync {
    /// Wraps to one recipient's key pair of this generation, over records of every kind, after
    /// `after`: values, then files, then credentials, by record and version.
    async fn wraps_of_generation(
        &self,
        recipient: UserId,
        generation: u32,
        after: Option<WrapPlace>,
        limit: u32,
    ) -> Result<Page<StoredWrap>, StoreError>;

    /// How many such wraps there are.
    async fn count_wraps_of_generation(
        &self,
        recipient: UserId,
        generation: u32,
    ) -> Result<u64, StoreError>;
}
