//! Trustees and staged restores in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::{expect_one, on_insert, store_error};
use super::{SqliteStore, query};
use crate::change_set::RecoveryChange;
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, RestoreId, UserId};
use crate::limits::{RECOVERY_PAGE_MAX, RESTORES_MAX};
use crate::rows::{StagedRestoreRow, TrusteeRow};
use crate::store::{Page, RecoveryStore};

macro_rules! trustees {
    ($rest:literal) => {
        concat!(
            "SELECT org_id, owner, trustee, set_id, blobs, xor_applied, hint, secret_version, \
            waiting_seconds, created, version, mac_key, mac FROM trustees ",
            $rest
        )
    };
}

macro_rules! restores {
    ($rest:literal) => {
        concat!(
            "SELECT restore_id, org_id, owner, trustee, blobs, submitted, not_before, state, \
            version, mac_key, mac FROM staged_restores ",
            $rest
        )
    };
}

const ONE: &str = trustees!("WHERE org_id = ?1 AND owner = ?2 AND trustee = ?3");

const OF_OWNER: &str =
    trustees!("WHERE org_id = ?2 AND owner = ?3 AND trustee > ?4 ORDER BY trustee LIMIT ?1");

const OF_TRUSTEE: &str =
    trustees!("WHERE org_id = ?2 AND trustee = ?3 AND owner > ?4 ORDER BY owner LIMIT ?1");

const ONE_RESTORE: &str = restores!("WHERE restore_id = ?1");

const RESTORES_OF: &str =
    restores!("WHERE org_id = ?2 AND owner = ?3 AND restore_id > ?4 ORDER BY restore_id LIMIT ?1");

const INSERT: &str = "INSERT INTO trustees (org_id, owner, trustee, set_id, blobs, xor_applied, \
    hint, secret_version, waiting_seconds, created, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

const REPLACE: &str = "UPDATE trustees SET set_id = ?4, blobs = ?5, xor_applied = ?6, hint = ?7, \
    secret_version = ?8, waiting_seconds = ?9, version = ?11, mac_key = ?12, mac = ?13 \
    WHERE org_id = ?1 AND owner = ?2 AND trustee = ?3 AND created = ?10 AND version = ?14";

// Staged restores go with it: a foreign key cascades.
const DELETE: &str = "DELETE FROM trustees \
    WHERE org_id = ?1 AND owner = ?2 AND trustee = ?3 AND version = ?4";

const COUNT_RESTORES: &str = "SELECT count(*) FROM staged_restores \
    WHERE org_id = ?1 AND owner = ?2 AND trustee = ?3";

const INSERT_RESTORE: &str = "INSERT INTO staged_restores (restore_id, org_id, owner, trustee, \
    blobs, submitted, not_before, state, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

// 1 is pending.
const REPLACE_RESTORE: &str = "UPDATE staged_restores SET state = ?8, version = ?9, \
    mac_key = ?10, mac = ?11 WHERE restore_id = ?1 AND org_id = ?2 AND owner = ?3 \
    AND trustee = ?4 AND blobs = ?5 AND submitted = ?6 AND not_before = ?7 AND version = ?12 \
    AND state = 1";

const DELETE_RESTORES: &str = "DELETE FROM staged_restores \
    WHERE org_id = ?1 AND owner = ?2 AND (?3 IS NULL OR trustee = ?3)";

const COUNT_TRUSTEE: &str = "SELECT count(*) FROM trustees \
    WHERE org_id = ?1 AND owner = ?2 AND trustee = ?3 AND version = ?4";

const DELETE_RESTORE: &str = "DELETE FROM staged_restores WHERE restore_id = ?1 AND version = ?2";

pub(super) fn apply(db: &Connection, change: &RecoveryChange) -> Result<(), StoreError> {
    match change {
        RecoveryChange::InsertTrustee(row) => run(db, INSERT, row, None)
            .map(drop)
            .map_err(on_insert(conflict::TRUSTEE)),
        RecoveryChange::ReplaceTrustee {
            expected_version,
            row,
        } => {
            let changed = run(db, REPLACE, row, Some(Count(*expected_version)));
            expect_one(
                changed.map_err(store_error)?,
                StoreError::conflict(conflict::TRUSTEE),
            )
        }
        RecoveryChange::DeleteTrustee {
            org_id,
            owner,
            trustee,
            expected_version,
        } => {
            let values = params![org_id, owner, trustee, Count(*expected_version)];
            let changed = query::execute(db, DELETE, values).map_err(store_error)?;
            expect_one(changed, StoreError::conflict(conflict::TRUSTEE))
        }
        RecoveryChange::InsertRestore(row) => insert_restore(db, row),
        RecoveryChange::ReplaceRestore {
            expected_version,
            row,
        } => {
            let changed = run_restore(db, REPLACE_RESTORE, row, Some(Count(*expected_version)));
            expect_one(
                changed.map_err(store_error)?,
                StoreError::conflict(conflict::RESTORE),
            )
        }
        RecoveryChange::DeleteRestore {
            restore_id,
            expected_version,
        } => {
            let values = params![restore_id, Count(*expected_version)];
            let changed = query::execute(db, DELETE_RESTORE, values).map_err(store_error)?;
            expect_one(changed, StoreError::conflict(conflict::RESTORE))
        }
        RecoveryChange::DeleteRestores {
            org_id,
            owner,
            trustee,
        } => {
            let erased = query::execute(db, DELETE_RESTORES, params![org_id, owner, trustee]);
            erased.map(drop).map_err(store_error)
        }
        RecoveryChange::ExpectTrustee {
            org_id,
            owner,
            trustee,
            expected_version,
        } => {
            let values = params![org_id, owner, trustee, Count(*expected_version)];
            match query::count(db, COUNT_TRUSTEE, values)? {
                Some(1) => Ok(()),
                _ => Err(StoreError::conflict(conflict::TRUSTEE)),
            }
        }
    }
}

