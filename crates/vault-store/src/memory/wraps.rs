//! Wraps and boxes in memory, over records of every kind.

use async_trait::async_trait;

use super::apply::{Applied, require};
use super::{MemoryStore, Tables, page};
use crate::change_set::{Committed, ReplaceWraps, WrapChange, conflict_on};
use crate::error::{StoreError, conflict};
use crate::ids::UserId;
use crate::rows::{AccountBoxRow, Grant, Record, RecordKind, WrapRow};
use crate::store::{Page, RotationStore, StoredWrap, WrapPlace};

impl Tables {
    pub(super) fn wrap_change(
        &mut self,
        change: &WrapChange,
        committed: &mut Committed,
    ) -> Applied {
        match change {
            WrapChange::Replace(change) => self.replace_wraps(change),
            WrapChange::Rotate {
                kind,
                old_wrap,
                row,
            } => self.rotate_wrap(*kind, old_wrap, row),
            WrapChange::PutBox { kind, row } => {
                self.put_box(*kind, row, committed);
                Ok(())
            }
        }
    }

    fn replace_wraps(&mut self, change: &ReplaceWraps) -> Applied {
        let record = change.record;
        let found = self.record(record).map(|(_, _, version)| version);
        require(
            found == Some(change.expected_version),
            conflict_on(record.kind),
        )?;
        for (value_version, recipient) in &change.removed {
            self.erase_wrap((record, *value_version, *recipient));
        }
        for row in &change.wraps {
            let granted = match row.grant {
                Grant::Owner => true,
                Grant::Share(share_id) => self.shares.get(&share_id).is_some_and(|share| {
                    (share.record(), share.recipient) == (record, row.recipient)
                }),
            };
            require(granted, conflict::SHARE)?;
            self.erase_wrap((record, row.value_version, row.recipient));
            self.insert_wrap(record.kind, row)?;
        }
        Ok(())
    }

    fn rotate_wrap(&mut self, kind: RecordKind, old_wrap: &[u8], row: &WrapRow) -> Applied {
        let record_id = row.record_id;
        let place = (Record { kind, record_id }, row.value_version, row.recipient);
        let stored = self.wraps.get_mut(&place);
        match stored {
            Some(stored) if stored.wrap == old_wrap && stored.grant == row.grant => {
                *stored = row.clone();
                self.account_boxes.remove(&place);
                Ok(())
            }
            _ => Err(StoreError::conflict(conflict::WRAP)),
        }
    }

    pub(super) fn insert_wrap(&mut self, kind: RecordKind, row: &WrapRow) -> Applied {
        let record_id = row.record_id;
        let record = Record { kind, record_id };
        let known = self
            .users
            .values()
            .any(|user| user.user_id == row.recipient);
        require(
            known && self.has_version(record, row.value_version),
            conflict::PARENT,
        )?;
        self.wraps
            .insert((record, row.value_version, row.recipient), row.clone());
        Ok(())
    }

    pub(super) fn put_box(
        &mut self,
        kind: RecordKind,
        row: &AccountBoxRow,
        committed: &mut Committed,
    ) {
        let record_id = row.record_id;
        let place = (Record { kind, record_id }, row.value_version, row.recipient);
        if self.wraps.contains_key(&place) {
            self.account_boxes.insert(place, row.clone());
            committed.account_boxes_stored += 1;
        }
    }

    /// Erases every wrap of a record to one recipient, with the boxes.
    pub(super) fn erase_wraps_of(&mut self, record: Record, recipient: UserId) {
        let keep = |place: &(Record, u64, UserId)| (place.0, place.2) != (record, recipient);
        self.wraps.retain(|place, _| keep(place));
        self.account_boxes.retain(|place, _| keep(place));
    }

    /// Erases the wraps of a record up to a version, with the boxes.
    pub(super) fn erase_wraps_up_to(&mut self, record: Record, newest_erased: u64) {
        let keep = |place: &(Record, u64, UserId)| place.0 != record || place.1 > newest_erased;
        self.wraps.retain(|place, _| keep(place));
        self.account_boxes.retain(|place, _| keep(place));
    }

    fn erase_wrap(&mut self, place: (Record, u64, UserId)) {
        self.wraps.remove(&place);
        self.account_boxes.remove(&place);
    }

    pub(super) fn has_version(&self, record: Record, version: u64) -> bool {
        match record.kind {
            RecordKind::Value => self.versions.contains_key(&(record.record_id, version)),
            RecordKind::File => self
                .files
                .get(&record.record_id)
                .is_some_and(|row| row.content_version == version),
            RecordKind::Credential => self
                .credential_versions
                .contains_key(&(record.record_id, version)),
        }
    }

    fn of_generation(
        &self,
        recipient: UserId,
        generation: u32,
    ) -> impl Iterator<Item = StoredWrap> {
        self.wraps
            .iter()
            .filter(move |(_, wrap)| {
                (wrap.recipient, wrap.recipient_generation) == (recipient, generation)
            })
            .filter_map(|((record, ..), wrap)| {
                let (org_id, owner, _) = self.record(*record)?;
                Some(StoredWrap {
                    kind: record.kind,
                    org_id,
                    owner,
                    wrap: wrap.clone(),
                    share: match wrap.grant {
                        Grant::Owner => None,
                        Grant::Share(share_id) => self.shares.get(&share_id).cloned(),
                    },
                })
            })
    }
}

#[async_trait]
impl RotationStore for MemoryStore {
    async fn wraps_of_generation(
        &self,
        recipient: UserId,
        generation: u32,
        after: Option<WrapPlace>,
        limit: u32,
    ) -> Result<Page<StoredWrap>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .of_generation(recipient, generation)
            .filter(|wrap| after.is_none_or(|after| wrap.place() > after));
        Ok(page(rows, limit))
    }

    async fn count_wraps_of_generation(
        &self,
        recipient: UserId,
        generation: u32,
    ) -> Result<u64, StoreError> {
        let tables = self.tables();
        Ok(tables.of_generation(recipient, generation).count() as u64)
    }
}
