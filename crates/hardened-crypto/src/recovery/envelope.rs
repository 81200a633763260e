//! The private keys under a recovery key, for the owner's side to keep.
//!
//! The box commits to its key, so a wrong or tampered share cannot open it to something
//! else; and what opens must be the private half of the public keys that are stored.
//! One envelope for each key pair that some wrap still names, and one for the account key.

use super::{RecoveryKey, RecoverySet};
use crate::{
    account_key::AccountKey,
    context::{Context, Domain},
    error::{Error, Result},
    hybrid_kem::{ml_kem, p256},
    key_pair::{Fingerprint, PrivateKeys, PublicKeys},
    suite::{Header, ObjectKind},
    symmetric_box,
};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};
use subtle::ConstantTimeEq;

const KEY_PAIR_BYTES: usize = ml_kem::SEED_BYTES + p256::SCALAR_BYTES;

/// What an envelope holds; bound into it.
#[derive(Clone, Copy)]
enum Content {
    KeyPair {
        generation: u32,
        public: Fingerprint,
    },
    AccountKey,
}

impl Content {
    fn bind(self, set: &RecoverySet, context: Context) -> Context {
        let context = set.bind(context);
        match self {
            Self::KeyPair { generation, public } => context.u8(1).u32(generation).bytes(&public.0),
            Self::AccountKey => context.u8(2),
        }
    }

    fn header(self, set: &RecoverySet) -> Header {
        let key_version = match self {
            Self::KeyPair { generation, .. } => generation,
            Self::AccountKey => set.version,
        };
        Header::new(ObjectKind::RecoveryEnvelope, key_version)
    }
}

fn seal<const N: usize>(
    key: &RecoveryKey,
    set: &RecoverySet,
    content: Content,
    secret: &[u8; N],
) -> Result<Vec<u8>> {
    symmetric_box::seal(
        Domain::RecoveryEnvelope,
        content.header(set),
        key.expose(),
        |fields| content.bind(set, fields),
        secret,
    )
}

fn open<const N: usize>(
    key: &RecoveryKey,
    set: &RecoverySet,
    content: Content,
    sealed: &[u8],
) -> Result<SecretBox<[u8; N]>> {
    let (header, _) = Header::split(ObjectKind::RecoveryEnvelope, sealed)?;
    if header != content.header(set) {
        return Err(Error::tampered("an envelope of another generation or set"));
    }
    symmetric_box::open_key(
        Domain::RecoveryEnvelope,
        ObjectKind::RecoveryEnvelope,
        key.expose(),
        |fields| content.bind(set, fields),
        sealed,
    )
}

/// Seals one generation of the owner's private keys.
///
/// # Errors
/// `Unavailable` when the system gives no randomness.
pub fn seal_private_keys(
    key: &RecoveryKey,
    set: &RecoverySet,
    generation: u32,
    keys: &PrivateKeys,
) -> Result<Vec<u8>> {
    let (ml_kem_seed, p256_scalar) = keys.components();
    let mut joined = SecretBox::new(Box::new([0; KEY_PAIR_BYTES]));
    let parts = joined.expose_secret_mut();
    parts[..ml_kem::SEED_BYTES].copy_from_slice(ml_kem_seed);
    parts[ml_kem::SEED_BYTES..].copy_from_slice(p256_scalar);
    let content = Content::KeyPair {
        generation,
        public: keys.public().fingerprint(),
    };
    // Expose: sealed right here.
    seal(key, set, content, joined.expose_secret())
}

/// Opens what [`seal_private_keys`] sealed; `public` are the stored public keys.
///
/// # Errors
/// `Malformed` for unreadable bytes; `Tampered` for another recovery key (one of the shares
/// was wrong), altered bytes, another set or generation, or keys that are not the private
/// half of `public`.
pub fn open_private_keys(
    key: &RecoveryKey,
    set: &RecoverySet,
    generation: u32,
    public: &PublicKeys,
    sealed: &[u8],
) -> Result<PrivateKeys> {
    const MISMATCH: Error = Error::tampered("recovered keys are not those of the public keys");
    let content = Content::KeyPair {
        generation,
        public: public.fingerprint(),
    };
    let joined = open::<KEY_PAIR_BYTES>(key, set, content, sealed)?;
    // Expose: taken apart into the two components.
    let (seed, scalar) = joined.expose_secret().split_at(ml_kem::SEED_BYTES);
    let mut ml_kem_seed = SecretBox::new(Box::new([0; ml_kem::SEED_BYTES]));
    ml_kem_seed.expose_secret_mut().copy_from_slice(seed);
    let mut p256_scalar = SecretBox::new(Box::new([0; p256::SCALAR_BYTES]));
    p256_scalar.expose_secret_mut().copy_from_slice(scalar);
    let keys = PrivateKeys::from_components(ml_kem_seed, p256_scalar).map_err(|_| MISMATCH)?;
    let same = keys.public().as_bytes().ct_eq(public.as_bytes());
    if bool::from(same) {
        Ok(keys)
    } else {
        Err(MISMATCH)
    }
}

/// Seals the owner's account key, which holds what no key pair opens (the owner's own copies
/// of share aliases).
///
/// # Errors
/// `Unavailable` when the system gives no randomness.
pub fn seal_account_key(
    key: &RecoveryKey,
    set: &RecoverySet,
    account_key: &AccountKey,
) -> Result<Vec<u8>> {
    seal(key, set, Content::AccountKey, account_key.expose())
}

/// Opens what [`seal_account_key`] sealed.
///
/// # Errors
/// `Malformed` for unreadable bytes; `Tampered` for another recovery key, altered bytes or
/// another set.
pub fn open_account_key(key: &RecoveryKey, set: &RecoverySet, sealed: &[u8]) -> Result<AccountKey> {
    open(key, set, Content::AccountKey, sealed).map(AccountKey::from_secret)
}
