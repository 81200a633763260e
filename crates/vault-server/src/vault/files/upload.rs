//! Takes a file in, piece by piece.
//!
//! What was received is sealed on a blocking thread, a batch at a time. The data key is wrapped at
//! the end: a file may take days to come, and its owner's key pair may be another by then.
//!
//! Promise: an upload that ends anyhow but as a file leaves nothing, without a restart.

use std::sync::Arc;

use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload;
use secrecy::SecretSlice;
use uuid::Uuid;
use vault_store::rows::{FIRST_VERSION, FileRow, Record};
use vault_store::{FileChange, RecordId};
use zeroize::Zeroizing;

use super::aside::{Aside, blocking, blocking_while_awaited};
use super::body::{NewBody, SealedBody};
use super::transfers::Transfer;
use super::{FileInfo, FileLabel};
use crate::layers::standing;
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{VaultError, made};
use crate::vault::principal::Principal;
use crate::vault::records::{Holder, payload_place};
use crate::vault::row_integrity::UNSIGNED;

/// Bytes that are sealed at once.
const BATCH_BYTES: usize = 256 * 1_024;
/// The version of a new file's body.
const FIRST_BODY: u64 = 1;

/// A file on its way in. Dropping it leaves nothing, and so does dropping what its calls return
/// before that is done: it is removed in the background.
pub struct Upload<'v> {
    vault: &'v Vault,
    owner: Member,
    file_id: RecordId,
    label: FileLabel,
    label_box: Vec<u8>,
    data_key: DataKey,
    body: Aside<NewBody>,
    batch: Zeroizing<Vec<u8>>,
    received_bytes: u64,
    _transfer: Arc<Transfer>,
}

impl Vault {
    /// Begins a file of the caller. `declared_bytes` is its size, if that is known.
    ///
    /// # Errors
    /// `TooLarge`; `TooManyTransfers`; `KeysMissing`; those of the secret; `FileStorage`.
    pub async fn begin_upload(
        &self,
        caller: &Principal,
        label: FileLabel,
        declared_bytes: Option<u64>,
        secret: &SecretSlice<u8>,
    ) -> Result<Upload<'_>, VaultError> {
        let owner = access::member(caller)?;
        self.check_file_size(declared_bytes.unwrap_or_default())?;
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let transfer = Arc::new(self.uploads.begin(owner)?);
        self.unlock(owner, secret, &ring).await?;
        let file_id = Uuid::now_v7().into();
        let record = Record::file(file_id);
        let place = payload_place(owner, record, FIRST_BODY);
        let data_key = DataKey::make().map_err(made)?;
        let label_box = payload::seal_label(&data_key, &place, &label.to_bytes());
        let (blobs, held) = (Arc::clone(&self.blobs), Arc::clone(&transfer));
        let begin = move || {
            let body = NewBody::begin(blobs, held, &data_key, &place)?;
            Ok((Aside::new(body), data_key))
        };
        let (body, data_key) = blocking(begin).await?;
        Ok(Upload {
            vault: self,
            owner,
            file_id,
            label,
            label_box: label_box.map_err(made)?,
            data_key,
            body,
            batch: Zeroizing::new(Vec::with_capacity(BATCH_BYTES)),
            received_bytes: 0,
            _transfer: transfer,
        })
    }

    fn check_file_size(&self, bytes: u64) -> Result<(), VaultError> {
        if bytes > self.limits.file_bytes_max {
            return Err(VaultError::FileTooLarge);
        }
        Ok(())
    }
}

impl Upload<'_> {
    /// Takes more bytes, and gives itself back.
    ///
    /// # Errors
    /// `FileTooLarge`, `FileStorage`; `Forbidden` for a caller who was shut out meanwhile; then
    /// nothing of the file is left.
    pub async fn write(mut self, mut bytes: &[u8]) -> Result<Self, VaultError> {
        self.received_bytes = self.received_bytes.saturating_add(bytes.len() as u64);
        // A file may take days to come: its caller is judged with every piece.
        let may_go_on = match self.vault.check_file_size(self.received_bytes) {
            Ok(()) => standing::judge_again().await,
            refused => refused,
        };
        if let Err(refused) = may_go_on {
            self.give_up().await?;
            return Err(refused);
        }
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BATCH_BYTES - self.batch.len()));
            self.batch.extend_from_slice(now);
            bytes = later;
            if self.batch.len() == BATCH_BYTES {
                self = self.seal_batch().await?;
            }
        }
        Ok(self)
    }

    /// Removes what there is of it, before its caller hears of it.
    async fn give_up(self) -> Result<(), VaultError> {
        let body = self.body;
        blocking(move || {
            drop(body.into_inner());
            Ok(())
        })
        .await
    }

    async fn seal_batch(self) -> Result<Self, VaultError> {
        let Self {
            body, mut batch, ..
        } = self;
        let (body, batch) = blocking(move || {
            // Out of its wrapper: what fails is removed here.
            let mut body = body.into_inner();
            body.write(&batch)?;
            batch.clear();
            Ok((Aside::new(body), batch))
        })
        .await?;
        Ok(Self {
            body,
            batch,
            ..self
        })
    }

    /// Makes the file durable.
    ///
    /// # Errors
    /// `FileStorage`, `Storage`; `Forbidden` when the caller was shut out or removed meanwhile.
    pub async fn finish(self) -> Result<FileInfo, VaultError> {
        let (body, batch) = (self.body, self.batch);
        let sealed = blocking_while_awaited(move |awaited| {
            let mut body = body.into_inner();
            body.write(&batch)?;
            awaited.check()?;
            body.finish()
        });
        let SealedBody {
            body,
            unclaimed,
            sealed_bytes,
            sha256,
        } = sealed.await?;
        let now = self.vault.clock.utc();
        let row = self.vault.integrity.sign(FileRow {
            file_id: self.file_id,
            org_id: self.owner.org_id,
            owner: self.owner.user_id,
            body,
            content_version: FIRST_BODY,
            sealed_bytes,
            sha256,
            label_box: self.label_box,
            created: now,
            updated: now,
            version: FIRST_VERSION,
            mac: UNSIGNED,
        });
        // To the key pair of now: a rotation may have ended since the file began.
        let ring = self.vault.key_ring(self.owner).await?;
        let keys = ring.ok_or(VaultError::Forbidden)?.current()?;
        let holder = Holder::owner(self.owner);
        let wraps = vec![holder.wrap(&self.data_key, row.record(), FIRST_BODY, &keys)?];
        // From here on a caller who goes away leaves the file or nothing.
        let insert = FileChange::Insert { row, wraps };
        self.vault.commit_body(insert, unclaimed).await?;
        Ok(FileInfo {
            file_id: self.file_id,
            owner: self.owner.user_id,
            label: self.label,
            size_bytes: self.received_bytes,
            version: FIRST_BODY,
            created: now,
        })
    }
}
