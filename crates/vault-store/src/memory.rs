//! The reference backend: ordered maps behind a lock.
//!
//! It says in the plainest words what every backend must do, and serves tests that need a store
//! without a file. It keeps nothing when it is dropped.

mod api_key_scopes;
mod apply;
mod audit;
mod credentials;
mod files;
mod recovery;
mod remove_user;
mod shares;
mod tokens;
mod values;
mod wraps;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::audit::{AuditSealer, NO_SEALER};
use crate::change_set::{ChangeSet, Committed};
use crate::error::StoreError;
use crate::ids::{BlobId, KeyId, OrgId, RecordId, RestoreId, ShareId, UserId, UtcMillis};
use crate::limits::LIST_LIMIT_MAX;
use crate::rows::{
    AccountBoxRow, AliasBoxRow, ApiKeyOwner, ApiKeyRow, ApiKeyScopeRow, AuditBlockRow,
    CredentialRow, CredentialVersionRow, FileRow, KeyPairRow, OrgRow, Record, ShareRow,
    StagedRestoreRow, TokenRow, TrusteeRow, UserKeysRow, UserRow, ValueRow, ValueVersionRow,
    WrapRow,
};
use crate::store::{
    ApiKeyAndUser, KeyRing, KeyStore, OrgStore, Page, Store, UserAndPublicKey, UserStore,
};

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    sealer: Option<Arc<dyn AuditSealer>>,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    orgs: BTreeMap<OrgId, OrgRow>,
    users: BTreeMap<(OrgId, UserId), UserRow>,
    api_keys: BTreeMap<KeyId, ApiKeyRow>,
    user_keys: BTreeMap<(OrgId, UserId), UserKeysRow>,
    key_pairs: BTreeMap<(OrgId, UserId, u32), KeyPairRow>,
    values: BTreeMap<(OrgId, UserId, String), ValueRow>,
    versions: BTreeMap<(RecordId, u64), ValueVersionRow>,
    wraps: BTreeMap<(Record, u64, UserId), WrapRow>,
    account_boxes: BTreeMap<(Record, u64, UserId), AccountBoxRow>,
    files: BTreeMap<RecordId, FileRow>,
    erased_bodies: BTreeSet<BlobId>,
    credentials: BTreeMap<RecordId, CredentialRow>,
    credential_versions: BTreeMap<(RecordId, u64), CredentialVersionRow>,
    shares: BTreeMap<ShareId, ShareRow>,
    alias_boxes: BTreeMap<ShareId, AliasBoxRow>,
    /// Absent for a record whose shares never changed.
    share_revisions: BTreeMap<Record, u64>,
    tokens: BTreeMap<KeyId, TokenRow>,
    api_key_scopes: BTreeMap<KeyId, ApiKeyScopeRow>,
    api_key_uses: BTreeMap<KeyId, UtcMillis>,
    /// By organisation, owner and trustee.
    trustees: BTreeMap<(OrgId, UserId, UserId), TrusteeRow>,
    restores: BTreeMap<RestoreId, StagedRestoreRow>,
    /// By the sequence number of the last entry.
    audit_blocks: BTreeMap<(OrgId, u64), AuditBlockRow>,
}

