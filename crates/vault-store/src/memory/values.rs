//! Values in memory: what is read.

use async_trait::async_trait;

use super::{MemoryStore, Tables, page};
use crate::error::StoreError;
use crate::ids::{RecordId, UserId};
use crate::limits::{BATCH_BYTES_MAX, BATCH_MAX};
use crate::rows::{Record, ValueRow, WrapRow};
use crate::store::{ListValues, Page, ValueName, ValueRead, ValueStore, ValueVersionInfo};

impl Tables {
    pub(super) fn read(
        &self,
        value: &ValueRow,
        value_version: Option<u64>,
        reader: UserId,
    ) -> Option<ValueRead> {
        let version = value_version.unwrap_or(value.current_version);
        let place = (Record::value(value.record_id), version, reader);
        self.versions
            .get(&(value.record_id, version))
            .map(|version| ValueRead {
                value: value.clone(),
                version: version.clone(),
                wrap: self.wraps.get(&place).cloned(),
                account_box: self.account_boxes.get(&place).cloned(),
            })
    }

    fn value(&self, name: ValueName<'_>) -> Option<&ValueRow> {
        self.values
            .get(&(name.org_id, name.owner, name.name.to_owned()))
    }
}

#[async_trait]
impl ValueStore for MemoryStore {
    async fn value(&self, name: ValueName<'_>) -> Result<Option<ValueRow>, StoreError> {
        Ok(self.tables().value(name).cloned())
    }

    async fn read_value(
        &self,
        name: ValueName<'_>,
        value_version: Option<u64>,
        reader: UserId,
    ) -> Result<Option<ValueRead>, StoreError> {
        let tables = self.tables();
        let Some(value) = tables.value(name) else {
            return Ok(None);
        };
        Ok(tables.read(value, value_version, reader))
    }

    async fn read_values(
        &self,
        names: &[ValueName<'_>],
        reader: UserId,
    ) -> Result<Vec<Option<ValueRead>>, StoreError> {
        if names.len() > BATCH_MAX {
            return Err(StoreError::TooLarge("values of a batch read"));
        }
        let tables = self.tables();
        let found: Vec<_> = names
            .iter()
            .map(|name| tables.read(tables.value(*name)?, None, reader))
            .collect();
        let bytes: usize = found.iter().flatten().map(ValueRead::content_bytes).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(StoreError::TooLarge("bytes of a batch read"));
        }
        Ok(found)
    }

    async fn versions(
        &self,
        name: ValueName<'_>,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Page<ValueVersionInfo>, StoreError> {
        let tables = self.tables();
        let Some(value) = tables.value(name) else {
            return Ok(page(std::iter::empty(), limit));
        };
        let kept = tables
            .versions
            .values()
            .filter(|row| row.record_id == value.record_id)
            .filter(|row| row.value_version > after.unwrap_or(0));
        let infos = kept.map(|row| ValueVersionInfo {
            record_id: row.record_id,
            value_version: row.value_version,
            created: row.created,
            expires: row.expires,
            payload_bytes: row.payload.len() as u64,
        });
        Ok(page(infos, limit))
    }

    async fn values(&self, list: ListValues<'_>) -> Result<Page<ValueRow>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .values
            .values()
            .filter(|row| (row.org_id, row.owner) == (list.org_id, list.owner))
            .filter(|row| row.name.starts_with(list.prefix) && row.is_listed(list.now))
            .filter(|row| list.after.is_none_or(|after| row.name.as_str() > after));
        Ok(page(rows.cloned(), list.limit))
    }

    async fn wraps(
        &self,
        record_id: RecordId,
        value_version: u64,
    ) -> Result<Vec<WrapRow>, StoreError> {
        let tables = self.tables();
        let place = (Record::value(record_id), value_version);
        let of_version = tables
            .wraps
            .iter()
            .filter(|(found, _)| (found.0, found.1) == place);
        Ok(of_version.map(|(_, wrap)| wrap.clone()).collect())
    }
}
