//! Applies change sets to the tables in memory.

use std::collections::btree_map::{BTreeMap, Entry};

use super::Tables;
use crate::change_set::{
    Change, ChangeSet, Committed, Expect, NOT_A_CONTINUATION, PutValue, Standing,
};
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, RecordId, UserId};
use crate::rows::{
    ApiKeyOwner, ApiKeyRow, FIRST_VERSION, KeyPairRow, OrgRow, Record, RecordKind, UserKeysRow,
    UserRow, ValueRow,
};

pub(super) type Applied = Result<(), StoreError>;

impl Tables {
    pub(super) fn apply(&mut self, changes: &ChangeSet) -> Result<Committed, StoreError> {
        let mut committed = Committed::default();
        for one in changes.changes() {
            self.change(one, &mut committed)?;
        }
        Ok(committed)
    }

    fn change(&mut self, change: &Change, committed: &mut Committed) -> Applied {
        match change {
            Change::InsertOrg(row) => insert(&mut self.orgs, row.org_id, row, conflict::ORG),
            Change::ReplaceOrg {
                expected_version,
                row,
            } => self.replace_org(*expected_version, row),
            Change::InsertUser(row) => self.insert_user(row),
            Change::ReplaceUser {
                expected_version,
                row,
            } => self.replace_user(*expected_version, row),
            Change::InsertApiKey(row) => self.insert_api_key(row),
            Change::ReplaceApiKey {
                expected_version,
                row,
            } => self.replace_api_key(*expected_version, row),
            Change::DeleteApiKey {
                key_id,
                expected_version,
            } => {
                let stored = self.api_keys.get(key_id).map(|row| row.version);
                require(stored == Some(*expected_version), conflict::API_KEY)?;
                self.erase_api_key(*key_id);
                Ok(())
            }
            Change::InsertUserKeys { keys, pairs } => self.insert_user_keys(keys, pairs),
            Change::ReplaceUserKeys {
                expected_version,
                keys,
                pairs,
            } => self.replace_user_keys(*expected_version, keys, pairs),
            Change::PutValue(put) => self.put_value(put, committed, |tables| {
                let mut shares = tables.shares_of(Record::value(put.row.record_id));
                require(shares.next().is_none(), conflict::SHARE_REVISION)
            }),
            Change::PutSharedValue {
                put,
                share_revision,
            } => self.put_value(put, committed, |tables| {
                tables.expect_revision(Record::value(put.row.record_id), *share_revision)
            }),
            Change::ReplaceValue {
                expected_version,
                row,
            } => self.replace_value(*expected_version, row.current_version, row),
            Change::DestroyValue {
                org_id,
                owner,
                record_id,
                expected_version,
            } => self.destroy(*org_id, *owner, *record_id, *expected_version),
            Change::PutAccountBox(row) => {
                self.put_box(RecordKind::Value, row, committed);
                Ok(())
            }
            Change::Wrap(change) => self.wrap_change(change, committed),
            Change::Share(change) => self.share_change(change, committed),
            Change::File(change) => self.file_change(change),
            Change::Credential(change) => self.credential_change(change, committed),
            Change::Token(change) => self.token_change(change, committed),
            Change::ApiKey(change) => self.api_key_change(change),
            Change::Recovery(change) => self.recovery_change(change),
            Change::ExpectOtherAdmin { org_id, user_id } => {
                self.expect_other_admin(*org_id, *user_id)
            }
            Change::ExpectStanding(standing) => self.expect_standing(standing),
            Change::RemoveUser {
                org_id,
                user_id,
                expected_version,
            } => self.remove_user(*org_id, *user_id, *expected_version),
        }
    }

