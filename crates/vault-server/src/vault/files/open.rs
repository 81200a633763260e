//! Opens a file for its owner or through a share, with the user secret.

use std::sync::Arc;

use hardened_crypto::user_secret::Kek;
use secrecy::SecretSlice;
use vault_store::rows::{RecordKind, ShareRow};
use vault_store::{FileRead, RecordId, ShareId, UtcMillis};

use super::aside::blocking;
use super::body::BODY;
use super::content::{Body, open_body};
use super::{FileContent, FileInfo, info};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::audit;
use crate::vault::error::VaultError;
use crate::vault::keys::CheckedRing;
use crate::vault::principal::Principal;
use crate::vault::records::{Holder, payload_place};

/// On what ground a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileAccess {
    /// It is the caller's.
    Own(RecordId),
    /// It was shared with the caller.
    Shared(ShareId),
}

/// A file that can be read.
pub struct OpenedFile {
    /// What it is.
    pub info: FileInfo,
    /// When the share ends through which it is read, if ever.
    pub expires: Option<UtcMillis>,
    /// Its contents, all of them.
    pub content: FileContent,
}

/// An authenticated file that the reader may see now.
struct Accessible {
    holder: Holder,
    read: FileRead,
    share: Option<ShareRow>,
}

impl Vault {
    /// Opens a file. The keys are gone when this returns: what the contents keep opens this one
    /// body alone.
    ///
    /// # Errors
    /// `NotFound` before any secret work: no such file or share, another's, revoked, expired;
    /// `TooManyTransfers`; `KeysMissing`; those of the secret; `Tampered` for what does not
    /// authenticate, the last chunk of the body among it; `FileStorage`.
    pub async fn open_file(
        &self,
        caller: &Principal,
        access: FileAccess,
        secret: &SecretSlice<u8>,
    ) -> Result<OpenedFile, VaultError> {
        let reader = access::member(caller)?;
        self.accessible(reader, access).await?;
        let ring = self
            .key_ring(reader)
            .await?
            .ok_or(VaultError::KeysMissing)?;
        let transfer = self.downloads.begin(reader)?;
        let kek = self.unlock(reader, secret, &ring).await?;
        let attempt = || self.try_open(reader, access, &ring, &kek);
        let (found, info, body) = self.turns.retry((reader, access), attempt).await?;
        Ok(OpenedFile {
            info,
            expires: found.share.and_then(|share| share.expires),
            content: FileContent::new(body, transfer),
        })
    }

    async fn try_open(
        &self,
        reader: Member,
        access: FileAccess,
        unlocked: &CheckedRing,
        kek: &Kek,
    ) -> Result<(Accessible, FileInfo, Body), VaultError> {
        // Anew: the secret may have taken a while.
        let found = self.accessible(reader, access).await?;
        let ring = self.keys_now(reader, unlocked).await?;
        let data_key = self.data_key(found.holder, (&found.read).into(), &ring, kek)?;
        let row = found.read.file.clone();
        audit::about("file", row.file_id);
        let info = info(&row, &data_key)?;
        let place = payload_place(found.holder.owner, row.record(), row.content_version);
        let blobs = Arc::clone(&self.blobs);
        let body = blocking(move || open_body(&*blobs, &row, &data_key, &place)).await?;
        match body {
            Some(body) => Ok((found, info, body)),
            None => {
                // Another body took its place, or it is lost.
                let again = self.accessible(reader, access).await?;
                if again.read.file.body == found.read.file.body {
                    return Err(VaultError::Tampered(BODY));
                }
                Err(VaultError::Conflict)
            }
        }
    }

    async fn accessible(
        &self,
        reader: Member,
        access: FileAccess,
    ) -> Result<Accessible, VaultError> {
        let share_id = match access {
            FileAccess::Own(file_id) => {
                return Ok(Accessible {
                    holder: Holder::owner(reader),
                    read: self.own_file(reader, file_id).await?,
                    share: None,
                });
            }
            FileAccess::Shared(share_id) => share_id,
        };
        let found = self.store.shared_file(share_id).await?;
        let found = found.ok_or(VaultError::NotFound)?;
        let (share, read) = (found.share, found.read);
        self.check_inbound(reader, RecordKind::File, &share)?;
        self.integrity.check(&read.file)?;
        let owner = Member {
            org_id: read.file.org_id,
            user_id: read.file.owner,
        };
        self.check_share_of(owner, read.file.record(), &share)?;
        Ok(Accessible {
            holder: Holder::of(&share)?,
            read,
            share: Some(share),
        })
    }
}
