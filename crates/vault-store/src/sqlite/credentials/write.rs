//! Stored credentials in SQLite: what is written.

use rusqlite::{Connection, params};

use crate::change_set::{Committed, CredentialChange};
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, RecordId, UserId};
use crate::rows::{CredentialRow, CredentialVersionRow, RecordKind, WrapRow};
use crate::sqlite::columns::Count;
use crate::sqlite::failure::{expect_one, on_insert, store_error};
use crate::sqlite::{query, shares, wraps};

const INSERT: &str = "INSERT INTO credentials (record_id, org_id, owner, name, host_pattern, \
    header, template, echo, protection, current_version, newest_version, created, updated, \
    expires, version, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

const REPLACE: &str = "UPDATE credentials SET name = ?4, host_pattern = ?5, header = ?6, \
    template = ?7, echo = ?8, protection = ?9, current_version = ?10, newest_version = ?11, \
    updated = ?13, expires = ?14, version = ?15, mac_key = ?16, mac = ?17 \
    WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND created = ?12 AND version = ?18 \
    AND newest_version = ?19";

// Versions, wraps, boxes and shares go with it: foreign keys cascade.
const DELETE: &str = "DELETE FROM credentials \
    WHERE record_id = ?1 AND org_id = ?2 AND owner = ?3 AND version = ?4";

const INSERT_VERSION: &str = "INSERT INTO credential_versions (record_id, value_version, \
    host_pattern, header, template, sealed, created, mac_key, mac) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const HAS_VERSION: &str = "SELECT 1 FROM credential_versions WHERE record_id = ?1 \
    AND value_version = ?2 AND host_pattern = ?3 AND header = ?4 AND template = ?5";

const ERASE_OLD: &str =
    "DELETE FROM credential_versions WHERE record_id = ?1 AND value_version <= ?2";

pub(in crate::sqlite) fn apply(
    db: &Connection,
    change: &CredentialChange,
    committed: &mut Committed,
) -> Result<(), StoreError> {
    match change {
        CredentialChange::Insert {
            row,
            version_row,
            wraps,
        } => {
            run(db, INSERT, row, &[]).map_err(on_insert(conflict::CREDENTIAL))?;
            insert_version(db, version_row, wraps)
        }
        CredentialChange::PutVersion {
            expected_version,
            share_revision,
            row,
            version_row,
            wraps,
            versions_kept,
        } => {
            replace(db, *expected_version, row.newest_version - 1, row)?;
            shares::expect_revision(db, row.record(), *share_revision)?;
            insert_version(db, version_row, wraps)?;
            let newest_erased = row.newest_version.saturating_sub((*versions_kept).into());
            committed.versions_erased += erase_old(db, row.credential_id, newest_erased)?;
            Ok(())
        }
        CredentialChange::Replace {
            expected_version,
            row,
        } => {
            replace(db, *expected_version, row.newest_version, row)?;
            require_version(db, row)
        }
        CredentialChange::Delete {
            org_id,
            owner,
            credential_id,
            expected_version,
        } => delete(db, (*org_id, *owner), *credential_id, *expected_version),
    }
}

fn replace(
    db: &Connection,
    expected: u64,
    expected_newest: u64,
    row: &CredentialRow,
) -> Result<(), StoreError> {
    let expectations = [Count(expected), Count(expected_newest)];
    let changed = run(db, REPLACE, row, &expectations).map_err(on_insert(conflict::CREDENTIAL))?;
    expect_one(changed, StoreError::conflict(conflict::CREDENTIAL))
}

fn require_version(db: &Connection, row: &CredentialRow) -> Result<(), StoreError> {
    let version = Count(row.current_version);
    let values = params![
        row.credential_id,
        version,
        row.host_pattern,
        row.header,
        row.template
    ];
    query::one(db, HAS_VERSION, values, |_| Ok(()))?
        .ok_or(StoreError::conflict(conflict::CREDENTIAL))
}

fn delete(
    db: &Connection,
    (org_id, owner): (OrgId, UserId),
    credential_id: RecordId,
    expected: u64,
) -> Result<(), StoreError> {
    let values = params![credential_id, org_id, owner, Count(expected)];
    let changed = query::execute(db, DELETE, values).map_err(store_error)?;
    expect_one(changed, StoreError::conflict(conflict::CREDENTIAL))
}

fn insert_version(
    db: &Connection,
    row: &CredentialVersionRow,
    wraps: &[WrapRow],
) -> Result<(), StoreError> {
    let credential_version = Count(row.credential_version);
    let values = params![
        row.credential_id,
        credential_version,
        row.host_pattern,
        row.header,
        row.template,
        row.sealed,
        row.created,
        row.mac.key_id,
        row.mac.tag
    ];
    // The row above it was just written, so a constraint can only mean damage.
    query::execute(db, INSERT_VERSION, values).map_err(store_error)?;
    wraps
        .iter()
        .try_for_each(|wrap| wraps::insert(db, RecordKind::Credential, wrap))
}

fn erase_old(
    db: &Connection,
    credential_id: RecordId,
    newest_erased: u64,
) -> Result<u64, StoreError> {
    query::execute(db, ERASE_OLD, params![credential_id, Count(newest_erased)])
        .map(|erased| erased as u64)
        .map_err(store_error)
}

fn run(
    db: &Connection,
    sql: &str,
    row: &CredentialRow,
    expectations: &[Count],
) -> rusqlite::Result<usize> {
    let (current, newest) = (Count(row.current_version), Count(row.newest_version));
    let version = Count(row.version);
    let mut values = params![
        row.credential_id,
        row.org_id,
        row.owner,
        row.name,
        row.host_pattern,
        row.header,
        row.template,
        row.echo,
        row.protection,
        current,
        newest,
        row.created,
        row.updated,
        row.expires,
        version,
        row.mac.key_id,
        row.mac.tag
    ]
    .to_vec();
    values.extend(
        expectations
            .iter()
            .map(|count| count as &dyn rusqlite::ToSql),
    );
    query::execute(db, sql, &values)
}
