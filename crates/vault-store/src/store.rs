//! The store as its users see it: small reads per noun, one way to write.
//!
//! In: ids, names and change sets. Out: rows as they were committed. Absence is `Ok(None)`.
//!
//! Promise: one call reads one consistent snapshot; a read that starts after a commit was
//! acknowledged sees it. Reads hand out rows as they are stored, soft-deleted and expired ones too
//! (lists say what they leave out): the caller checks a row's MAC before it believes its fields.
//! Not here: who may read what, and the meaning of the bytes.

mod api_key_scopes;
mod audit;
mod credentials;
mod files;
mod recovery;
mod rotation;
mod shares;
mod tokens;

use async_trait::async_trait;

use crate::change_set::{ChangeSet, Committed};
use crate::error::StoreError;
use crate::ids::{KeyId, OrgId, RecordId, UserId, UtcMillis};
use crate::rows::{
    AccountBoxRow, ApiKeyRow, AuditEntry, KeyPairRow, OrgRow, UserKeysRow, UserRow, ValueRow,
    ValueVersionRow, WrapRow,
};

pub use api_key_scopes::{ApiKeyDetail, ApiKeyScopeStore, ScopedApiKey};
pub use audit::AuditStore;
pub use credentials::{Candidate, CredentialRead, CredentialStore, ListCandidates};
pub use files::{FileRead, FileStore, SharedFileRead};
pub use recovery::RecoveryStore;
pub use rotation::{RotationStore, StoredWrap, WrapPlace};
pub use shares::{InboundShare, ListInbound, Recipient, Recipients, ShareStore, SharedValueRead};
pub use tokens::{TokenAndUser, TokenStore};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of the list, at most as many as asked for and at most
    /// [`LIST_LIMIT_MAX`](crate::limits::LIST_LIMIT_MAX).
    pub rows: Vec<T>,
    /// Whether the list goes on after the last row.
    pub more: bool,
}

impl<T> Page<T> {
    /// A page to be filled, the last one so far.
    pub(crate) const fn new() -> Self {
        Self {
            rows: Vec::new(),
            more: false,
        }
    }
}

/// An API key with the user it stands for, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyAndUser {
    /// The key.
    pub key: ApiKeyRow,
    /// Its user; `None` for a key of root.
    pub user: Option<UserRow>,
}

/// All keys of one user, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing {
    /// How they are protected.
    pub keys: UserKeysRow,
    /// Every generation, ascending; the current one is among them.
    pub pairs: Vec<KeyPairRow>,
}

/// A user with the current public key, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAndPublicKey {
    /// The user.
    pub user: UserRow,
    /// How the user's keys are protected, and which generation is current; `None` before the user
    /// has keys.
    pub keys: Option<UserKeysRow>,
    /// The key pair of the current generation; `None` before the user has keys.
    pub pair: Option<KeyPairRow>,
}

/// Names one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueName<'a> {
    /// The owner's organisation.
    pub org_id: OrgId,
    /// Whose value.
    pub owner: UserId,
    /// The name, compared byte by byte.
    pub name: &'a str,
}

/// All that one reader needs to open one version of a value, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRead {
    /// The value.
    pub value: ValueRow,
    /// The wanted version.
    pub version: ValueVersionRow,
    /// The data key, wrapped to the reader; `None` if nobody did.
    pub wrap: Option<WrapRow>,
    /// The data key under the reader's account key, if it is cached.
    pub account_box: Option<AccountBoxRow>,
}

impl ValueRead {
    /// Bytes of what is sealed, which a batch read is bounded by.
    pub fn content_bytes(&self) -> usize {
        let metadata = self.version.metadata_box.as_ref().map_or(0, Vec::len);
        self.version.payload.len() + metadata
    }
}

/// What a list of versions tells about one, without its contents.
///
/// The MAC of a version covers its contents, so nothing here is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueVersionInfo {
    /// Which record.
    pub record_id: RecordId,
    /// Which version.
    pub value_version: u64,
    /// When it was written.
    pub created: UtcMillis,
    /// When it expires, if ever.
    pub expires: Option<UtcMillis>,
    /// Bytes of the sealed value.
    pub payload_bytes: u64,
}

/// Which names to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListValues<'a> {
    /// The owner's organisation.
    pub org_id: OrgId,
    /// Whose values.
    pub owner: UserId,
    /// Only names that start with these bytes; empty for all.
    pub prefix: &'a str,
    /// Only names after this one.
    pub after: Option<&'a str>,
    /// Rows wanted, 1 to [`LIST_LIMIT_MAX`](crate::limits::LIST_LIMIT_MAX); more is cut to that.
    pub limit: u32,
    /// The time by which a value counts as expired.
    pub now: UtcMillis,
}

