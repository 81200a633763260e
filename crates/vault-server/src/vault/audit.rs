//! Who did what: one entry for every call, chained by organisation.
//!
//! In: calls as they begin ([`Call`]), what they turn out to be about, and how they ended. Out:
//! entries in the store, in the transaction of the change where there is one, and checkpoints
//! of the chains outside of it.
//!
//! ```text
//! layer ── opens a Call ──> use case ── Vault::commit ──> change set + entry ─┐
//!   │                                                                         ├─> store: one block
//!   ├── what committed nothing: its entry, before the answer leaves ──────────┤   per organisation
//!   └── proxied calls, at their end ──> queue ──> recorder, in batches ───────┘   and group commit
//! ```
//!
//! Promise: a call has exactly one entry; an answer of the API leaves after its entry is
//! durable; an entry holds no secret, no value and no name of a value in the clear. A call that
//! cannot be recorded is refused, unless the operator chose otherwise.
//! Not here: names of actions (`api::actions`), and what a client is told.

mod block;
mod call;
mod checkpoints;
mod commit_room;
mod log;
mod read;
mod recorder;
mod sealer;
mod subject;
mod tally;

pub use block::{BlockError, links_of};
pub use call::{Call, CallEnd};
pub(crate) use call::{about, about_org, current, enter_route, identify};
pub use checkpoints::{CHECKPOINT_FILE_NAME, CheckpointFile};
pub use log::{AUDIT_QUEUE_MAX, AuditLog, AuditParts, AuditUnavailable, Slot, WhenUnavailable};
pub(crate) use log::{CommitOutcome, OwnEntry};
pub use read::{AuditFilter, AuditPage, SCAN_ENTRIES_MAX};
pub use sealer::ChainSealer;
pub(crate) use subject::{ENDED_KEY, ENDED_SHARE, LIMITED_KEY};

use vault_store::OrgId;

/// Whose log holds what belongs to no organisation: acts of root on none, strangers, the server.
pub const SERVER_LOG: OrgId = OrgId::from_bytes([0; 16]);
