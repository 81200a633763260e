//! API keys: a keyed hash under a public id, never the key.

use std::fmt;

use super::{Bytes, RowMac};
use crate::ids::{KeyId, OrgId, UserId, UtcMillis};

/// Whom an API key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyOwner {
    /// The operator of the installation; belongs to no organisation.
    Root,
    /// One user.
    User {
        /// The user's organisation.
        org_id: OrgId,
        /// The user.
        user_id: UserId,
    },
}

/// One API key.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// The public id, found in the key itself. Never changes.
    pub key_id: KeyId,
    /// Whom it stands for. Never changes.
    pub owner: ApiKeyOwner,
    /// Keyed hash of the whole key, 32 bytes.
    pub key_hash: [u8; 32],
    /// When it was made. Never changes.
    pub created: UtcMillis,
    /// Unusable from this very millisecond.
    pub expires: Option<UtcMillis>,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for ApiKeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyRow")
            .field("key_id", &self.key_id)
            .field("owner", &self.owner)
            .field("key_hash", &Bytes(&self.key_hash))
            .field("created", &self.created)
            .field("expires", &self.expires)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}

/// What an API key may do, if that is less than its user may. One row per key at most.
///
/// The store cannot tell a key that never had a scope from one whose scope a writer of the
/// database removed: bind the scope, or its absence, into [`ApiKeyRow::key_hash`].
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyScopeRow {
    /// Which key. Never changes.
    pub key_id: KeyId,
    /// What it may do, encoded; 1 to [`SCOPE_BYTES_MAX`](crate::limits::SCOPE_BYTES_MAX) bytes.
    pub scope: Vec<u8>,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for ApiKeyScopeRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyScopeRow")
            .field("key_id", &self.key_id)
            .field("scope", &Bytes(&self.scope))
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}
