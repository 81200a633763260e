//! Access tokens: a keyed hash under a public id, and the keys that the token itself opens.

use std::fmt;

use super::{Bytes, RowMac};
use crate::ids::{KeyId, OrgId, TokenId, UserId, UtcMillis};

/// One access token. Written once, never replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// The public id, found in the token itself.
    pub key_id: KeyId,
    /// The id that its boxes are bound to.
    pub token_id: TokenId,
    /// The user's organisation.
    pub org_id: OrgId,
    /// Whom it stands for.
    pub user_id: UserId,
    /// Keyed hash of the whole token, 32 bytes.
    pub key_hash: [u8; 32],
    /// What it may do, encoded; at most
    /// [`SCOPE_BYTES_MAX`](crate::limits::SCOPE_BYTES_MAX) bytes.
    pub scope: Vec<u8>,
    /// The keys it opens, sealed under it; at most
    /// [`TOKEN_BOXES_BYTES_MAX`](crate::limits::TOKEN_BOXES_BYTES_MAX) bytes.
    pub boxes: Vec<u8>,
    /// When it was made.
    pub created: UtcMillis,
    /// Unusable from this very millisecond.
    pub expires: UtcMillis,
    /// Row version, always 1.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for TokenRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRow")
            .field("key_id", &self.key_id)
            .field("token_id", &self.token_id)
            .field("org_id", &self.org_id)
            .field("user_id", &self.user_id)
            .field("key_hash", &Bytes(&self.key_hash))
            .field("scope", &Bytes(&self.scope))
            .field("boxes", &Bytes(&self.boxes))
            .field("created", &self.created)
            .field("expires", &self.expires)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}
