//! Opens many values with one opening of the keys.

use hardened_crypto::audit_chain::TARGET_BYTES_MAX;
use secrecy::SecretSlice;
use uuid::fmt::Hyphenated;
use vault_store::{StoreError, ValueName as StoredName, ValueRead};

use super::{OpenedValue, stored_name};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::VaultError;
use crate::vault::opened_bytes::{Opened, OpenedShare};
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
    /// `Conflict` when the secret was replaced while it was hashed;
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
        let mut checked = self.checked_values(owner, &stored).await?;
        let mut share = self.room_for_all(owner, &checked)?;
        if checked.iter().all(Result::is_err) {
            let errors = checked.into_iter().filter_map(Result::err);
            let content = errors.map(Err).collect();
            return Ok(Opened { content, share });
        }
        let mut ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        if ring.opens_slowly() {
            // Read anew after the secret: they may be gone by then.
            checked.clear();
        }
        let kek = self.unlock(owner, secret, &ring).await?;
        if ring.opens_slowly() {
            drop(share);
            checked = self.checked_values(owner, &stored).await?;
            share = self.room_for_all(owner, &checked)?;
            ring = self.keys_now(owner, &ring).await?;
        }
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

    /// The sealed current versions, authenticated, of those that their owner may see now.
    async fn checked_values(
        &self,
        owner: Member,
        names: &[StoredName<'_>],
    ) -> Result<Vec<Result<ValueRead, VaultError>>, VaultError> {
        let reads = self.store.read_values(names, owner.user_id).await;
        let reads = reads.map_err(|error| match error {
            StoreError::TooLarge(_) => VaultError::TooLarge,
            other => other.into(),
        })?;
        let checked = reads.into_iter().map(|read| {
            let read = read.ok_or(VaultError::NotFound)?;
            self.check_readable(&read, None).map(|()| read)
        });
        Ok(checked.collect())
    }

    /// Room for the answer to `reader`.
    ///
    /// # Errors
    /// `TooMuchOpened`.
    fn room_for_all(
        &self,
        reader: Member,
        checked: &[Result<ValueRead, VaultError>],
    ) -> Result<OpenedShare, VaultError> {
        let contents = checked.iter().map(|read| match read {
            Ok(read) => read.content_bytes(),
            Err(_) => 0,
        });
        self.opened_bytes.take(reader, contents)
    }
}
