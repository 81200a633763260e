//! What one audit entry says.

use super::LogText;
use crate::{
    context::{Context, Domain},
    ids::{OrgId, UserId},
};

/// Longest action, for example `kv.read`.
pub const ACTION_BYTES_MAX: usize = 64;
/// Longest target: a host and a path, or the kinds and ids of a hundred objects.
pub const TARGET_BYTES_MAX: usize = 4_608;
/// Longest outcome, for example `ok` or `wrong_secret`.
pub const OUTCOME_BYTES_MAX: usize = 64;
/// Longest request id.
pub const REQUEST_ID_BYTES_MAX: usize = 64;
/// Longest note about the client: address, name and version of its program.
pub const NOTE_BYTES_MAX: usize = 256;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Actor {
    /// Somebody who gave no valid key.
    Anonymous,
    /// The holder of the first-start key.
    Root,
    /// The server itself: sweeps, expiries.
    System,
    /// A user.
    User(UserId),
}

impl Actor {
    fn bind(self, context: Context) -> Context {
        match self {
            Self::Anonymous => context.u8(0).bytes(&[]),
            Self::Root => context.u8(1).bytes(&[]),
            Self::System => context.u8(2).bytes(&[]),
            Self::User(user) => context.u8(3).bytes(&user.0),
        }
    }
}

/// What happened; the chain adds organisation and sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// When: UTC milliseconds since the epoch.
    pub time_utc_ms: i64,
    /// Who.
    pub actor: Actor,
    /// What was asked for.
    pub action: LogText<ACTION_BYTES_MAX>,
    /// Of which object.
    pub target: LogText<TARGET_BYTES_MAX>,
    /// How it ended: a stable code.
    pub outcome: LogText<OUTCOME_BYTES_MAX>,
    /// Version of the target that the action made. A row that is older than the last version
    /// in its chain was put back.
    pub new_version: Option<u64>,
    /// The request it was part of.
    pub request_id: LogText<REQUEST_ID_BYTES_MAX>,
    /// What the client says about itself. Not to be trusted.
    pub note: LogText<NOTE_BYTES_MAX>,
}

/// One entry of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Position in the chain, from 1.
    pub sequence: u64,
    /// Whose chain it is in.
    pub org: OrgId,
    /// What happened.
    pub event: AuditEvent,
}

impl AuditEntry {
    /// The bytes that are hashed.
    pub(super) fn encode(&self) -> Vec<u8> {
        let event = &self.event;
        let context = Context::new(Domain::Audit)
            .text("entry")
            .u64(self.sequence)
            .bytes(&event.time_utc_ms.to_be_bytes())
            .bytes(&self.org.0);
        let context = event
            .actor
            .bind(context)
            .text(event.action.as_str())
            .text(event.target.as_str())
            .text(event.outcome.as_str());
        let context = match event.new_version {
            Some(version) => context.u64(version),
            None => context.bytes(&[]),
        };
        context
            .text(event.request_id.as_str())
            .text(event.note.as_str())
            .finish()
    }
}
