//! Checks of credentials.

use super::{Checked, ROW_BYTES, countable, first, next, storable, within, wraps_of_version};
use crate::change_set::CredentialChange;
use crate::error::StoreError;
use crate::limits;
use crate::rows::{CredentialRow, CredentialVersionRow, WrapRow};

pub(super) fn credential_change(change: &CredentialChange) -> Checked {
    match change {
        CredentialChange::Insert {
            row,
            version_row,
            wraps,
        } => {
            first(row.version)?;
            if row.newest_version != 1 {
                return Err(StoreError::Invalid("the first version of a value is 1"));
            }
            put(row, version_row, wraps)
        }
        CredentialChange::PutVersion {
            expected_version,
            share_revision,
            row,
            version_row,
            wraps,
            versions_kept,
        } => {
            next(*expected_version, row.version)?;
            storable(*share_revision)?;
            if row.newest_version < 2 {
                return Err(StoreError::Invalid("a later version of a value is above 1"));
            }
            if !(1..=limits::VERSIONS_KEPT_MAX).contains(versions_kept) {
                return Err(StoreError::Invalid("versions kept out of range"));
            }
            put(row, version_row, wraps)
        }
        CredentialChange::Replace {
            expected_version,
            row,
        } => next(*expected_version, row.version).and_then(|()| credential(row)),
        CredentialChange::Delete {
            expected_version, ..
        } => countable(*expected_version).map(|()| ROW_BYTES),
    }
}

fn put(row: &CredentialRow, version: &CredentialVersionRow, wraps: &[WrapRow]) -> Checked {
    let place = (row.credential_id, row.newest_version);
    let found = (version.credential_id, version.credential_version);
    if row.current_version != row.newest_version || found != place {
        return Err(StoreError::Invalid(
            "a version row of another credential or version",
        ));
    }
    let use_of_row = (&row.host_pattern, &row.header, &row.template);
    if use_of_row != (&version.host_pattern, &version.header, &version.template) {
        return Err(StoreError::Invalid(
            "a credential and its current version differ in their use",
        ));
    }
    if row.protection.is_some() && !wraps.is_empty() {
        return Err(StoreError::Invalid("a wrap of a key under a passphrase"));
    }
    let sealed = within(
        &version.sealed,
        1,
        limits::CREDENTIAL_SEALED_BYTES_MAX,
        "sealed credential",
    )?;
    // The texts are counted for both rows.
    Ok(2 * credential(row)? + sealed + wraps_of_version(wraps, place)?)
}

fn credential(row: &CredentialRow) -> Checked {
    countable(row.current_version)?;
    countable(row.newest_version)?;
    if row.current_version > row.newest_version {
        return Err(StoreError::Invalid("a current version above the newest"));
    }
    let text = |text: &str, max, what| within(text.as_bytes(), 1, max, what);
    let protection = row.protection.as_deref().map_or(Ok(0), |bytes| {
        within(bytes, 1, limits::PROTECTION_BYTES_MAX, "key protection")
    })?;
    Ok(protection
        + text(
            &row.name,
            limits::DISPLAY_NAME_BYTES_MAX,
            "name of a credential",
        )?
        + text(
            &row.host_pattern,
            limits::HOST_PATTERN_BYTES_MAX,
            "host pattern",
        )?
        + text(&row.header, limits::HEADER_NAME_BYTES_MAX, "header")?
        + text(&row.template, limits::TEMPLATE_BYTES_MAX, "template")?)
}
