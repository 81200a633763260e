//! Recovery: what trustees hold for an owner, and what they hand back.

use std::fmt;

use super::{Bytes, RowMac};
use crate::ids::{OrgId, RecoverySetId, RestoreId, UserId, UtcMillis};

/// One trustee of one owner. One row per pair.
#[derive(Clone, PartialEq, Eq)]
pub struct TrusteeRow {
    /// The organisation of both. Never changes.
    pub org_id: OrgId,
    /// Whose private keys can be recovered. Never changes.
    pub owner: UserId,
    /// Who holds a share of them. Never changes.
    pub trustee: UserId,
    /// The set the share belongs to.
    pub set_id: RecoverySetId,
    /// The share, sealed by the owner's client and opaque to all but the trustee's; 1 to
    /// [`RECOVERY_BYTES_MAX`](crate::limits::RECOVERY_BYTES_MAX) bytes.
    pub blobs: Vec<u8>,
    /// Whether a mask made of an answer lies over the share.
    pub xor_applied: bool,
    /// What the question was; may be empty.
    pub hint: String,
    /// The owner's [`secret_version`](super::UserKeysRow::secret_version) when the share was made:
    /// with a newer secret it is stale.
    pub secret_version: u32,
    /// How long a restore by this trustee waits before it can become active.
    pub waiting_seconds: u32,
    /// When the trustee was first named. Never changes.
    pub created: UtcMillis,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for TrusteeRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrusteeRow")
            .field("org_id", &self.org_id)
            .field("owner", &self.owner)
            .field("trustee", &self.trustee)
            .field("set_id", &self.set_id)
            .field("blobs", &Bytes(&self.blobs))
            .field("xor_applied", &self.xor_applied)
            // The hint narrows down what the answer is.
            .field("hint", &Bytes(self.hint.as_bytes()))
            .field("secret_version", &self.secret_version)
            .field("waiting_seconds", &self.waiting_seconds)
            .field("created", &self.created)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}

/// What became of a staged restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreState {
    /// Waiting.
    Pending,
    /// The owner refused it.
    Vetoed,
    /// Its private keys are the owner's now.
    Activated,
}

impl RestoreState {
    /// The number that stands for it in the database; it never changes.
    pub const fn number(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::Vetoed => 2,
            Self::Activated => 3,
        }
    }

    /// The state with this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Pending),
            2 => Some(Self::Vetoed),
            3 => Some(Self::Activated),
            _ => None,
        }
    }
}

/// Private keys that a trustee handed in, beside the active ones.
#[derive(Clone, PartialEq, Eq)]
pub struct StagedRestoreRow {
    /// Which restore. Never changes.
    pub restore_id: RestoreId,
    /// The organisation. Never changes.
    pub org_id: OrgId,
    /// Whose keys. Never changes.
    pub owner: UserId,
    /// Who handed them in. Never changes.
    pub trustee: UserId,
    /// The sealed private keys, 1 to
    /// [`RECOVERY_BYTES_MAX`](crate::limits::RECOVERY_BYTES_MAX) bytes. Never changes.
    pub blobs: Vec<u8>,
    /// When. Never changes.
    pub submitted: UtcMillis,
    /// Not active before this millisecond. Never changes.
    pub not_before: UtcMillis,
    /// What became of it.
    pub state: RestoreState,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for StagedRestoreRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagedRestoreRow")
            .field("restore_id", &self.restore_id)
            .field("org_id", &self.org_id)
            .field("owner", &self.owner)
            .field("trustee", &self.trustee)
            .field("blobs", &Bytes(&self.blobs))
            .field("submitted", &self.submitted)
            .field("not_before", &self.not_before)
            .field("state", &self.state)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}
