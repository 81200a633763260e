//! What can be checked of a change set without looking at stored rows.
//!
//! Both backends call this first, so that they refuse the same things with the same words, and so
//! that no row reaches a table whose constraints it breaks.

mod credentials;
mod files;
mod tokens;
mod wraps;

use std::collections::BTreeSet;

use super::{Change, ChangeSet, Expect, PutValue};
use crate::error::StoreError;
use crate::limits;
use crate::rows::{
    AccountBoxRow, ApiKeyRow, AuditEntry, FIRST_VERSION, KeyPairRow, OrgRow, UserKeysRow, UserRow,
    ValueRow, ValueVersionRow, WrapRow,
};

/// Room a row takes beside its variable parts, rounded up.
const ROW_BYTES: usize = 256;

const OUT_OF_RANGE: StoreError = StoreError::Invalid("a version out of range");

type Checked = Result<usize, StoreError>;

pub(super) fn change_set(set: &ChangeSet) -> Checked {
    if set.changes.is_empty() && set.audit.is_empty() {
        return Err(StoreError::Invalid("a change set without changes"));
    }
    if set.changes.len() > limits::CHANGES_MAX {
        return Err(StoreError::TooLarge("changes in a change set"));
    }
    let mut bytes = audit(&set.audit)?;
    for one in &set.changes {
        bytes += change(one)?;
        if bytes > limits::CHANGE_SET_BYTES_MAX {
            return Err(StoreError::TooLarge("bytes in a change set"));
        }
    }
    Ok(bytes)
}

fn audit(entries: &[AuditEntry]) -> Checked {
    if entries.len() > limits::AUDIT_ENTRIES_MAX {
        return Err(StoreError::TooLarge("audit entries of a change set"));
    }
    let (mut bytes, max) = (0, limits::AUDIT_ENTRY_BYTES_MAX);
    for one in entries {
        within(&one.entry, 1, max, "audit entry")?;
        bytes += one.entry.len();
    }
    if bytes > limits::AUDIT_BYTES_MAX {
        return Err(StoreError::TooLarge("audit entries of a change set"));
    }
    Ok(bytes)
}

fn change(change: &Change) -> Checked {
    match change {
        Change::InsertOrg(row) => first(row.version).and_then(|()| org(row)),
        Change::ReplaceOrg {
            expected_version,
            row,
        } => next(*expected_version, row.version).and_then(|()| org(row)),
        Change::InsertUser(row) => first(row.version).and_then(|()| user(row)),
        Change::ReplaceUser {
            expected_version,
            row,
        } => next(*expected_version, row.version).and_then(|()| user(row)),
        Change::InsertApiKey(row) => first(row.version).map(|()| api_key(row)),
        Change::ReplaceApiKey {
            expected_version,
            row,
        } => next(*expected_version, row.version).map(|()| api_key(row)),
        Change::InsertUserKeys { keys, pairs } => {
            first(keys.version)?;
            pairs.iter().try_for_each(|pair| first(pair.version))?;
            user_keys(keys, pairs)
        }
        Change::ReplaceUserKeys {
            expected_version,
            keys,
            pairs,
        } => {
            next(*expected_version, keys.version)?;
            pairs.iter().try_for_each(|pair| countable(pair.version))?;
            user_keys(keys, pairs)
        }
        Change::PutValue(put) => put_value(put),
        Change::PutSharedValue {
            put,
            share_revision,
        } => storable(*share_revision).and_then(|()| put_value(put)),
        Change::ReplaceValue {
            expected_version,
            row,
        } => next(*expected_version, row.version).and_then(|()| value(row)),
        Change::DeleteApiKey {
            expected_version, ..
        }
        | Change::DestroyValue {
            expected_version, ..
        }
        | Change::RemoveUser {
            expected_version, ..
        } => countable(*expected_version).map(|()| ROW_BYTES),
        Change::PutAccountBox(row) => account_box(row),
        Change::Wrap(change) => wraps::wrap_change(change),
        Change::Share(change) => wraps::share_change(change),
        Change::File(change) => files::file_change(change),
        Change::Credential(change) => credentials::credential_change(change),
        Change::Token(change) => tokens::token_change(change),
        Change::ApiKey(change) => tokens::api_key_change(change),
        Change::Recovery(change) => tokens::recovery_change(change),
        Change::ExpectOtherAdmin { .. } => Ok(ROW_BYTES),
        Change::ExpectStanding(standing) => countable(standing.user_version)
            .and_then(|()| countable(standing.key_version))
            .map(|()| ROW_BYTES),
    }
}

fn org(row: &OrgRow) -> Checked {
    within(
        row.name.as_bytes(),
        1,
        limits::DISPLAY_NAME_BYTES_MAX,
        "name of an organisation",
    )
}

fn user(row: &UserRow) -> Checked {
    within(
        row.name.as_bytes(),
        1,
        limits::DISPLAY_NAME_BYTES_MAX,
        "name of a user",
    )
}

fn api_key(_row: &ApiKeyRow) -> usize {
    ROW_BYTES
}

