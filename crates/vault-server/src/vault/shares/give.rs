//! Gives a record to one more reader or user, or changes the terms of that.

use hardened_crypto::key_pair::Fingerprint;
use hardened_crypto::rekey::StoredKeyPair;
use hardened_crypto::user_secret::Kek;
use hardened_crypto::wrap::Alias;
use secrecy::SecretSlice;
use uuid::Uuid;
use vault_store::rows::{FIRST_VERSION, Permission, Record, ShareRow, WrapRow};
use vault_store::{ShareChange, StoreError, UserId, UtcMillis};

use super::alias::Parties;
use super::{Share, shown};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::commit::CommitError;
use crate::vault::error::{Invalid, VaultError};
use crate::vault::keys::CheckedRing;
use crate::vault::principal::Principal;
use crate::vault::records::{Holder, OwnRecord, permission_of};
use crate::vault::row_integrity::UNSIGNED;

/// A share to make, or its new terms.
#[derive(Debug, Clone, Copy)]
pub struct NewShare<'a> {
    /// Who may read or use it, of the same organisation.
    pub recipient: UserId,
    /// What the recipient shall be allowed to do: what goes with the kind of record.
    pub permission: Permission,
    /// The recipient's public keys must have this fingerprint.
    pub fingerprint: Option<Fingerprint>,
    /// What the two shall call it.
    pub alias: Option<&'a Alias>,
    /// Over from this very millisecond.
    pub expires: Option<UtcMillis>,
}

impl Vault {
    /// Lets a colleague read a value or file, or use a credential, from its current version on.
    /// For a colleague who may already, alias and expiry are replaced and the id stays.
    ///
    /// # Errors
    /// `NotFound` for the record and for the recipient, who may be disabled or elsewhere;
    /// `Invalid` for a share with oneself, for a permission that does not go with the kind of
    /// record, and for an expiry that is not in the future;
    /// `RecipientKeysMissing`; `FingerprintMismatch`; `TooManyShares`; those of the secret;
    /// `Conflict` when others were faster many times.
    pub async fn share(
        &self,
        caller: &Principal,
        what: OwnRecord<'_>,
        new: NewShare<'_>,
        secret: &SecretSlice<u8>,
    ) -> Result<Share, VaultError> {
        let owner = access::member(caller)?;
        if new.recipient == owner.user_id {
            return Err(VaultError::Invalid(Invalid::SelfShare));
        }
        if new.permission != permission_of(what.kind()) {
            return Err(VaultError::Invalid(Invalid::Permission));
        }
        self.check_in_future(new.expires)?;
        self.own_record(owner, what).await?;
        self.recipient_keys(owner, new).await?;
        let ring = self.key_ring(owner).await?.ok_or(VaultError::KeysMissing)?;
        let kek = self.unlock(owner, secret, &ring).await?;
        let attempt = || self.try_share(owner, what, new, (&ring, &kek));
        self.turns.retry((owner, what), attempt).await
    }

    async fn try_share(
        &self,
        owner: Member,
        what: OwnRecord<'_>,
        new: NewShare<'_>,
        (ring, kek): (&CheckedRing, &Kek),
    ) -> Result<Share, VaultError> {
        self.check_in_future(new.expires)?;
        let found = self.own_record(owner, what).await?;
        let read = found.keyed();
        let record = read.record;
        let ring = self.keys_now(owner, ring).await?;
        let keys = self.recipient_keys(owner, new).await?;
        let old = self.store.share_with(record, new.recipient).await?;
        if let Some(old) = &old {
            self.check_share_of(owner, record, old)?;
        }
        let mut row = self.terms(owner, record, new, old.as_ref());
        self.put_alias(&mut row, new.alias, &keys, &ring, kek)?;
        let row = self.integrity.sign(row);
        let share = shown(&row, None);
        let data_key = self.data_key(Holder::owner(owner), read, &ring, kek)?;
        let wrap = Holder::of(&row)?.wrap(&data_key, record, read.version, &keys)?;
        let change = change(read.row_version, old, row, wrap);
        match self.commit(change).await {
            Ok(_) => Ok(share),
            Err(CommitError::Store(StoreError::TooLarge(_))) => Err(VaultError::TooManyShares),
            Err(error) => Err(error.into()),
        }
    }

    /// The row of the share, without aliases.
    fn terms(
        &self,
        owner: Member,
        record: Record,
        new: NewShare<'_>,
        old: Option<&ShareRow>,
    ) -> ShareRow {
        ShareRow {
            share_id: old.map_or_else(|| Uuid::now_v7().into(), |old| old.share_id),
            org_id: owner.org_id,
            kind: record.kind,
            record_id: record.record_id,
            owner: owner.user_id,
            recipient: new.recipient,
            permission: new.permission,
            created: old.map_or_else(|| self.clock.utc(), |old| old.created),
            expires: new.expires,
            alias_wrap: None,
            owner_alias_box: None,
            version: old.map_or(FIRST_VERSION, |old| old.version + 1),
            mac: UNSIGNED,
        }
    }

    fn put_alias(
        &self,
        row: &mut ShareRow,
        alias: Option<&Alias>,
        keys: &StoredKeyPair,
        ring: &CheckedRing,
        kek: &Kek,
    ) -> Result<(), VaultError> {
        let Some(alias) = alias else {
            return Ok(());
        };
        let parties = Parties::of(row);
        let account_key = ring.account_key(kek)?;
        let own_generation = ring.keys.current_generation;
        let wrapped = parties.wrap(alias, &keys.public, keys.generation)?;
        let own = (&account_key, own_generation);
        row.owner_alias_box = Some(parties.box_for_owner(alias, own, &wrapped)?);
        row.alias_wrap = Some(wrapped);
        Ok(())
    }

    fn check_in_future(&self, expires: Option<UtcMillis>) -> Result<(), VaultError> {
        if expires.is_some_and(|expires| expires <= self.clock.utc()) {
            return Err(VaultError::Invalid(Invalid::ExpiryInPast));
        }
        Ok(())
    }

    /// The recipient's current public keys, from authenticated rows.
    async fn recipient_keys(
        &self,
        owner: Member,
        new: NewShare<'_>,
    ) -> Result<StoredKeyPair, VaultError> {
        let user = self.store.user(owner.org_id, new.recipient).await?;
        let user = user.ok_or(VaultError::NotFound)?;
        self.integrity.check(&user)?;
        if user.disabled {
            return Err(VaultError::NotFound);
        }
        let whose = Member {
            user_id: new.recipient,
            ..owner
        };
        let ring = self.key_ring(whose).await?;
        let keys = ring.ok_or(VaultError::RecipientKeysMissing)?.current()?;
        match new.fingerprint {
            Some(pinned) if pinned != keys.public.fingerprint() => {
                Err(VaultError::FingerprintMismatch)
            }
            _ => Ok(keys),
        }
    }
}

/// The share with the wrapped data key of the record's current version.
fn change(record_version: u64, old: Option<ShareRow>, row: ShareRow, wrap: WrapRow) -> ShareChange {
    let wraps = vec![wrap];
    match old {
        None => ShareChange::Insert {
            row,
            record_version,
            wraps,
        },
        Some(old) => ShareChange::Replace {
            expected_version: old.version,
            row,
            record_version,
            wraps,
        },
    }
}
