//! Opens many values with one opening of the keys.

use hardened_crypto::audit_chain::TARGET_BYTES_MAX;
use secrecy::SecretSlice;
use uuid::fmt::Hyphenated;
use vault_store::StoreError;

use super::{OpenedValue, stored_name};
use crate::vault::Vault;
use crate::vault::access;
use crate::vault::error::VaultError;
use crate::vault::opened_bytes::Opened;
use crate::vault::principal::Principal;
use crate::vault::value_name::ValueName;

/// Names in one batch.
pub const BATCH_MAX: usize = vault_store::limits::BATCH_MAX;

/// The entry of a call names everything that was opened.
const _: () =
    assert!(BATCH_MAX * "value: ".len() + BATCH_MAX * Hyphenated::LENGTH <= TARGET_BYTES_MAX);

/// What became of one name.
pub type BatchItem = Result<OpenedValue, VaultError>;

impl Vault {
    /// Opens the current versions of at most [`BATCH_MAX`] names, read at one moment; in the
    /// order of `names`. One that is absent or does not open does not keep the others from
    /// being read.
    ///
    /// # Errors
    /// Those of the secret: `TooManyAttempts`, `WrongUserSecret`; `Tampered` for the keys;
    /// `TooLarge` for too many names or too much content; `TooMuchOpened`. A secret is looked at only if there
    /// is something to open.
    pub async fn read_values(
        &self,
        caller: &Principal,
        names: &[ValueName],
        secret: &SecretSlice<u8>,
    ) -> Result<Opened<Vec<BatchItem>>, VaultError> {
        let owner = access::member(caller)?;
        let stored: Vec<_> = names.iter().map(|name| stored_name(owner, name)).collect();
        let reads = self.store.read_values(&stored, owner.user_id).await;
        let reads = reads.map_err(|error| match error {
            StoreError::TooLarge(_) => VaultError::TooLarge,
            other => other.into(),
        })?;
        let checked = reads.into_iter().map(|read| {
            let read = read.ok_or(VaultError::NotFound)?;
            self.check_readable(&read, None).map(|()| read)
        });
        let checked: Vec<_> = checked.collect();
        let contents = checked.iter().map(|read| match read {
            Ok(read) => read.content_bytes(),
            Err(_) => 0,
        });
        let share = self.opened_bytes.take(owner, contents)?;
        if checked.iter().all(Result::is_err) {
            let errors = checked.into_iter().filter_map(Result::err);
            let content = errors.map(Err).collect();
            return Ok(Opened { content, share });
        }
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(owner, secret, &ring).await?;
        let mut opened = Vec::with_capacity(checked.len());
        for read in checked {
            opened.push(read.and_then(|read| self.open_version(owner, &read, &ring, &kek)));
            // Others are served between two openings.
            tokio::task::yield_now().await;
        }
        Ok(Opened {
            content: opened,
            share,
        })
    }
}
