//! Callers who were not recognised: counted, so that a flood of them fills no disk.
//!
//! One entry in the server's own log tells how many there were since the one before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hardened_crypto::audit_chain::{Actor, AuditEvent, LogText};
use vault_store::UtcMillis;

/// Shortest time between two entries about strangers.
pub(super) const STRANGERS_EVERY: Duration = Duration::from_secs(60);

/// How many were refused since the last entry.
#[derive(Debug, Default)]
pub(super) struct Strangers(AtomicU64);

impl Strangers {
    pub(super) fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The entry about those so far, if there were any.
    pub(super) fn take(&self, now: UtcMillis) -> Option<AuditEvent> {
        let count = self.0.swap(0, Ordering::Relaxed);
        (count > 0).then(|| AuditEvent {
            time_utc_ms: now.0,
            actor: Actor::Anonymous,
            action: LogText::lossy("auth.refused"),
            target: LogText::default(),
            outcome: LogText::lossy("refused"),
            new_version: None,
            request_id: LogText::default(),
            note: LogText::lossy(&format!("count={count}")),
        })
    }
}