    fn expect_standing(&self, standing: &Standing) -> Applied {
        let (org_id, user_id) = (standing.org_id, standing.user_id);
        let user = self.users.get(&(org_id, user_id)).map(|row| row.version);
        require(user == Some(standing.user_version), conflict::USER)?;
        let keys = self.user_keys.get(&(org_id, user_id));
        let keys = keys.map(|keys| (keys.secret_version, keys.current_generation));
        require(keys == standing.keys, conflict::USER_KEYS)?;
        let key = self.api_keys.get(&standing.key_id);
        let key = key.map(|key| (key.owner, key.version));
        let owner = ApiKeyOwner::User { org_id, user_id };
        require(
            key == Some((owner, standing.key_version)),
            conflict::API_KEY,
        )
    }

    fn replace_org(&mut self, expected: u64, row: &OrgRow) -> Applied {
        let stored = self.orgs.get_mut(&row.org_id);
        replace(stored, row, conflict::ORG, |old| {
            (old.version, old.created) == (expected, row.created)
        })
    }

    fn insert_user(&mut self, row: &UserRow) -> Applied {
        // User ids are unique over all organisations.
        let taken = self.users.values().any(|user| user.user_id == row.user_id);
        require(!taken, conflict::USER)?;
        require(self.orgs.contains_key(&row.org_id), conflict::PARENT)?;
        insert(
            &mut self.users,
            (row.org_id, row.user_id),
            row,
            conflict::USER,
        )
    }

    fn replace_user(&mut self, expected: u64, row: &UserRow) -> Applied {
        let stored = self.users.get_mut(&(row.org_id, row.user_id));
        replace(stored, row, conflict::USER, |old| {
            (old.version, old.created) == (expected, row.created)
        })
    }

    fn insert_api_key(&mut self, row: &ApiKeyRow) -> Applied {
        require(!self.api_keys.contains_key(&row.key_id), conflict::API_KEY)?;
        if let ApiKeyOwner::User { org_id, user_id } = row.owner {
            require(
                self.users.contains_key(&(org_id, user_id)),
                conflict::PARENT,
            )?;
        }
        insert(&mut self.api_keys, row.key_id, row, conflict::API_KEY)
    }

    fn replace_api_key(&mut self, expected: u64, row: &ApiKeyRow) -> Applied {
        let stored = self.api_keys.get_mut(&row.key_id);
        replace(stored, row, conflict::API_KEY, |old| {
            (old.version, old.created, old.owner) == (expected, row.created, row.owner)
        })
    }

    fn insert_user_keys(&mut self, keys: &UserKeysRow, pairs: &[KeyPairRow]) -> Applied {
        let place = (keys.org_id, keys.user_id);
        require(!self.user_keys.contains_key(&place), conflict::USER_KEYS)?;
        require(self.users.contains_key(&place), conflict::PARENT)?;
        self.user_keys.insert(place, keys.clone());
        for pair in pairs {
            self.key_pairs
                .insert((pair.org_id, pair.user_id, pair.generation), pair.clone());
        }
        Ok(())
    }

    fn replace_user_keys(
        &mut self,
        expected: u64,
        keys: &UserKeysRow,
        pairs: &[KeyPairRow],
    ) -> Applied {
        let stored = self.user_keys.get_mut(&(keys.org_id, keys.user_id));
        replace(stored, keys, conflict::USER_KEYS, |old| {
            old.version == expected
        })?;
        let stored = self.pairs_of(keys.org_id, keys.user_id);
        let continued = stored
            .iter()
            .all(|old| pairs.iter().any(|new| continues(old, new)));
        let added = pairs
            .iter()
            .filter(|new| new.version == FIRST_VERSION)
            .count();
        if !continued || stored.len() + added != pairs.len() {
            return Err(NOT_A_CONTINUATION);
        }
        for pair in pairs {
            self.key_pairs
                .insert((pair.org_id, pair.user_id, pair.generation), pair.clone());
        }
        Ok(())
    }

