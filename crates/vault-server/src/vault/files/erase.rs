//! Erases a file with its shares, then its body.

use vault_store::{BlobId, FileChange, RecordId};

use super::forget_body;
use crate::vault::Vault;
use crate::vault::access;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;

impl Vault {
    /// Erases a file for good.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when others were faster many times.
    pub async fn delete_file(
        &self,
        caller: &Principal,
        file_id: RecordId,
    ) -> Result<(), VaultError> {
        let owner = access::member(caller)?;
        let attempt = async || {
            let file = self.own_file(owner, file_id).await?.file;
            let change = FileChange::Delete {
                org_id: file.org_id,
                owner: file.owner,
                file_id,
                expected_version: file.version,
            };
            self.commit(change).await?;
            Ok(file.body)
        };
        let body = self.turns.retry((owner, file_id), attempt).await?;
        self.remove_body(body).await;
        Ok(())
    }

    /// Removes a body that no row has. The row is gone, so the call has succeeded whatever
    /// happens here; the store has a note of the body for the next sweep.
    pub(super) async fn remove_body(&self, body: BlobId) {
        if let Err(error) = forget_body(&*self.store, &self.blobs, body).await {
            tracing::warn!(%error, "the body of an erased file stays until the next sweep");
        }
    }
}
