//! Records of every kind, as far as keys go: which one is meant, who holds its data key, and how
//! that is opened.
//!
//! In: a record by the name that its owner has for it, or an authenticated read. Out: data keys.
//!
//! Promise: a data key opens in the place of its record, kind and version alone, and for the
//! holder whose grant is stored. Hot path: the account key, and a box of the data key under it
//! that the first opening left. A box is a cache: whatever is wrong with it, the wrap decides.
//! Not here: contents (`values`, `files`).

mod holder;

pub(super) use holder::{Holder, permission_of};

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hardened_crypto::account_key::AccountKey;
use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload::PayloadContext;
use hardened_crypto::suite::ObjectKind;
use hardened_crypto::user_secret::Kek;
use hardened_crypto::wrap::{WrapContext, Wrapped};
use vault_store::rows::{AccountBoxRow, Record, RecordKind, WrapRow};
use vault_store::{ChangeSet, CredentialRead, FileRead, RecordId, ValueRead, WrapChange};

use super::Vault;
use super::access::Member;
use super::error::{VaultError, stored};
use super::keys::CheckedRing;
use super::value_name::ValueName;
use super::values::visible;

/// Every version of a record gets one data key and keeps it.
pub(super) const FIRST_DATA_KEY: u32 = 0;

const REFUSED: &str = "a wrapped data key";

/// A record, as its owner names it.
#[derive(Debug, Clone, Copy)]
pub enum OwnRecord<'a> {
    /// A value by its name.
    Value(&'a ValueName),
    /// A file by its id.
    File(RecordId),
    /// A credential by its id.
    Credential(RecordId),
}

impl OwnRecord<'_> {
    /// What it is.
    #[must_use]
    pub fn kind(self) -> RecordKind {
        match self {
            Self::Value(_) => RecordKind::Value,
            Self::File(_) => RecordKind::File,
            Self::Credential(_) => RecordKind::Credential,
        }
    }
}

// As the writes of the noun itself are hashed, so that all of them share one turn.
impl Hash for OwnRecord<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Value(name) => name.as_str().hash(state),
            Self::File(record_id) | Self::Credential(record_id) => record_id.hash(state),
        }
    }
}

/// An authenticated record with what one reader needs to open it.
pub(super) enum FoundRecord {
    Value(ValueRead),
    File(FileRead),
    Credential(Box<CredentialRead>),
}

impl FoundRecord {
    /// The part that has to do with keys.
    pub(super) fn keyed(&self) -> Keyed<'_> {
        match self {
            Self::Value(read) => read.into(),
            Self::File(read) => read.into(),
            Self::Credential(read) => read.as_ref().into(),
        }
    }
}

/// One version of a record, with the data key as one reader holds it.
#[derive(Clone, Copy)]
pub(super) struct Keyed<'a> {
    pub(super) record: Record,
    /// Version of the contents.
    pub(super) version: u64,
    /// Version of the record's row.
    pub(super) row_version: u64,
    wrap: Option<&'a WrapRow>,
    account_box: Option<&'a AccountBoxRow>,
}

impl<'a> From<&'a ValueRead> for Keyed<'a> {
    fn from(read: &'a ValueRead) -> Self {
        Self {
            record: Record::value(read.version.record_id),
            version: read.version.value_version,
            row_version: read.value.version,
            wrap: read.wrap.as_ref(),
            account_box: read.account_box.as_ref(),
        }
    }
}

impl<'a> From<&'a FileRead> for Keyed<'a> {
    fn from(read: &'a FileRead) -> Self {
        Self {
            record: read.file.record(),
            version: read.file.content_version,
            row_version: read.file.version,
            wrap: read.wrap.as_ref(),
            account_box: read.account_box.as_ref(),
        }
    }
}

impl<'a> From<&'a CredentialRead> for Keyed<'a> {
    fn from(read: &'a CredentialRead) -> Self {
        Self {
            record: read.credential.record(),
            version: read.version.credential_version,
            row_version: read.credential.version,
            wrap: read.wrap.as_ref(),
            account_box: read.account_box.as_ref(),
        }
    }
}

impl Vault {
    /// A record that its owner may see now, authenticated.
    pub(super) async fn own_record(
        &self,
        owner: Member,
        what: OwnRecord<'_>,
    ) -> Result<FoundRecord, VaultError> {
        Ok(match what {
            OwnRecord::Value(name) => FoundRecord::Value(self.readable(owner, name, None).await?),
            OwnRecord::File(file_id) => FoundRecord::File(self.own_file(owner, file_id).await?),
            OwnRecord::Credential(id) => {
                let read = self.shareable_credential(owner, id).await?;
                FoundRecord::Credential(Box::new(read))
            }
        })
    }

