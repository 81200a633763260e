//! Shares in memory.

use async_trait::async_trait;

use super::apply::{Applied, insert, replace, require};
use super::{MemoryStore, Tables, page};
use crate::change_set::{Committed, ShareChange, conflict_on};
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, ShareId, UserId, UtcMillis};
use crate::limits::SHARES_PER_RECORD_MAX;
use crate::rows::{Record, RecordKind, ShareRow, ValueRow, WrapRow};
use crate::store::{
    InboundShare, ListInbound, Page, Recipient, Recipients, ShareStore, SharedValueRead,
};

impl Tables {
    pub(super) fn share_change(
        &mut self,
        change: &ShareChange,
        committed: &mut Committed,
    ) -> Applied {
        match change {
            ShareChange::Insert {
                row,
                record_version,
                wraps,
            } => self.insert_share(row, *record_version, wraps),
            ShareChange::Replace {
                expected_version,
                row,
                record_version,
                wraps,
            } => self.replace_share(*expected_version, row, *record_version, wraps),
            ShareChange::Delete {
                share_id,
                expected_version,
            } => {
                let stored = self.shares.get(share_id).map(|row| row.version);
                require(stored == Some(*expected_version), conflict::SHARE)?;
                self.erase_share(*share_id);
                Ok(())
            }
            ShareChange::PutAliasBox(row) => {
                let stored = self.shares.get(&row.share_id).map(|share| share.version);
                if stored == Some(row.share_version) {
                    self.alias_boxes.insert(row.share_id, row.clone());
                    committed.alias_boxes_stored += 1;
                }
                Ok(())
            }
        }
    }

    fn insert_share(&mut self, row: &ShareRow, record_version: u64, wraps: &[WrapRow]) -> Applied {
        self.expect_record(row, record_version)?;
        if self.shares_of(row.record()).count() as u64 >= SHARES_PER_RECORD_MAX.into() {
            return Err(StoreError::TooLarge("shares of a record"));
        }
        let taken = self
            .shares_of(row.record())
            .any(|share| share.recipient == row.recipient);
        require(!taken, conflict::SHARE)?;
        let recipient = (row.org_id, row.recipient);
        require(!self.shares.contains_key(&row.share_id), conflict::SHARE)?;
        require(self.users.contains_key(&recipient), conflict::PARENT)?;
        insert(&mut self.shares, row.share_id, row, conflict::SHARE)?;
        self.put_share_wraps(row, wraps)
    }

    fn replace_share(
        &mut self,
        expected: u64,
        row: &ShareRow,
        record_version: u64,
        wraps: &[WrapRow],
    ) -> Applied {
        self.expect_record(row, record_version)?;
        let place = |row: &ShareRow| (row.org_id, row.record(), row.owner, row.recipient);
        replace(
            self.shares.get_mut(&row.share_id),
            row,
            conflict::SHARE,
            |old| (old.version, old.created) == (expected, row.created) && place(old) == place(row),
        )?;
        self.alias_boxes.remove(&row.share_id);
        self.put_share_wraps(row, wraps)
    }

    fn put_share_wraps(&mut self, row: &ShareRow, wraps: &[WrapRow]) -> Applied {
        self.bump(row.record());
        self.erase_wraps_of(row.record(), row.recipient);
        for wrap in wraps {
            let exists = self.has_version(row.record(), wrap.value_version);
            require(exists, conflict_on(row.kind))?;
            self.wraps.insert(
                (row.record(), wrap.value_version, row.recipient),
                wrap.clone(),
            );
        }
        Ok(())
    }

    /// Erases a share with its wraps and boxes.
    pub(super) fn erase_share(&mut self, share_id: ShareId) {
        if let Some(row) = self.shares.remove(&share_id) {
            self.alias_boxes.remove(&share_id);
            self.erase_wraps_of(row.record(), row.recipient);
            self.bump(row.record());
        }
    }

    /// Erases what no record stands behind any more.
    pub(super) fn forget_shares(&mut self, record: Record) {
        self.share_revisions.remove(&record);
        self.shares.retain(|_, share| share.record() != record);
        let shares = &self.shares;
        self.alias_boxes
            .retain(|share_id, _| shares.contains_key(share_id));
    }

    fn expect_record(&self, row: &ShareRow, version: u64) -> Applied {
        let found = self.record(row.record());
        require(
            found == Some((row.org_id, row.owner, version)),
            conflict_on(row.kind),
        )
    }

    /// Organisation, owner and row version of a record.
    pub(super) fn record(&self, record: Record) -> Option<(OrgId, UserId, u64)> {
        match record.kind {
            RecordKind::Value => self
                .values
                .values()
                .find(|row| row.record_id == record.record_id)
                .map(|row| (row.org_id, row.owner, row.version)),
            RecordKind::File => self
                .files
                .get(&record.record_id)
                .map(|row| (row.org_id, row.owner, row.version)),
            RecordKind::Credential => self
                .credentials
                .get(&record.record_id)
                .map(|row| (row.org_id, row.owner, row.version)),
        }
    }

