//! What a recipient does with shares: list, and give them back.
//!
//! A list opens an alias from its wrap once, at its first sight, and leaves a box under the
//! account key: later lists cost symmetric work only.

use std::sync::Arc;

use hardened_crypto::wrap::Alias;
use secrecy::SecretSlice;
use vault_store::rows::{AliasBoxRow, Permission, RecordKind};
use vault_store::{ChangeSet, ListInbound, Page, ShareChange, ShareId, UserId, UtcMillis};

use super::alias::Opener;
use super::outbox::deletion;
use crate::vault::Vault;
use crate::vault::access;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;

/// A share as its recipient sees it.
#[derive(Debug)]
pub struct InboundShare {
    /// Its id.
    pub share_id: ShareId,
    /// Whose record it is.
    pub owner: UserId,
    /// The owner's display name.
    pub owner_name: String,
    /// What the two call it.
    pub alias: Option<Alias>,
    /// What the recipient may do.
    pub permission: Permission,
    /// When it was made.
    pub created: UtcMillis,
    /// Over from this very millisecond.
    pub expires: Option<UtcMillis>,
}

/// Which shares to list.
#[derive(Debug, Clone, Copy)]
pub struct ListInbox {
    /// Only shares after this one.
    pub after: Option<ShareId>,
    /// Shares wanted, from 1.
    pub limit: u32,
}

impl Vault {
    /// Shares with the caller of records of one kind that hold now, in the order in which they were
    /// shared; beside them the last share looked at.
    ///
    /// # Errors
    /// `KeysMissing`; those of the secret; `Tampered` when a row or an alias did not
    /// authenticate.
    pub async fn inbound_shares(
        &self,
        caller: &Principal,
        kind: RecordKind,
        list: ListInbox,
        secret: &SecretSlice<u8>,
    ) -> Result<(Page<InboundShare>, Option<ShareId>), VaultError> {
        let reader = access::member(caller)?;
        let list = ListInbound {
            org_id: reader.org_id,
            recipient: reader.user_id,
            kind,
            after: list.after,
            limit: list.limit,
            now: self.clock.utc(),
        };
        let Page { rows, more } = self.store.inbound_shares(list).await?;
        // Read after the shares, which may name the newest generation.
        let ring = self
            .key_ring(reader)
            .await?
            .ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(reader, secret, &ring).await?;
        let opener = Opener {
            account_key: ring.account_key(&kek)?,
            ring: &ring,
            kek: &kek,
        };
        let last = rows.last().map(|row| row.share.share_id);
        let mut shares = Vec::with_capacity(rows.len());
        let mut boxes = Vec::new();
        for row in rows {
            let (share, owner) = (row.share, row.owner);
            self.integrity.check(&owner)?;
            match self.check_inbound(reader, kind, &share) {
                Ok(()) => {}
                // Ended since the list was read.
                Err(VaultError::NotFound) => continue,
                Err(error) => return Err(error),
            }
            if (owner.org_id, owner.user_id) != (share.org_id, share.owner) {
                return Err(VaultError::Tampered("shares"));
            }
            // A credential is used in its owner's name.
            if kind == RecordKind::Credential && owner.disabled {
                continue;
            }
            let (alias, boxed) = opener.open(&share, row.alias_box.as_ref())?;
            if let Some(boxed) = boxed {
                boxes.push(boxed);
                // Others are served between two openings of a wrap.
                tokio::task::yield_now().await;
            }
            shares.push(InboundShare {
                share_id: share.share_id,
                owner: share.owner,
                owner_name: owner.name,
                alias,
                permission: share.permission,
                created: share.created,
                expires: share.expires,
            });
        }
        self.keep_alias_boxes(boxes);
        Ok((Page { rows: shares, more }, last))
    }

    /// Gives a share back.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when others were faster many times.
    pub async fn leave_share(
        &self,
        caller: &Principal,
        kind: RecordKind,
        share_id: ShareId,
    ) -> Result<(), VaultError> {
        let reader = access::member(caller)?;
        let attempt = async || {
            let share = self.store.share(share_id).await?;
            let share = share.ok_or(VaultError::NotFound)?;
            self.check_inbound(reader, kind, &share)?;
            self.commit(deletion(&share)).await?;
            Ok(())
        };
        self.turns.retry((reader, share_id), attempt).await
    }

    /// Stores boxes if there is room to; the answer does not wait for them.
    fn keep_alias_boxes(&self, boxes: Vec<AliasBoxRow>) {
        if boxes.is_empty() {
            return;
        }
        let Ok(place) = Arc::clone(&self.box_writes).try_acquire_owned() else {
            return;
        };
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let _place = place;
            let boxes = boxes.into_iter().map(ShareChange::PutAliasBox);
            let changes: ChangeSet = boxes.map(Into::into).collect();
            if let Err(error) = store.commit(changes).await {
                tracing::debug!(%error, "boxes of aliases were not stored");
            }
        });
    }
}
