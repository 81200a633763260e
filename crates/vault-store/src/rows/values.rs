//! Values: one row per name, one per version, one wrapped data key per reader of a version.

use std::fmt;

use super::{Bytes, RowMac};
use crate::ids::{OrgId, RecordId, ShareId, UserId, UtcMillis};

/// A named value. Names are unique for one owner; a soft-deleted value keeps its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRow {
    /// The record all versions belong to. Never changes.
    pub record_id: RecordId,
    /// The owner's organisation. Never changes.
    pub org_id: OrgId,
    /// Whose value. Never changes.
    pub owner: UserId,
    /// The name, 1 to [`VALUE_NAME_BYTES_MAX`](crate::limits::VALUE_NAME_BYTES_MAX) bytes. Never
    /// changes.
    pub name: String,
    /// The newest version, from 1, without gaps. Its [`ValueVersionRow`] always exists.
    pub current_version: u64,
    /// When the first version was written. Never changes.
    pub created: UtcMillis,
    /// When the row last changed.
    pub updated: UtcMillis,
    /// When it was soft-deleted, if it is.
    pub deleted: Option<UtcMillis>,
    /// When the current version expires, if ever: hidden from this very millisecond.
    pub expires: Option<UtcMillis>,
    /// Row version (not the version of the value).
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl ValueRow {
    /// Whether a list at `now` shows the value: neither soft-deleted nor expired.
    pub fn is_listed(&self, now: UtcMillis) -> bool {
        self.deleted.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// One sealed version of a value. Written once, never replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct ValueVersionRow {
    /// Which record.
    pub record_id: RecordId,
    /// Which version, from 1.
    pub value_version: u64,
    /// The envelope header.
    pub header: Vec<u8>,
    /// The sealed value.
    pub payload: Vec<u8>,
    /// Sealed metadata, if there is any.
    pub metadata_box: Option<Vec<u8>>,
    /// When it was written.
    pub created: UtcMillis,
    /// When it expires, if ever.
    pub expires: Option<UtcMillis>,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for ValueVersionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueVersionRow")
            .field("record_id", &self.record_id)
            .field("value_version", &self.value_version)
            .field("header", &Bytes(&self.header))
            .field("payload", &Bytes(&self.payload))
            .field("metadata_box", &self.metadata_box.as_deref().map(Bytes))
            .field("created", &self.created)
            .field("expires", &self.expires)
            .field("mac", &self.mac)
            .finish()
    }
}

/// By which right a recipient holds a wrapped key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The recipient owns the record.
    Owner,
    /// The recipient was given this share.
    Share(ShareId),
}

/// The data key of one version, wrapped to one recipient. One per version and recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct WrapRow {
    /// Which record.
    pub record_id: RecordId,
    /// Which version.
    pub value_version: u64,
    /// Who can unwrap it.
    pub recipient: UserId,
    /// With which of the recipient's key pairs.
    pub recipient_generation: u32,
    /// By which right.
    pub grant: Grant,
    /// The wrapped data key.
    pub wrap: Vec<u8>,
}

impl fmt::Debug for WrapRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrapRow")
            .field("record_id", &self.record_id)
            .field("value_version", &self.value_version)
            .field("recipient", &self.recipient)
            .field("recipient_generation", &self.recipient_generation)
            .field("grant", &self.grant)
            .field("wrap", &Bytes(&self.wrap))
            .finish()
    }
}

/// The same data key sealed under the recipient's account key, which is cheap to open.
///
/// A cache of a [`WrapRow`]: it may vanish at any time and never outlives its wrap.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountBoxRow {
    /// Which record.
    pub record_id: RecordId,
    /// Which version.
    pub value_version: u64,
    /// Whose account key.
    pub recipient: UserId,
    /// The sealed data key.
    pub account_box: Vec<u8>,
}

impl fmt::Debug for AccountBoxRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountBoxRow")
            .field("record_id", &self.record_id)
            .field("value_version", &self.value_version)
            .field("recipient", &self.recipient)
            .field("account_box", &Bytes(&self.account_box))
            .finish()
    }
}
