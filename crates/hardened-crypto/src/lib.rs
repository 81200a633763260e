//! Envelope encryption for recipients with hybrid classical and post-quantum keys.
//!
//! What it does: seals each value under a data key of its own, wraps data keys to a
//! recipient's P-256 and ML-KEM-768 public keys, and protects private keys with a secret
//! that only their holder knows. Sharing wraps a data key once more; changing the secret
//! touches no data; losing it is survived by recovery shares.
//!
//! What goes in and out: bytes, typed ids and typed places in; bytes to store out. Every
//! stored object starts with a [header](suite) and opens only in the place it was made for.
//!
//! What it promises: whoever holds all stored bytes learns nothing but lengths; whoever may
//! change them makes objects refuse to open, never open wrongly; errors and `Debug` texts
//! hold no input; secrets are wiped when dropped.
//!
//! What is not here: no I/O, no clock, no async, no storage, no limits on attempts.
//!
//! ```text
//! user secret ──derives──▶ key encryption key ──boxes──▶ private keys, account key
//! public keys ──wrap─────▶ data key ──seals─────▶ one version of one value, once
//! account key ──boxes────▶ data key (again, for cheap opening)
//! ```
//!
//! # Example
//!
//! ```
//! use hardened_crypto::{
//!     account::{FIRST_GENERATION, NewAccount},
//!     data_key::DataKey,
//!     ids::{OrgId, RecordId, UserId},
//!     payload::{self, PayloadContext},
//!     suite::ObjectKind,
//!     user_secret::{Argon2Arena, PassphraseCost, SecretOwner, UserSecret},
//!     wrap::{Grant, WrapContext, Wrapped},
//! };
//!
//! let (org, user, record) = (OrgId([1; 16]), UserId([2; 16]), RecordId([3; 16]));
//! let mut arena = Argon2Arena::default();
//!
//! // Once per user: a secret, and keys that it protects.
//! let (secret, _shown_once) = UserSecret::make()?;
//! let owner = SecretOwner { org, user };
//! let (protection, kek) = secret.protect(owner, 1, PassphraseCost::DEFAULT, &mut arena)?;
//! let account = NewAccount::make(&kek)?;
//!
//! // Writing needs the public keys only.
//! let data_key = DataKey::make()?;
//! let place = PayloadContext {
//!     org, owner: user, kind: ObjectKind::Value, record,
//!     record_version: 1, data_key_generation: 0,
//! };
//! let sealed = payload::seal(&data_key, &place, b"postgres://app:pass@db/main")?;
//! let wrap_place = WrapContext {
//!     org, owner: user, kind: ObjectKind::Value, record,
//!     record_version: 1, data_key_generation: 0,
//!     recipient: user, recipient_generation: FIRST_GENERATION, grant: Grant::Owner,
//! };
//! let wrapped = Wrapped::wrap(&data_key, &account.public, &wrap_place)?;
//!
//! // Reading needs the secret.
//! let kek = secret.unlock(owner, &protection, &mut arena)?;
//! let private = account.private.open(&kek, FIRST_GENERATION, &account.public)?;
//! let data_key = wrapped.unwrap(&private, &wrap_place)?;
//! let opened = payload::open(&data_key, &place, &sealed)?;
//! assert_eq!(opened.as_slice(), b"postgres://app:pass@db/main");
//! # Ok::<(), hardened_crypto::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod account;
pub mod account_key;
#[cfg(feature = "argon2-pool")]
pub mod argon2_pool;
pub mod audit_chain;
pub mod context;
pub mod credential;
pub mod data_key;
mod error;
mod hpke;
mod hybrid_kem;
pub mod ids;
pub mod key_hash;
pub mod key_pair;
pub mod payload;
mod random;
pub mod recovery;
pub mod rekey;
pub mod root_key;
pub mod row_mac;
pub mod secret_format;
pub mod share;
pub mod suite;
mod symmetric_box;
pub mod token;
pub mod user_secret;
#[cfg(test)]
mod vector_files;
pub mod wrap;

pub use error::{Error, ErrorKind, Result};
