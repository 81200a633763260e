//! Takes note of when API keys are used: coarsely, on the side, and never in a request's way.
//!
//! Promise: at most one write for each key in [`NOTE_EVERY`], at most [`NOTES_MAX`] at a time, and
//! a bounded memory of keys. A note that cannot be taken now is left for a later use.
//! Not here: deciding anything by it; the noted time is under no MAC.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use vault_store::{ApiKeyChange, KeyId};

use super::Vault;

/// A key that was noted is not noted again for so long.
const NOTE_EVERY: Duration = Duration::from_secs(60 * 60);
/// Notes being written at once.
const NOTES_MAX: usize = 8;
/// Keys whose last note is remembered.
const KEYS_REMEMBERED_MAX: usize = 16_384;

/// When each key was noted last, by the steady clock.
pub(super) struct KeyUses {
    noted: Mutex<HashMap<KeyId, Duration>>,
    writes: Arc<Semaphore>,
}

impl KeyUses {
    pub(super) fn new() -> Self {
        Self {
            noted: Mutex::default(),
            writes: Arc::new(Semaphore::new(NOTES_MAX)),
        }
    }

    /// Whether a use at `now` is to be noted; it then counts as noted.
    fn is_due(&self, key_id: KeyId, now: Duration) -> bool {
        let is_recent = |noted: &Duration| now.saturating_sub(*noted) < NOTE_EVERY;
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&key_id).is_some_and(is_recent) {
            return false;
        }
        if noted.len() >= KEYS_REMEMBERED_MAX && !noted.contains_key(&key_id) {
            noted.retain(|_, noted| is_recent(noted));
            if noted.len() >= KEYS_REMEMBERED_MAX {
                return false;
            }
        }
        noted.insert(key_id, now);
        true
    }
}

impl Vault {
    /// Notes that a key was used now, unless that was noted lately.
    pub(super) fn note_key_use(&self, key_id: KeyId) {
        // Asked for first: a key without a place stays due.
        let Ok(place) = Arc::clone(&self.key_uses.writes).try_acquire_owned() else {
            return;
        };
        if !self.key_uses.is_due(key_id, self.clock.monotonic()) {
            return;
        }
        let (store, used) = (Arc::clone(&self.store), self.clock.utc());
        tokio::spawn(async move {
            let _place = place;
            let note = ApiKeyChange::NoteUse { key_id, used };
            if let Err(error) = store.commit(note.into()).await {
                tracing::debug!(%error, "the use of an API key was not noted");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> KeyId {
        KeyId::parse(&format!("{number:08}")).unwrap()
    }

    #[test]
    fn a_use_is_due_once_an_hour_for_each_key() {
        let uses = KeyUses::new();
        let start = Duration::from_secs(7);
        assert!(uses.is_due(key(1), start));
        assert!(uses.is_due(key(2), start));
        let last = start + NOTE_EVERY - Duration::from_millis(1);
        assert!(!uses.is_due(key(1), start) && !uses.is_due(key(1), last));
        assert!(uses.is_due(key(1), start + NOTE_EVERY));
        assert!(!uses.is_due(key(1), start + NOTE_EVERY));
    }

    #[test]
    fn memory_is_bounded_and_old_keys_make_room() {
        let uses = KeyUses::new();
        for number in 0..KEYS_REMEMBERED_MAX {
            assert!(uses.is_due(key(number), Duration::ZERO));
        }
        assert!(!uses.is_due(key(KEYS_REMEMBERED_MAX), Duration::ZERO));
        assert!(uses.is_due(key(KEYS_REMEMBERED_MAX), NOTE_EVERY));
        let noted = uses.noted.lock().unwrap();
        assert!(noted.len() <= KEYS_REMEMBERED_MAX);
    }
}
