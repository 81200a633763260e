//! Audit blocks in SQLite.
//!
//! Heads are cached on the writer thread. They move when the transaction is committed and not
//! before; a head that is not cached is read from the database.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::store_error;
use super::{SqliteStore, query};
use crate::audit::{self, AuditHead, AuditSealer, NO_SEALER};
use crate::error::StoreError;
use crate::ids::OrgId;
use crate::limits::{AUDIT_HEADS_CACHED_MAX, AUDIT_PAGE_BYTES_MAX, LIST_LIMIT_MAX};
use crate::rows::{AuditBlockRow, AuditEntry};
use crate::store::{AuditStore, Page};

const INSERT: &str = "INSERT INTO audit_blocks \
    (org_id, first_seq, last_seq, previous_hash, hash, entries) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const HEAD: &str = "SELECT last_seq, hash FROM audit_blocks WHERE org_id = ?1 \
    ORDER BY last_seq DESC LIMIT 1";

const BLOCKS: &str = "SELECT org_id, first_seq, last_seq, previous_hash, hash, entries \
    FROM audit_blocks WHERE org_id = ?1 AND last_seq > ?2 ORDER BY last_seq LIMIT ?3";

/// Where each chain ends, as far as this thread knows.
pub(super) struct Chains {
    sealer: Option<Arc<dyn AuditSealer>>,
    heads: HashMap<OrgId, AuditHead>,
}

/// Heads as they are once a transaction is committed.
#[must_use]
pub(super) struct Moved(Vec<(OrgId, AuditHead)>);

impl Chains {
    pub(super) fn new(sealer: Option<Arc<dyn AuditSealer>>) -> Self {
        Self {
            sealer,
            heads: HashMap::new(),
        }
    }

    /// Writes one block per organisation. The heads stay where they are.
    pub(super) fn append<'a>(
        &self,
        db: &Connection,
        entries: impl Iterator<Item = &'a AuditEntry>,
    ) -> Result<Moved, StoreError> {
        let mut by_org: BTreeMap<OrgId, Vec<&[u8]>> = BTreeMap::new();
        for entry in entries {
            by_org.entry(entry.org_id).or_default().push(&entry.entry);
        }
        let mut moved = Vec::with_capacity(by_org.len());
        for (org_id, entries) in by_org {
            let sealer = self.sealer.as_deref().ok_or(NO_SEALER)?;
            let head = match self.heads.get(&org_id) {
                Some(head) => *head,
                None => head(db, org_id)?,
            };
            let block = audit::seal(sealer, org_id, &head, &entries)?;
            insert(db, &block)?;
            moved.push((org_id, block.head()));
        }
        Ok(Moved(moved))
    }

    /// To be called once the transaction is committed.
    pub(super) fn advance(&mut self, moved: Moved) {
        if self.heads.len() + moved.0.len() > AUDIT_HEADS_CACHED_MAX {
            self.heads.clear();
        }
        self.heads.extend(moved.0);
    }
}

fn insert(db: &Connection, block: &AuditBlockRow) -> Result<(), StoreError> {
    let (first_seq, last_seq) = (Count(block.first_seq), Count(block.last_seq));
    let values = params![
        block.org_id,
        first_seq,
        last_seq,
        block.previous_hash,
        block.hash,
        block.entries
    ];
    // Only this thread writes, so a taken sequence number can only mean damage.
    query::execute(db, INSERT, values)
        .map(drop)
        .map_err(store_error)
}

fn head(db: &Connection, org_id: OrgId) -> Result<AuditHead, StoreError> {
    let found = query::one(db, HEAD, params![org_id], |columns| {
        Ok(AuditHead {
            next_seq: columns.count()? + 1,
            hash: columns.take()?,
        })
    })?;
    Ok(found.unwrap_or(AuditHead::START))
}

pub(super) fn blocks(
    db: &Connection,
    org_id: OrgId,
    after_seq: u64,
    limit: u32,
) -> Result<Page<AuditBlockRow>, StoreError> {
    let limit = limit.min(LIST_LIMIT_MAX) as usize;
    let after = i64::try_from(after_seq).unwrap_or(i64::MAX);
    let mut query = db.prepare_cached(BLOCKS).map_err(store_error)?;
    let mut rows = query
        .query(params![org_id, after, limit as i64 + 1])
        .map_err(store_error)?;
    let (mut page, mut bytes) = (Page::new(), 0);
    while let Some(row) = rows.next().map_err(store_error)? {
        if page.rows.len() == limit || bytes >= AUDIT_PAGE_BYTES_MAX {
            page.more = true;
            break;
        }
        let block = decode(&mut Columns::new(row)).map_err(store_error)?;
        bytes += block.entries.len();
        page.rows.push(block);
    }
    Ok(page)
}

#[async_trait]
impl AuditStore for SqliteStore {
    async fn audit_head(&self, org_id: OrgId) -> Result<AuditHead, StoreError> {
        self.readers.run(move |db| head(db, org_id)).await
    }

    async fn audit_blocks(
        &self,
        org_id: OrgId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Page<AuditBlockRow>, StoreError> {
        self.readers
            .run(move |db| blocks(db, org_id, after_seq, limit))
            .await
    }
}

fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<AuditBlockRow> {
    Ok(AuditBlockRow {
        org_id: columns.take()?,
        first_seq: columns.count()?,
        last_seq: columns.count()?,
        previous_hash: columns.take()?,
        hash: columns.take()?,
        entries: columns.take()?,
    })
}
