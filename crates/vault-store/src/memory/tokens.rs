//! Access tokens in memory.

use async_trait::async_trait;

use super::apply::{Applied, insert, require};
use super::{MemoryStore, Tables, page};
use crate::change_set::{Committed, TokenChange};
use crate::error::{StoreError, conflict};
use crate::ids::{KeyId, OrgId, UserId};
use crate::limits::{LIST_LIMIT_MAX, TOKENS_PAGE_MAX};
use crate::rows::TokenRow;
use crate::store::{Page, TokenAndUser, TokenStore};

impl Tables {
    pub(super) fn token_change(
        &mut self,
        change: &TokenChange,
        committed: &mut Committed,
    ) -> Applied {
        let before = self.tokens.len();
        match change {
            TokenChange::Insert(row) => return self.insert_token(row),
            TokenChange::Delete {
                org_id,
                user_id,
                key_id,
            } => {
                let stored = self.tokens.get(key_id);
                let found = stored.map(|row| (row.org_id, row.user_id));
                require(found == Some((*org_id, *user_id)), conflict::TOKEN)?;
                self.tokens.remove(key_id);
            }
            TokenChange::DeleteAll { org_id, user_id } => {
                self.erase_tokens_of(*org_id, *user_id);
            }
            TokenChange::SweepExpired { now, limit } => {
                let expired = self.tokens.values().filter(|row| row.expires <= *now);
                let mut expired: Vec<_> = expired.map(|row| (row.expires, row.key_id)).collect();
                expired.sort();
                expired.truncate((*limit).min(LIST_LIMIT_MAX) as usize);
                for (_, key_id) in expired {
                    self.tokens.remove(&key_id);
                }
            }
        }
        committed.tokens_erased += (before - self.tokens.len()) as u64;
        Ok(())
    }

    fn insert_token(&mut self, row: &TokenRow) -> Applied {
        let taken = self
            .tokens
            .values()
            .any(|other| other.key_id == row.key_id || other.token_id == row.token_id);
        require(!taken, conflict::TOKEN)?;
        require(
            self.users.contains_key(&(row.org_id, row.user_id)),
            conflict::PARENT,
        )?;
        insert(&mut self.tokens, row.key_id, row, conflict::TOKEN)
    }

    pub(super) fn erase_tokens_of(&mut self, org_id: OrgId, user_id: UserId) {
        self.tokens
            .retain(|_, row| (row.org_id, row.user_id) != (org_id, user_id));
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn token(&self, key_id: KeyId) -> Result<Option<TokenAndUser>, StoreError> {
        let tables = self.tables();
        Ok(tables.tokens.get(&key_id).and_then(|token| {
            Some(TokenAndUser {
                token: token.clone(),
                user: tables.users.get(&(token.org_id, token.user_id))?.clone(),
            })
        }))
    }

    async fn tokens(
        &self,
        org_id: OrgId,
        user_id: UserId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<TokenRow>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .tokens
            .range(super::after(after))
            .map(|(_, row)| row)
            .filter(|row| (row.org_id, row.user_id) == (org_id, user_id));
        Ok(page(rows.cloned(), limit.min(TOKENS_PAGE_MAX)))
    }
}
