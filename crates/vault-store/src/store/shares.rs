//! Reads of shares, and of records through them.

use async_trait::async_trait;

use super::{Page, ValueRead};
use crate::error::StoreError;
use crate::ids::{OrgId, ShareId, UserId, UtcMillis};
use crate::rows::{AliasBoxRow, KeyPairRow, Record, RecordKind, ShareRow, UserRow};

/// Everyone a record is shared with, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients {
    /// What a write that wraps to these recipients expects.
    pub share_revision: u64,
    /// Live shares by ascending recipient, at most
    /// [`SHARES_PER_RECORD_MAX`](crate::limits::SHARES_PER_RECORD_MAX).
    pub recipients: Vec<Recipient>,
}

/// A share with the key pair that new wraps go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The share.
    pub share: ShareRow,
    /// The recipient's current key pair; `None` without keys.
    pub pair: Option<KeyPairRow>,
}

/// Which shares a recipient wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListInbound {
    /// The recipient's organisation.
    pub org_id: OrgId,
    /// The recipient.
    pub recipient: UserId,
    /// Shares of records of this kind.
    pub kind: RecordKind,
    /// Only shares after this one.
    pub after: Option<ShareId>,
    /// Rows wanted, 1 to [`LIST_LIMIT_MAX`](crate::limits::LIST_LIMIT_MAX); more is cut to that.
    pub limit: u32,
    /// The time by which a share, or what it shares, counts as expired.
    pub now: UtcMillis,
}

/// A share as its recipient lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundShare {
    /// The share, with the wrapped alias.
    pub share: ShareRow,
    /// Who shares.
    pub owner: UserRow,
    /// The alias under the recipient's account key, if it is cached.
    pub alias_box: Option<AliasBoxRow>,
}

/// A value, read by the recipient of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedValueRead {
    /// The share.
    pub share: ShareRow,
    /// The value, with what the recipient needs to open it.
    pub read: ValueRead,
}

/// Reads shares.
#[async_trait]
pub trait ShareStore: Send + Sync {
    /// One share, expired ones too.
    async fn share(&self, share_id: ShareId) -> Result<Option<ShareRow>, StoreError>;

    /// The share of a record with one recipient, expired ones too.
    async fn share_with(
        &self,
        record: Record,
        recipient: UserId,
    ) -> Result<Option<ShareRow>, StoreError>;

    /// Shares of a record by ascending recipient, after `after`, expired ones left out: what its
    /// owner sees.
    async fn shares_of(
        &self,
        record: Record,
        after: Option<UserId>,
        limit: u32,
        now: UtcMillis,
    ) -> Result<Page<ShareRow>, StoreError>;

    /// Shares with one recipient by ascending id. Left out: expired ones, and those of values that
    /// are soft-deleted or expired and of credentials that are expired.
    async fn inbound_shares(&self, list: ListInbound) -> Result<Page<InboundShare>, StoreError>;

    /// Whom a new version of a record has to be wrapped to, beside its owner. `Ok(None)` if there
    /// is no such record.
    async fn recipients(
        &self,
        record: Record,
        now: UtcMillis,
    ) -> Result<Option<Recipients>, StoreError>;

    /// One version of a shared value (`None`: the current one) with what the recipient needs to
    /// open it. `Ok(None)` if the share or that version is absent, or it shares no value.
    async fn shared_value(
        &self,
        share_id: ShareId,
        value_version: Option<u64>,
    ) -> Result<Option<SharedValueRead>, StoreError>;

    /// Shares that are expired at `now`, the oldest expiry first and those of one moment by
    /// ascending id, after that of `after`, for a sweeper to erase.
    async fn expired_shares(
        &self,
        now: UtcMillis,
        after: Option<(UtcMillis, ShareId)>,
        limit: u32,
    ) -> Result<Page<ShareRow>, StoreError>;
}
