//! Files: one row each, and a sealed body beside the database.

use vault_store::{FileRead, RecordId};

use super::Vault;
use super::access::Member;
use super::error::VaultError;

impl Vault {
    /// A file of its owner with what they need to open it, authenticated.
    pub(super) async fn own_file(
        &self,
        owner: Member,
        file_id: RecordId,
    ) -> Result<FileRead, VaultError> {
        let (org_id, user_id) = (owner.org_id, owner.user_id);
        let read = self.store.read_file(org_id, user_id, file_id, user_id);
        let read = read.await?.ok_or(VaultError::NotFound)?;
        self.integrity.check(&read.file)?;
        Ok(read)
    }
}
