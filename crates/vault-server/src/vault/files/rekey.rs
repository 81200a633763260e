//! Ends a share of a file and in the same step gives the file a new data key.
//!
//! Promise: when the caller goes away before the commit, the copy ends and nothing of it is left.

use std::sync::Arc;

use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload;
use hardened_crypto::user_secret::Kek;
use secrecy::SecretSlice;
use vault_store::rows::{FileRow, Record};
use vault_store::{ChangeSet, FileChange, RecordId, ShareId};
use zeroize::Zeroizing;

use super::aside::{Awaited, blocking_while_awaited};
use super::body::{BODY, NewBody, SealedBody, body_error};
use super::content::{Body, PART_BYTES, open_body};
use super::info;
use super::transfers::Transfer;
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{VaultError, made};
use crate::vault::keys::CheckedRing;
use crate::vault::principal::Principal;
use crate::vault::records::{Holder, payload_place};
use crate::vault::shares::{deletion, wrap_to_all};

impl Vault {
    /// Ends a share and in the same step writes the contents as a new body under a new data key,
    /// wrapped to everyone but its recipient; the number of that body.
    ///
    /// # Errors
    /// As [`Vault::revoke_share`], and as [`Vault::open_file`].
    pub async fn revoke_share_of_file_and_rekey(
        &self,
        caller: &Principal,
        file_id: RecordId,
        share_id: ShareId,
        secret: &SecretSlice<u8>,
    ) -> Result<u64, VaultError> {
        let owner = access::member(caller)?;
        self.own_file(owner, file_id).await?;
        self.live_share(owner, Record::file(file_id), share_id)
            .await?;
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let transfer = Arc::new(self.file_rekeys.begin(owner)?);
        let kek = self.unlock(owner, secret, &ring).await?;
        let attempt = || {
            let place = (file_id, share_id);
            self.try_rekey_file(owner, place, &ring, &kek, &transfer)
        };
        let (old_body, version) = self.turns.retry((owner, file_id), attempt).await?;
        self.remove_body(old_body).await;
        Ok(version)
    }

    async fn try_rekey_file(
        &self,
        owner: Member,
        (file_id, share_id): (RecordId, ShareId),
        unlocked: &CheckedRing,
        kek: &Kek,
        transfer: &Arc<Transfer>,
    ) -> Result<(vault_store::BlobId, u64), VaultError> {
        let record = Record::file(file_id);
        let read = self.own_file(owner, file_id).await?;
        let share = self.live_share(owner, record, share_id).await?;
        let ring = self.keys_now(owner, unlocked).await?;
        let old_key = self.data_key(Holder::owner(owner), (&read).into(), &ring, kek)?;
        let old = read.file;
        let label = info(&old, &old_key)?.label;
        let version = old.content_version + 1;
        let place = payload_place(owner, record, version);
        let new_key = DataKey::make().map_err(made)?;
        let label_box = payload::seal_label(&new_key, &place, &label.to_bytes()).map_err(made)?;
        let keys = (old_key, new_key);
        let (sealed, new_key) = self.seal_again(owner, old.clone(), keys, transfer).await?;
        // To the key pairs of now: the copy may have taken longer than a rotation.
        let (share_revision, mut recipients) =
            self.recipients(owner, record, self.clock.utc()).await?;
        recipients.retain(|recipient| recipient.share.share_id != share_id);
        let keys = self.keys_now(owner, unlocked).await?.current()?;
        let wraps = wrap_to_all(owner, (record, version), &new_key, &keys, &recipients).await?;
        let row = self.integrity.sign(FileRow {
            body: sealed.body,
            content_version: version,
            sealed_bytes: sealed.sealed_bytes,
            sha256: sealed.sha256,
            label_box,
            updated: self.clock.utc(),
            version: old.version + 1,
            ..old
        });
        let mut changes = ChangeSet::from(FileChange::ReplaceBody {
            expected_version: old.version,
            share_revision,
            row,
            wraps,
        });
        changes.push(deletion(&share).into());
        self.commit_body(changes, sealed.unclaimed).await?;
        Ok((old.body, version))
    }

    /// Seals the contents of a file once more, under another key and for its next version; gives
    /// that key back.
    async fn seal_again(
        &self,
        owner: Member,
        old: FileRow,
        (old_key, new_key): (DataKey, DataKey),
        transfer: &Arc<Transfer>,
    ) -> Result<(SealedBody, DataKey), VaultError> {
        let place = |version| payload_place(owner, old.record(), version);
        let (old_place, new_place) = (place(old.content_version), place(old.content_version + 1));
        let (blobs, transfer) = (Arc::clone(&self.blobs), Arc::clone(transfer));
        blocking_while_awaited(move |awaited| {
            let opened = open_body(&*blobs, &old, &old_key, &old_place)?;
            let opened = opened.ok_or(VaultError::Tampered(BODY))?;
            let new = NewBody::begin(blobs, transfer, &new_key, &new_place)?;
            Ok((copy(opened, new, awaited)?, new_key))
        })
        .await
    }
}

/// Copies part by part; nothing goes over that has not verified.
fn copy(mut from: Body, mut to: NewBody, awaited: &Awaited) -> Result<SealedBody, VaultError> {
    let mut part = Zeroizing::new(vec![0; PART_BYTES]);
    let mut at = 0;
    loop {
        awaited.check()?;
        let count = from.read_at(at, &mut part).map_err(body_error)?;
        if count == 0 {
            return to.finish();
        }
        to.write(&part[..count])?;
        at += count as u64;
    }
}
