//! A hash chain of audit entries, one chain for each organisation, with checkpoints.
//!
//! In: events as typed, bounded texts. Out: links to store in order, and now and then a
//! checkpoint to keep outside the database.
//!
//! ```text
//! hash of an empty chain = SHA-256(0x00 | context(organisation))
//! hash of a link         = SHA-256(0x01 | hash before | context(entry))
//! checkpoint             = size, hash and time under an HMAC of the root key
//! ```
//!
//! Promise: an entry that was changed, dropped, added, repeated or moved, or that is of
//! another organisation, breaks the chain at a link that [`verify`] names. Against a
//! checkpoint it also names what the chain alone cannot show: a cut tail, and a history
//! that was rewritten and hashed again. A clock set back is reported, not refused: clocks do
//! that, and the order of entries does not rest on them.
//!
//! Not here: storing a link together with the change it tells of, keeping sequence numbers
//! unique (both `vault-store`), and what may go into an entry: never a secret, never a
//! plaintext.
//!
//! # Example
//!
//! ```
//! use hardened_crypto::{
//!     audit_chain::{self, Actor, AuditEvent, Chain, Checkpoint, LogText, SignedCheckpoint},
//!     ids::{OrgId, UserId},
//!     root_key::RootKeyring,
//! };
//! use secrecy::ExposeSecret;
//!
//! let ring = RootKeyring::parse(RootKeyring::make_text()?.expose_secret())?;
//! let org = OrgId([1; 16]);
//! let mut chain = Chain::empty(org);
//! let mut links = Vec::new();
//! for name in ["db/main", "db/replica"] {
//!     links.push(chain.append(AuditEvent {
//!         time_utc_ms: 1_790_000_000_000,
//!         actor: Actor::User(UserId([2; 16])),
//!         action: LogText::new("kv.read")?,
//!         target: LogText::new(name)?,
//!         outcome: LogText::new("ok")?,
//!         new_version: None,
//!         request_id: LogText::new("01J9")?,
//!         note: LogText::default(),
//!     })?);
//! }
//! let kept_elsewhere = Checkpoint::of(&chain, 1_790_000_000_500).sign(&ring).to_text();
//!
//! // Later: the tail is missing, which only the checkpoint tells.
//! links.pop();
//! assert!(audit_chain::verify(org, &links, &[]).is_ok());
//! let checkpoint = SignedCheckpoint::parse(kept_elsewhere.as_bytes())?.verify(&ring)?;
//! let broken = audit_chain::verify(org, &links, &[checkpoint]).unwrap_err();
//! assert_eq!(broken.sequence, 2);
//! # Ok::<(), hardened_crypto::Error>(())
//! ```

mod checkpoint;
mod entry;
mod event_bytes;
mod line;
mod log_text;
mod name_tag;
mod verifier;

pub use checkpoint::{
    CHECKPOINT_EVERY_ENTRIES, CHECKPOINT_TEXT_BYTES_MAX, Checkpoint, SignedCheckpoint,
};
pub use entry::{
    ACTION_BYTES_MAX, Actor, AuditEntry, AuditEvent, NOTE_BYTES_MAX, OUTCOME_BYTES_MAX,
    REQUEST_ID_BYTES_MAX, TARGET_BYTES_MAX,
};
pub use event_bytes::EVENT_BYTES_MAX;
pub use line::LINE_BYTES_MAX;
pub use log_text::LogText;
pub use name_tag::{NameTag, tag_name};
pub use verifier::{BreakReason, BrokenLink, Verified, Verifier, verify};

use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    ids::OrgId,
};
use ring::digest;
use std::num::NonZeroU64;

/// The hash of a link, and with it of everything before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChainHash(pub [u8; 32]);

/// First byte of what is hashed: an empty chain never looks like a link.
const EMPTY: u8 = 0;
const LINK: u8 = 1;

impl ChainHash {
    fn empty(org: OrgId) -> Self {
        let context = Context::new(Domain::Audit).text("chain").bytes(&org.0);
        Self::of(&[&[EMPTY], &context.finish()])
    }

    fn of_link(before: Self, entry: &AuditEntry) -> Self {
        Self::of(&[&[LINK], &before.0, &entry.encode()])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            hash.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.finish().as_ref());
        Self(bytes)
    }
}

/// One entry and the hash that chains it to everything before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainLink {
    /// The entry.
    pub entry: AuditEntry,
    /// Hash of the chain up to and with this entry.
    pub hash: ChainHash,
}

/// The end of a chain: all that is needed to append to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    org: OrgId,
    size: u64,
    hash: ChainHash,
}

impl Chain {
    /// A chain without entries.
    #[must_use]
    pub fn empty(org: OrgId) -> Self {
        Self {
            org,
            size: 0,
            hash: ChainHash::empty(org),
        }
    }

    /// A chain that goes on behind a stored link; `size` is the sequence number of its entry.
    #[must_use]
    pub fn resume(org: OrgId, size: u64, hash: ChainHash) -> Self {
        Self { org, size, hash }
    }

    /// Appends an event. To be stored in the same transaction as the change it tells of.
    ///
    /// # Errors
    /// `Policy` when the chain is full (2^64 - 1 entries).
    pub fn append(&mut self, event: AuditEvent) -> Result<ChainLink> {
        let sequence = self.size.checked_add(1);
        let entry = AuditEntry {
            sequence: sequence.ok_or(Error::policy("the audit chain is full"))?,
            org: self.org,
            event,
        };
        self.hash = ChainHash::of_link(self.hash, &entry);
        self.size = entry.sequence;
        Ok(ChainLink {
            entry,
            hash: self.hash,
        })
    }

    /// Whose chain it is.
    #[must_use]
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// Number of entries; also the sequence number of the last one, since they count from 1.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Hash of the last link.
    #[must_use]
    pub fn hash(&self) -> ChainHash {
        self.hash
    }

    /// Whether the last entry is one after which a checkpoint is to be written.
    #[must_use]
    pub fn checkpoint_is_due(&self, every_entries: NonZeroU64) -> bool {
        self.size != 0 && self.size.is_multiple_of(every_entries.get())
    }
}

#[cfg(test)]
#[path = "audit_chain/tests.rs"]
mod tests;
