//! Shares of records: one more reader or user of a record, and what the two call it.
//!
//! One path serves every kind of record: what differs is how its owner names it
//! ([`OwnRecord`](super::records::OwnRecord)), what a share of it allows, and how its contents
//! are read.
//!
//! In: an owner with their secret, a recipient of the same organisation, an alias, an expiry.
//! Out: shares, and values in the clear for whoever one was given to.
//!
//! Promise: the wrap goes to keys from authenticated rows; the terms stand under the row's MAC
//! and inside the wrap; a share follows every later write and ends in its very millisecond; who
//! is not a party of a share cannot tell that it exists. What a recipient has read stays read.

mod alias;
mod give;
mod inbox;
mod outbox;
mod read;

pub(super) use outbox::deletion;

pub use give::NewShare;
pub use inbox::{InboundShare, ListInbox};
pub use read::SharedValue;

use hardened_crypto::data_key::DataKey;
use hardened_crypto::rekey::StoredKeyPair;
use hardened_crypto::wrap::Alias;
use vault_store::rows::{Permission, Record, RecordKind, ShareRow, WrapRow};
use vault_store::{ShareId, UserId, UtcMillis};

use super::Vault;
use super::access::Member;
use super::error::VaultError;
use super::records::Holder;

/// A share as its owner sees it.
#[derive(Debug)]
pub struct Share {
    /// Its id.
    pub share_id: ShareId,
    /// Who may read or use it.
    pub recipient: UserId,
    /// What the recipient may do.
    pub permission: Permission,
    /// What the two call it; `None` also when no secret came to open it with.
    pub alias: Option<Alias>,
    /// When it was made.
    pub created: UtcMillis,
    /// Over from this very millisecond.
    pub expires: Option<UtcMillis>,
}

/// A reader of a record beside its owner.
pub(super) struct Recipient {
    pub(super) share: ShareRow,
    pub(super) keys: StoredKeyPair,
}

impl Vault {
    /// Whom a new version of a record is wrapped to, and the revision that the write expects.
    pub(super) async fn recipients(
        &self,
        owner: Member,
        record: Record,
        now: UtcMillis,
    ) -> Result<(u64, Vec<Recipient>), VaultError> {
        let found = self.store.recipients(record, now).await?;
        let found = found.ok_or(VaultError::Conflict)?;
        let mut recipients = Vec::with_capacity(found.recipients.len());
        for recipient in found.recipients {
            let share = recipient.share;
            self.check_share_of(owner, record, &share)?;
            let whose = Member {
                org_id: owner.org_id,
                user_id: share.recipient,
            };
            // Read anew: the row that says which key pair is current is authenticated too.
            let ring = self.key_ring(whose).await?;
            let ring = ring.ok_or(VaultError::Tampered("user_keys"))?;
            let keys = ring.current()?;
            recipients.push(Recipient { share, keys });
        }
        Ok((found.share_revision, recipients))
    }

    /// Authenticates a share that was found with a record.
    pub(super) fn check_share_of(
        &self,
        owner: Member,
        record: Record,
        share: &ShareRow,
    ) -> Result<(), VaultError> {
        self.integrity.check(share)?;
        let found = (share.org_id, share.owner, share.record());
        let wanted = (owner.org_id, owner.user_id, record);
        if found == wanted {
            Ok(())
        } else {
            Err(VaultError::Tampered("shares"))
        }
    }

    /// Authenticates a share that was found by its id, for its recipient. Absent for anybody
    /// else, whatever is wrong with it.
    pub(super) fn check_inbound(
        &self,
        recipient: Member,
        kind: RecordKind,
        share: &ShareRow,
    ) -> Result<(), VaultError> {
        if (share.org_id, share.recipient) != (recipient.org_id, recipient.user_id) {
            return Err(VaultError::NotFound);
        }
        self.integrity.check(share)?;
        if share.kind != kind || !share.is_live(self.clock.utc()) {
            return Err(VaultError::NotFound);
        }
        Ok(())
    }
}

fn shown(row: &ShareRow, alias: Option<Alias>) -> Share {
    Share {
        share_id: row.share_id,
        recipient: row.recipient,
        permission: row.permission,
        alias,
        created: row.created,
        expires: row.expires,
    }
}

/// Wraps a new data key to the owner of a record and to everyone it is shared with.
pub(super) async fn wrap_to_all(
    owner: Member,
    (record, version): (Record, u64),
    data_key: &DataKey,
    keys: &StoredKeyPair,
    recipients: &[Recipient],
) -> Result<Vec<WrapRow>, VaultError> {
    let mut wraps = Vec::with_capacity(recipients.len() + 1);
    wraps.push(Holder::owner(owner).wrap(data_key, record, version, keys)?);
    for Recipient { share, keys } in recipients {
        // Others are served between two wraps.
        tokio::task::yield_now().await;
        wraps.push(Holder::of(share)?.wrap(data_key, record, version, keys)?);
    }
    Ok(wraps)
}
