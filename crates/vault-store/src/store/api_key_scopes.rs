//! Reads of API keys with what hangs on them.

use async_trait::async_trait;

use super::{ApiKeyAndUser, Page};
use crate::error::StoreError;
use crate::ids::{KeyId, OrgId, UserId, UtcMillis};
use crate::rows::{ApiKeyRow, ApiKeyScopeRow};

/// An API key, its user and its scope, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopedApiKey {
    /// The key and its user.
    pub key: ApiKeyAndUser,
    /// The scope, if the key has one.
    pub scope: Option<ApiKeyScopeRow>,
}

/// An API key as its owner lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyDetail {
    /// The key.
    pub key: ApiKeyRow,
    /// The scope, if the key has one.
    pub scope: Option<ApiKeyScopeRow>,
    /// When it was last used, roughly and without a MAC; `None` if no use was noted.
    pub last_used: Option<UtcMillis>,
}

/// Reads API keys with their scopes.
#[async_trait]
pub trait ApiKeyScopeStore: Send + Sync {
    /// One API key, its user and its scope: what every request starts with.
    async fn scoped_api_key(&self, key_id: KeyId) -> Result<Option<ScopedApiKey>, StoreError>;

    /// API keys of one user by ascending id, after `after`, expired ones too.
    async fn api_key_details(
        &self,
        org_id: OrgId,
        user_id: UserId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyDetail>, StoreError>;
}
