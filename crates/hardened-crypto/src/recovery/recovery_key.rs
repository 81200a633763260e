//! The recovery key: 32 random bytes, whole for one trustee or split among several.

use super::{RecoverySet, RecoveryShare, shamir};
use crate::{
    error::{Error, Result},
    random,
};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};
use std::fmt;

/// Fewest shares of a split that combine.
pub const SHARES_MIN: u8 = 2;
/// Most shares of a split: every x coordinate but 0.
pub const SHARES_MAX: u8 = 255;

/// How a recovery key is split: any `threshold` of `count` shares combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Split {
    threshold: u8,
    count: u8,
}

impl Split {
    /// Any `threshold` of `count`.
    ///
    /// # Errors
    /// `Policy` unless `2 <= threshold <= count`.
    pub const fn new(threshold: u8, count: u8) -> Result<Self> {
        if SHARES_MIN <= threshold && threshold <= count {
            Ok(Self { threshold, count })
        } else {
            Err(Error::policy("a split needs 2 <= threshold <= count"))
        }
    }

    /// Shares that are needed.
    #[must_use]
    pub const fn threshold(self) -> u8 {
        self.threshold
    }

    /// Shares that are made.
    #[must_use]
    pub const fn count(self) -> u8 {
        self.count
    }
}

/// A recovery key. It leaves this crate only as shares.
pub struct RecoveryKey(SecretBox<[u8; shamir::SECRET_BYTES]>);

impl RecoveryKey {
    /// A new random recovery key, for one set of shares.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn make() -> Result<Self> {
        random::secret().map(Self)
    }

    /// Splits the key into shares with `x = 1..=count`.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn split(&self, set: &RecoverySet, split: Split) -> Result<Vec<RecoveryShare>> {
        let points = shamir::split(self.expose(), split.threshold, split.count)?;
        Ok(points
            .into_iter()
            .map(|(x, value)| RecoveryShare::new(set, split.threshold, split.count, x, value))
            .collect())
    }

    /// The whole key as the one share of a lone trustee, who then needs nobody else.
    #[must_use]
    pub fn for_lone_trustee(&self, set: &RecoverySet) -> RecoveryShare {
        let mut value = SecretBox::new(Box::new([0; shamir::SECRET_BYTES]));
        value.expose_secret_mut().copy_from_slice(self.expose());
        RecoveryShare::new(set, 1, 1, 1, value)
    }

    /// Joins shares of `set`. Whether one of them is bad, the envelope will tell.
    ///
    /// # Errors
    /// `Policy` for too few shares, a share given twice, shares of another set or split,
    /// and shares that are still masked.
    pub fn combine(set: &RecoverySet, shares: &[RecoveryShare]) -> Result<Self> {
        let first = shares.first().ok_or(Error::policy("no shares"))?;
        let mut seen = [false; 256];
        for share in shares {
            if !share.is_of(set) || share.split() != first.split() {
                return Err(Error::policy("shares of different sets"));
            }
            if share.is_masked() {
                return Err(Error::policy("a share is still masked"));
            }
            if std::mem::replace(&mut seen[usize::from(share.x())], true) {
                return Err(Error::policy("a share was given twice"));
            }
        }
        if shares.len() < usize::from(first.threshold()) {
            return Err(Error::policy("too few shares"));
        }
        let points: Vec<_> = shares
            .iter()
            .map(|share| (share.x(), share.expose()))
            .collect();
        Ok(Self(shamir::combine(&points)))
    }

    pub(super) fn expose(&self) -> &[u8; shamir::SECRET_BYTES] {
        // Expose: for splitting and for the envelope inside this module only.
        self.0.expose_secret()
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryKey").finish_non_exhaustive()
    }
}
