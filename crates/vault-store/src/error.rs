//! Why a store did not do as asked.
//!
//! Absence is `Ok(None)`, never an error. No text here holds row contents, paths or SQL.

use crate::sqlite;

/// A reason the store refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A precondition did not hold: the row exists already, has another version than expected, or
    /// the row it belongs to is gone. Nothing of the change set was applied; read again and retry.
    #[error("conflict on {what}")]
    Conflict {
        /// The noun whose precondition failed, one of the constants in [`conflict`].
        what: &'static str,
    },
    /// The request contradicts itself, whatever is stored: a mistake of the caller. Nothing was
    /// applied.
    #[error("not a valid request: {0}")]
    Invalid(&'static str),
    /// Something exceeds its bound in [`limits`](crate::limits). Nothing was applied.
    #[error("too large: {0}")]
    TooLarge(&'static str),
    /// The backend is closed, full or broken. For a commit the outcome may be unknown: nothing was
    /// acknowledged, and the change set is there whole or not at all.
    #[error("storage is unavailable: {reason}")]
    Unavailable {
        /// What went wrong, in the store's own words.
        reason: &'static str,
        /// What the layer below said.
        #[source]
        source: Option<Cause>,
    },
    /// Stored data break a rule that the store itself keeps.
    #[error("stored data are damaged: {0}")]
    Corrupt(&'static str),
}

/// What the layer below said, reduced to a code: its own texts may quote data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// An extended result code of SQLite (<https://www.sqlite.org/rescode.html>).
    #[error("SQLite result code {0}")]
    Sqlite(i32),
    /// An error of the operating system.
    #[error("{0}")]
    Io(std::io::ErrorKind),
}

/// What a [`StoreError::Conflict`] can be about.
pub mod conflict {
    /// An organisation row.
    pub const ORG: &str = "org";
    /// A user row.
    pub const USER: &str = "user";
    /// An API key row.
    pub const API_KEY: &str = "api_key";
    /// A user's keys.
    pub const USER_KEYS: &str = "user_keys";
    /// A value.
    pub const VALUE: &str = "value";
    /// A file.
    pub const FILE: &str = "file";
    /// A credential.
    pub const CREDENTIAL: &str = "credential";
    /// A share row.
    pub const SHARE: &str = "share";
    /// The shares of a record are others than those a write knew of.
    pub const SHARE_REVISION: &str = "share_revision";
    /// An access token.
    pub const TOKEN: &str = "token";
    /// The scope of an API key.
    pub const API_KEY_SCOPE: &str = "api_key_scope";
    /// A trustee row.
    pub const TRUSTEE: &str = "trustee";
    /// A staged restore.
    pub const RESTORE: &str = "restore";
    /// The organisation has no other enabled administrator.
    pub const LAST_ADMIN: &str = "last_admin";
    /// A wrapped key.
    pub const WRAP: &str = "wrap";
    /// The organisation, user or recipient that a new row belongs to does not exist.
    pub const PARENT: &str = "parent";
}

impl StoreError {
    /// Whether a commit that failed so has surely changed nothing: it was refused, or rolled back
    /// for want of room. After any other failure the outcome is unknown until the store is opened
    /// again.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        sqlite::is_refusal(self)
    }

    pub(crate) const fn conflict(what: &'static str) -> Self {
        Self::Conflict { what }
    }

    pub(crate) const fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable {
            reason,
            source: None,
        }
    }
}
