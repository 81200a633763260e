//! Removes a user from every table.

use rusqlite::{Connection, params};

use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, UserId};
use crate::sqlite::columns::Count;
use crate::sqlite::failure::store_error;
use crate::sqlite::{files, query};

const OTHER_ADMIN: &str = "SELECT 1 FROM users \
    WHERE org_id = ?1 AND user_id <> ?2 AND is_admin = 1 AND disabled = 0 LIMIT 1";

const AT_VERSION: &str = "SELECT 1 FROM users WHERE org_id = ?1 AND user_id = ?2 AND version = ?3";

/// In this order, so that nothing is erased before what hangs on it. What a foreign key cascades
/// to has no line of its own.
const ERASE: [&str; 17] = [
    // A write that still wraps to the user has to notice.
    "UPDATE vault_values SET share_revision = share_revision + 1 WHERE record_id IN \
        (SELECT record_id FROM shares WHERE org_id = ?1 AND recipient = ?2 AND kind = 1)",
    "UPDATE files SET share_revision = share_revision + 1 WHERE record_id IN \
        (SELECT record_id FROM shares WHERE org_id = ?1 AND recipient = ?2 AND kind = 2)",
    "UPDATE credentials SET share_revision = share_revision + 1 WHERE record_id IN \
        (SELECT record_id FROM shares WHERE org_id = ?1 AND recipient = ?2 AND kind = 3)",
    "DELETE FROM shares WHERE org_id = ?1 AND recipient = ?2",
    "DELETE FROM wraps WHERE recipient = ?2",
    "DELETE FROM file_wraps WHERE recipient = ?2",
    "DELETE FROM credential_wraps WHERE recipient = ?2",
    "DELETE FROM vault_values WHERE org_id = ?1 AND owner = ?2",
    "DELETE FROM files WHERE org_id = ?1 AND owner = ?2",
    "DELETE FROM credentials WHERE org_id = ?1 AND owner = ?2",
    "DELETE FROM tokens WHERE org_id = ?1 AND user_id = ?2",
    "DELETE FROM trustees WHERE org_id = ?1 AND owner = ?2",
    "DELETE FROM trustees WHERE org_id = ?1 AND trustee = ?2",
    "DELETE FROM api_keys WHERE org_id = ?1 AND user_id = ?2",
    "DELETE FROM key_pairs WHERE org_id = ?1 AND user_id = ?2",
    "DELETE FROM user_keys WHERE org_id = ?1 AND user_id = ?2",
    "DELETE FROM users WHERE org_id = ?1 AND user_id = ?2",
];

pub(in crate::sqlite) fn expect_other_admin(
    db: &Connection,
    org_id: OrgId,
    user_id: UserId,
) -> Result<(), StoreError> {
    query::one(db, OTHER_ADMIN, params![org_id, user_id], |_| Ok(()))?
        .ok_or(StoreError::conflict(conflict::LAST_ADMIN))
}

pub(in crate::sqlite) fn remove(
    db: &Connection,
    org_id: OrgId,
    user_id: UserId,
    expected: u64,
) -> Result<(), StoreError> {
    let values = params![org_id, user_id, Count(expected)];
    query::one(db, AT_VERSION, values, |_| Ok(()))?.ok_or(StoreError::conflict(conflict::USER))?;
    files::erase_bodies_of(db, org_id, user_id)?;
    for sql in ERASE {
        query::execute(db, sql, params![org_id, user_id]).map_err(store_error)?;
    }
    Ok(())
}
