//! Shares in SQLite: what is read. Writes are in `shares/write.rs`.

mod write;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::columns::Columns;
use super::failure::store_error;
use super::{SqliteStore, keys, query, users, values};
use crate::error::StoreError;
use crate::ids::{ShareId, UserId, UtcMillis};
use crate::limits::SHARES_PER_RECORD_MAX;
use crate::rows::{AliasBoxRow, Record, RecordKind, ShareRow};
use crate::store::{
    InboundShare, ListInbound, Page, Recipient, Recipients, ShareStore, SharedValueRead,
};

pub(super) use write::{apply, expect_revision, require_grant};

/// Columns that [`decode`] takes.
pub(super) const WIDTH: usize = 14;
const ALIAS_BOX_WIDTH: usize = 3;

/// What [`decode`] takes, of table `$t`.
macro_rules! share_columns {
    ($t:literal) => {
        concat!(
            $t,
            ".share_id, ",
            $t,
            ".org_id, ",
            $t,
            ".kind, ",
            $t,
            ".record_id, ",
            $t,
            ".owner, ",
            $t,
            ".recipient, ",
            $t,
            ".permission, ",
            $t,
            ".created, ",
            $t,
            ".expires, ",
            $t,
            ".alias_wrap, ",
            $t,
            ".owner_alias_box, ",
            $t,
            ".version, ",
            $t,
            ".mac_key, ",
            $t,
            ".mac"
        )
    };
}
pub(super) use share_columns;

const ONE: &str = concat!(
    "SELECT ",
    share_columns!("s"),
    " FROM shares s WHERE s.share_id = ?1"
);

const WITH: &str = concat!(
    "SELECT ",
    share_columns!("s"),
    " FROM shares s WHERE s.kind = ?1 AND s.record_id = ?2 AND s.recipient = ?3"
);

const OF_RECORD: &str = concat!(
    "SELECT ",
    share_columns!("s"),
    " FROM shares s WHERE s.kind = ?2 AND s.record_id = ?3 AND s.recipient > ?4 \
    AND (s.expires IS NULL OR s.expires > ?5) ORDER BY s.recipient LIMIT ?1"
);

const EXPIRED: &str = concat!(
    "SELECT ",
    share_columns!("s"),
    " FROM shares s WHERE s.expires <= ?2 AND (s.expires, s.share_id) > (?3, ?4) ORDER BY s.expires, s.share_id LIMIT ?1"
);

const INBOUND: &str = concat!(
    "SELECT ",
    share_columns!("s"),
    ", u.user_id, u.org_id, u.name, u.is_admin, u.disabled, u.created, u.version, u.mac_key, \
    u.mac, b.share_id, b.share_version, b.alias_box FROM shares s \
    JOIN users u ON u.org_id = s.org_id AND u.user_id = s.owner \
    LEFT JOIN share_boxes b ON b.share_id = s.share_id \
    LEFT JOIN vault_values v ON v.record_id = s.of_value \
    LEFT JOIN credentials c ON c.record_id = s.of_credential \
    WHERE s.org_id = ?2 AND s.recipient = ?3 AND s.kind = ?4 AND s.share_id > ?5 \
    AND (s.expires IS NULL OR s.expires > ?6) AND v.deleted IS NULL \
    AND (v.expires IS NULL OR v.expires > ?6) AND (c.expires IS NULL OR c.expires > ?6) \
    ORDER BY s.share_id LIMIT ?1"
);

const RECIPIENTS: &str = concat!(
    "SELECT ",
    share_columns!("s"),
    ", p.user_id, p.org_id, p.generation, p.public_key, p.ecc_box, p.kyber_box, p.created, \
    p.version, p.mac_key, p.mac FROM shares s \
    LEFT JOIN user_keys k ON k.org_id = s.org_id AND k.user_id = s.recipient \
    LEFT JOIN key_pairs p ON p.org_id = k.org_id AND p.user_id = k.user_id \
        AND p.generation = k.current_generation \
    WHERE s.kind = ?2 AND s.record_id = ?3 AND (s.expires IS NULL OR s.expires > ?4) \
    ORDER BY s.recipient LIMIT ?1"
);

const fn revision_sql(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Value => "SELECT share_revision FROM vault_values WHERE record_id = ?1",
        RecordKind::File => "SELECT share_revision FROM files WHERE record_id = ?1",
        RecordKind::Credential => "SELECT share_revision FROM credentials WHERE record_id = ?1",
    }
}

/// `None` if there is no such record.
fn revision(db: &Connection, record: Record) -> Result<Option<u64>, StoreError> {
    let sql = revision_sql(record.kind);
    query::count(db, sql, params![record.record_id])
}

