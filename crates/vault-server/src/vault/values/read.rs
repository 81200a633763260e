//! Opens a version of a value with the user secret.

use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload;
use hardened_crypto::user_secret::Kek;
use secrecy::SecretSlice;
use vault_store::rows::Record;
use vault_store::{UtcMillis, ValueRead};
use zeroize::Zeroizing;

use super::{NewValue, Precondition, stored_name, visible};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::audit;
use crate::vault::error::{VaultError, stored};
use crate::vault::keys::CheckedRing;
use crate::vault::opened_bytes::{Opened, OpenedShare};
use crate::vault::principal::Principal;
use crate::vault::records::{Holder, payload_place};
use crate::vault::value_name::ValueName;

/// A version of a value in the clear.
pub struct OpenedValue {
    /// The value.
    pub value: Zeroizing<Vec<u8>>,
    /// The JSON object beside it, as text.
    pub metadata: Option<Zeroizing<Vec<u8>>>,
    /// Which version.
    pub version: u64,
    /// When it was written.
    pub created: UtcMillis,
    /// When it expires, if ever.
    pub expires: Option<UtcMillis>,
}

impl OpenedValue {
    /// The same contents, to be written again.
    pub(in crate::vault) fn as_new<'a>(
        &'a self,
        precondition: &'a Precondition,
    ) -> Result<NewValue<'a>, VaultError> {
        let metadata = self.metadata.as_ref().map(|text| {
            let refused = |_| VaultError::Tampered("the metadata of a value");
            std::str::from_utf8(text).map_err(refused)
        });
        Ok(NewValue {
            value: &self.value,
            metadata: metadata.transpose()?,
            expires: self.expires,
            precondition,
        })
    }
}

impl Vault {
    /// Opens one version, the current one if `version` is `None`.
    ///
    /// # Errors
    /// `NotFound` before any secret work; then `Tampered` for rows that do not authenticate,
    /// `TooMuchOpened`, `TooManyAttempts`, `WrongUserSecret`, and `Tampered` for contents that do
    /// not open; after a password hash also `NotFound` for what is gone by then, and `Conflict` when
    /// the secret was replaced meanwhile.
    pub async fn read_value(
        &self,
        caller: &Principal,
        name: &ValueName,
        version: Option<u64>,
        secret: &SecretSlice<u8>,
    ) -> Result<Opened<OpenedValue>, VaultError> {
        let owner = access::member(caller)?;
        let mut read = self.readable(owner, name, version).await?;
        let mut share = self.room_to_open(owner, &read)?;
        let mut ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(owner, secret, &ring).await?;
        if ring.opens_slowly() {
            // Anew: it may be gone since.
            read = self.readable(owner, name, version).await?;
            ring = self.keys_now(owner, &ring).await?;
            drop(share);
            share = self.room_to_open(owner, &read)?;
        }
        let content = self.open_version(owner, &read, &ring, &kek)?;
        Ok(Opened { content, share })
    }

    /// Room for the answer to `reader`.
    ///
    /// # Errors
    /// `TooMuchOpened`.
    pub(in crate::vault) fn room_to_open(
        &self,
        reader: Member,
        read: &ValueRead,
    ) -> Result<OpenedShare, VaultError> {
        self.opened_bytes.take(reader, [read.content_bytes()])
    }

    /// Opens an authenticated version.
    pub(in crate::vault) fn open_version(
        &self,
        owner: Member,
        read: &ValueRead,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<OpenedValue, VaultError> {
        self.open_held(Holder::owner(owner), read, ring, kek)
    }

    /// Opens an authenticated version for its owner or the recipient of a share.
    pub(in crate::vault) fn open_held(
        &self,
        holder: Holder,
        read: &ValueRead,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<OpenedValue, VaultError> {
        let data_key = self.data_key(holder, read.into(), ring, kek)?;
        self.open_with(&data_key, holder, read)
    }

    /// Opens an authenticated version with its data key.
    pub(in crate::vault) fn open_with(
        &self,
        data_key: &DataKey,
        holder: Holder,
        read: &ValueRead,
    ) -> Result<OpenedValue, VaultError> {
        let row = &read.version;
        let place = payload_place(
            holder.owner,
            Record::value(row.record_id),
            row.value_version,
        );
        let open_label = |sealed: &Vec<u8>| payload::open_label(data_key, &place, sealed);
        Ok(OpenedValue {
            value: payload::open(data_key, &place, &row.payload).map_err(stored("a value"))?,
            metadata: row
                .metadata_box
                .as_ref()
                .map(open_label)
                .transpose()
                .map_err(stored("the metadata of a value"))?,
            version: row.value_version,
            created: row.created,
            expires: row.expires,
        })
    }

    /// The sealed version, authenticated, if its owner may see it now.
    pub(in crate::vault) async fn readable(
        &self,
        owner: Member,
        name: &ValueName,
        version: Option<u64>,
    ) -> Result<ValueRead, VaultError> {
        let name = stored_name(owner, name);
        let read = self.store.read_value(name, version, owner.user_id).await?;
        let read = read.ok_or(VaultError::NotFound)?;
        self.check_readable(&read, version)?;
        Ok(read)
    }

    /// Authenticates what was read, and whether it may be seen now.
    pub(in crate::vault) fn check_readable(
        &self,
        read: &ValueRead,
        version: Option<u64>,
    ) -> Result<(), VaultError> {
        self.integrity.check(&read.value)?;
        self.integrity.check(&read.version)?;
        let now = self.clock.utc();
        let expired = read.version.expires.is_some_and(|expires| expires <= now);
        if !visible(&read.value, now) || expired {
            return Err(VaultError::NotFound);
        }
        let wanted = version.unwrap_or(read.value.current_version);
        let found = (read.version.record_id, read.version.value_version);
        if found != (read.value.record_id, wanted) {
            return Err(VaultError::Tampered("value_versions"));
        }
        audit::about("value", read.value.record_id);
        Ok(())
    }
}
