//! Entries as the store keeps them: many in one block.
//!
//! ```text
//! per entry: u16 length | event | hash of the link, 32 bytes
//! ```
//!
//! The sequence numbers are those of the block. The hash of each link is kept, although it
//! follows from the events, so that a changed entry is named and not just its block.

use hardened_crypto::audit_chain::{
    AuditEntry, AuditEvent, Chain, ChainHash, ChainLink, EVENT_BYTES_MAX,
};
use vault_store::rows::AuditBlockRow;
use vault_store::{AuditHead, OrgId};

const LENGTH_BYTES: usize = 2;
const HASH_BYTES: usize = 32;

/// The bytes of a block are not those of its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit block after entry {after} is unreadable")]
pub struct BlockError {
    /// Sequence number of the last readable entry.
    pub after: u64,
}

/// Adds one link to a block.
pub(super) fn push(block: &mut Vec<u8>, event: &[u8], hash: ChainHash) {
    let length = u16::try_from(event.len()).expect("an event fits into its bound");
    block.extend(length.to_be_bytes());
    block.extend(event);
    block.extend(hash.0);
}

/// Bytes of a block of these events.
pub(super) fn bytes_of(events: &[&[u8]]) -> usize {
    let each = events
        .iter()
        .map(|event| LENGTH_BYTES + event.len() + HASH_BYTES);
    each.sum()
}

/// The chain that ends at `head`.
pub(super) fn chain_at(org_id: OrgId, head: &AuditHead) -> Chain {
    let org = (*org_id.as_bytes()).into();
    if head.next_seq == AuditHead::START.next_seq {
        return Chain::empty(org);
    }
    Chain::resume(org, head.next_seq - 1, ChainHash(head.hash))
}

/// Reads the links of a stored block. Whether they are genuine only their chain tells.
///
/// # Errors
/// [`BlockError`] for anything that a sealer does not write.
pub fn links_of(block: &AuditBlockRow) -> Result<Vec<ChainLink>, BlockError> {
    let mut links: Vec<ChainLink> = Vec::new();
    let mut rest = block.entries.as_slice();
    let mut sequence = block.first_seq;
    while !rest.is_empty() {
        let after = sequence.saturating_sub(1);
        let (event, hash, behind) = split(rest).ok_or(BlockError { after })?;
        rest = behind;
        let event = AuditEvent::parse_bytes(event).map_err(|_| BlockError { after })?;
        let org = (*block.org_id.as_bytes()).into();
        let entry = AuditEntry {
            sequence,
            org,
            event,
        };
        links.push(ChainLink { entry, hash });
        sequence = sequence.checked_add(1).ok_or(BlockError { after })?;
    }
    let last = links.last().map(|link| (link.entry.sequence, link.hash.0));
    if last == Some((block.last_seq, block.hash)) {
        Ok(links)
    } else {
        Err(BlockError {
            after: block.first_seq.saturating_sub(1),
        })
    }
}

fn split(rest: &[u8]) -> Option<(&[u8], ChainHash, &[u8])> {
    let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length > EVENT_BYTES_MAX {
        return None;
    }
    let (event, rest) = rest.split_at_checked(length)?;
    let (hash, rest) = rest.split_first_chunk::<HASH_BYTES>()?;
    Some((event, ChainHash(*hash), rest))
}