/// Reads organisations.
#[async_trait]
pub trait OrgStore: Send + Sync {
    /// One organisation.
    async fn org(&self, org_id: OrgId) -> Result<Option<OrgRow>, StoreError>;

    /// Organisations by ascending id, after `after`.
    async fn orgs(&self, after: Option<OrgId>, limit: u32) -> Result<Page<OrgRow>, StoreError>;
}

/// Reads users.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// One user. A user of another organisation is absent.
    async fn user(&self, org_id: OrgId, user_id: UserId) -> Result<Option<UserRow>, StoreError>;

    /// Users of one organisation by ascending id, after `after`, disabled ones too, each with the
    /// public key to share with.
    async fn users(
        &self,
        org_id: OrgId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<UserAndPublicKey>, StoreError>;
}

/// Reads API keys and users' keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// One API key and its user: what every request starts with.
    async fn api_key(&self, key_id: KeyId) -> Result<Option<ApiKeyAndUser>, StoreError>;

    /// API keys of one user by ascending id, after `after`, expired ones too.
    async fn api_keys(
        &self,
        org_id: OrgId,
        user_id: UserId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyRow>, StoreError>;

    /// API keys of root by ascending id, after `after`, expired ones too.
    async fn root_api_keys(
        &self,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyRow>, StoreError>;

    /// How a user's keys are protected, and every key pair.
    async fn key_ring(&self, org_id: OrgId, user_id: UserId)
    -> Result<Option<KeyRing>, StoreError>;

    /// The key pair of the user's current generation: what a write needs.
    async fn current_key_pair(
        &self,
        org_id: OrgId,
        user_id: UserId,
    ) -> Result<Option<KeyPairRow>, StoreError>;
}

/// Reads values.
#[async_trait]
pub trait ValueStore: Send + Sync {
    /// The row of one value, without contents: what a conditional write or a delete starts with.
    async fn value(&self, name: ValueName<'_>) -> Result<Option<ValueRow>, StoreError>;

    /// One version of one value (`None`: the current one) with what `reader` needs to open it.
    /// `Ok(None)` if the value or that version is absent.
    async fn read_value(
        &self,
        name: ValueName<'_>,
        value_version: Option<u64>,
        reader: UserId,
    ) -> Result<Option<ValueRead>, StoreError>;

    /// Values of one owner, sorted by the bytes of their names, neither soft-deleted nor expired.
    async fn values(&self, list: ListValues<'_>) -> Result<Page<ValueRow>, StoreError>;

    /// Several values at one moment, each its current version with what `reader` needs to open it;
    /// in the order of `names`, `None` where there is none. At most
    /// [`BATCH_MAX`](crate::limits::BATCH_MAX) names and
    /// [`BATCH_BYTES_MAX`](crate::limits::BATCH_BYTES_MAX) of contents, else
    /// [`StoreError::TooLarge`].
    async fn read_values(
        &self,
        names: &[ValueName<'_>],
        reader: UserId,
    ) -> Result<Vec<Option<ValueRead>>, StoreError>;

    /// Versions of one value that are kept, ascending, after `after`, expired ones too. Empty for
    /// a value that is absent.
    async fn versions(
        &self,
        name: ValueName<'_>,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Page<ValueVersionInfo>, StoreError>;

    /// Every wrap of one version by ascending recipient.
    async fn wraps(
        &self,
        record_id: RecordId,
        value_version: u64,
    ) -> Result<Vec<WrapRow>, StoreError>;
}

/// A place where rows are kept.
#[async_trait]
pub trait Store:
    OrgStore
    + UserStore
    + KeyStore
    + ApiKeyScopeStore
    + ValueStore
    + FileStore
    + CredentialStore
    + ShareStore
    + RotationStore
    + TokenStore
    + RecoveryStore
    + AuditStore
{
    /// Applies a change set whole or not at all. Durable when it returns `Ok`.
    ///
    /// Dropping the future does not take the change set back: it may still be applied.
    async fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError>;

    /// Commits audit entries that belong to no change. Durable when it returns `Ok`.
    async fn record(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.commit(ChangeSet::of_audit(entries)).await.map(drop)
    }

    /// Whether reads and writes are being served. Cheap; for health checks.
    async fn check(&self) -> Result<(), StoreError>;
}
