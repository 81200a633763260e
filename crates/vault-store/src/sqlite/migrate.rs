//! Brings a database to the schema of this build, one numbered migration after the other.
//!
//! Each migration and the number it leads to are one transaction: a crash in between leaves the
//! schema before it. A database of a newer build is refused.

use rusqlite::{Connection, TransactionBehavior};

use super::open::OpenError;

/// Marks a file as ours ("Sglt", <https://www.sqlite.org/fileformat.html#application_id>).
pub(super) const APPLICATION_ID: i32 = 0x5367_6C74;

/// In order; the first leads to schema 1. Released ones are never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_users_keys_values.sql"),
    include_str!("../../migrations/sqlite/0002_shares_files_credentials_tokens_recovery_audit.sql"),
];

/// Whose file this is, and how far its schema is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing was ever written: creation stopped before its first transaction.
    Blank,
    /// Ours.
    Schema(usize),
}

/// Looks without writing.
pub(super) fn inspect(db: &Connection) -> Result<Found, OpenError> {
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application_id, schema) = (number("application_id")?, number("user_version")?);
    if application_id == APPLICATION_ID {
        let found = usize::try_from(schema).map_err(|_| OpenError::Foreign)?;
        if found > MIGRATIONS.len() {
            return Err(OpenError::NewerSchema {
                found,
                known: MIGRATIONS.len(),
            });
        }
        return Ok(Found::Schema(found));
    }
    let objects: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (application_id, schema, objects) == (0, 0, 0) {
        return Ok(Found::Blank);
    }
    Err(OpenError::Foreign)
}

/// Applies what is missing after `found`.
pub(super) fn migrate(db: &mut Connection, found: Found) -> Result<(), OpenError> {
    let done = match found {
        Found::Blank => 0,
        Found::Schema(number) => number,
    };
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
