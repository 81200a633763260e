//! Shares: a record, given to one more user.

use std::fmt;

use super::{Bytes, Record, RecordKind, RowMac};
use crate::ids::{OrgId, RecordId, ShareId, UserId, UtcMillis};

/// What a share allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read the plaintext.
    Read,
    /// Be used on the recipient's behalf, never shown.
    Use,
}

impl Permission {
    /// The number that stands for it in the database; it never changes.
    pub const fn number(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Use => 2,
        }
    }

    /// The permission with this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Read),
            2 => Some(Self::Use),
            _ => None,
        }
    }
}

/// One share. There is at most one of a record with a recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// Which share. Never changes.
    pub share_id: ShareId,
    /// The organisation of both users. Never changes.
    pub org_id: OrgId,
    /// What the record is. Never changes.
    pub kind: RecordKind,
    /// Which record. Never changes.
    pub record_id: RecordId,
    /// Who owns the record. Never changes.
    pub owner: UserId,
    /// Who may read or use it. Never changes.
    pub recipient: UserId,
    /// What the recipient may do.
    pub permission: Permission,
    /// When it was made. Never changes.
    pub created: UtcMillis,
    /// Over from this very millisecond.
    pub expires: Option<UtcMillis>,
    /// The alias, wrapped to the recipient.
    pub alias_wrap: Option<Vec<u8>>,
    /// The alias, sealed for the owner.
    pub owner_alias_box: Option<Vec<u8>>,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl ShareRow {
    /// The record that is shared.
    pub const fn record(&self) -> Record {
        Record {
            kind: self.kind,
            record_id: self.record_id,
        }
    }

    /// Whether the share holds at `now`.
    pub fn is_live(&self, now: UtcMillis) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl fmt::Debug for ShareRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner_alias_box = self.owner_alias_box.as_deref().map(Bytes);
        f.debug_struct("ShareRow")
            .field("share_id", &self.share_id)
            .field("org_id", &self.org_id)
            .field("kind", &self.kind)
            .field("record_id", &self.record_id)
            .field("owner", &self.owner)
            .field("recipient", &self.recipient)
            .field("permission", &self.permission)
            .field("created", &self.created)
            .field("expires", &self.expires)
            .field("alias_wrap", &self.alias_wrap.as_deref().map(Bytes))
            .field("owner_alias_box", &owner_alias_box)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}

/// The alias of a share under the recipient's account key, which is cheap to open.
///
/// A cache of [`ShareRow::alias_wrap`]: it may vanish at any time and never outlives the version
/// of the share that it was made from.
#[derive(Clone, PartialEq, Eq)]
pub struct AliasBoxRow {
    /// Which share.
    pub share_id: ShareId,
    /// Which version of its row.
    pub share_version: u64,
    /// The sealed alias.
    pub alias_box: Vec<u8>,
}

impl fmt::Debug for AliasBoxRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AliasBoxRow")
            .field("share_id", &self.share_id)
            .field("share_version", &self.share_version)
            .field("alias_box", &Bytes(&self.alias_box))
            .finish()
    }
}