fn insert_restore(db: &Connection, row: &StagedRestoreRow) -> Result<(), StoreError> {
    let place = params![row.org_id, row.owner, row.trustee];
    let stored = query::count(db, COUNT_RESTORES, place)?;
    if stored.is_none_or(|stored| stored >= RESTORES_MAX.into()) {
        return Err(StoreError::TooLarge("restores by a trustee"));
    }
    run_restore(db, INSERT_RESTORE, row, None)
        .map(drop)
        .map_err(on_insert(conflict::RESTORE))
}

fn run(
    db: &Connection,
    sql: &str,
    row: &TrusteeRow,
    expected: Option<Count>,
) -> rusqlite::Result<usize> {
    let version = Count(row.version);
    let mut values = params![
        row.org_id,
        row.owner,
        row.trustee,
        row.set_id,
        row.blobs,
        row.xor_applied,
        row.hint,
        row.secret_version,
        row.waiting_seconds,
        row.created,
        version,
        row.mac.key_id,
        row.mac.tag
    ]
    .to_vec();
    values.extend(expected.iter().map(|count| count as &dyn rusqlite::ToSql));
    query::execute(db, sql, &values)
}

fn run_restore(
    db: &Connection,
    sql: &str,
    row: &StagedRestoreRow,
    expected: Option<Count>,
) -> rusqlite::Result<usize> {
    let version = Count(row.version);
    let mut values = params![
        row.restore_id,
        row.org_id,
        row.owner,
        row.trustee,
        row.blobs,
        row.submitted,
        row.not_before,
        row.state,
        version,
        row.mac.key_id,
        row.mac.tag
    ]
    .to_vec();
    values.extend(expected.iter().map(|count| count as &dyn rusqlite::ToSql));
    query::execute(db, sql, &values)
}

#[async_trait]
impl RecoveryStore for SqliteStore {
    async fn trustee(
        &self,
        org_id: OrgId,
        owner: UserId,
        trustee: UserId,
    ) -> Result<Option<TrusteeRow>, StoreError> {
        self.readers
            .run(move |db| query::one(db, ONE, params![org_id, owner, trustee], decode))
            .await
    }

    async fn trustees(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<TrusteeRow>, StoreError> {
        self.readers
            .run(move |db| page(db, OF_OWNER, (org_id, owner), after, limit))
            .await
    }

    async fn trusting_owners(
        &self,
        org_id: OrgId,
        trustee: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<TrusteeRow>, StoreError> {
        self.readers
            .run(move |db| page(db, OF_TRUSTEE, (org_id, trustee), after, limit))
            .await
    }

    async fn restore(&self, restore_id: RestoreId) -> Result<Option<StagedRestoreRow>, StoreError> {
        self.readers
            .run(move |db| query::one(db, ONE_RESTORE, params![restore_id], decode_restore))
            .await
    }

    async fn restores(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RestoreId>,
        limit: u32,
    ) -> Result<Page<StagedRestoreRow>, StoreError> {
        self.readers
            .run(move |db| {
                let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
                let (limit, values) = (limit.min(RECOVERY_PAGE_MAX), params![org_id, owner, after]);
                query::page(db, RESTORES_OF, limit, values, decode_restore)
            })
            .await
    }
}

fn page(
    db: &Connection,
    sql: &str,
    (org_id, user_id): (OrgId, UserId),
    after: Option<UserId>,
    limit: u32,
) -> Result<Page<TrusteeRow>, StoreError> {
    // An empty blob sorts before every id.
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    let values = params![org_id, user_id, after];
    query::page(db, sql, limit.min(RECOVERY_PAGE_MAX), values, decode)
}

fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<TrusteeRow> {
    Ok(TrusteeRow {
        org_id: columns.take()?,
        owner: columns.take()?,
        trustee: columns.take()?,
        set_id: columns.take()?,
        blobs: columns.take()?,
        xor_applied: columns.take()?,
        hint: columns.take()?,
        secret_version: columns.take()?,
        waiting_seconds: columns.take()?,
        created: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}

fn decode_restore(columns: &mut Columns<'_, '_>) -> rusqlite::Result<StagedRestoreRow> {
    Ok(StagedRestoreRow {
        restore_id: columns.take()?,
        org_id: columns.take()?,
        owner: columns.take()?,
        trustee: columns.take()?,
        blobs: columns.take()?,
        submitted: columns.take()?,
        not_before: columns.take()?,
        state: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}
