//! What rows say of their own version, for whoever holds it against an audit log.

use rusqlite::{Connection, ToSql};

use super::query;
use crate::error::StoreError;
use crate::ids::{KeyId, OrgId, RecordId, ShareId, TokenId, UserId};

/// Which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOf {
    /// Of a value.
    Value(RecordId),
    /// Of a file.
    File(RecordId),
    /// Of a credential.
    Credential(RecordId),
    /// Of a share.
    Share(ShareId),
    /// Of a user.
    User(UserId),
    /// Of the keys of a user.
    Keys(OrgId, UserId),
    /// Of an API key.
    ApiKey(KeyId),
    /// Of an access token.
    Token(TokenId),
}

/// What a row says. It is not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// The version of a value, and of everything else the version of its row.
    pub version: u64,
    /// Whether it is a value that was deleted and can be brought back.
    pub hidden: bool,
}

/// Reads the row; `None` when there is none.
pub(super) fn stored_version(
    db: &Connection,
    row: RowOf,
) -> Result<Option<StoredVersion>, StoreError> {
    let read = |sql, id: &[&dyn ToSql]| {
        query::one(db, sql, id, |columns| {
            Ok(StoredVersion {
                version: columns.count()?,
                hidden: columns.take()?,
            })
        })
    };
    match row {
        RowOf::Value(id) => read(
            "SELECT current_version, deleted IS NOT NULL FROM vault_values WHERE record_id = ?1",
            &[&id],
        ),
        RowOf::File(id) => read("SELECT version, 0 FROM files WHERE record_id = ?1", &[&id]),
        RowOf::Credential(id) => read(
            "SELECT version, 0 FROM credentials WHERE record_id = ?1",
            &[&id],
        ),
        RowOf::Share(id) => read("SELECT version, 0 FROM shares WHERE share_id = ?1", &[&id]),
        RowOf::User(id) => read("SELECT version, 0 FROM users WHERE user_id = ?1", &[&id]),
        RowOf::Keys(org_id, id) => read(
            "SELECT version, 0 FROM user_keys WHERE org_id = ?1 AND user_id = ?2",
            &[&org_id, &id],
        ),
        RowOf::ApiKey(id) => read("SELECT version, 0 FROM api_keys WHERE key_id = ?1", &[&id]),
        RowOf::Token(id) => read("SELECT version, 0 FROM tokens WHERE token_id = ?1", &[&id]),
    }
}
