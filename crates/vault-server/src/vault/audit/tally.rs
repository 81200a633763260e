//! What is counted instead of recorded one by one: callers who were not recognised, so that a
//! flood of them fills no disk, and entries that found no room.
//!
//! One entry in the server's own log tells how many there were since the one before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hardened_crypto::audit_chain::{Actor, AuditEvent, LogText};
use vault_store::UtcMillis;

/// Shortest time between two entries about one kind.
pub(super) const TALLY_EVERY: Duration = Duration::from_secs(60);

/// How many of one kind there were since the last entry.
#[derive(Debug)]
pub(super) struct Tally {
    count: AtomicU64,
    actor: Actor,
    action: &'static str,
    outcome: &'static str,
}

impl Tally {
    /// Callers who were not recognised.
    pub(super) fn strangers() -> Self {
        Self::new(Actor::Anonymous, "auth.refused", "refused")
    }

    /// Calls whose own entry found no room.
    pub(super) fn unrecorded() -> Self {
        Self::new(Actor::System, "audit.unrecorded", "lost")
    }

    fn new(actor: Actor, action: &'static str, outcome: &'static str) -> Self {
        Self {
            count: AtomicU64::new(0),
            actor,
            action,
            outcome,
        }
    }

    pub(super) fn note(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// The entry about those so far, if there were any.
    pub(super) fn take(&self, now: UtcMillis) -> Option<AuditEvent> {
        let count = self.count.swap(0, Ordering::Relaxed);
        (count > 0).then(|| AuditEvent {
            time_utc_ms: now.0,
            actor: self.actor,
            action: LogText::lossy(self.action),
            target: LogText::default(),
            outcome: LogText::lossy(self.outcome),
            new_version: None,
            request_id: LogText::default(),
            note: LogText::lossy(&format!("count={count}")),
        })
    }
}
