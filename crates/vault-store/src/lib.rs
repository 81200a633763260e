//! What is kept, and the promise that it stays.
//!
//! What it does: keeps rows of ciphertext and hands them out again. In: [`ChangeSet`]s of typed
//! [`rows`], each with the state it expects to replace. Out: rows, as they were committed.
//!
//! Promise: a change set is applied whole or not at all; acknowledged means on disk; of two
//! writers that expect the same state exactly one succeeds. Every backend passes the same
//! `conformance` suite.
//!
//! Not here: cryptography (the store cannot decrypt), who may do what, JSON, HTTP. The crate reads
//! no clock and makes no ids: both are arguments.

#![forbid(unsafe_code)]

mod change_set;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod ids;
pub mod limits;
mod memory;
pub mod rows;
pub mod sqlite;
mod store;

pub use change_set::{Change, ChangeSet, Committed, Expect, PutValue};
pub use error::{Cause, StoreError, conflict};
pub use ids::{KEY_ID_CHARS, KeyId, OrgId, RecordId, ShareId, UserId, UtcMillis};
pub use memory::MemoryStore;
pub use sqlite::{OpenError, OpenMode, SqliteOptions, SqliteStore};
pub use store::{
    ApiKeyAndUser, KeyRing, KeyStore, ListValues, OrgStore, Page, Store, UserAndPublicKey,
    UserStore, ValueName, ValueRead, ValueStore,
};
