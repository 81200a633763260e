//! Changes to what hangs on an API key.

use crate::ids::{KeyId, UtcMillis};
use crate::rows::ApiKeyScopeRow;

/// One change to the scope or the use of an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeyChange {
    /// Gives an existing key a scope. It goes with the key.
    InsertScope(ApiKeyScopeRow),
    /// Replaces a scope.
    ReplaceScope {
        /// The version to replace.
        expected_version: u64,
        /// The new row.
        row: ApiKeyScopeRow,
    },
    /// Takes note that a key was used, unless a later use is noted or the key is gone.
    NoteUse {
        /// Which key.
        key_id: KeyId,
        /// When, as coarse as the caller likes.
        used: UtcMillis,
    },
}
