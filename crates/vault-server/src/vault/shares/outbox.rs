//! What an owner does with shares once they are made: list and revoke.

use secrecy::SecretSlice;
use vault_store::rows::{Record, ShareRow};
use vault_store::{Page, ShareChange, ShareId, UserId};

use super::{Share, alias, shown};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use crate::vault::records::OwnRecord;
use crate::vault::value_name::ValueName;
use crate::vault::values::{Over, Precondition, Written};

impl Vault {
    /// Live shares of a record by recipient, after `after`; with the user secret also their
    /// aliases.
    ///
    /// # Errors
    /// `NotFound` for the record; those of the secret, if one came.
    pub async fn shares_of(
        &self,
        caller: &Principal,
        what: OwnRecord<'_>,
        after: Option<UserId>,
        limit: u32,
        secret: Option<&SecretSlice<u8>>,
    ) -> Result<Page<Share>, VaultError> {
        let owner = access::member(caller)?;
        let now = self.clock.utc();
        let record = self.record_id(owner, what, false).await?;
        let found = self.store.shares_of(record, after, limit, now);
        let Page { rows, more } = found.await?;
        for share in &rows {
            self.check_share_of(owner, record, share)?;
        }
        let account_key = match secret {
            None => None,
            Some(secret) => {
                let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
                let kek = self.unlock(owner, secret, &ring).await?;
                Some(ring.account_key(&kek)?)
            }
        };
        let rows = rows.iter().map(|row| {
            let alias = match &account_key {
                None => None,
                Some(key) => alias::open_as_owner(row, key)?,
            };
            Ok(shown(row, alias))
        });
        let rows = rows.collect::<Result<_, VaultError>>()?;
        Ok(Page { rows, more })
    }

    /// Ends a share, also while its record is hidden.
    ///
    /// # Errors
    /// `NotFound` for the record and for the share; `Conflict` when others were faster many
    /// times.
    pub async fn revoke_share(
        &self,
        caller: &Principal,
        what: OwnRecord<'_>,
        share_id: ShareId,
    ) -> Result<(), VaultError> {
        let owner = access::member(caller)?;
        let attempt = async || {
            let record = self.record_id(owner, what, true).await?;
            let share = self.live_share(owner, record, share_id).await?;
            self.commit(deletion(&share)).await?;
            Ok(())
        };
        self.turns.retry((owner, what), attempt).await
    }

    /// Ends a share and in the same step writes the current contents, metadata and expiry as a
    /// new version under a new data key, wrapped to everyone but its recipient.
    ///
    /// # Errors
    /// As [`Vault::revoke_share`], and as [`Vault::read_value`].
    pub async fn revoke_share_of_value_and_rekey(
        &self,
        caller: &Principal,
        name: &ValueName,
        share_id: ShareId,
        secret: &SecretSlice<u8>,
    ) -> Result<Written, VaultError> {
        let owner = access::member(caller)?;
        let read = self.readable(owner, name, None).await?;
        self.live_share(owner, Record::value(read.value.record_id), share_id)
            .await?;
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(owner, secret, &ring).await?;
        let always = Precondition::default();
        let attempt = async || {
            let read = self.readable(owner, name, None).await?;
            let share = self
                .live_share(owner, Record::value(read.value.record_id), share_id)
                .await?;
            let ring = self.keys_now(owner, &ring).await?;
            let opened = self.open_version(owner, &read, &ring, &kek)?;
            let new = opened.as_new(&always)?;
            let over = Over {
                stored: Some(read.value),
                revoked: Some(share),
            };
            self.put_over(owner, name, over, new, &ring.current()?)
                .await
        };
        self.turns.retry((owner, name.as_str()), attempt).await
    }

    /// The authenticated row of a live share of this record.
    pub(in crate::vault) async fn live_share(
        &self,
        owner: Member,
        record: Record,
        share_id: ShareId,
    ) -> Result<ShareRow, VaultError> {
        let share = self.store.share(share_id).await?;
        let share = share.ok_or(VaultError::NotFound)?;
        // Another's share is absent, whatever is wrong with it.
        let found = (share.org_id, share.owner, share.record());
        if found != (owner.org_id, owner.user_id, record) {
            return Err(VaultError::NotFound);
        }
        self.check_share_of(owner, record, &share)?;
        if share.is_live(self.clock.utc()) {
            Ok(share)
        } else {
            Err(VaultError::NotFound)
        }
    }
}

/// Erases a share as it was read.
pub(in crate::vault) fn deletion(share: &ShareRow) -> ShareChange {
    ShareChange::Delete {
        share_id: share.share_id,
        expected_version: share.version,
    }
}