fn user_keys(keys: &UserKeysRow, pairs: &[KeyPairRow]) -> Checked {
    if pairs.len() > limits::GENERATIONS_MAX {
        return Err(StoreError::TooLarge("generations of a key pair"));
    }
    let mut bytes = within(
        &keys.protection,
        1,
        limits::PROTECTION_BYTES_MAX,
        "key protection",
    )? + within(
        &keys.account_key_box,
        1,
        limits::KEY_BOX_BYTES_MAX,
        "account key box",
    )?;
    let mut generations = BTreeSet::new();
    for pair in pairs {
        if (pair.user_id, pair.org_id) != (keys.user_id, keys.org_id) {
            return Err(StoreError::Invalid("a key pair of another user"));
        }
        if pair.generation == 0 || !generations.insert(pair.generation) {
            return Err(StoreError::Invalid("a generation twice, or generation 0"));
        }
        bytes += within(
            &pair.public_key,
            1,
            limits::PUBLIC_KEY_BYTES_MAX,
            "public key",
        )? + within(
            &pair.ecc_box,
            1,
            limits::KEY_BOX_BYTES_MAX,
            "private key box",
        )? + within(
            &pair.kyber_box,
            1,
            limits::KEY_BOX_BYTES_MAX,
            "private key box",
        )?;
    }
    if !generations.contains(&keys.current_generation) {
        return Err(StoreError::Invalid("no key pair of the current generation"));
    }
    Ok(bytes)
}

fn put_value(put: &PutValue) -> Checked {
    match put.expected {
        Expect::Absent => {
            first(put.row.version)?;
            if put.row.current_version != 1 {
                return Err(StoreError::Invalid("the first version of a value is 1"));
            }
        }
        Expect::Version(expected) => {
            next(expected, put.row.version)?;
            if put.row.current_version < 2 {
                return Err(StoreError::Invalid("a later version of a value is above 1"));
            }
        }
    }
    if !(1..=limits::VERSIONS_KEPT_MAX).contains(&put.versions_kept) {
        return Err(StoreError::Invalid("versions kept out of range"));
    }
    let version = &put.version_row;
    let place = (put.row.record_id, put.row.current_version);
    if (version.record_id, version.value_version) != place {
        return Err(StoreError::Invalid(
            "a version row of another value or version",
        ));
    }
    if version.expires != put.row.expires {
        return Err(StoreError::Invalid(
            "a value and its current version expire apart",
        ));
    }
    Ok(value(&put.row)? + value_version(version)? + wraps_of_version(&put.wraps, place)?)
}

fn value(row: &ValueRow) -> Checked {
    countable(row.current_version)?;
    within(
        row.name.as_bytes(),
        1,
        limits::VALUE_NAME_BYTES_MAX,
        "name of a value",
    )
}

fn value_version(row: &ValueVersionRow) -> Checked {
    let metadata = row.metadata_box.as_deref().map_or(Ok(0), |bytes| {
        within(bytes, 1, limits::METADATA_BOX_BYTES_MAX, "metadata")
    })?;
    Ok(metadata
        + within(&row.header, 1, limits::HEADER_BYTES_MAX, "envelope header")?
        + within(&row.payload, 1, limits::PAYLOAD_BYTES_MAX, "payload")?)
}

fn wraps_of_version(wraps: &[WrapRow], place: (crate::RecordId, u64)) -> Checked {
    if wraps.len() > limits::WRAPS_MAX {
        return Err(StoreError::TooLarge("wraps of a version"));
    }
    let mut bytes = 0;
    let mut recipients = BTreeSet::new();
    for wrap in wraps {
        if (wrap.record_id, wrap.value_version) != place {
            return Err(StoreError::Invalid("a wrap of another value or version"));
        }
        if !recipients.insert(wrap.recipient) {
            return Err(StoreError::Invalid("two wraps for one recipient"));
        }
        bytes += within(&wrap.wrap, 1, limits::WRAP_BYTES_MAX, "wrapped key")?;
    }
    Ok(bytes)
}

fn account_box(row: &AccountBoxRow) -> Checked {
    countable(row.value_version)?;
    within(
        &row.account_box,
        1,
        limits::KEY_BOX_BYTES_MAX,
        "account box",
    )
}

/// Bytes of a row with this variable part, if that is within its bounds.
fn within(bytes: &[u8], min: usize, max: usize, what: &'static str) -> Checked {
    if bytes.len() > max {
        return Err(StoreError::TooLarge(what));
    }
    if bytes.len() < min {
        return Err(StoreError::Invalid("an empty field that must not be"));
    }
    Ok(ROW_BYTES + bytes.len())
}

fn first(version: u64) -> Result<(), StoreError> {
    if version == FIRST_VERSION {
        return Ok(());
    }
    Err(StoreError::Invalid("a new row starts with version 1"))
}

fn next(expected: u64, version: u64) -> Result<(), StoreError> {
    countable(expected)?;
    countable(version)?;
    if expected.checked_add(1) == Some(version) {
        return Ok(());
    }
    Err(StoreError::Invalid("a replacing row is one version higher"))
}

fn countable(number: u64) -> Result<(), StoreError> {
    if number >= 1 {
        return storable(number);
    }
    Err(OUT_OF_RANGE)
}

/// Backends count in signed 64-bit integers.
fn storable(number: u64) -> Result<(), StoreError> {
    i64::try_from(number).map(drop).map_err(|_| OUT_OF_RANGE)
}
