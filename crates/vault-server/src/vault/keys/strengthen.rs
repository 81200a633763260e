//! Hashes a passphrase anew when more is asked of a hash than when the stored one was made.
//!
//! In: a passphrase that has just opened its user's keys. Out, on the side: the same keys under
//! the same passphrase at the configured cost, with an entry of the server's own that names the
//! call it came with.
//!
//! Promise: the call neither waits for it nor fails with it, and a store that takes no writes only
//! skips it; no cost is ever lowered; whoever changes the keys meanwhile wins. The secret is the
//! same and keeps its version: recovery shares, staged restores and tokens stay as they are.
//! Not here: passphrases of credentials. All kept versions of one are sealed under the same key,
//! which lasts as long as the credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hardened_crypto::rekey::{ProtectedKeys, protect_anew};
use hardened_crypto::user_secret::{Argon2Arena, PassphraseCost, Protection, UserSecret};
use secrecy::{ExposeSecret, SecretSlice};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use vault_store::StoreError;

use super::{CheckedRing, replaced};
use crate::vault::Vault;
use crate::vault::access::Member;
use crate::vault::error::{VaultError, made, stored};

/// What the audit log calls it.
const ACTION: &str = "keys.strengthen";
/// Hashes made anew at once: the pool is there for those who wait.
const AT_ONCE: usize = 1;
/// Nothing is hashed anew for so long after the store took no write.
const PAUSE: Duration = Duration::from_secs(60);

/// Room for hashing anew.
pub(crate) struct Strengthening {
    room: Arc<Semaphore>,
    /// On the monotonic clock.
    paused_until_ms: AtomicU64,
}

impl Strengthening {
    pub(crate) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(AT_ONCE)),
            paused_until_ms: AtomicU64::new(0),
        }
    }

    fn take(&self, now: Duration) -> Option<OwnedSemaphorePermit> {
        if millis(now) < self.paused_until_ms.load(Ordering::Relaxed) {
            return None;
        }
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    fn pause(&self, now: Duration) {
        let until = millis(now.saturating_add(PAUSE));
        self.paused_until_ms.store(until, Ordering::Relaxed);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Keys to protect anew, with the passphrase that opens them.
struct Work {
    whose: Member,
    secret: UserSecret,
    ring: CheckedRing,
    cost: PassphraseCost,
}

impl Work {
    fn run(&self, arena: &mut Argon2Arena) -> Result<(Protection, ProtectedKeys), VaultError> {
        const REFUSED: &str = "a sealed private key";
        let owner = self.whose.owner();
        let old = self.secret.unlock(owner, &self.ring.protection, arena);
        let old = old.map_err(stored(REFUSED))?;
        let version = self.ring.keys.secret_version;
        let (protection, new) = self
            .secret
            .protect(owner, version, self.cost, arena)
            .map_err(made)?;
        let protected = protect_anew(&self.ring.protected_keys()?, &old, &new);
        Ok((protection, protected.map_err(stored(REFUSED))?))
    }
}

impl Vault {
    /// Protects a user's keys at the configured cost from now on, if that is above the stored one
    /// and there is room. `presented` has opened them.
    pub(crate) fn strengthen_later(
        &self,
        whose: Member,
        presented: &SecretSlice<u8>,
        ring: &CheckedRing,
    ) {
        let cost = self.limits.passphrase_cost;
        if !ring.protection.is_below(cost) {
            return;
        }
        let Some(place) = self.strengthening.take(self.clock.monotonic()) else {
            return;
        };
        // Expose: parsed into a type that wipes itself.
        let Ok(secret) = UserSecret::for_unlock(presented.expose_secret()) else {
            return;
        };
        let work = Work {
            whose,
            secret,
            ring: ring.clone(),
            cost,
        };
        let (send, done) = oneshot::channel();
        let queued = self.argon2.try_run(move |arena| {
            // Failing to send means that the server stops.
            let _ = send.send(work.run(arena));
        });
        if queued.is_err() {
            return;
        }
        let (ring, integrity) = (ring.clone(), self.integrity.clone());
        let aside = self.aside(whose.org_id, ACTION);
        let (strengthening, clock) = (Arc::clone(&self.strengthening), Arc::clone(&self.clock));
        tokio::spawn(async move {
            let _place = place;
            let (protection, protected) = match done.await {
                Ok(Ok(done)) => done,
                Ok(Err(error)) => {
                    return tracing::warn!(%error, "a passphrase was not hashed anew");
                }
                Err(_) => return,
            };
            let change = replaced(&integrity, &ring, &protection, protected);
            match aside.commit(change).await {
                // Somebody else changed the keys meanwhile.
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => {
                    tracing::warn!(%error, "a passphrase hashed anew was not stored");
                    strengthening.pause(clock.monotonic());
                }
            }
        });
    }

    /// Changes a user's keys. Once more, if all that came between was that the same secret was
    /// hashed anew.
    ///
    /// # Errors
    /// `KeysMissing`; those of the attempt.
    pub(crate) async fn change_keys<T, F>(
        &self,
        whose: Member,
        attempt: impl Fn(CheckedRing) -> F,
    ) -> Result<T, VaultError>
    where
        F: Future<Output = Result<T, VaultError>>,
    {
        let ring = self.key_ring(whose).await?.ok_or(VaultError::KeysMissing)?;
        let seen = ring.clone();
        match attempt(ring).await {
            Err(VaultError::Conflict) => {}
            settled => return settled,
        }
        let ring = self.key_ring(whose).await?.ok_or(VaultError::KeysMissing)?;
        if ring.is_strengthened(&seen) {
            attempt(ring).await
        } else {
            Err(VaultError::Conflict)
        }
    }

    /// The keys as they are now, for a record that was read after the secret opened `unlocked`: a
    /// rotation may have moved its wrap since. What opened those opens these.
    ///
    /// # Errors
    /// `Conflict` when the secret has changed.
    pub(crate) async fn keys_now(
        &self,
        whose: Member,
        unlocked: &CheckedRing,
    ) -> Result<CheckedRing, VaultError> {
        let ring = self.key_ring(whose).await?.ok_or(VaultError::KeysMissing)?;
        if ring.protection == unlocked.protection {
            Ok(ring)
        } else if ring.is_strengthened(unlocked) {
            // The same keys, as the caller can open them.
            Ok(unlocked.clone())
        } else {
            Err(VaultError::Conflict)
        }
    }
}

impl CheckedRing {
    /// Whether these are the keys of `earlier` under the same secret, which was hashed anew.
    fn is_strengthened(&self, earlier: &Self) -> bool {
        self.protection != earlier.protection && self.state() == earlier.state()
    }
}
