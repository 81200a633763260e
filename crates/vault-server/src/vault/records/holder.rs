//! Who holds a wrapped data key of a record, and on what ground.

use hardened_crypto::data_key::DataKey;
use hardened_crypto::rekey::StoredKeyPair;
use hardened_crypto::wrap::{self, WrapContext, Wrapped};
use vault_store::UserId;
use vault_store::rows::{Grant, Permission, Record, RecordKind, ShareRow, WrapRow};

use super::payload_place;
use crate::vault::access::Member;
use crate::vault::error::{VaultError, made};

/// The owner of a record, or the recipient of a share of it.
#[derive(Clone, Copy)]
pub(in crate::vault) struct Holder {
    /// Whose record.
    pub(in crate::vault) owner: Member,
    /// Who holds the wrap.
    pub(super) user_id: UserId,
    /// On what ground, as it is stored.
    pub(super) stored: Grant,
    /// The same with its terms, as it is bound.
    bound: wrap::Grant,
}

impl Holder {
    pub(in crate::vault) fn owner(owner: Member) -> Self {
        Self {
            owner,
            user_id: owner.user_id,
            stored: Grant::Owner,
            bound: wrap::Grant::Owner,
        }
    }

    /// The recipient of an authenticated share.
    pub(in crate::vault) fn of(share: &ShareRow) -> Result<Self, VaultError> {
        if share.permission != permission_of(share.kind) {
            return Err(VaultError::Tampered("shares"));
        }
        let permission = match share.permission {
            Permission::Read => wrap::Permission::Read,
            Permission::Use => wrap::Permission::Use,
        };
        Ok(Self {
            owner: Member {
                org_id: share.org_id,
                user_id: share.owner,
            },
            user_id: share.recipient,
            stored: Grant::Share(share.share_id),
            bound: wrap::Grant::Share {
                share: (*share.share_id.as_bytes()).into(),
                permission,
                expires_utc_ms: share.expires.map(|expires| expires.0),
            },
        })
    }

    /// The place of the holder's wrap of a version.
    pub(in crate::vault) fn place(
        self,
        record: Record,
        version: u64,
        generation: u32,
    ) -> WrapContext {
        let payload = payload_place(self.owner, record, version);
        WrapContext {
            org: payload.org,
            owner: payload.owner,
            kind: payload.kind,
            record: payload.record,
            record_version: version,
            data_key_generation: payload.data_key_generation,
            recipient: (*self.user_id.as_bytes()).into(),
            recipient_generation: generation,
            grant: self.bound,
        }
    }

    /// Wraps the data key of a version to the holder.
    pub(in crate::vault) fn wrap(
        self,
        data_key: &DataKey,
        record: Record,
        version: u64,
        keys: &StoredKeyPair,
    ) -> Result<WrapRow, VaultError> {
        let place = self.place(record, version, keys.generation);
        let wrapped = Wrapped::wrap(data_key, &keys.public, &place).map_err(made)?;
        Ok(WrapRow {
            record_id: record.record_id,
            value_version: version,
            recipient: self.user_id,
            recipient_generation: keys.generation,
            grant: self.stored,
            wrap: wrapped.as_bytes().to_vec(),
        })
    }
}

/// What a share of such a record allows: contents are read, credentials are used.
pub(in crate::vault) const fn permission_of(kind: RecordKind) -> Permission {
    match kind {
        RecordKind::Value | RecordKind::File => Permission::Read,
        RecordKind::Credential => Permission::Use,
    }
}
