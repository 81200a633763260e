//! Access tokens in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::{expect_one, on_insert, store_error};
use super::{SqliteStore, query, users};
use crate::change_set::{Committed, TokenChange};
use crate::error::{StoreError, conflict};
use crate::ids::{KeyId, OrgId, UserId};
use crate::limits::{LIST_LIMIT_MAX, TOKENS_PAGE_MAX};
use crate::rows::TokenRow;
use crate::store::{Page, TokenAndUser, TokenStore};

const ONE: &str = "SELECT t.key_id, t.token_id, t.org_id, t.user_id, t.key_hash, t.scope, \
    t.boxes, t.created, t.expires, t.version, t.mac_key, t.mac, u.user_id, u.org_id, u.name, \
    u.is_admin, u.disabled, u.created, u.version, u.mac_key, u.mac FROM tokens t \
    JOIN users u ON u.org_id = t.org_id AND u.user_id = t.user_id WHERE t.key_id = ?1";

const LIST: &str = "SELECT key_id, token_id, org_id, user_id, key_hash, scope, boxes, created, \
    expires, version, mac_key, mac FROM tokens \
    WHERE org_id = ?2 AND user_id = ?3 AND key_id > ?4 ORDER BY key_id LIMIT ?1";

const INSERT: &str = "INSERT INTO tokens (key_id, token_id, org_id, user_id, key_hash, scope, \
    boxes, created, expires, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const DELETE: &str = "DELETE FROM tokens WHERE key_id = ?1 AND org_id = ?2 AND user_id = ?3";

const DELETE_ALL: &str = "DELETE FROM tokens WHERE org_id = ?1 AND user_id = ?2";

const SWEEP: &str = "DELETE FROM tokens WHERE key_id IN \
    (SELECT key_id FROM tokens WHERE expires <= ?1 ORDER BY expires, key_id LIMIT ?2)";

pub(super) fn apply(
    db: &Connection,
    change: &TokenChange,
    committed: &mut Committed,
) -> Result<(), StoreError> {
    let erased = match change {
        TokenChange::Insert(row) => return insert(db, row),
        TokenChange::Delete {
            org_id,
            user_id,
            key_id,
        } => {
            let values = params![key_id, org_id, user_id];
            let erased = query::execute(db, DELETE, values).map_err(store_error)?;
            expect_one(erased, StoreError::conflict(conflict::TOKEN))?;
            erased
        }
        TokenChange::DeleteAll { org_id, user_id } => {
            query::execute(db, DELETE_ALL, params![org_id, user_id]).map_err(store_error)?
        }
        TokenChange::SweepExpired { now, limit } => {
            let limit = (*limit).min(LIST_LIMIT_MAX);
            query::execute(db, SWEEP, params![now, limit]).map_err(store_error)?
        }
    };
    committed.tokens_erased += erased as u64;
    Ok(())
}

fn insert(db: &Connection, row: &TokenRow) -> Result<(), StoreError> {
    let version = Count(row.version);
    let values = params![
        row.key_id,
        row.token_id,
        row.org_id,
        row.user_id,
        row.key_hash,
        row.scope,
        row.boxes,
        row.created,
        row.expires,
        version,
        row.mac.key_id,
        row.mac.tag
    ];
    query::execute(db, INSERT, values)
        .map(drop)
        .map_err(on_insert(conflict::TOKEN))
}

#[async_trait]
impl TokenStore for SqliteStore {
    async fn token(&self, key_id: KeyId) -> Result<Option<TokenAndUser>, StoreError> {
        self.readers
            .run(move |db| {
                query::one(db, ONE, params![key_id], |columns| {
                    Ok(TokenAndUser {
                        token: decode(columns)?,
                        user: users::decode(columns)?,
                    })
                })
            })
            .await
    }

    async fn tokens(
        &self,
        org_id: OrgId,
        user_id: UserId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Page<TokenRow>, StoreError> {
        self.readers
            .run(move |db| {
                let after = after.as_ref().map_or("", KeyId::as_str);
                let values = params![org_id, user_id, after];
                query::page(db, LIST, limit.min(TOKENS_PAGE_MAX), values, decode)
            })
            .await
    }
}

fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        key_id: columns.take()?,
        token_id: columns.take()?,
        org_id: columns.take()?,
        user_id: columns.take()?,
        key_hash: columns.take()?,
        scope: columns.take()?,
        boxes: columns.take()?,
        created: columns.take()?,
        expires: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}
