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
//!
//! ```
//! use vault_store::rows::{OrgRow, RowMac};
//! use vault_store::{Change, OpenMode, OrgId, OrgStore, SqliteStore, Store, StoreError, UtcMillis};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("vault.db");
//! let store = SqliteStore::open(&path, OpenMode::CreateIfMissing)?;
//! let org = OrgRow {
//!     org_id: OrgId::from_bytes([7; 16]),
//!     name: "Example".into(),
//!     created: UtcMillis(1_800_000_000_000),
//!     version: 1,
//!     // Made under a key that the database does not hold.
//!     mac: RowMac { key_id: 1, tag: [0; 32] },
//! };
//! store.commit(Change::InsertOrg(org.clone()).into()).await?;
//! assert_eq!(store.org(org.org_id).await?, Some(org.clone()));
//!
//! // A replacement names the version that it saw. The second one saw an old state.
//! let renamed = OrgRow { name: "Renamed".into(), version: 2, ..org };
//! let rename = Change::ReplaceOrg { expected_version: 1, row: renamed };
//! store.commit(rename.clone().into()).await?;
//! let late = store.commit(rename.into()).await;
//! assert!(matches!(late, Err(StoreError::Conflict { .. })));
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod audit;
pub mod blobs;
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

pub use audit::{AuditHead, AuditSealer, SealedBlock};
pub use blobs::{
    BlobDirectory, BlobError, BlobReader, BlobStore, BlobWriter, Bodies, LostBodies, LostBody,
    MemoryBlobs,
};
pub use change_set::{
    ApiKeyChange, Change, ChangeSet, Committed, CredentialChange, Expect, FileChange, PutValue,
    RecoveryChange, ReplaceWraps, ShareChange, Standing, TokenChange, WrapChange,
};
pub use error::{Cause, StoreError, conflict};
pub use ids::{
    BlobId, KEY_ID_CHARS, KeyId, OrgId, RecordId, RecoverySetId, RestoreId, ShareId, TokenId,
    UserId, UtcMillis,
};
pub use memory::MemoryStore;
pub use sqlite::{
    BackupError, DatabaseFile, OpenError, OpenMode, RowOf, SqliteOptions, SqliteStore, StoredBody,
    StoredVersion, backup_file, verify_backup,
};
pub use store::{
    ApiKeyAndUser, ApiKeyDetail, ApiKeyScopeStore, AuditStore, Candidate, CredentialRead,
    CredentialStore, FileRead, FileStore, InboundShare, KeyRing, KeyStore, ListCandidates,
    ListInbound, ListValues, OrgStore, Page, Recipient, Recipients, RecoveryStore, RotationStore,
    ScopedApiKey, ShareStore, SharedFileRead, SharedValueRead, Store, StoredWrap, TokenAndUser,
    TokenStore, UserAndPublicKey, UserStore, ValueName, ValueRead, ValueStore, ValueVersionInfo,
    WrapPlace,
};
