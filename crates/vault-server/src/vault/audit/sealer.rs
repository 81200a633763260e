//! Chains entries on the store's writing thread, where their order is known.
//!
//! In: events as bytes. Out: one block of links, and a note of how many entries each chain has
//! gained, for the next checkpoint.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hardened_crypto::audit_chain::AuditEvent;
use vault_store::{AuditHead, AuditSealer, OrgId, SealedBlock};

use super::block;

/// Chains with entries since their last checkpoint that are told apart; with more, the first
/// ones wait for their next entry.
const GROWN_CHAINS_MAX: usize = 10_000;

/// Chains by organisation.
#[derive(Debug, Default)]
pub struct ChainSealer {
    grown: Mutex<HashMap<OrgId, u64>>,
}

impl ChainSealer {
    /// A sealer that has sealed nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chains that gained at least `entries` since they were last taken.
    pub(super) fn take_grown(&self, entries: u64) -> Vec<OrgId> {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        let due: Vec<OrgId> = grown
            .iter()
            .filter(|(_, gained)| **gained >= entries)
            .map(|(org_id, _)| *org_id)
            .collect();
        for org_id in &due {
            grown.remove(org_id);
        }
        due
    }

    /// Counts `entries` more of a chain.
    pub(super) fn note_grown(&self, org_id: OrgId, entries: u64) {
        let mut grown = self.grown.lock().unwrap_or_else(PoisonError::into_inner);
        if grown.len() < GROWN_CHAINS_MAX || grown.contains_key(&org_id) {
            *grown.entry(org_id).or_default() += entries;
        }
    }
}

impl AuditSealer for ChainSealer {
    /// A block of other entries than a vault makes comes back empty, which the store refuses.
    fn seal(&self, org_id: OrgId, head: &AuditHead, entries: &[&[u8]]) -> SealedBlock {
        const REFUSED: SealedBlock = SealedBlock {
            bytes: Vec::new(),
            head: AuditHead::START,
        };
        let mut chain = block::chain_at(org_id, head);
        let mut bytes = Vec::with_capacity(block::bytes_of(entries));
        for entry in entries {
            let event = AuditEvent::parse_bytes(entry);
            let Ok(link) = event.and_then(|event| chain.append(event)) else {
                return REFUSED;
            };
            block::push(&mut bytes, entry, link.hash);
        }
        self.note_grown(org_id, entries.len() as u64);
        SealedBlock {
            bytes,
            head: AuditHead {
                next_seq: chain.size().saturating_add(1),
                hash: chain.hash().0,
            },
        }
    }
}
