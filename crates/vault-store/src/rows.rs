//! The rows that are kept, one file per noun.
//!
//! All bytes here are ciphertext, public keys, wrapped keys, keyed hashes or metadata, sealed and
//! opened elsewhere. `Debug` prints the length of such bytes, never the bytes.
//!
//! A row that can change has a `version`: 1 when inserted, one higher with each replacement. It is
//! the version that a change set expects, and it belongs under the row's MAC.

mod api_keys;
mod audit;
mod credentials;
mod files;
mod keys;
mod orgs;
mod records;
mod recovery;
mod shares;
mod tokens;
mod users;
mod values;

use std::fmt;

pub use api_keys::{ApiKeyOwner, ApiKeyRow, ApiKeyScopeRow};
pub use audit::{AuditBlockRow, AuditEntry};
pub use credentials::{CredentialRow, CredentialVersionRow};
pub use files::FileRow;
pub use keys::{KeyPairRow, UserKeysRow};
pub use orgs::OrgRow;
pub use records::{Record, RecordKind};
pub use recovery::{RestoreState, StagedRestoreRow, TrusteeRow};
pub use shares::{AliasBoxRow, Permission, ShareRow};
pub use tokens::TokenRow;
pub use users::UserRow;
pub use values::{AccountBoxRow, Grant, ValueRow, ValueVersionRow, WrapRow};

/// The version of a row that was just inserted.
pub const FIRST_VERSION: u64 = 1;

/// A message authentication code over a row, made and checked by the caller; opaque here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowMac {
    /// Which MAC key made the tag.
    pub key_id: u32,
    /// The tag, 32 bytes.
    pub tag: [u8; 32],
}

impl fmt::Debug for RowMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowMac")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Stands for bytes in `Debug` output.
struct Bytes<'a>(&'a [u8]);

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

#[cfg(test)]
mod tests;
