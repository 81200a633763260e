//! Files: one row each; the sealed body lies in a [`BlobStore`](crate::BlobStore).

use std::fmt;

use super::{Bytes, Record, RowMac};
use crate::ids::{BlobId, OrgId, RecordId, UserId, UtcMillis};

/// A file.
#[derive(Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Which file. Never changes.
    pub file_id: RecordId,
    /// The owner's organisation. Never changes.
    pub org_id: OrgId,
    /// Whose file. Never changes.
    pub owner: UserId,
    /// Where its body is. Another body has another id, so that either the old one or the new one
    /// is complete at any moment.
    pub body: BlobId,
    /// Counts its bodies, from 1.
    pub content_version: u64,
    /// Bytes of the sealed body.
    pub sealed_bytes: u64,
    /// SHA-256 of the sealed body.
    pub sha256: [u8; 32],
    /// Name and type, sealed.
    pub label_box: Vec<u8>,
    /// When it was made. Never changes.
    pub created: UtcMillis,
    /// When the row last changed.
    pub updated: UtcMillis,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl FileRow {
    /// The file as a record.
    pub const fn record(&self) -> Record {
        Record::file(self.file_id)
    }
}

impl fmt::Debug for FileRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRow")
            .field("file_id", &self.file_id)
            .field("org_id", &self.org_id)
            .field("owner", &self.owner)
            .field("body", &self.body)
            .field("content_version", &self.content_version)
            .field("sealed_bytes", &self.sealed_bytes)
            .field("sha256", &Bytes(&self.sha256))
            .field("label_box", &Bytes(&self.label_box))
            .field("created", &self.created)
            .field("updated", &self.updated)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}
