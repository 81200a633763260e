//! A user's keys: how they are protected, and one key pair per generation.

use std::fmt;

use super::{Bytes, RowMac};
use crate::ids::{OrgId, UserId, UtcMillis};

/// How one user's private keys are protected. One row per user.
#[derive(Clone, PartialEq, Eq)]
pub struct UserKeysRow {
    /// Whose keys. Never changes.
    pub user_id: UserId,
    /// The user's organisation. Never changes.
    pub org_id: OrgId,
    /// Encoded key-derivation id, parameters, salt and check value.
    pub protection: Vec<u8>,
    /// Counts the user's secrets; one higher with each rekey.
    pub secret_version: u32,
    /// The account key, sealed under the user's secret.
    pub account_key_box: Vec<u8>,
    /// The generation that new wraps go to. Its [`KeyPairRow`] always exists.
    pub current_generation: u32,
    /// Row version. It guards all key pair rows of the user too.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for UserKeysRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserKeysRow")
            .field("user_id", &self.user_id)
            .field("org_id", &self.org_id)
            .field("protection", &Bytes(&self.protection))
            .field("secret_version", &self.secret_version)
            .field("account_key_box", &Bytes(&self.account_key_box))
            .field("current_generation", &self.current_generation)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}

/// One generation of one user's hybrid key pair.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPairRow {
    /// Whose key pair. Never changes.
    pub user_id: UserId,
    /// The user's organisation. Never changes.
    pub org_id: OrgId,
    /// Which generation, from 1. Never changes.
    pub generation: u32,
    /// Both public halves, encoded. Never changes.
    pub public_key: Vec<u8>,
    /// The elliptic-curve private half, sealed.
    pub ecc_box: Vec<u8>,
    /// The post-quantum private half, sealed.
    pub kyber_box: Vec<u8>,
    /// When this generation was made. Never changes.
    pub created: UtcMillis,
    /// Row version.
    pub version: u64,
    /// Over every field above.
    pub mac: RowMac,
}

impl fmt::Debug for KeyPairRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPairRow")
            .field("user_id", &self.user_id)
            .field("org_id", &self.org_id)
            .field("generation", &self.generation)
            .field("public_key", &Bytes(&self.public_key))
            .field("ecc_box", &Bytes(&self.ecc_box))
            .field("kyber_box", &Bytes(&self.kyber_box))
            .field("created", &self.created)
            .field("version", &self.version)
            .field("mac", &self.mac)
            .finish()
    }
}
