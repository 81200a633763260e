//! Checks of tokens, of scopes of API keys, and of recovery.

use super::{Checked, ROW_BYTES, countable, first, next, within};
use crate::change_set::{ApiKeyChange, RecoveryChange, TokenChange};
use crate::error::StoreError;
use crate::limits;
use crate::rows::{ApiKeyScopeRow, RestoreState, StagedRestoreRow, TrusteeRow};

pub(super) fn token_change(change: &TokenChange) -> Checked {
    match change {
        TokenChange::Insert(row) => {
            first(row.version)?;
            Ok(within(&row.scope, 0, limits::SCOPE_BYTES_MAX, "scope")?
                + within(
                    &row.boxes,
                    0,
                    limits::TOKEN_BOXES_BYTES_MAX,
                    "boxes of a token",
                )?)
        }
        TokenChange::Delete { .. }
        | TokenChange::DeleteAll { .. }
        | TokenChange::SweepExpired { .. } => Ok(ROW_BYTES),
    }
}

pub(super) fn api_key_change(change: &ApiKeyChange) -> Checked {
    match change {
        ApiKeyChange::InsertScope(row) => first(row.version).and_then(|()| scope(row)),
        ApiKeyChange::ReplaceScope {
            expected_version,
            row,
        } => next(*expected_version, row.version).and_then(|()| scope(row)),
        ApiKeyChange::NoteUse { .. } => Ok(ROW_BYTES),
    }
}

fn scope(row: &ApiKeyScopeRow) -> Checked {
    within(&row.scope, 1, limits::SCOPE_BYTES_MAX, "scope")
}

pub(super) fn recovery_change(change: &RecoveryChange) -> Checked {
    match change {
        RecoveryChange::InsertTrustee(row) => first(row.version).and_then(|()| trustee(row)),
        RecoveryChange::ReplaceTrustee {
            expected_version,
            row,
        } => next(*expected_version, row.version).and_then(|()| trustee(row)),
        RecoveryChange::InsertRestore(row) => {
            first(row.version)?;
            if row.state != RestoreState::Pending {
                return Err(StoreError::Invalid("a new restore is pending"));
            }
            restore(row)
        }
        RecoveryChange::ReplaceRestore {
            expected_version,
            row,
        } => {
            next(*expected_version, row.version)?;
            if row.state == RestoreState::Pending {
                return Err(StoreError::Invalid("a restore is decided only once"));
            }
            restore(row)
        }
        RecoveryChange::DeleteTrustee {
            expected_version, ..
        }
        | RecoveryChange::DeleteRestore {
            expected_version, ..
        }
        | RecoveryChange::ExpectTrustee {
            expected_version, ..
        } => countable(*expected_version).map(|()| ROW_BYTES),
        RecoveryChange::DeleteRestores { .. } => Ok(ROW_BYTES),
    }
}

fn trustee(row: &TrusteeRow) -> Checked {
    if row.owner == row.trustee {
        return Err(StoreError::Invalid("a user as the own trustee"));
    }
    Ok(
        within(row.hint.as_bytes(), 0, limits::HINT_BYTES_MAX, "hint")?
            + within(&row.blobs, 1, limits::RECOVERY_BYTES_MAX, "recovery share")?,
    )
}

fn restore(row: &StagedRestoreRow) -> Checked {
    within(&row.blobs, 1, limits::RECOVERY_BYTES_MAX, "staged restore")
}
