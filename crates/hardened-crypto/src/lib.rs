//! .

#![forbid(unsafe_code)]

pub mod account;
pub mod account_key;
pub mod context;
pub mod data_key;
mod error;
mod hpke;
mod hybrid_kem;
pub mod ids;
pub mod key_hash;
pub mod key_pair;
pub mod payload;
mod random;
pub mod rekey;
pub mod root_key;
pub mod row_mac;
pub mod secret_format;
pub mod share;
pub mod suite;
mod symmetric_box;
pub mod user_secret;
pub mod wrap;

pub use error::{Error, ErrorKind, Result};
