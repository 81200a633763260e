//! Scopes and use of API keys in memory.

use async_trait::async_trait;

use super::apply::{Applied, insert, replace, require};
use super::{MemoryStore, Tables, page};
use crate::change_set::ApiKeyChange;
use crate::error::{StoreError, conflict};
use crate::ids::{KeyId, OrgId, UserId};
use crate::rows::ApiKeyOwner;
use crate::store::{ApiKeyDetail, ApiKeyScopeStore, Page, ScopedApiKey};

impl Tables {
    pub(super) fn api_key_change(&mut self, change: &ApiKeyChange) -> Applied {
        match change {
            ApiKeyChange::InsertScope(row) => {
                let taken = self.api_key_scopes.contains_key(&row.key_id);
                require(!taken, conflict::API_KEY_SCOPE)?;
                require(self.api_keys.contains_key(&row.key_id), conflict::PARENT)?;
                insert(
                    &mut self.api_key_scopes,
                    row.key_id,
                    row,
                    conflict::API_KEY_SCOPE,
                )
            }
            ApiKeyChange::ReplaceScope {
                expected_version,
                row,
            } => {
                let stored = self.api_key_scopes.get_mut(&row.key_id);
                replace(stored, row, conflict::API_KEY_SCOPE, |old| {
                    old.version == *expected_version
                })
            }
            ApiKeyChange::NoteUse { key_id, used } => {
                if self.api_keys.contains_key(key_id) {
                    let noted = self.api_key_uses.entry(*key_id).or_insert(*used);
                    *noted = (*noted).max(*used);
                }
                Ok(())
            }
        }
    }

    /// Erases a key with its scope and its use.
    pub(super) fn erase_api_key(&mut self, key_id: KeyId) {
        self.api_keys.remove(&key_id);
        self.api_key_scopes.remove(&key_id);
        self.api_key_uses.remove(&key_id);
    }
}

#[async_trait]
impl ApiKeyScopeStore for MemoryStore {
    async fn scoped_api_key(&self, key_id: KeyId) -> Result<Option<ScopedApiKey>, StoreError> {
        let tables = self.tables();
        Ok(tables.api_key(key_id).map(|key| ScopedApiKey {
            key,
            scope: tables.api_key_scopes.get(&key_id).cloned(),
        }))
    }

    async fn api_key_details(
        &self,
        org_id: OrgId,
        user_id: UserId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<ApiKeyDetail>, StoreError> {
        let tables = self.tables();
        let owner = ApiKeyOwner::User { org_id, user_id };
        let rows = tables
            .api_keys
            .range(super::after(after))
            .filter(|(_, key)| key.owner == owner)
            .map(|(key_id, key)| ApiKeyDetail {
                key: key.clone(),
                scope: tables.api_key_scopes.get(key_id).cloned(),
                last_used: tables.api_key_uses.get(key_id).copied(),
            });
        Ok(page(rows, limit))
    }
}
