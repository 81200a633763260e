//! Everything a new user starts with: a key pair and an account key.

use crate::{
    account_key::AccountKey,
    error::Result,
    key_pair::{PrivateKeyBoxes, PrivateKeys, PublicKeys},
    user_secret::Kek,
};

/// Generation of a user's first key pair.
pub const FIRST_GENERATION: u32 = 1;

/// A new user's key pair and account key, boxed under a key encryption key.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Public keys of generation [`FIRST_GENERATION`].
    pub public: PublicKeys,
    /// Private keys of that generation.
    pub private: PrivateKeyBoxes,
    /// The account key, boxed.
    pub account_key: Vec<u8>,
}

impl NewAccount {
    /// Makes key pair and account key and boxes both.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn make(kek: &Kek) -> Result<Self> {
        let keys = PrivateKeys::make()?;
        Ok(Self {
            private: keys.seal(kek, FIRST_GENERATION)?,
            account_key: AccountKey::make()?.seal(kek)?,
            public: keys.public().clone(),
        })
    }
}
