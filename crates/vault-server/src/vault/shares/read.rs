//! Opens a value through a share, with the recipient's secret.

use secrecy::SecretSlice;
use vault_store::rows::{Record, RecordKind, ShareRow};
use vault_store::{ShareId, UserId, ValueRead};

use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::VaultError;
use crate::vault::opened_bytes::Opened;
use crate::vault::principal::Principal;
use crate::vault::records::Holder;
use crate::vault::values::OpenedValue;

/// A shared value in the clear.
pub struct SharedValue {
    /// Whose value it is.
    pub owner: UserId,
    /// Its current version. It expires with the share or the value, whichever ends first.
    pub opened: OpenedValue,
}

impl Vault {
    /// Opens the current version of a value that was shared with the caller.
    ///
    /// # Errors
    /// `NotFound` before any secret work: no such share, another's, revoked, expired, or of a
    /// value that is hidden; then as [`Vault::read_value`].
    pub async fn read_shared_value(
        &self,
        caller: &Principal,
        share_id: ShareId,
        secret: &SecretSlice<u8>,
    ) -> Result<Opened<SharedValue>, VaultError> {
        let reader = access::member(caller)?;
        let (mut share, mut read) = self.readable_share(reader, share_id).await?;
        let mut room = self.room_to_open(reader, &read)?;
        let mut ring = self
            .key_ring(reader)
            .await?
            .ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(reader, secret, &ring).await?;
        if ring.opens_slowly() {
            // Anew: share or value may be gone since.
            (share, read) = self.readable_share(reader, share_id).await?;
            ring = self.keys_now(reader, &ring).await?;
            drop(room);
            room = self.room_to_open(reader, &read)?;
        }
        let mut opened = self.open_held(Holder::of(&share)?, &read, &ring, &kek)?;
        opened.expires = opened.expires.into_iter().chain(share.expires).min();
        let content = SharedValue {
            owner: share.owner,
            opened,
        };
        Ok(Opened {
            content,
            share: room,
        })
    }

    /// A live share of the reader with the sealed current version, both authenticated, if it may
    /// be seen now.
    async fn readable_share(
        &self,
        reader: Member,
        share_id: ShareId,
    ) -> Result<(ShareRow, ValueRead), VaultError> {
        let found = self.store.shared_value(share_id, None).await?;
        let found = found.ok_or(VaultError::NotFound)?;
        let (share, read) = (found.share, found.read);
        self.check_inbound(reader, RecordKind::Value, &share)?;
        let owner = Member {
            org_id: read.value.org_id,
            user_id: read.value.owner,
        };
        self.check_share_of(owner, Record::value(read.value.record_id), &share)?;
        self.check_readable(&read, None)?;
        Ok((share, read))
    }
}
