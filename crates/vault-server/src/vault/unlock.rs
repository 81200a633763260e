//! From a user secret to the key that protects a user's keys.
//!
//! Promise: attempts are limited before any password hash; one user never fills the pool; a hash runs on the pool or not at
//! all, a generated secret in place; a wrong secret counts even when its sender has gone. Who was
//! shut out while a hash waited gets nothing of it.

use std::sync::Arc;

use hardened_crypto::ErrorKind;
use hardened_crypto::user_secret::{Argon2Arena, Kek, Protection, ProtectionKind, UserSecret};
use secrecy::{ExposeSecret, SecretSlice};
use tokio::sync::oneshot;

use super::Vault;
use super::access::Member;
use super::attempts::AttemptLimiter;
use super::clock::Clock;
use super::error::{Invalid, VaultError, made, stored};
use super::keys::CheckedRing;
use crate::layers::standing;

/// Wrong secrets of one user are counted together, whatever API key they come with.
pub(crate) type WrongSecrets = AttemptLimiter<Member>;

impl Vault {
    /// Reads a secret that is to protect keys from now on.
    pub(crate) fn new_secret(&self, presented: &SecretSlice<u8>) -> Result<UserSecret, VaultError> {
        // Expose: parsed into a type that wipes itself.
        UserSecret::for_new(presented.expose_secret(), &self.limits.passphrase_policy())
            .map_err(|_| VaultError::Invalid(Invalid::SecretUnusable))
    }

    /// Derives a key encryption key under a new secret.
    pub(crate) async fn protect(
        &self,
        whose: Member,
        secret: UserSecret,
        secret_version: u32,
    ) -> Result<(Protection, Kek), VaultError> {
        let cost = self.limits.passphrase_cost;
        let is_generated = secret.is_generated();
        let job = move |arena: &mut Argon2Arena| {
            secret
                .protect(whose.owner(), secret_version, cost, arena)
                .map_err(made)
        };
        if is_generated {
            job(&mut Argon2Arena::default())
        } else {
            self.on_hash_pool(whose, job).await
        }
    }

    /// Opens a user's key encryption key. A passphrase that is hashed for less than is configured
    /// is hashed anew for the next time, on the side (`keys/strengthen.rs`).
    pub(crate) async fn unlock(
        &self,
        whose: Member,
        presented: &SecretSlice<u8>,
        ring: &CheckedRing,
    ) -> Result<Kek, VaultError> {
        let kek = self
            .unlock_alone(whose, presented, &ring.protection)
            .await?;
        self.strengthen_later(whose, presented, ring);
        Ok(kek)
    }

    /// As [`Vault::unlock`], for a call that is about to replace what protects the keys.
    pub(crate) async fn unlock_alone(
        &self,
        whose: Member,
        presented: &SecretSlice<u8>,
        protection: &Protection,
    ) -> Result<Kek, VaultError> {
        let attempt = Attempt {
            whose,
            clock: Arc::clone(&self.clock),
            wrong_secrets: Arc::clone(&self.wrong_secrets),
        };
        attempt.check()?;
        // Expose: parsed into a type that wipes itself.
        let secret = match UserSecret::for_unlock(presented.expose_secret()) {
            Ok(secret) => secret,
            Err(error) => return Err(attempt.failed(error)),
        };
        let hashes = protection.kind() != ProtectionKind::Generated && !secret.is_generated();
        let protection = protection.clone();
        if !hashes {
            return attempt.run(&secret, &protection, &mut Argon2Arena::default());
        }
        self.on_hash_pool(whose, move |arena| {
            // Others may have failed since this one began to wait.
            attempt.check()?;
            attempt.run(&secret, &protection, arena)
        })
        .await
    }

    /// Runs a hash for a user, who may have a share of the pool and no more.
    pub(crate) async fn on_hash_pool<T: Send + 'static>(
        &self,
        whose: Member,
        job: impl FnOnce(&mut Argon2Arena) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let share = self.hash_shares.take(whose)?;
        let (send, receive) = oneshot::channel();
        self.argon2.try_run(move |arena| {
            // Given back when the job has run, or was dropped without running.
            let _share = share;
            // Nobody waits any more: no work for them.
            if !send.is_closed() {
                // Failing to send means the same.
                let _ = send.send(job(arena));
            }
        })?;
        let done = receive.await;
        let done = done.unwrap_or(Err(VaultError::Internal("a password hash did not finish")))?;
        standing::judge_again().await?;
        Ok(done)
    }
}

/// One try with a secret.
pub(crate) struct Attempt {
    pub(crate) whose: Member,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wrong_secrets: Arc<WrongSecrets>,
}

impl Attempt {
    pub(crate) fn check(&self) -> Result<(), VaultError> {
        self.wrong_secrets
            .check(&self.whose, self.clock.monotonic())
            .map_err(|wait| VaultError::TooManyAttempts {
                retry_after_seconds: wait.seconds(),
            })
    }

    fn run(
        &self,
        secret: &UserSecret,
        protection: &Protection,
        arena: &mut Argon2Arena,
    ) -> Result<Kek, VaultError> {
        secret
            .unlock(self.whose.owner(), protection, arena)
            .map_err(|error| self.failed(error))
    }

    pub(crate) fn note_wrong(&self) {
        self.wrong_secrets
            .note_wrong(self.whose, self.clock.monotonic());
    }

    pub(crate) fn failed(&self, error: hardened_crypto::Error) -> VaultError {
        if error.kind() == ErrorKind::WrongSecret {
            self.note_wrong();
        }
        stored("the protection of the keys")(error)
    }
}