    fn bump(&mut self, record: Record) {
        *self.share_revisions.entry(record).or_default() += 1;
    }

    pub(super) fn shares_of(&self, record: Record) -> impl Iterator<Item = &ShareRow> {
        self.shares
            .values()
            .filter(move |share| share.record() == record)
    }

    pub(super) fn expect_revision(&self, record: Record, expected: u64) -> Applied {
        let stored = self.share_revisions.get(&record).copied().unwrap_or(0);
        require(stored == expected, conflict::SHARE_REVISION)
    }

    /// Whether what a share shares is listed at `now`.
    fn is_listed(&self, record: Record, now: UtcMillis) -> bool {
        match record.kind {
            RecordKind::Value => self
                .values
                .values()
                .any(|row| row.record_id == record.record_id && row.is_listed(now)),
            RecordKind::File => true,
            RecordKind::Credential => self
                .credentials
                .get(&record.record_id)
                .is_some_and(|row| row.is_live(now)),
        }
    }
}

fn sorted(mut rows: Vec<ShareRow>) -> Vec<ShareRow> {
    rows.sort_by_key(|row| row.recipient);
    rows
}

#[async_trait]
impl ShareStore for MemoryStore {
    async fn share(&self, share_id: ShareId) -> Result<Option<ShareRow>, StoreError> {
        Ok(self.tables().shares.get(&share_id).cloned())
    }

    async fn share_with(
        &self,
        record: Record,
        recipient: UserId,
    ) -> Result<Option<ShareRow>, StoreError> {
        let tables = self.tables();
        let mut shares = tables.shares_of(record);
        Ok(shares.find(|share| share.recipient == recipient).cloned())
    }

    async fn shares_of(
        &self,
        record: Record,
        after: Option<UserId>,
        limit: u32,
        now: UtcMillis,
    ) -> Result<Page<ShareRow>, StoreError> {
        let live = sorted(self.tables().shares_of(record).cloned().collect())
            .into_iter()
            .filter(|share| share.is_live(now))
            .filter(|share| after.is_none_or(|after| share.recipient > after));
        Ok(page(live, limit))
    }

    async fn inbound_shares(&self, list: ListInbound) -> Result<Page<InboundShare>, StoreError> {
        let tables = self.tables();
        let place = (list.org_id, list.recipient, list.kind);
        let rows = tables
            .shares
            .range(super::after(list.after))
            .map(|(_, share)| share)
            .filter(|share| (share.org_id, share.recipient, share.kind) == place)
            .filter(|share| share.is_live(list.now) && tables.is_listed(share.record(), list.now))
            .filter_map(|share| {
                Some(InboundShare {
                    share: share.clone(),
                    owner: tables.users.get(&(share.org_id, share.owner))?.clone(),
                    alias_box: tables.alias_boxes.get(&share.share_id).cloned(),
                })
            });
        Ok(page(rows, list.limit))
    }

    async fn recipients(
        &self,
        record: Record,
        now: UtcMillis,
    ) -> Result<Option<Recipients>, StoreError> {
        let tables = self.tables();
        if tables.record(record).is_none() {
            return Ok(None);
        }
        let recipients = sorted(tables.shares_of(record).cloned().collect())
            .into_iter()
            .filter(|share| share.is_live(now))
            .map(|share| Recipient {
                pair: tables.current_pair(share.org_id, share.recipient),
                share,
            })
            .collect();
        Ok(Some(Recipients {
            share_revision: tables.share_revisions.get(&record).copied().unwrap_or(0),
            recipients,
        }))
    }

    async fn shared_value(
        &self,
        share_id: ShareId,
        value_version: Option<u64>,
    ) -> Result<Option<SharedValueRead>, StoreError> {
        let tables = self.tables();
        let Some(share) = tables.shares.get(&share_id).cloned() else {
            return Ok(None);
        };
        let is_shared = |row: &&ValueRow| share.record() == Record::value(row.record_id);
        let Some(value) = tables.values.values().find(is_shared) else {
            return Ok(None);
        };
        let read = tables.read(value, value_version, share.recipient);
        Ok(read.map(|read| SharedValueRead { share, read }))
    }

    async fn expired_shares(
        &self,
        now: UtcMillis,
        after: Option<(UtcMillis, ShareId)>,
        limit: u32,
    ) -> Result<Page<ShareRow>, StoreError> {
        let tables = self.tables();
        let place = |share: &ShareRow| share.expires.map(|expires| (expires, share.share_id));
        let mut expired: Vec<&ShareRow> = tables
            .shares
            .values()
            .filter(|share| !share.is_live(now) && place(share) > after)
            .collect();
        expired.sort_by_key(|share| place(share));
        Ok(page(expired.into_iter().cloned(), limit))
    }
}
