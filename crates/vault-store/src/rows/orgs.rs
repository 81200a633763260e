//! Organisations.

use super::RowMac;
use crate::ids::{OrgId, UtcMillis};

/// One organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgRow {
    /// Which organisation. Never changes.
    pub org_id: OrgId,
    /// Display name, 1 to [`DISPLAY_NAME_BYTES_MAX`](crate::limits::DISPLAY_NAME_BYTES_MAX) bytes.
    pub name: String,
    /// When it was made. Never changes.
    pub created: UtcMillis,
    /// Row version. Rules that span an organisation's rows ("the last admin stays") are kept by
    /// replacing this row in the same change set: of two such changes one gets the conflict.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}
