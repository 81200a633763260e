//! The key of one version of one record: 32 random bytes that seal its content once.

use crate::{error::Result, random};
use secrecy::{ExposeSecret, SecretBox};
use std::fmt;

/// Bytes of a data key.
pub const DATA_KEY_BYTES: usize = 32;

/// A data key. It leaves this crate only wrapped or boxed.
pub struct DataKey(SecretBox<[u8; DATA_KEY_BYTES]>);

impl DataKey {
    /// A new random data key.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn make() -> Result<Self> {
        random::secret().map(Self)
    }

    pub(crate) fn from_secret(bytes: SecretBox<[u8; DATA_KEY_BYTES]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; DATA_KEY_BYTES] {
        // Expose: for wrapping, boxing and payload derivation inside this crate only.
        self.0.expose_secret()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").finish_non_exhaustive()
    }
}
