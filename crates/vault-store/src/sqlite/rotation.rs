//! Wraps of one key pair generation in SQLite, over records of every kind.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::columns::{Columns, Count};
use super::failure::store_error;
use super::shares::share_columns;
use super::{SqliteStore, query, shares, wraps};
use crate::error::StoreError;
use crate::ids::UserId;
use crate::limits::LIST_LIMIT_MAX;
use crate::rows::RecordKind;
use crate::store::{Page, RotationStore, StoredWrap, WrapPlace};

macro_rules! list {
    ($records:literal, $wraps:literal) => {
        concat!(
            "SELECT r.org_id, r.owner, w.record_id, w.value_version, w.recipient, \
            w.recipient_generation, w.share_id, w.wrap, ",
            share_columns!("s"),
            " FROM ",
            $wraps,
            " w JOIN ",
            $records,
            " r ON r.record_id = w.record_id LEFT JOIN shares s ON s.share_id = w.share_id \
            WHERE w.recipient = ?2 AND w.recipient_generation = ?3 \
            AND (w.record_id, w.value_version) > (?4, ?5) \
            ORDER BY w.record_id, w.value_version LIMIT ?1"
        )
    };
}

const fn list_sql(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Value => list!("vault_values", "wraps"),
        RecordKind::File => list!("files", "file_wraps"),
        RecordKind::Credential => list!("credentials", "credential_wraps"),
    }
}

const COUNT: &str = "SELECT \
    (SELECT count(*) FROM wraps WHERE recipient = ?1 AND recipient_generation = ?2) \
    + (SELECT count(*) FROM file_wraps WHERE recipient = ?1 AND recipient_generation = ?2) \
    + (SELECT count(*) FROM credential_wraps WHERE recipient = ?1 AND recipient_generation = ?2)";

/// The caller holds a transaction, so that all kinds are seen at one moment.
fn list(
    db: &Connection,
    recipient: UserId,
    generation: u32,
    after: Option<WrapPlace>,
    limit: u32,
) -> Result<Page<StoredWrap>, StoreError> {
    let limit = limit.min(LIST_LIMIT_MAX);
    let mut found = Page::new();
    for kind in RecordKind::ALL {
        if after.is_some_and(|after| after.kind > kind) {
            continue;
        }
        let after = after.filter(|after| after.kind == kind);
        // An empty blob sorts before every id.
        let record = after.as_ref().map_or(&[][..], |a| a.record_id.as_bytes());
        let version = Count(after.map_or(0, |after| after.value_version.min(i64::MAX as u64)));
        let values = params![recipient, generation, record, version];
        let left = limit - found.rows.len() as u32;
        let decode = |columns: &mut Columns<'_, '_>| {
            Ok(StoredWrap {
                kind,
                org_id: columns.take()?,
                owner: columns.take()?,
                wrap: wraps::decode(columns)?,
                share: columns.joined(shares::WIDTH, shares::decode)?,
            })
        };
        let page = query::page(db, list_sql(kind), left, values, decode)?;
        found.rows.extend(page.rows);
        if page.more {
            found.more = true;
            break;
        }
    }
    Ok(found)
}

#[async_trait]
impl RotationStore for SqliteStore {
    async fn wraps_of_generation(
        &self,
        recipient: UserId,
        generation: u32,
        after: Option<WrapPlace>,
        limit: u32,
    ) -> Result<Page<StoredWrap>, StoreError> {
        self.readers
            .run(move |db| {
                let transaction = db.transaction().map_err(store_error)?;
                list(&transaction, recipient, generation, after, limit)
            })
            .await
    }

    async fn count_wraps_of_generation(
        &self,
        recipient: UserId,
        generation: u32,
    ) -> Result<u64, StoreError> {
        self.readers
            .run(move |db| {
                let values = params![recipient, generation];
                let count = query::count(db, COUNT, values)?;
                count.ok_or(StoreError::Corrupt("a count that counts nothing"))
            })
            .await
    }
}
