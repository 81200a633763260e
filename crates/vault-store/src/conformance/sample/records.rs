//! Files and credentials to test with.

use super::{NOW, id, mac, org_id, record_id, user_id};
use crate::change_set::{CredentialChange, FileChange};
use crate::ids::BlobId;
use crate::limits::VERSIONS_KEPT_MAX;
use crate::rows::{CredentialRow, CredentialVersionRow, FileRow, Grant, RecordKind, ShareRow};

/// Body number `number`.
pub fn blob_id(number: u32) -> BlobId {
    BlobId::from_bytes(id(number))
}

/// A file of a user at a version, where body and row version go together.
pub fn file(org: u32, owner: u32, number: u32, version: u64) -> FileRow {
    FileRow {
        file_id: record_id(number),
        org_id: org_id(org),
        owner: user_id(owner),
        body: blob_id(1000 * number + version as u32),
        content_version: version,
        sealed_bytes: 1 << 40,
        sha256: [version as u8; 32],
        label_box: vec![version as u8; 128],
        created: NOW,
        updated: NOW,
        version,
        mac: mac(version),
    }
}

/// Adds a file of organisation 1.
pub fn insert_file(owner: u32, number: u32) -> FileChange {
    FileChange::Insert {
        row: file(1, owner, number, 1),
        wraps: vec![super::wrap(number, 1, owner, Grant::Owner)],
    }
}

/// A credential of a user at a version, where value version and row version go together. Its use
/// differs with the version.
pub fn credential(org: u32, owner: u32, number: u32, version: u64) -> CredentialRow {
    CredentialRow {
        credential_id: record_id(number),
        org_id: org_id(org),
        owner: user_id(owner),
        name: format!("credential {number}"),
        host_pattern: format!("v{version}.example"),
        header: "authorization".into(),
        template: "Bearer {{secret}}".into(),
        echo: 1,
        protection: None,
        current_version: version,
        newest_version: version,
        created: NOW,
        updated: NOW,
        expires: None,
        version,
        mac: mac(version),
    }
}

/// One version of a credential, as [`credential`] uses it.
pub fn credential_version(number: u32, version: u64) -> CredentialVersionRow {
    let row = credential(1, 1, number, version);
    CredentialVersionRow {
        credential_id: row.credential_id,
        credential_version: version,
        host_pattern: row.host_pattern,
        header: row.header,
        template: row.template,
        sealed: vec![version as u8; 120],
        created: NOW,
        mac: mac(version),
    }
}

/// Adds a credential of organisation 1, or its next version knowing no shares.
pub fn put_credential(owner: u32, number: u32, version: u64) -> CredentialChange {
    let row = credential(1, owner, number, version);
    let version_row = credential_version(number, version);
    let wraps = vec![super::wrap(number, version, owner, Grant::Owner)];
    if version == 1 {
        return CredentialChange::Insert {
            row,
            version_row,
            wraps,
        };
    }
    CredentialChange::PutVersion {
        expected_version: version - 1,
        share_revision: 0,
        row,
        version_row,
        wraps,
        versions_kept: VERSIONS_KEPT_MAX,
    }
}

/// [`super::share`] of a record of another kind.
pub fn share_of(kind: RecordKind, share: ShareRow) -> ShareRow {
    ShareRow { kind, ..share }
}
