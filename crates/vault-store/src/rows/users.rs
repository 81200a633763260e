//! Users.

use super::RowMac;
use crate::ids::{OrgId, UserId, UtcMillis};

/// One user of one organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Which user. Never changes.
    pub user_id: UserId,
    /// Whose user. Never changes.
    pub org_id: OrgId,
    /// Display name, 1 to [`DISPLAY_NAME_BYTES_MAX`](crate::limits::DISPLAY_NAME_BYTES_MAX) bytes.
    pub name: String,
    /// May administer the organisation.
    pub is_admin: bool,
    /// May do nothing at all.
    pub disabled: bool,
    /// When it was made. Never changes.
    pub created: UtcMillis,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}