    fn put_value(
        &mut self,
        put: &PutValue,
        committed: &mut Committed,
        expect_shares: impl FnOnce(&Self) -> Applied,
    ) -> Applied {
        match put.expected {
            Expect::Absent => self.insert_value(&put.row)?,
            Expect::Version(expected) => {
                self.replace_value(expected, put.row.current_version - 1, &put.row)?;
            }
        }
        expect_shares(self)?;
        let (record_id, newest) = (put.row.record_id, put.row.current_version);
        self.versions
            .insert((record_id, newest), put.version_row.clone());
        for wrap in &put.wraps {
            self.insert_wrap(RecordKind::Value, wrap)?;
        }
        let newest_erased = newest.saturating_sub(u64::from(put.versions_kept));
        committed.versions_erased += self.erase_versions(record_id, newest_erased);
        Ok(())
    }

    fn insert_value(&mut self, row: &ValueRow) -> Applied {
        let taken = self
            .values
            .values()
            .any(|value| value.record_id == row.record_id);
        require(!taken, conflict::VALUE)?;
        let place = (row.org_id, row.owner, row.name.clone());
        require(!self.values.contains_key(&place), conflict::VALUE)?;
        require(
            self.users.contains_key(&(row.org_id, row.owner)),
            conflict::PARENT,
        )?;
        insert(&mut self.values, place, row, conflict::VALUE)
    }

    fn replace_value(&mut self, expected: u64, expected_current: u64, row: &ValueRow) -> Applied {
        let stored = self
            .values
            .get_mut(&(row.org_id, row.owner, row.name.clone()));
        replace(stored, row, conflict::VALUE, |old| {
            (old.record_id, old.created) == (row.record_id, row.created)
                && (old.version, old.current_version) == (expected, expected_current)
        })
    }

    fn destroy(
        &mut self,
        org_id: OrgId,
        owner: UserId,
        record_id: RecordId,
        expected: u64,
    ) -> Applied {
        let stored = self.record(Record::value(record_id));
        require(stored == Some((org_id, owner, expected)), conflict::VALUE)?;
        self.erase_value(record_id);
        Ok(())
    }

    /// Erases a value with all its versions, wraps, boxes and shares.
    pub(super) fn erase_value(&mut self, record_id: RecordId) {
        self.values.retain(|_, row| row.record_id != record_id);
        self.erase_versions(record_id, u64::MAX);
        self.forget_shares(Record::value(record_id));
    }

    /// Erases the versions up to `newest_erased`, with their wraps and boxes; how many there were.
    fn erase_versions(&mut self, record_id: RecordId, newest_erased: u64) -> u64 {
        let before = self.versions.len();
        self.versions
            .retain(|place, _| place.0 != record_id || place.1 > newest_erased);
        self.erase_wraps_up_to(Record::value(record_id), newest_erased);
        (before - self.versions.len()) as u64
    }
}

fn continues(old: &KeyPairRow, new: &KeyPairRow) -> bool {
    (new.generation, new.created) == (old.generation, old.created)
        && new.public_key == old.public_key
        && new.version == old.version + 1
}

pub(super) fn insert<K: Ord, R: Clone>(
    table: &mut BTreeMap<K, R>,
    key: K,
    row: &R,
    what: &'static str,
) -> Applied {
    match table.entry(key) {
        Entry::Vacant(entry) => {
            entry.insert(row.clone());
            Ok(())
        }
        Entry::Occupied(_) => Err(StoreError::conflict(what)),
    }
}

pub(super) fn replace<R: Clone>(
    stored: Option<&mut R>,
    row: &R,
    what: &'static str,
    expected: impl FnOnce(&R) -> bool,
) -> Applied {
    match stored {
        Some(old) if expected(old) => {
            *old = row.clone();
            Ok(())
        }
        _ => Err(StoreError::conflict(what)),
    }
}

pub(super) fn require(holds: bool, what: &'static str) -> Applied {
    if holds {
        Ok(())
    } else {
        Err(StoreError::conflict(what))
    }
}
