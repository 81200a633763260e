//! Access tokens: they stand for their user, within a grant, and bring the keys for it.
//!
//! In: a caller with a user secret, a passphrase or both, and what the token shall be good for.
//! Out: a token that is shown once; later its [`Grant`], which opens the granted credentials and
//! values without any other secret and without a password hash.
//!
//! Promise: a token opens what its boxes hold and no more; scope and expiry are bound into them,
//! so whoever edits the row makes the boxes useless. It ends with its expiry, with its deletion,
//! with a rekey, and with its user. Tokens make no tokens.
//!
//! A credential under a passphrase has one key for all its values, so a token follows a new value.
//! One that is sealed to users' keys has a data key for each version, so a token ends, as far as
//! that credential goes, with the version it was made for; and with the share it was made by, the
//! owner of which decides anew with every later one.
//!
//! A grant of values boxes the account key. The server hands out only values below the granted
//! prefixes, their current version, and only while the token is good; but whoever holds the token
//! *and* a copy of the database could open by it every data key that is boxed under the account
//! key. Who wants less gives the token credentials only: their boxes hold just their keys.
//! Not here: which requests reach a use case (`layers`), and injecting (`credentials`).

mod boxes;
mod fields;
mod grant;
mod make;
mod prepare;
mod read;
mod scope;

pub(super) use boxes::DataKeyOf;
pub use boxes::TokenBoxes;
pub use grant::Grant;
pub(super) use grant::KnownToken;
pub use make::{MadeToken, NewToken};
pub use scope::{ScopeTexts, TokenScope};

use std::time::Duration;

use vault_store::rows::TokenRow;
use vault_store::{KeyId, Page, StoreError, TokenChange, TokenId, UtcMillis};

use super::Vault;
use super::access::{self, Member};
use super::commit::CommitError;
use super::error::VaultError;
use super::principal::Principal;

/// Live tokens of one user, about: callers at the same moment may go a little over it.
pub const TOKENS_PER_USER_MAX: usize = 100;
/// The longest life of a token.
pub const TOKEN_TTL_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Credentials in one grant: each with a passphrase costs its maker a password hash.
pub const TOKEN_CREDENTIALS_MAX: usize = 32;
/// Entries of every other list in one grant.
pub const TOKEN_LIST_MAX: usize = 32;

/// What its user may know about a token.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its id.
    pub token_id: TokenId,
    /// Its public id, found in the token itself.
    pub key_id: KeyId,
    /// What it may do.
    pub scope: TokenScope,
    /// When it was made.
    pub created: UtcMillis,
    /// Unusable from this very millisecond.
    pub expires: UtcMillis,
}

impl Token {
    fn read(row: &TokenRow) -> Result<Self, VaultError> {
        Ok(Self {
            token_id: row.token_id,
            key_id: row.key_id,
            scope: TokenScope::parse(&row.scope)?,
            created: row.created,
            expires: row.expires,
        })
    }
}

impl Vault {
    /// The caller's live tokens.
    ///
    /// # Errors
    /// `Forbidden` for root and for tokens; `Tampered` when a row did not authenticate.
    pub async fn tokens(&self, caller: &Principal) -> Result<Vec<Token>, VaultError> {
        let whose = access::member(caller)?;
        let rows = self.live_tokens(whose).await?;
        rows.iter().map(Token::read).collect()
    }

    /// Ends a token of the caller: it is unknown on its next request.
    ///
    /// # Errors
    /// `NotFound`, also for an expired one; `Forbidden` for root and for tokens.
    pub async fn delete_token(
        &self,
        caller: &Principal,
        token_id: TokenId,
    ) -> Result<(), VaultError> {
        let whose = access::member(caller)?;
        let rows = self.live_tokens(whose).await?;
        let row = rows.iter().find(|row| row.token_id == token_id);
        self.erase_token(row.ok_or(VaultError::NotFound)?).await
    }

    async fn erase_token(&self, row: &TokenRow) -> Result<(), VaultError> {
        match self.commit(erasure(row)).await {
            Ok(_) => Ok(()),
            // Somebody else ended it meanwhile.
            Err(CommitError::Store(StoreError::Conflict { .. })) => Err(VaultError::NotFound),
            Err(error) => Err(error.into()),
        }
    }

    /// Authenticated rows of a user's tokens that have not expired; a user has few.
    async fn live_tokens(&self, whose: Member) -> Result<Vec<TokenRow>, VaultError> {
        let now = self.clock.utc();
        let (mut live, mut after) = (Vec::new(), None);
        loop {
            let limit = vault_store::limits::TOKENS_PAGE_MAX;
            let page = self.store.tokens(whose.org_id, whose.user_id, after, limit);
            let Page { rows, more } = page.await?;
            after = rows.last().map(|row| row.key_id);
            for row in rows {
                self.integrity.check(&row)?;
                if now < row.expires {
                    live.push(row);
                }
            }
            if !more || after.is_none() {
                return Ok(live);
            }
        }
    }
}

fn erasure(row: &TokenRow) -> TokenChange {
    TokenChange::Delete {
        org_id: row.org_id,
        user_id: row.user_id,
        key_id: row.key_id,
    }
}
