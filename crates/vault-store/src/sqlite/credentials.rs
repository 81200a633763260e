//! Stored credentials in SQLite: what is read. Writes are in `credentials/write.rs`.

mod write;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::columns::Columns;
use super::shares::share_columns;
use super::wraps::wrap_and_box_columns;
use super::{SqliteStore, query, shares, wraps};
use crate::error::StoreError;
use crate::ids::{OrgId, RecordId, UserId};
use crate::limits::CREDENTIAL_VERSIONS_PAGE_MAX;
use crate::rows::{CredentialRow, CredentialVersionRow};
use crate::store::{Candidate, CredentialRead, CredentialStore, ListCandidates, Page};

pub(super) use write::apply;

const VERSION_WIDTH: usize = 9;

/// What [`decode`] takes.
macro_rules! credential_columns {
    () => {
        "c.record_id, c.org_id, c.owner, c.name, c.host_pattern, c.header, c.template, c.echo, \
        c.protection, c.current_version, c.newest_version, c.created, c.updated, c.expires, \
        c.version, c.mac_key, c.mac"
    };
}

/// What [`decode_version`] takes.
macro_rules! version_columns {
    () => {
        "n.record_id, n.value_version, n.host_pattern, n.header, n.template, n.sealed, n.created, \
        n.mac_key, n.mac"
    };
}

const ONE: &str = concat!(
    "SELECT ",
    credential_columns!(),
    " FROM credentials c WHERE c.record_id = ?3 AND c.org_id = ?1 AND c.owner = ?2"
);

const LIST: &str = concat!(
    "SELECT ",
    credential_columns!(),
    " FROM credentials c WHERE c.org_id = ?2 AND c.owner = ?3 AND c.record_id > ?4 \
    ORDER BY c.record_id LIMIT ?1"
);

// One statement sees one snapshot. A user never holds a share of an own record.
const CANDIDATES: &str = concat!(
    "SELECT ",
    credential_columns!(),
    ", ",
    share_columns!("s"),
    " FROM credentials c LEFT JOIN shares s \
        ON s.kind = 3 AND s.record_id = c.record_id AND s.recipient = ?3 \
    WHERE c.record_id IN ( \
        SELECT record_id FROM credentials WHERE org_id = ?2 AND owner = ?3 AND record_id > ?4 \
        UNION ALL \
        SELECT record_id FROM shares \
            WHERE org_id = ?2 AND recipient = ?3 AND kind = 3 AND record_id > ?4) \
    AND (c.expires IS NULL OR c.expires > ?5) AND (s.expires IS NULL OR s.expires > ?5) \
    ORDER BY c.record_id LIMIT ?1"
);

const READ: &str = concat!(
    "SELECT ",
    credential_columns!(),
    ", ",
    version_columns!(),
    ", ",
    wrap_and_box_columns!(),
    ", ",
    share_columns!("s"),
    " FROM credentials c \
    LEFT JOIN credential_versions n ON n.record_id = c.record_id \
        AND n.value_version = coalesce(?3, c.current_version) \
    LEFT JOIN credential_wraps w ON w.record_id = n.record_id \
        AND w.value_version = n.value_version AND w.recipient = ?4 \
    LEFT JOIN credential_boxes b ON b.record_id = w.record_id \
        AND b.value_version = w.value_version AND b.recipient = w.recipient \
    LEFT JOIN shares s ON s.kind = 3 AND s.record_id = c.record_id AND s.recipient = ?4 \
    WHERE c.record_id = ?2 AND c.org_id = ?1"
);

const VERSIONS: &str = concat!(
    "SELECT ",
    version_columns!(),
    " FROM credentials c JOIN credential_versions n ON n.record_id = c.record_id \
    WHERE c.org_id = ?2 AND c.owner = ?3 AND c.record_id = ?4 AND n.value_version > ?5 \
    ORDER BY n.value_version LIMIT ?1"
);

