//! Where links come from: a database, or the lines of an export.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use hardened_crypto::audit_chain::ChainLink;
use vault_store::{AuditHead, DatabaseFile, OpenError, OrgId, RowOf, StoreError, StoredVersion};

use super::export::{EXPORT_LINE_BYTES_MAX, ExportLine};
use crate::vault::audit::{BlockError, links_of};

/// Blocks read at once.
const BLOCKS_AT_ONCE: u32 = 100;

/// A reason the links cannot be read to their end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The database cannot be opened.
    #[error("cannot open the database: {0}")]
    Open(#[from] OpenError),
    /// The database cannot be read.
    #[error("cannot read the database: {0}")]
    Store(#[from] StoreError),
    /// The export cannot be read.
    #[error("cannot read the export: {0}")]
    Io(#[from] std::io::Error),
    /// A stored block is unreadable.
    #[error("audit entry {}: unreadable", after.saturating_add(1))]
    Block {
        /// Sequence number of the last readable entry.
        after: u64,
    },
    /// A line of an export is unreadable.
    #[error("line {0} of the export is unreadable")]
    Line(u64),
}

/// Chains of links, one organisation after the other.
pub trait AuditSource {
    /// Whose chains there are.
    ///
    /// # Errors
    /// [`SourceError`].
    fn orgs(&self) -> Result<Vec<OrgId>, SourceError>;

    /// Hands out the links of one chain in the order in which they are kept, until `each` says
    /// `false`.
    ///
    /// # Errors
    /// [`SourceError`].
    fn links(
        &self,
        org_id: OrgId,
        each: &mut dyn FnMut(ChainLink) -> bool,
    ) -> Result<(), SourceError>;

    /// What a row says of its version; `None` also where there are no rows at all.
    ///
    /// # Errors
    /// [`SourceError`].
    fn row(&self, _row: RowOf) -> Result<Option<StoredVersion>, SourceError> {
        Ok(None)
    }
}

/// The chains and rows of a database file, as they were at one moment.
#[derive(Debug)]
pub struct DatabaseSource(DatabaseFile);

impl DatabaseSource {
    /// Opens the database.
    ///
    /// # Errors
    /// [`SourceError::Open`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        Ok(Self(DatabaseFile::open(path)?))
    }
}

impl AuditSource for DatabaseSource {
    fn orgs(&self) -> Result<Vec<OrgId>, SourceError> {
        let mut all = Vec::new();
        loop {
            let page = self.0.orgs(all.last().copied())?;
            all.extend(page.rows);
            if !page.more {
                return Ok(all);
            }
        }
    }

    fn links(
        &self,
        org_id: OrgId,
        each: &mut dyn FnMut(ChainLink) -> bool,
    ) -> Result<(), SourceError> {
        let AuditHead { hash, .. } = AuditHead::START;
        let (mut after, mut before) = (0, hash);
        loop {
            let page = self.0.blocks(org_id, after, BLOCKS_AT_ONCE)?;
            for block in &page.rows {
                let unreadable = |error: BlockError| SourceError::Block { after: error.after };
                let links = links_of(block).map_err(unreadable)?;
                for link in links {
                    if !each(link) {
                        return Ok(());
                    }
                }
                // The links say the same; the column is what the server goes on from.
                if block.previous_hash != before {
                    return Err(SourceError::Block { after });
                }
                (after, before) = (block.last_seq, block.hash);
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    fn row(&self, row: RowOf) -> Result<Option<StoredVersion>, SourceError> {
        Ok(self.0.version(row)?)
    }
}

/// The chains in an export, held in memory.
#[derive(Debug, Default)]
pub struct ExportSource(BTreeMap<OrgId, Vec<ChainLink>>);

impl ExportSource {
    /// Reads an export to its end.
    ///
    /// # Errors
    /// [`SourceError::Line`] for the first line that is none, [`SourceError::Io`].
    pub fn read(mut input: impl BufRead) -> Result<Self, SourceError> {
        let mut chains: BTreeMap<OrgId, Vec<ChainLink>> = BTreeMap::new();
        let mut number = 0;
        loop {
            number += 1;
            let mut line = Vec::new();
            let bytes_max = EXPORT_LINE_BYTES_MAX as u64 + 1;
            let mut bounded = std::io::Read::take(&mut input, bytes_max);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                return Ok(Self(chains));
            }
            let link = ExportLine::parse(line.trim_ascii_end());
            let link = link.ok_or(SourceError::Line(number))?;
            let org_id = OrgId::from_bytes(link.entry.org.0);
            chains.entry(org_id).or_default().push(link);
        }
    }
}

impl AuditSource for ExportSource {
    fn orgs(&self) -> Result<Vec<OrgId>, SourceError> {
        Ok(self.0.keys().copied().collect())
    }

    fn links(
        &self,
        org_id: OrgId,
        each: &mut dyn FnMut(ChainLink) -> bool,
    ) -> Result<(), SourceError> {
        for link in self.0.get(&org_id).into_iter().flatten() {
            if !each(link.clone()) {
                break;
            }
        }
        Ok(())
    }
}
