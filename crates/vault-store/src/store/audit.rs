//! Reads of audit blocks.

use async_trait::async_trait;

use super::Page;
use crate::audit::AuditHead;
use crate::error::StoreError;
use crate::ids::OrgId;
use crate::rows::AuditBlockRow;

/// Reads audit logs.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// The end of one organisation's chain; [`AuditHead::START`] before its first block.
    async fn audit_head(&self, org_id: OrgId) -> Result<AuditHead, StoreError>;

    /// Blocks of one organisation with entries above `after_seq`, ascending. A page ends early
    /// once its blocks take [`AUDIT_PAGE_BYTES_MAX`](crate::limits::AUDIT_PAGE_BYTES_MAX), but
    /// holds at least one.
    async fn audit_blocks(
        &self,
        org_id: OrgId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Page<AuditBlockRow>, StoreError>;
}
