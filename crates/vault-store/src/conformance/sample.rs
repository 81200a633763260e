//! Rows to test with: small numbers in, whole rows out.

mod people;
mod records;
mod shares;

use crate::change_set::{Change, Expect, PutValue};
use crate::ids::{KeyId, OrgId, RecordId, UserId, UtcMillis};
use crate::limits::VERSIONS_KEPT_MAX;
use crate::rows::{
    AccountBoxRow, ApiKeyOwner, ApiKeyRow, Grant, KeyPairRow, OrgRow, RowMac, UserKeysRow, UserRow,
    ValueRow, ValueVersionRow, WrapRow,
};
use crate::store::{ListValues, ValueName};

pub use people::{
    SampleSealer, api_key_scope, audit_entry, restore, restore_id, sample_entries, sample_hash,
    token, trustee,
};
pub use records::{
    blob_id, credential, credential_version, file, insert_file, put_credential, share_of,
};
pub use shares::{alias_box, insert_share, put_shared, share, share_id, share_wrap, value_record};

/// The time at which samples are made.
pub const NOW: UtcMillis = UtcMillis(1_800_000_000_000);

fn id(number: u32) -> [u8; 16] {
    let mut bytes = [0xA5; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// Organisation number `number`; a higher number sorts later, as with all ids here.
pub fn org_id(number: u32) -> OrgId {
    OrgId::from_bytes(id(number))
}

/// User number `number`.
pub fn user_id(number: u32) -> UserId {
    UserId::from_bytes(id(number))
}

/// Record number `number`.
pub fn record_id(number: u32) -> RecordId {
    RecordId::from_bytes(id(number))
}

/// API key number `number`, below 100 million.
pub fn key_id(number: u32) -> KeyId {
    KeyId::parse(&format!("{number:08}")).expect("eight digits")
}

/// A tag that differs with `seed`.
pub fn mac(seed: u64) -> RowMac {
    let mut tag = [0x5A; 32];
    tag[..8].copy_from_slice(&seed.to_be_bytes());
    RowMac {
        key_id: u32::MAX,
        tag,
    }
}

/// A new organisation.
pub fn org(number: u32) -> OrgRow {
    OrgRow {
        org_id: org_id(number),
        name: format!("organisation {number}"),
        created: NOW,
        version: 1,
        mac: mac(number.into()),
    }
}

/// A new user.
pub fn user(org: u32, number: u32) -> UserRow {
    UserRow {
        user_id: user_id(number),
        org_id: org_id(org),
        name: format!("user {number}"),
        is_admin: number % 2 == 1,
        disabled: false,
        created: NOW,
        version: 1,
        mac: mac(number.into()),
    }
}

/// A new API key of a user, or of root.
pub fn api_key(number: u32, owner: Option<(u32, u32)>) -> ApiKeyRow {
    ApiKeyRow {
        key_id: key_id(number),
        owner: owner.map_or(ApiKeyOwner::Root, |(org, user)| ApiKeyOwner::User {
            org_id: org_id(org),
            user_id: user_id(user),
        }),
        key_hash: [number as u8; 32],
        created: NOW,
        expires: number
            .is_multiple_of(2)
            .then_some(UtcMillis(NOW.0 + i64::from(number))),
        version: 1,
        mac: mac(number.into()),
    }
}

/// A user's protection at a row version.
pub fn user_keys(org: u32, user: u32, version: u64, current_generation: u32) -> UserKeysRow {
    UserKeysRow {
        user_id: user_id(user),
        org_id: org_id(org),
        protection: vec![version as u8; 80],
        secret_version: version as u32,
        account_key_box: vec![version as u8; 60],
        current_generation,
        version,
        mac: mac(version),
    }
}

/// A key pair at a row version; the boxes differ with the version, the public key does not.
pub fn key_pair(org: u32, user: u32, generation: u32, version: u64) -> KeyPairRow {
    KeyPairRow {
        user_id: user_id(user),
        org_id: org_id(org),
        generation,
        public_key: vec![generation as u8; 1249],
        ecc_box: vec![version as u8; 80],
        kyber_box: vec![version as u8; 112],
        created: NOW,
        version,
        mac: mac(version),
    }
}

/// A value of a user: name, record number, version of the value and of the row.
pub fn value(org: u32, owner: u32, record: u32, name: &str, version: u64) -> ValueRow {
    ValueRow {
        record_id: record_id(record),
        org_id: org_id(org),
        owner: user_id(owner),
        name: name.to_owned(),
        current_version: version,
        created: NOW,
        updated: UtcMillis(NOW.0 + version as i64),
        deleted: None,
        expires: None,
        version,
        mac: mac(version),
    }
}

/// One version of a record.
pub fn value_version(record: u32, version: u64) -> ValueVersionRow {
    ValueVersionRow {
        record_id: record_id(record),
        value_version: version,
        header: vec![version as u8; 40],
        payload: vec![version as u8; 100],
        metadata_box: version.is_multiple_of(2).then(|| vec![version as u8; 50]),
        created: UtcMillis(NOW.0 + version as i64),
        expires: None,
        mac: mac(version),
    }
}

/// The owner's wrap of one version.
pub fn wrap(record: u32, version: u64, recipient: u32, grant: Grant) -> WrapRow {
    WrapRow {
        record_id: record_id(record),
        value_version: version,
        recipient: user_id(recipient),
        recipient_generation: 1,
        grant,
        wrap: vec![version as u8; 1200],
    }
}

/// A cached box of one version.
pub fn account_box(record: u32, version: u64, recipient: u32, fill: u8) -> AccountBoxRow {
    AccountBoxRow {
        record_id: record_id(record),
        value_version: version,
        recipient: user_id(recipient),
        account_box: vec![fill; 60],
    }
}

/// A write of version `version` where value version and row version go together, wrapped to the
/// owner alone, all versions kept.
pub fn put(org: u32, owner: u32, record: u32, name: &str, version: u64) -> PutValue {
    PutValue {
        expected: if version == 1 {
            Expect::Absent
        } else {
            Expect::Version(version - 1)
        },
        row: value(org, owner, record, name, version),
        version_row: value_version(record, version),
        wraps: vec![wrap(record, version, owner, Grant::Owner)],
        versions_kept: VERSIONS_KEPT_MAX,
    }
}

/// The name of a value.
pub fn name(org: u32, owner: u32, name: &str) -> ValueName<'_> {
    ValueName {
        org_id: org_id(org),
        owner: user_id(owner),
        name,
    }
}

/// A list of everything a user has.
pub fn list(org: u32, owner: u32) -> ListValues<'static> {
    ListValues {
        org_id: org_id(org),
        owner: user_id(owner),
        prefix: "",
        after: None,
        limit: crate::limits::LIST_LIMIT_MAX,
        now: NOW,
    }
}

/// Two organisations; users 1 and 2 in the first, user 3 in the second.
pub fn people() -> [Change; 5] {
    [
        Change::InsertOrg(org(1)),
        Change::InsertOrg(org(2)),
        Change::InsertUser(user(1, 1)),
        Change::InsertUser(user(1, 2)),
        Change::InsertUser(user(2, 3)),
    ]
}
