//! Audit blocks in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::audit::{self, AuditHead, AuditSealer, NO_SEALER};
use crate::error::StoreError;
use crate::ids::OrgId;
use crate::limits::{AUDIT_PAGE_BYTES_MAX, LIST_LIMIT_MAX};
use crate::rows::{AuditBlockRow, AuditEntry};
use crate::store::{AuditStore, Page};

impl Tables {
    /// Adds one block per organisation.
    pub(super) fn append_audit(
        &mut self,
        sealer: Option<&dyn AuditSealer>,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let mut by_org: BTreeMap<OrgId, Vec<&[u8]>> = BTreeMap::new();
        for entry in entries {
            by_org.entry(entry.org_id).or_default().push(&entry.entry);
        }
        for (org_id, entries) in by_org {
            let sealer = sealer.ok_or(NO_SEALER)?;
            let block = audit::seal(sealer, org_id, &self.audit_head(org_id), &entries)?;
            self.audit_blocks.insert((org_id, block.last_seq), block);
        }
        Ok(())
    }

    fn audit_head(&self, org_id: OrgId) -> AuditHead {
        self.blocks_after(org_id, 0)
            .last()
            .map_or(AuditHead::START, AuditBlockRow::head)
    }

    fn blocks_after(&self, org_id: OrgId, after: u64) -> impl Iterator<Item = &AuditBlockRow> {
        let first = after.saturating_add(1);
        self.audit_blocks
            .range((org_id, first)..=(org_id, u64::MAX))
            .map(|(_, block)| block)
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn audit_head(&self, org_id: OrgId) -> Result<AuditHead, StoreError> {
        Ok(self.tables().audit_head(org_id))
    }

    async fn audit_blocks(
        &self,
        org_id: OrgId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Page<AuditBlockRow>, StoreError> {
        let (limit, mut bytes) = (limit.min(LIST_LIMIT_MAX) as usize, 0);
        let mut page = Page::new();
        for block in self.tables().blocks_after(org_id, after_seq) {
            if page.rows.len() == limit || bytes >= AUDIT_PAGE_BYTES_MAX {
                page.more = true;
                break;
            }
            bytes += block.entries.len();
            page.rows.push(block.clone());
        }
        Ok(page)
    }
}