fn read(
    db: &Connection,
    org_id: OrgId,
    credential_id: RecordId,
    wanted: Option<u64>,
    reader: UserId,
) -> Result<Option<CredentialRead>, StoreError> {
    let Ok(version) = wanted.map(i64::try_from).transpose() else {
        return Ok(None);
    };
    let values = params![org_id, credential_id, version, reader];
    let found = query::one(db, READ, values, |columns| {
        Ok((
            decode(columns)?,
            columns.joined(VERSION_WIDTH, decode_version)?,
            columns.joined(wraps::WIDTH, wraps::decode)?,
            columns.joined(wraps::BOX_WIDTH, wraps::decode_box)?,
            columns.joined(shares::WIDTH, shares::decode)?,
        ))
    })?;
    match found {
        None => Ok(None),
        Some((credential, Some(version), wrap, account_box, share)) => Ok(Some(CredentialRead {
            credential,
            version,
            wrap,
            account_box,
            share,
        })),
        Some((row, None, ..)) if wanted.is_none_or(|wanted| wanted == row.current_version) => Err(
            StoreError::Corrupt("a credential without its current version"),
        ),
        Some((_, None, ..)) => Ok(None),
    }
}

fn candidates(db: &Connection, list: ListCandidates) -> Result<Page<Candidate>, StoreError> {
    // An empty blob sorts before every id.
    let after = list.after.as_ref().map_or(&[][..], |id| id.as_bytes());
    let values = params![list.org_id, list.user_id, after, list.now];
    query::page(db, CANDIDATES, list.limit, values, |columns| {
        Ok(Candidate {
            credential: decode(columns)?,
            share: columns.joined(shares::WIDTH, shares::decode)?,
        })
    })
}

#[async_trait]
impl CredentialStore for SqliteStore {
    async fn credential(
        &self,
        org_id: OrgId,
        owner: UserId,
        credential_id: RecordId,
    ) -> Result<Option<CredentialRow>, StoreError> {
        self.readers
            .run(move |db| query::one(db, ONE, params![org_id, owner, credential_id], decode))
            .await
    }

    async fn credentials(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Page<CredentialRow>, StoreError> {
        self.readers
            .run(move |db| {
                let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
                query::page(db, LIST, limit, params![org_id, owner, after], decode)
            })
            .await
    }

    async fn candidates(&self, list: ListCandidates) -> Result<Page<Candidate>, StoreError> {
        self.readers.run(move |db| candidates(db, list)).await
    }

    async fn read_credential(
        &self,
        org_id: OrgId,
        credential_id: RecordId,
        credential_version: Option<u64>,
        reader: UserId,
    ) -> Result<Option<CredentialRead>, StoreError> {
        self.readers
            .run(move |db| read(db, org_id, credential_id, credential_version, reader))
            .await
    }

    async fn credential_versions(
        &self,
        org_id: OrgId,
        owner: UserId,
        credential_id: RecordId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Page<CredentialVersionRow>, StoreError> {
        self.readers
            .run(move |db| {
                let after = i64::try_from(after.unwrap_or(0)).unwrap_or(i64::MAX);
                let values = params![org_id, owner, credential_id, after];
                let limit = limit.min(CREDENTIAL_VERSIONS_PAGE_MAX);
                query::page(db, VERSIONS, limit, values, decode_version)
            })
            .await
    }
}

fn decode(columns: &mut Columns<'_, '_>) -> rusqlite::Result<CredentialRow> {
    Ok(CredentialRow {
        credential_id: columns.take()?,
        org_id: columns.take()?,
        owner: columns.take()?,
        name: columns.take()?,
        host_pattern: columns.take()?,
        header: columns.take()?,
        template: columns.take()?,
        echo: columns.take()?,
        protection: columns.take()?,
        current_version: columns.count()?,
        newest_version: columns.count()?,
        created: columns.take()?,
        updated: columns.take()?,
        expires: columns.take()?,
        version: columns.count()?,
        mac: columns.mac()?,
    })
}

fn decode_version(columns: &mut Columns<'_, '_>) -> rusqlite::Result<CredentialVersionRow> {
    Ok(CredentialVersionRow {
        credential_id: columns.take()?,
        credential_version: columns.count()?,
        host_pattern: columns.take()?,
        header: columns.take()?,
        template: columns.take()?,
        sealed: columns.take()?,
        created: columns.take()?,
        mac: columns.mac()?,
    })
}
