//! Tokens, scopes, trustees, restores and audit entries to test with.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{NOW, id, key_id, mac, org_id, user_id};
use crate::audit::{AuditHead, AuditSealer, SealedBlock};
use crate::ids::{OrgId, RecoverySetId, RestoreId, TokenId, UtcMillis};
use crate::rows::{
    ApiKeyScopeRow, AuditEntry, RestoreState, StagedRestoreRow, TokenRow, TrusteeRow,
};

/// A token of a user; it expires `number` milliseconds from [`NOW`].
pub fn token(org: u32, user: u32, number: u32) -> TokenRow {
    TokenRow {
        key_id: key_id(number),
        token_id: TokenId::from_bytes(id(number)),
        org_id: org_id(org),
        user_id: user_id(user),
        key_hash: [number as u8; 32],
        scope: vec![number as u8; 30],
        boxes: vec![number as u8; 300],
        created: NOW,
        expires: UtcMillis(NOW.0 + i64::from(number)),
        version: 1,
        mac: mac(number.into()),
    }
}

/// The scope of an API key at a row version.
pub fn api_key_scope(number: u32, version: u64) -> ApiKeyScopeRow {
    ApiKeyScopeRow {
        key_id: key_id(number),
        scope: vec![version as u8; 40],
        version,
        mac: mac(version),
    }
}

/// A trustee of a user of organisation 1 at a row version.
pub fn trustee(owner: u32, trustee: u32, version: u64) -> TrusteeRow {
    TrusteeRow {
        org_id: org_id(1),
        owner: user_id(owner),
        trustee: user_id(trustee),
        set_id: RecoverySetId::from_bytes(id(version as u32)),
        blobs: vec![version as u8; 2000],
        xor_applied: version.is_multiple_of(2),
        hint: if version == 1 {
            String::new()
        } else {
            "dog-name".into()
        },
        secret_version: version as u32,
        waiting_seconds: 3600,
        created: NOW,
        version,
        mac: mac(version),
    }
}

/// The id of restore number `number`.
pub fn restore_id(number: u32) -> RestoreId {
    RestoreId::from_bytes(id(number))
}

/// A restore as a trustee of organisation 1 stages it.
pub fn restore(number: u32, owner: u32, trustee: u32) -> StagedRestoreRow {
    StagedRestoreRow {
        restore_id: restore_id(number),
        org_id: org_id(1),
        owner: user_id(owner),
        trustee: user_id(trustee),
        blobs: vec![number as u8; 500],
        submitted: NOW,
        not_before: UtcMillis(NOW.0 + 3_600_000),
        state: RestoreState::Pending,
        version: 1,
        mac: mac(1),
    }
}

/// An audit entry.
pub fn audit_entry(org: u32, text: &str) -> AuditEntry {
    AuditEntry {
        org_id: org_id(org),
        entry: text.as_bytes().to_vec(),
    }
}

/// Chains blocks with a hash that is good enough to tell them apart, and no more than that.
#[derive(Debug)]
pub struct SampleSealer;

impl AuditSealer for SampleSealer {
    fn seal(&self, org_id: OrgId, head: &AuditHead, entries: &[&[u8]]) -> SealedBlock {
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend((entry.len() as u32).to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        SealedBlock {
            head: AuditHead {
                next_seq: head.next_seq + entries.len() as u64,
                hash: sample_hash(org_id, head, &bytes),
            },
            bytes,
        }
    }
}

/// The hash that [`SampleSealer`] gives a block.
pub fn sample_hash(org_id: OrgId, head: &AuditHead, bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (part, chunk) in hash.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (part, org_id, head.next_seq, head.hash, bytes).hash(&mut hasher);
        chunk.copy_from_slice(&hasher.finish().to_be_bytes());
    }
    hash
}

/// The entries of a block that [`SampleSealer`] sealed.
pub fn sample_entries(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (entry, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        entries.push(entry.to_vec());
        bytes = rest;
    }
    entries
}
