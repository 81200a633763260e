//! Shares to test with.

use super::{NOW, id, mac, org_id, record_id, user_id};
use crate::change_set::{Change, PutValue, ShareChange};
use crate::ids::ShareId;
use crate::rows::{AliasBoxRow, Grant, Permission, Record, RecordKind, ShareRow, WrapRow};

/// Share number `number`.
pub fn share_id(number: u32) -> ShareId {
    ShareId::from_bytes(id(number))
}

/// A share of value `record` of organisation 1 at a row version. Never expires.
pub fn share(number: u32, record: u32, owner: u32, recipient: u32, version: u64) -> ShareRow {
    ShareRow {
        share_id: share_id(number),
        org_id: org_id(1),
        kind: RecordKind::Value,
        record_id: record_id(record),
        owner: user_id(owner),
        recipient: user_id(recipient),
        permission: Permission::Read,
        created: NOW,
        expires: None,
        alias_wrap: Some(vec![version as u8; 1300]),
        owner_alias_box: version.is_multiple_of(2).then(|| vec![version as u8; 90]),
        version,
        mac: mac(version),
    }
}

/// The wrap that a share gives for one version of its record.
pub fn share_wrap(share: &ShareRow, value_version: u64) -> WrapRow {
    WrapRow {
        record_id: share.record_id,
        value_version,
        recipient: share.recipient,
        recipient_generation: 1,
        grant: Grant::Share(share.share_id),
        wrap: vec![share.version as u8; 1200],
    }
}

/// Adds a share that opens one version, at the row version of its record.
pub fn insert_share(share: ShareRow, value_version: u64, record_version: u64) -> ShareChange {
    ShareChange::Insert {
        wraps: vec![share_wrap(&share, value_version)],
        row: share,
        record_version,
    }
}

/// A cached alias of a version of a share.
pub fn alias_box(number: u32, share_version: u64, fill: u8) -> AliasBoxRow {
    AliasBoxRow {
        share_id: share_id(number),
        share_version,
        alias_box: vec![fill; 60],
    }
}

/// A write that knows of these shares.
pub fn put_shared(mut put: PutValue, shares: &[ShareRow], share_revision: u64) -> Change {
    let version = put.row.current_version;
    put.wraps
        .extend(shares.iter().map(|share| share_wrap(share, version)));
    Change::PutSharedValue {
        put,
        share_revision,
    }
}

/// The record of value number `record`.
pub fn value_record(record: u32) -> Record {
    Record::value(record_id(record))
}