fn one(db: &Connection, share_id: ShareId) -> Result<Option<ShareRow>, StoreError> {
    query::one(db, ONE, params![share_id], decode)
}

/// The caller holds a transaction, so that the revision is that of the shares.
fn recipients(
    db: &Connection,
    record: Record,
    now: UtcMillis,
) -> Result<Option<Recipients>, StoreError> {
    let Some(share_revision) = revision(db, record)? else {
        return Ok(None);
    };
    let values = params![record.kind, record.record_id, now];
    let page = query::page(db, RECIPIENTS, SHARES_PER_RECORD_MAX, values, |columns| {
        Ok(Recipient {
            share: decode(columns)?,
            pair: columns.joined(keys::PAIR_WIDTH, keys::decode_pair)?,
        })
    })?;
    if page.more {
        return Err(StoreError::Corrupt("a record with too many shares"));
    }
    Ok(Some(Recipients {
        share_revision,
        recipients: page.rows,
    }))
}

fn inbound(db: &Connection, list: ListInbound) -> Result<Page<InboundShare>, StoreError> {
    // An empty blob sorts before every id.
    let after = list.after.as_ref().map_or(&[][..], |id| id.as_bytes());
    let values = params![list.org_id, list.recipient, list.kind, after, list.now];
    query::page(db, INBOUND, list.limit, values, |columns| {
        Ok(InboundShare {
            share: decode(columns)?,
            owner: users::decode(columns)?,
            alias_box: columns.joined(ALIAS_BOX_WIDTH, decode_alias_box)?,
        })
    })
}

#[async_trait]
impl ShareStore for SqliteStore {
    async fn share(&self, share_id: ShareId) -> Result<Option<ShareRow>, StoreError> {
        self.readers.run(move |db| one(db, share_id)).await
    }

    async fn share_with(
        &self,
        record: Record,
        recipient: UserId,
    ) -> Result<Option<ShareRow>, StoreError> {
        self.readers
            .run(move |db| {
                let values = params![record.kind, record.record_id, recipient];
                query::one(db, WITH, values, decode)
            })
            .await
    }

    async fn shares_of(
        &self,
        record: Record,
        after: Option<UserId>,
        limit: u32,
        now: UtcMillis,
    ) -> Result<Page<ShareRow>, StoreError> {
        self.readers
            .run(move |db| {
                let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
                let values = params![record.kind, record.record_id, after, now];
                query::page(db, OF_RECORD, limit, values, decode)
            })
            .await
    }

    async fn inbound_shares(&self, list: ListInbound) -> Result<Page<InboundShare>, StoreError> {
        self.readers.run(move |db| inbound(db, list)).await
    }

    async fn recipients(
        &self,
        record: Record,
        now: UtcMillis,
    ) -> Result<Option<Recipients>, StoreError> {
        self.readers
            .run(move |db| {
                let transaction = db.transaction().map_err(store_error)?;
                recipients(&transaction, record, now)
            })
            .await
    }

    async fn shared_value(
        &self,
        share_id: ShareId,
        value_version: Option<u64>,
    ) -> Result<Option<SharedValueRead>, StoreError> {
        self.readers
            .run(move |db| values::read_shared(db, share_id, value_version))
            .await
    }

    async fn expired_shares(
        &self,
        now: UtcMillis,
        after: Option<(UtcMillis, ShareId)>,
        limit: u32,
    ) -> Result<Page<ShareRow>, StoreError> {
        self.readers
            .run(move |db| {
                let expires = after.map_or(UtcMillis(i64::MIN), |(expires, _)| expires);
                // An empty blob sorts before every id.
                let id = after.as_ref().map_or(&[][..], |(_, id)| id.as_bytes());
                query::page(db, EXPIRED, limit, params![now, expires, id], decode)
            })
            .await
    }
}

pub(super) fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<ShareRow> {
    Ok(ShareRow {
        share_id: columns.take()?,
        org_id: columns.take()?,
        kind: columns.take()?,
        record_id: columns.take()?,
        owner: columns.take()?,
        recipient: columns.take()?,
        permission: columns.take()?,
        created: columns.take()?,
        expires: columns.take()?,
        alias_wrap: columns.take()?,
        owner_alias_box: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}

fn decode_alias_box(columns: &mut Columns<'_, '_>) -> rusqlite::Result<AliasBoxRow> {
    Ok(AliasBoxRow {
        share_id: columns.take()?,
        share_version: columns.count()?,
        alias_box: columns.take()?,
    })
}