impl MemoryStore {
    /// An empty store without audit: change sets with entries are refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store; `sealer` chains its audit entries.
    pub fn audited(sealer: Arc<dyn AuditSealer>) -> Self {
        Self {
            tables: Mutex::default(),
            sealer: Some(sealer),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A change set replaces the tables in one move, so they are whole even after a panic.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Tables {
    fn pairs_of(&self, org_id: OrgId, user_id: UserId) -> Vec<KeyPairRow> {
        self.key_pairs
            .range((org_id, user_id, 0)..=(org_id, user_id, u32::MAX))
            .map(|(_, pair)| pair.clone())
            .collect()
    }

    fn api_key(&self, key_id: KeyId) -> Option<ApiKeyAndUser> {
        let key = self.api_keys.get(&key_id)?.clone();
        let user = match key.owner {
            ApiKeyOwner::Root => None,
            ApiKeyOwner::User { org_id, user_id } => self.users.get(&(org_id, user_id)).cloned(),
        };
        Some(ApiKeyAndUser { key, user })
    }

    fn current_pair(&self, org_id: OrgId, user_id: UserId) -> Option<KeyPairRow> {
        let keys = self.user_keys.get(&(org_id, user_id))?;
        self.key_pairs
            .get(&(org_id, user_id, keys.current_generation))
            .cloned()
    }
}

fn page<T>(rows: impl Iterator<Item = T>, limit: u32) -> Page<T> {
    let limit = limit.min(LIST_LIMIT_MAX) as usize;
    let mut rows: Vec<T> = rows.take(limit + 1).collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    Page { rows, more }
}

fn after<T>(key: Option<T>) -> (Bound<T>, Bound<T>) {
    (
        key.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}

#[async_trait]
impl OrgStore for MemoryStore {
    async fn org(&self, org_id: OrgId) -> Result<Option<OrgRow>, StoreError> {
        Ok(self.tables().orgs.get(&org_id).cloned())
    }

    async fn orgs(&self, from: Option<OrgId>, limit: u32) -> Result<Page<OrgRow>, StoreError> {
        let tables = self.tables();
        Ok(page(
            tables.orgs.range(after(from)).map(|(_, row)| row.clone()),
            limit,
        ))
    }
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn user(&self, org_id: OrgId, user_id: UserId) -> Result<Option<UserRow>, StoreError> {
        Ok(self.tables().users.get(&(org_id, user_id)).cloned())
    }

    async fn users(
        &self,
        org_id: OrgId,
        from: Option<UserId>,
        limit: u32,
    ) -> Result<Page<UserAndPublicKey>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .users
            .values()
            .filter(|user| user.org_id == org_id && from.is_none_or(|from| user.user_id > from))
            .map(|user| UserAndPublicKey {
                user: user.clone(),
                keys: tables.user_keys.get(&(org_id, user.user_id)).cloned(),
                pair: tables.current_pair(org_id, user.user_id),
            });
        Ok(page(rows, limit))
    }
}

#[async_trait]
impl KeyStore for MemoryStore {
    async fn api_key(&self, key_id: KeyId) -> Result<Option<ApiKeyAndUser>, StoreError> {
        Ok(self.tables().api_key(key_id))
    }

    async fn api_keys(
        &self,
        org_id: OrgId,
        user_id: UserId,
        from: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyRow>, StoreError> {
        let tables = self.tables();
        let owner = ApiKeyOwner::User { org_id, user_id };
        let keys = tables.api_keys.range(after(from)).map(|(_, key)| key);
        Ok(page(keys.filter(|key| key.owner == owner).cloned(), limit))
    }

    async fn root_api_keys(
        &self,
        from: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyRow>, StoreError> {
        let tables = self.tables();
        let rows = tables.api_keys.range(after(from)).map(|(_, key)| key);
        let rows = rows.filter(|key| key.owner == ApiKeyOwner::Root).cloned();
        Ok(page(rows, limit))
    }

    async fn key_ring(
        &self,
        org_id: OrgId,
        user_id: UserId,
    ) -> Result<Option<KeyRing>, StoreError> {
        let tables = self.tables();
        let keys = tables.user_keys.get(&(org_id, user_id)).cloned();
        Ok(keys.map(|keys| KeyRing {
            keys,
            pairs: tables.pairs_of(org_id, user_id),
        }))
    }

    async fn current_key_pair(
        &self,
        org_id: OrgId,
        user_id: UserId,
    ) -> Result<Option<KeyPairRow>, StoreError> {
        Ok(self.tables().current_pair(org_id, user_id))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        changes.check()?;
        if self.sealer.is_none() && !changes.audit().is_empty() {
            return Err(NO_SEALER);
        }
        let mut tables = self.tables();
        let mut changed = tables.clone();
        let committed = changed.apply(&changes)?;
        changed.append_audit(self.sealer.as_deref(), changes.audit())?;
        *tables = changed;
        Ok(committed)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
