//! Versions of a value: listed, and brought back.

use secrecy::SecretSlice;
use vault_store::{Page, UtcMillis};

use super::{Over, Precondition, Written, stored_name, visible};
use crate::vault::Vault;
use crate::vault::access;
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use crate::vault::value_name::ValueName;

/// A version as a list shows it.
///
/// Its times stand beside its contents and are authenticated with them, when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Which version.
    pub version: u64,
    /// When it was written.
    pub created: UtcMillis,
    /// When it expires, if ever.
    pub expires: Option<UtcMillis>,
}

impl Vault {
    /// Versions of a value that can be read, ascending, after `after`; a page may hold fewer
    /// than `limit`, because expired ones are left out. Beside it the last version looked at.
    ///
    /// # Errors
    /// `NotFound`; `Tampered` when a row did not authenticate.
    pub async fn versions(
        &self,
        caller: &Principal,
        name: &ValueName,
        after: Option<u64>,
        limit: u32,
    ) -> Result<(Page<Version>, Option<u64>), VaultError> {
        let owner = access::member(caller)?;
        let now = self.clock.utc();
        let row = self.value_row(owner, name).await?;
        let row = row
            .filter(|row| visible(row, now))
            .ok_or(VaultError::NotFound)?;
        let found = self.store.versions(stored_name(owner, name), after, limit);
        let Page { rows, more } = found.await?;
        let last = rows.last().map(|info| info.value_version);
        let rows = rows.into_iter().filter(|info| {
            // A write may have come between the two reads: those versions are another list's.
            let known =
                info.record_id == row.record_id && info.value_version <= row.current_version;
            known && info.expires.is_none_or(|expires| now < expires)
        });
        let rows = rows.map(|info| Version {
            version: info.value_version,
            created: info.created,
            expires: info.expires,
        });
        let rows = rows.collect();
        Ok((Page { rows, more }, last))
    }

    /// Writes the contents, metadata and expiry of an older version as a new one.
    ///
    /// # Errors
    /// As [`Vault::read_value`] of that version, then as [`Vault::put_value`].
    pub async fn rollback_value(
        &self,
        caller: &Principal,
        name: &ValueName,
        version: u64,
        precondition: &Precondition,
        secret: &SecretSlice<u8>,
    ) -> Result<Written, VaultError> {
        let owner = access::member(caller)?;
        self.readable(owner, name, Some(version)).await?;
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(owner, secret, &ring).await?;
        let attempt = async || {
            let read = self.readable(owner, name, Some(version)).await?;
            let ring = self.keys_now(owner, &ring).await?;
            let opened = self.open_version(owner, &read, &ring, &kek)?;
            let new = opened.as_new(precondition)?;
            // The bound may be lower than when it was written.
            self.check_sizes(new)?;
            let over = Over {
                stored: Some(read.value),
                revoked: None,
            };
            self.put_over(owner, name, over, new, &ring.current()?)
                .await
        };
        self.turns.retry((owner, name.as_str()), attempt).await
    }
}
