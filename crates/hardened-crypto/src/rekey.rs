//! Changes the secret that protects a user's private keys, or what it costs to guess it.
//!
//! In: the boxes under the old key encryption key, and a new one. Out: boxes with the same
//! content under the new one. Values, files and shares are not touched: they are sealed to
//! the key pairs, not to the secret.
//!
//! Promise: on any error nothing was changed; the caller still holds working boxes under
//! the old secret. Not here: storing the result in one step with a compare-and-swap on the
//! version (`vault-store`), limiting attempts (the server).

use crate::{
    account_key::AccountKey,
    error::{Error, Result},
    key_pair::{PrivateKeyBoxes, PublicKeys},
    user_secret::Kek,
};

/// One generation of a user's key pair, as stored.
#[derive(Clone, Debug)]
pub struct StoredKeyPair {
    /// Number of the generation, from 1.
    pub generation: u32,
    /// Its public keys.
    pub public: PublicKeys,
    /// Its private keys, boxed.
    pub private: PrivateKeyBoxes,
}

/// Everything that a key encryption key protects.
#[derive(Clone, Debug)]
pub struct ProtectedKeys {
    /// The account key, boxed.
    pub account_key: Vec<u8>,
    /// Every key pair that some wrap still names, the current one last.
    pub key_pairs: Vec<StoredKeyPair>,
}

/// Boxes everything under `new` that was boxed under `old`.
///
/// # Errors
/// `Policy` when `new` is not the next secret version of the same owner; `Malformed` or
/// `Tampered` when a box does not open under `old`.
pub fn rekey(protected: &ProtectedKeys, old: &Kek, new: &Kek) -> Result<ProtectedKeys> {
    let next_version = old.secret_version().checked_add(1);
    if old.owner() != new.owner() || next_version != Some(new.secret_version()) {
        return Err(Error::policy("not the next secret of the same owner"));
    }
    moved(protected, old, new)
}

/// Boxes everything under `new` that was boxed under `old`, for the same secret with another
/// salt or cost.
///
/// # Errors
/// `Policy` when `new` is not of the same secret version and owner; `Malformed` or `Tampered`
/// when a box does not open under `old`.
pub fn protect_anew(protected: &ProtectedKeys, old: &Kek, new: &Kek) -> Result<ProtectedKeys> {
    let stands_for = |kek: &Kek| (kek.owner(), kek.secret_version());
    if stands_for(old) != stands_for(new) {
        return Err(Error::policy("not the same secret of the same owner"));
    }
    moved(protected, old, new)
}

fn moved(protected: &ProtectedKeys, old: &Kek, new: &Kek) -> Result<ProtectedKeys> {
    let account_key = AccountKey::open(old, &protected.account_key)?.seal(new)?;
    let key_pairs = protected
        .key_pairs
        .iter()
        .map(|pair| {
            let keys = pair.private.open(old, pair.generation, &pair.public)?;
            Ok(StoredKeyPair {
                private: keys.seal(new, pair.generation)?,
                ..pair.clone()
            })
        })
        .collect::<Result<_>>()?;
    Ok(ProtectedKeys {
        account_key,
        key_pairs,
    })
}
