//! Reads of trustees and staged restores.

use async_trait::async_trait;

use super::Page;
use crate::error::StoreError;
use crate::ids::{OrgId, RestoreId, UserId};
use crate::rows::{StagedRestoreRow, TrusteeRow};

/// Reads recovery. `limit` is cut to
/// [`RECOVERY_PAGE_MAX`](crate::limits::RECOVERY_PAGE_MAX) everywhere.
#[async_trait]
pub trait RecoveryStore: Send + Sync {
    /// What one trustee holds for one owner.
    async fn trustee(
        &self,
        org_id: OrgId,
        owner: UserId,
        trustee: UserId,
    ) -> Result<Option<TrusteeRow>, StoreError>;

    /// Trustees of one owner by ascending trustee, after `after`.
    async fn trustees(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<TrusteeRow>, StoreError>;

    /// What one trustee holds, by ascending owner, after `after`.
    async fn trusting_owners(
        &self,
        org_id: OrgId,
        trustee: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<TrusteeRow>, StoreError>;

    /// One staged restore, decided ones too.
    async fn restore(&self, restore_id: RestoreId) -> Result<Option<StagedRestoreRow>, StoreError>;

    /// Staged restores for one owner by ascending id, after `after`, decided ones too.
    async fn restores(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RestoreId>,
        limit: u32,
    ) -> Result<Page<StagedRestoreRow>, StoreError>;
}
