//! Stored upstream credentials: one row each, one per version of the value.

use std::fmt;

use super::{Bytes, Record, RowMac};
use crate::ids::{OrgId, RecordId, UserId, UtcMillis};

/// A credential. Names are unique for one owner.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Which credential. Never changes.
    pub credential_id: RecordId,
    /// The owner's organisation. Never changes.
    pub org_id: OrgId,
    /// Whose credential. Never changes.
    pub owner: UserId,
    /// Its name, 1 to [`DISPLAY_NAME_BYTES_MAX`](crate::limits::DISPLAY_NAME_BYTES_MAX) bytes.
    pub name: String,
    /// Where the current version may be sent.
    pub host_pattern: String,
    /// The header that carries the current version.
    pub header: String,
    /// What the current version is filled into.
    pub template: String,
    /// What happens when an upstream answers with the value; the number means nothing here.
    pub echo: u8,
    /// Encoded key derivation of its own passphrase; `None` if it is sealed to users' keys.
    pub protection: Option<Vec<u8>>,
    /// The version in use. Its [`CredentialVersionRow`] always exists and agrees on host pattern,
    /// header and template.
    pub current_version: u64,
    /// The highest version ever written: a number is never given twice, not after a roll-back.
    pub newest_version: u64,
    /// When the first version was written. Never changes.
    pub created: UtcMillis,
    /// When the row last changed.
    pub updated: UtcMillis,
    /// Unusable from this very millisecond.
    pub expires: Option<UtcMillis>,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl CredentialRow {
    /// The credential as a record.
    pub const fn record(&self) -> Record {
        Record::credential(self.credential_id)
    }

    /// Whether it can be used at `now`.
    pub fn is_live(&self, now: UtcMillis) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl fmt::Debug for CredentialRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialRow")
            .field("credential_id", &self.credential_id)
            .field("org_id", &self.org_id)
            .field("owner", &self.owner)
            .field("name", &self.name)
            .field("host_pattern", &self.host_pattern)
            .field("header", &self.header)
            .field("template", &self.template)
            .field("echo", &self.echo)
            .field("protection", &self.protection.as_deref().map(Bytes))
            .field("current_version", &self.current_version)
            .field("newest_version", &self.newest_version)
            .field("created", &self.created)
            .field("updated", &self.updated)
            .field("expires", &self.expires)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}

/// One sealed version of a credential's value. Written once, never replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialVersionRow {
    /// Which credential.
    pub credential_id: RecordId,
    /// Which version, from 1.
    pub credential_version: u64,
    /// The host pattern it was sealed with.
    pub host_pattern: String,
    /// The header it was sealed with.
    pub header: String,
    /// The template it was sealed with.
    pub template: String,
    /// The sealed value.
    pub sealed: Vec<u8>,
    /// When it was written.
    pub created: UtcMillis,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for CredentialVersionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialVersionRow")
            .field("credential_id", &self.credential_id)
            .field("credential_version", &self.credential_version)
            .field("host_pattern", &self.host_pattern)
            .field("header", &self.header)
            .field("template", &self.template)
            .field("sealed", &Bytes(&self.sealed))
            .field("created", &self.created)
            .field("mac", &self.mac)
            .finish()
    }
}
