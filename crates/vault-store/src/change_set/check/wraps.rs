//! Checks of wraps and of shares.

use std::collections::BTreeSet;

use super::{Checked, ROW_BYTES, account_box, countable, first, next, within};
use crate::change_set::{ReplaceWraps, ShareChange, WrapChange};
use crate::error::StoreError;
use crate::limits;
use crate::rows::{AliasBoxRow, Grant, ShareRow, WrapRow};

pub(super) fn wrap_change(change: &WrapChange) -> Checked {
    match change {
        WrapChange::Replace(replace) => replace_wraps(replace),
        WrapChange::Rotate { old_wrap, row, .. } => {
            Ok(within(old_wrap, 1, limits::WRAP_BYTES_MAX, "wrapped key")? + wrap(row)?)
        }
        WrapChange::PutBox { row, .. } => account_box(row),
    }
}

pub(super) fn share_change(change: &ShareChange) -> Checked {
    match change {
        ShareChange::Insert {
            row,
            record_version,
            wraps,
        } => {
            first(row.version)?;
            countable(*record_version)?;
            share(row, wraps)
        }
        ShareChange::Replace {
            expected_version,
            row,
            record_version,
            wraps,
        } => {
            next(*expected_version, row.version)?;
            countable(*record_version)?;
            share(row, wraps)
        }
        ShareChange::Delete {
            expected_version, ..
        } => countable(*expected_version).map(|()| ROW_BYTES),
        ShareChange::PutAliasBox(row) => alias_box(row),
    }
}

fn replace_wraps(replace: &ReplaceWraps) -> Checked {
    countable(replace.expected_version)?;
    if replace.removed.len() > limits::WRAPS_MAX {
        return Err(StoreError::TooLarge("wraps of a change"));
    }
    let places = each_once(&replace.wraps)?;
    if places.is_empty() && replace.removed.is_empty() {
        return Err(StoreError::Invalid("a change of wraps without wraps"));
    }
    let record_id = replace.record.record_id;
    if replace.wraps.iter().any(|wrap| wrap.record_id != record_id) {
        return Err(StoreError::Invalid("a wrap of another record"));
    }
    Ok(bytes(&replace.wraps)? + ROW_BYTES)
}

fn share(row: &ShareRow, wraps: &[WrapRow]) -> Checked {
    if row.owner == row.recipient {
        return Err(StoreError::Invalid("a share with the owner"));
    }
    each_once(wraps)?;
    let belongs = |wrap: &WrapRow| {
        (wrap.record_id, wrap.recipient) == (row.record_id, row.recipient)
            && wrap.grant == Grant::Share(row.share_id)
    };
    if !wraps.iter().all(belongs) {
        return Err(StoreError::Invalid("a wrap of another share"));
    }
    let optional = |bytes: &Option<Vec<u8>>, max| {
        bytes
            .as_deref()
            .map_or(Ok(0), |bytes| within(bytes, 1, max, "alias"))
    };
    Ok(ROW_BYTES
        + optional(&row.alias_wrap, limits::WRAP_BYTES_MAX)?
        + optional(&row.owner_alias_box, limits::KEY_BOX_BYTES_MAX)?
        + bytes(wraps)?)
}

fn alias_box(row: &AliasBoxRow) -> Checked {
    countable(row.share_version)?;
    within(&row.alias_box, 1, limits::KEY_BOX_BYTES_MAX, "alias box")
}

/// Places of the wraps, none of them twice.
fn each_once(wraps: &[WrapRow]) -> Result<BTreeSet<(u64, crate::UserId)>, StoreError> {
    if wraps.len() > limits::WRAPS_MAX {
        return Err(StoreError::TooLarge("wraps of a change"));
    }
    let places: BTreeSet<_> = wraps
        .iter()
        .map(|wrap| (wrap.value_version, wrap.recipient))
        .collect();
    if places.len() == wraps.len() {
        Ok(places)
    } else {
        Err(StoreError::Invalid("two wraps for one recipient"))
    }
}

fn bytes(wraps: &[WrapRow]) -> Checked {
    wraps.iter().try_fold(0, |sum, row| Ok(sum + wrap(row)?))
}

fn wrap(row: &WrapRow) -> Checked {
    countable(row.value_version)?;
    within(&row.wrap, 1, limits::WRAP_BYTES_MAX, "wrapped key")
}