    /// Which record it is; a value that is hidden only if `hidden`.
    pub(super) async fn record_id(
        &self,
        owner: Member,
        what: OwnRecord<'_>,
        hidden: bool,
    ) -> Result<Record, VaultError> {
        match what {
            OwnRecord::Value(name) => {
                let now = self.clock.utc();
                let row = self.value_row(owner, name).await?;
                let row = row.filter(|row| hidden || visible(row, now));
                let row = row.ok_or(VaultError::NotFound)?;
                Ok(Record::value(row.record_id))
            }
            OwnRecord::File(file_id) => Ok(self.own_file(owner, file_id).await?.file.record()),
            OwnRecord::Credential(id) => Ok(self.credential_row(owner, id).await?.record()),
        }
    }

    /// The data key of an authenticated version.
    pub(super) fn data_key(
        &self,
        holder: Holder,
        read: Keyed<'_>,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<DataKey, VaultError> {
        let account_key = ring.account_key(kek)?;
        if let Some(data_key) = self.boxed_data_key(holder, read, &account_key)? {
            return Ok(data_key);
        }
        let (data_key, boxed) = self.unwrap_and_box(holder, read, ring, kek)?;
        if let Some(row) = boxed {
            self.keep_box(read.record.kind, row);
        }
        Ok(data_key)
    }

    /// The data key of an authenticated version, if it is boxed under the account key.
    pub(super) fn boxed_data_key(
        &self,
        holder: Holder,
        read: Keyed<'_>,
        account_key: &AccountKey,
    ) -> Result<Option<DataKey>, VaultError> {
        let (wrapped, place) = wrap_of(holder, read)?;
        let opened = read.account_box.and_then(|boxed| {
            let opened = account_key.open_data_key(&boxed.account_box, &place, &wrapped);
            opened.ok()
        });
        Ok(opened)
    }

    /// Opens the wrap of an authenticated version, and boxes what was in it for the next time.
    pub(super) fn unwrap_and_box(
        &self,
        holder: Holder,
        read: Keyed<'_>,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<(DataKey, Option<AccountBoxRow>), VaultError> {
        let (wrapped, place) = wrap_of(holder, read)?;
        let data_key = unwrap(ring, kek, &wrapped, &place)?;
        let account_key = ring.account_key(kek)?;
        let boxed = account_key.box_data_key(&data_key, &place, &wrapped);
        let row = boxed.ok().map(|account_box| AccountBoxRow {
            record_id: read.record.record_id,
            value_version: read.version,
            recipient: holder.user_id,
            account_box,
        });
        Ok((data_key, row))
    }

    /// Stores a box if there is room to; the answer does not wait for it.
    fn keep_box(&self, kind: RecordKind, row: AccountBoxRow) {
        let Ok(place) = Arc::clone(&self.box_writes).try_acquire_owned() else {
            return;
        };
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let _place = place;
            let change = ChangeSet::from(WrapChange::PutBox { kind, row });
            if let Err(error) = store.commit(change).await {
                tracing::debug!(%error, "an account box was not stored");
            }
        });
    }
}

/// The wrap of an authenticated version for its holder, and the place it was made for.
fn wrap_of(holder: Holder, read: Keyed<'_>) -> Result<(Wrapped, WrapContext), VaultError> {
    let row = read.wrap.ok_or(VaultError::Tampered(REFUSED))?;
    if (row.grant, row.recipient) != (holder.stored, holder.user_id) {
        return Err(VaultError::Tampered(REFUSED));
    }
    let wrapped = Wrapped::parse(&row.wrap).map_err(stored(REFUSED))?;
    let place = holder.place(read.record, read.version, row.recipient_generation);
    Ok((wrapped, place))
}

/// The place of a version's contents. Credentials are sealed as such only for wraps of their keys.
pub(super) fn payload_place(owner: Member, record: Record, version: u64) -> PayloadContext {
    PayloadContext {
        org: owner.owner().org,
        owner: owner.owner().user,
        kind: match record.kind {
            RecordKind::Value => ObjectKind::Value,
            RecordKind::File => ObjectKind::File,
            RecordKind::Credential => ObjectKind::Credential,
        },
        record: (*record.record_id.as_bytes()).into(),
        record_version: version,
        data_key_generation: FIRST_DATA_KEY,
    }
}

/// Opens the wrap with the private keys it was made for.
fn unwrap(
    ring: &CheckedRing,
    kek: &Kek,
    wrapped: &Wrapped,
    place: &WrapContext,
) -> Result<DataKey, VaultError> {
    let private = ring.private_keys(kek, place.recipient_generation)?;
    wrapped.unwrap(&private, place).map_err(stored(REFUSED))
}
