//! Applies the changes of one change set, inside the savepoint of the caller.

use rusqlite::Connection;

use super::{
    api_key_scopes, api_keys, credentials, files, keys, orgs, recovery, shares, tokens, users,
    values, wraps,
};
use crate::change_set::{Change, ChangeSet, Committed};
use crate::error::StoreError;
use crate::rows::RecordKind;

pub(super) fn change_set(db: &Connection, changes: &ChangeSet) -> Result<Committed, StoreError> {
    let mut committed = Committed::default();
    for one in changes.changes() {
        change(db, one, &mut committed)?;
    }
    Ok(committed)
}

fn change(db: &Connection, change: &Change, committed: &mut Committed) -> Result<(), StoreError> {
    match change {
        Change::InsertOrg(row) => orgs::insert(db, row),
        Change::ReplaceOrg {
            expected_version,
            row,
        } => orgs::replace(db, *expected_version, row),
        Change::InsertUser(row) => users::insert(db, row),
        Change::ReplaceUser {
            expected_version,
            row,
        } => users::replace(db, *expected_version, row),
        Change::InsertApiKey(row) => api_keys::insert(db, row),
        Change::ReplaceApiKey {
            expected_version,
            row,
        } => api_keys::replace(db, *expected_version, row),
        Change::DeleteApiKey {
            key_id,
            expected_version,
        } => api_keys::delete(db, *key_id, *expected_version),
        Change::InsertUserKeys { keys, pairs } => keys::insert(db, keys, pairs),
        Change::ReplaceUserKeys {
            expected_version,
            keys,
            pairs,
        } => keys::replace(db, *expected_version, keys, pairs),
        Change::PutValue(put) => values::put(db, put, None, committed),
        Change::PutSharedValue {
            put,
            share_revision,
        } => values::put(db, put, Some(*share_revision), committed),
        Change::ReplaceValue {
            expected_version,
            row,
        } => values::replace(db, *expected_version, row),
        Change::DestroyValue {
            org_id,
            owner,
            record_id,
            expected_version,
        } => values::destroy(db, (*org_id, *owner), *record_id, *expected_version),
        Change::PutAccountBox(row) => wraps::put_box(db, RecordKind::Value, row, committed),
        Change::Wrap(change) => wraps::apply(db, change, committed),
        Change::Share(change) => shares::apply(db, change, committed),
        Change::File(change) => files::apply(db, change),
        Change::Credential(change) => credentials::apply(db, change, committed),
        Change::Token(change) => tokens::apply(db, change, committed),
        Change::ApiKey(change) => api_key_scopes::apply(db, change),
        Change::Recovery(change) => recovery::apply(db, change),
        Change::ExpectOtherAdmin { org_id, user_id } => {
            users::expect_other_admin(db, *org_id, *user_id)
        }
        Change::ExpectStanding(standing) => users::expect_standing(db, standing),
        Change::RemoveUser {
            org_id,
            user_id,
            expected_version,
        } => users::remove(db, *org_id, *user_id, *expected_version),
    }
}
