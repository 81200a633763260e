//! Audit entries on their way into a chain of blocks.
//!
//! In: entries, opaque bytes, with the change set that they tell of or alone. Out: one block per
//! organisation and group commit, sealed by the caller's [`AuditSealer`] on the writer's side,
//! where the order is known, and committed in the transaction of the changes themselves.
//!
//! Promise: sequence numbers have no gaps; a change set is there with its entries or not at all;
//! a group that fails moves no head.
//! Not here: what an entry says and how blocks are chained. A change set that is refused has no
//! entry: whoever wants one records it afterwards.

use crate::error::StoreError;
use crate::ids::OrgId;
use crate::limits::AUDIT_BLOCK_BYTES_MAX;
use crate::rows::AuditBlockRow;

/// The end of an organisation's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Sequence number of the next entry; the first is 1.
    pub next_seq: u64,
    /// Hash of the last block, 32 zero bytes before the first.
    pub hash: [u8; 32],
}

impl AuditHead {
    /// The head of a chain without blocks.
    pub const START: Self = Self {
        next_seq: 1,
        hash: [0; 32],
    };
}

/// Entries as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlock {
    /// All entries, in order, encoded so that they can be told apart; 1 to
    /// [`AUDIT_BLOCK_BYTES_MAX`] bytes.
    pub bytes: Vec<u8>,
    /// The head after this block: `next_seq` is higher by the number of entries.
    pub head: AuditHead,
}

/// Chains entries into blocks. It runs on the thread that writes: quick, and without panic.
pub trait AuditSealer: Send + Sync {
    /// Seals entries, in their order, to follow `head`. The first gets `head.next_seq`. The same
    /// head may come again with other entries, when a block was not committed.
    fn seal(&self, org_id: OrgId, head: &AuditHead, entries: &[&[u8]]) -> SealedBlock;
}

/// Change sets with audit entries need a sealer.
pub(crate) const NO_SEALER: StoreError =
    StoreError::Invalid("audit entries for a store without a sealer");

/// Seals one block and checks that it continues the chain.
pub(crate) fn seal(
    sealer: &dyn AuditSealer,
    org_id: OrgId,
    head: &AuditHead,
    entries: &[&[u8]],
) -> Result<AuditBlockRow, StoreError> {
    let sealed = sealer.seal(org_id, head, entries);
    let next_seq = head.next_seq + entries.len() as u64;
    if sealed.head.next_seq != next_seq || sealed.bytes.is_empty() {
        return Err(StoreError::Invalid(
            "an audit block that does not continue its chain",
        ));
    }
    if sealed.bytes.len() > AUDIT_BLOCK_BYTES_MAX {
        return Err(StoreError::TooLarge("audit block"));
    }
    Ok(AuditBlockRow {
        org_id,
        first_seq: head.next_seq,
        last_seq: next_seq - 1,
        previous_hash: head.hash,
        hash: sealed.head.hash,
        entries: sealed.bytes,
    })
}
