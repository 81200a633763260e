//! What an error of SQLite means for a caller and for the writer.

use rusqlite::{Error, ErrorCode, ffi};

use crate::error::{Cause, StoreError, conflict};

/// The database file itself is damaged; nothing more may be written to it.
pub(super) const DAMAGED_FILE: &str = "the database file";

/// Translates an error and drops its text, which may quote SQL or data.
pub(super) fn store_error(error: Error) -> StoreError {
    match error {
        Error::SqliteFailure(failure, _) | Error::SqlInputError { error: failure, .. } => {
            sqlite_failure(failure)
        }
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreError::Corrupt("a row that cannot be decoded"),
        _ => StoreError::unavailable("the database driver failed"),
    }
}

fn sqlite_failure(failure: ffi::Error) -> StoreError {
    let reason = match failure.code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            return StoreError::Corrupt(DAMAGED_FILE);
        }
        ErrorCode::ConstraintViolation => {
            return StoreError::Corrupt("a row that breaks a constraint");
        }
        ErrorCode::TooBig => return StoreError::TooLarge("row"),
        ErrorCode::DiskFull => "the disk or the database is full",
        ErrorCode::ReadOnly => "the database cannot be written",
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => "input or output failed",
        _ => "the database failed",
    };
    StoreError::Unavailable {
        reason,
        source: Some(Cause::Sqlite(failure.extended_code)),
    }
}

/// For statements that add a row: a row that is there already is a conflict on `what`, a missing
/// row that it belongs to a conflict on the parent.
pub(super) fn on_insert(what: &'static str) -> impl Fn(Error) -> StoreError {
    move |error| match error.sqlite_error().map(|failure| failure.extended_code) {
        Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE) => {
            StoreError::conflict(what)
        }
        Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::conflict(conflict::PARENT),
        _ => store_error(error),
    }
}

/// For statements that must hit the one row they expect.
pub(super) fn expect_one(changed: usize, otherwise: StoreError) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(otherwise) }
}

/// What the writer does after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// The change set is at fault, or the disk is full: undo it and go on.
    Refused,
    /// The file or the disk is at fault: what the system says about earlier or later writes can no
    /// longer be believed.
    Broken,
}

pub(super) fn severity(error: &StoreError) -> Severity {
    match error {
        StoreError::Unavailable {
            source: Some(Cause::Sqlite(code)),
            ..
        } => match code & 0xff {
            ffi::SQLITE_FULL | ffi::SQLITE_NOMEM | ffi::SQLITE_BUSY | ffi::SQLITE_INTERRUPT => {
                Severity::Refused
            }
            _ => Severity::Broken,
        },
        StoreError::Unavailable { .. } | StoreError::Corrupt(DAMAGED_FILE) => Severity::Broken,
        _ => Severity::Refused,
    }
}

/// [`StoreError::is_refusal`].
pub(crate) fn is_refusal(error: &StoreError) -> bool {
    severity(error) == Severity::Refused && !is_want_of_memory(error)
}

/// The one refusal that can come after the log has been written.
fn is_want_of_memory(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable { source: Some(Cause::Sqlite(code)), .. }
            if code & 0xff == ffi::SQLITE_NOMEM
    )
}
