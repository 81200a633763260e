//! Audit: entries as they come in, and blocks of them as they are stored.

use std::fmt;

use super::Bytes;
use crate::audit::AuditHead;
use crate::ids::OrgId;

/// One entry of an organisation's audit log, opaque here.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Whose log. It need not be a stored organisation: acts of root may have a log of their own.
    pub org_id: OrgId,
    /// What happened, 1 to [`AUDIT_ENTRY_BYTES_MAX`](crate::limits::AUDIT_ENTRY_BYTES_MAX) bytes.
    pub entry: Vec<u8>,
}

impl fmt::Debug for AuditEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditEntry")
            .field("org_id", &self.org_id)
            .field("entry", &Bytes(&self.entry))
            .finish()
    }
}

/// Entries of one organisation that were committed together. Never changes, never goes.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditBlockRow {
    /// Whose log.
    pub org_id: OrgId,
    /// Sequence number of the first entry.
    pub first_seq: u64,
    /// Sequence number of the last entry.
    pub last_seq: u64,
    /// Hash of the block before.
    pub previous_hash: [u8; 32],
    /// Hash of this block.
    pub hash: [u8; 32],
    /// The entries, as the sealer encoded them.
    pub entries: Vec<u8>,
}

impl AuditBlockRow {
    /// The head of the chain that ends with this block.
    pub const fn head(&self) -> AuditHead {
        AuditHead {
            next_seq: self.last_seq + 1,
            hash: self.hash,
        }
    }
}

impl fmt::Debug for AuditBlockRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditBlockRow")
            .field("org_id", &self.org_id)
            .field("first_seq", &self.first_seq)
            .field("last_seq", &self.last_seq)
            .field("previous_hash", &Bytes(&self.previous_hash))
            .field("hash", &Bytes(&self.hash))
            .field("entries", &Bytes(&self.entries))
            .finish()
    }
}
