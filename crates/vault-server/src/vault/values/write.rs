//! Writes a version of a value. Needs public keys, the owner's and those of everyone the value
//! is shared with, not the secret.

use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload;
use hardened_crypto::rekey::StoredKeyPair;
use hardened_crypto::suite::HEADER_BYTES;
use uuid::Uuid;
use vault_store::rows::{FIRST_VERSION, Record, ShareRow, ValueRow, ValueVersionRow};
use vault_store::{Change, ChangeSet, Expect, PutValue, UtcMillis};

use super::{Precondition, visible};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::{Invalid, VaultError, made};
use crate::vault::limits::METADATA_BYTES_MAX;
use crate::vault::principal::Principal;
use crate::vault::records::payload_place;
use crate::vault::row_integrity::UNSIGNED;
use crate::vault::shares::{deletion, wrap_to_all};
use crate::vault::value_name::ValueName;

/// What shall be stored under a name.
#[derive(Clone, Copy)]
pub struct NewValue<'a> {
    /// The value.
    pub value: &'a [u8],
    /// A JSON object as text, sealed beside the value.
    pub metadata: Option<&'a str>,
    /// Hidden and unreadable from this very millisecond.
    pub expires: Option<UtcMillis>,
    /// What must be there now.
    pub precondition: &'a Precondition,
}

/// What a write finds, authenticated, and what it ends.
pub(in crate::vault) struct Over {
    /// The row of the value, if there is one.
    pub(in crate::vault) stored: Option<ValueRow>,
    /// The share to end in the same step.
    pub(in crate::vault) revoked: Option<ShareRow>,
}

/// A version that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub version: u64,
    /// When it was written.
    pub created: UtcMillis,
    /// Whether the caller could see nothing under this name before.
    pub is_new: bool,
}

impl Vault {
    /// Stores a new version of a value. Over one that is hidden, deleted or expired, its shares
    /// end in the same step: they were of what was hidden.
    ///
    /// # Errors
    /// `KeysMissing` before the caller has keys; `TooLarge`; `Invalid` for an expiry that is
    /// not in the future; `PreconditionFailed`; `Conflict` when others were faster many times.
    pub async fn put_value(
        &self,
        caller: &Principal,
        name: &ValueName,
        new: NewValue<'_>,
    ) -> Result<Written, VaultError> {
        let owner = access::member(caller)?;
        self.check_sizes(new)?;
        let attempt = || self.try_put(owner, name, new);
        self.turns.retry((owner, name.as_str()), attempt).await
    }

    /// Refuses what is larger than its bound.
    pub(super) fn check_sizes(&self, new: NewValue<'_>) -> Result<(), VaultError> {
        let metadata_bytes = new.metadata.map_or(0, str::len);
        if new.value.len() > self.limits.value_bytes_max || metadata_bytes > METADATA_BYTES_MAX {
            return Err(VaultError::TooLarge);
        }
        Ok(())
    }

    async fn try_put(
        &self,
        owner: Member,
        name: &ValueName,
        new: NewValue<'_>,
    ) -> Result<Written, VaultError> {
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let keys = ring.current()?;
        let stored = self.value_row(owner, name).await?;
        let over = Over {
            stored,
            revoked: None,
        };
        self.put_over(owner, name, over, new, &keys).await
    }

    /// Writes a version for its owner and every live recipient, and ends every share of a value
    /// that is hidden; `Conflict` if anything changed since `over` was read.
    pub(in crate::vault) async fn put_over(
        &self,
        owner: Member,
        name: &ValueName,
        over: Over,
        new: NewValue<'_>,
        keys: &StoredKeyPair,
    ) -> Result<Written, VaultError> {
        let Over { stored, revoked } = over;
        let now = self.clock.utc();
        let seen = stored.as_ref().filter(|row| visible(row, now));
        if !new.precondition.holds(seen.map(|row| row.current_version)) {
            return Err(VaultError::PreconditionFailed);
        }
        if new.expires.is_some_and(|expires| expires <= now) {
            return Err(VaultError::Invalid(Invalid::ExpiryInPast));
        }
        let is_new = seen.is_none();
        let (share_revision, mut recipients) = match &stored {
            Some(row) => {
                self.recipients(owner, Record::value(row.record_id), now)
                    .await?
            }
            None => (0, Vec::new()),
        };
        let ended: Vec<ShareRow> = match revoked {
            Some(share) => {
                recipients.retain(|recipient| recipient.share.share_id != share.share_id);
                vec![share]
            }
            // Whoever was given what is hidden now, where its owner lists no share, was not given
            // this.
            None if is_new => recipients.drain(..).map(|one| one.share).collect(),
            None => Vec::new(),
        };
        let (expected, row) = next_row(owner, name, stored, new.expires, now);
        let version = row.current_version;
        let place = (Record::value(row.record_id), version);
        let data_key = DataKey::make().map_err(made)?;
        let version_row = seal(owner, &row, new, &data_key, now)?;
        let put = PutValue {
            expected,
            version_row: self.integrity.sign(version_row),
            wraps: wrap_to_all(owner, place, &data_key, keys, &recipients).await?,
            row: self.integrity.sign(row),
            versions_kept: self.limits.versions_kept,
        };
        let mut changes = ChangeSet::from(Change::PutSharedValue {
            put,
            share_revision,
        });
        for share in &ended {
            changes.push(deletion(share).into());
        }
        self.commit(changes).await?;
        Ok(Written {
            version,
            created: now,
            is_new,
        })
    }
}

/// The value's row after the write, and what it replaces.
fn next_row(
    owner: Member,
    name: &ValueName,
    stored: Option<ValueRow>,
    expires: Option<UtcMillis>,
    now: UtcMillis,
) -> (Expect, ValueRow) {
    match stored {
        Some(row) => {
            let next = ValueRow {
                current_version: row.current_version + 1,
                updated: now,
                deleted: None,
                expires,
                version: row.version + 1,
                ..row
            };
            (Expect::Version(row.version), next)
        }
        None => {
            let first = ValueRow {
                record_id: Uuid::now_v7().into(),
                org_id: owner.org_id,
                owner: owner.user_id,
                name: name.as_str().to_owned(),
                current_version: 1,
                created: now,
                updated: now,
                deleted: None,
                expires,
                version: FIRST_VERSION,
                mac: UNSIGNED,
            };
            (Expect::Absent, first)
        }
    }
}

/// Seals value and metadata under a new data key.
fn seal(
    owner: Member,
    row: &ValueRow,
    new: NewValue<'_>,
    data_key: &DataKey,
    now: UtcMillis,
) -> Result<ValueVersionRow, VaultError> {
    let (record_id, version) = (row.record_id, row.current_version);
    let place = payload_place(owner, Record::value(record_id), version);
    let sealed = payload::seal(data_key, &place, new.value).map_err(made)?;
    let seal_label = |text: &str| payload::seal_label(data_key, &place, text.as_bytes());
    let metadata_box = new.metadata.map(seal_label).transpose().map_err(made)?;
    Ok(ValueVersionRow {
        record_id,
        value_version: version,
        // A copy, so that envelopes of one suite can be found without reading payloads.
        header: sealed[..HEADER_BYTES].to_vec(),
        payload: sealed,
        metadata_box,
        created: now,
        expires: new.expires,
        mac: UNSIGNED,
    })
}
