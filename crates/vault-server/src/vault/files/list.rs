//! Lists the files of a user with their names.

use secrecy::SecretSlice;
use vault_store::{Page, RecordId};

use super::{FileInfo, info};
use crate::vault::Vault;
use crate::vault::access;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use crate::vault::records::Holder;

impl Vault {
    /// The caller's files in the order in which they were made, after `after`.
    ///
    /// # Errors
    /// `KeysMissing`; those of the secret; `Conflict` when the secret was replaced meanwhile;
    /// `Tampered` when a row or a name did not authenticate.
    pub async fn files(
        &self,
        caller: &Principal,
        after: Option<RecordId>,
        limit: u32,
        secret: &SecretSlice<u8>,
    ) -> Result<Page<FileInfo>, VaultError> {
        let owner = access::member(caller)?;
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(owner, secret, &ring).await?;
        let found = self.store.files(owner.org_id, owner.user_id, after, limit);
        let Page { rows, more } = found.await?;
        let ring = self.keys_now(owner, &ring).await?;
        let mut files = Vec::with_capacity(rows.len());
        for read in &rows {
            self.integrity.check(&read.file)?;
            if (read.file.org_id, read.file.owner) != (owner.org_id, owner.user_id) {
                return Err(VaultError::Tampered("files"));
            }
            let data_key = self.data_key(Holder::owner(owner), read.into(), &ring, &kek)?;
            files.push(info(&read.file, &data_key)?);
            // Others are served between two openings.
            tokio::task::yield_now().await;
        }
        Ok(Page { rows: files, more })
    }
}
