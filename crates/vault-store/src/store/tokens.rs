//! Reads of access tokens.

use async_trait::async_trait;

use super::Page;
use crate::error::StoreError;
use crate::ids::{KeyId, OrgId, UserId};
use crate::rows::{TokenRow, UserRow};

/// A token with the user it stands for, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAndUser {
    /// The token.
    pub token: TokenRow,
    /// Its user.
    pub user: UserRow,
}

/// Reads access tokens.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// One token and its user, expired ones too: what every request with a token starts with.
    async fn token(&self, key_id: KeyId) -> Result<Option<TokenAndUser>, StoreError>;

    /// Tokens of one user by ascending id, after `after`, expired ones too. `limit` is cut to
    /// [`TOKENS_PAGE_MAX`](crate::limits::TOKENS_PAGE_MAX).
    async fn tokens(
        &self,
        org_id: OrgId,
        user_id: UserId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<TokenRow>, StoreError>;
}
