//! Hides a value, brings it back, or erases it for good.

use vault_store::Change;
use vault_store::rows::ValueRow;

use super::{Precondition, Written, visible};
use crate::vault::Vault;
use crate::vault::access::{self, Member};
use crate::vault::error::VaultError;
use crate::vault::principal::Principal;
use crate::vault::value_name::ValueName;

impl Vault {
    /// Hides a value. Its versions stay, and [`Vault::undelete_value`] brings them back.
    ///
    /// # Errors
    /// `NotFound`; `PreconditionFailed`; `Conflict` when others were faster many times.
    pub async fn delete_value(
        &self,
        caller: &Principal,
        name: &ValueName,
        precondition: &Precondition,
    ) -> Result<(), VaultError> {
        let owner = access::member(caller)?;
        let attempt = || self.try_delete(owner, name, precondition);
        self.turns.retry((owner, name.as_str()), attempt).await
    }

    /// Erases every version of a value, a hidden or expired one too. The name is free again.
    ///
    /// # Errors
    /// As [`Vault::delete_value`].
    pub async fn destroy_value(
        &self,
        caller: &Principal,
        name: &ValueName,
        precondition: &Precondition,
    ) -> Result<(), VaultError> {
        let owner = access::member(caller)?;
        let attempt = || self.try_destroy(owner, name, precondition);
        self.turns.retry((owner, name.as_str()), attempt).await
    }

    /// Brings a hidden value back. Leaves one alone that is not hidden.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it expired meanwhile; `PreconditionFailed`; `Conflict`
    /// when others were faster many times.
    pub async fn undelete_value(
        &self,
        caller: &Principal,
        name: &ValueName,
        precondition: &Precondition,
    ) -> Result<Written, VaultError> {
        let owner = access::member(caller)?;
        let attempt = || self.try_undelete(owner, name, precondition);
        self.turns.retry((owner, name.as_str()), attempt).await
    }

    async fn try_delete(
        &self,
        owner: Member,
        name: &ValueName,
        precondition: &Precondition,
    ) -> Result<(), VaultError> {
        let now = self.clock.utc();
        let row = self.value_row(owner, name).await?;
        let row = row
            .filter(|row| visible(row, now))
            .ok_or(VaultError::NotFound)?;
        if !precondition.holds(Some(row.current_version)) {
            return Err(VaultError::PreconditionFailed);
        }
        let deleted = ValueRow {
            deleted: Some(now),
            updated: now,
            ..row
        };
        self.replace(deleted).await
    }

    async fn try_destroy(
        &self,
        owner: Member,
        name: &ValueName,
        precondition: &Precondition,
    ) -> Result<(), VaultError> {
        let row = self.value_row(owner, name).await?;
        let row = row.ok_or(VaultError::NotFound)?;
        if !precondition.holds(Some(row.current_version)) {
            return Err(VaultError::PreconditionFailed);
        }
        let change = Change::DestroyValue {
            org_id: row.org_id,
            owner: row.owner,
            record_id: row.record_id,
            expected_version: row.version,
        };
        self.commit(change).await?;
        Ok(())
    }

    async fn try_undelete(
        &self,
        owner: Member,
        name: &ValueName,
        precondition: &Precondition,
    ) -> Result<Written, VaultError> {
        let now = self.clock.utc();
        let row = self.value_row(owner, name).await?;
        let row = row.ok_or(VaultError::NotFound)?;
        let was_hidden = row.deleted.is_some();
        let back = ValueRow {
            deleted: None,
            ..row
        };
        if !visible(&back, now) {
            return Err(VaultError::NotFound);
        }
        let version = back.current_version;
        if !precondition.holds(Some(version)) {
            return Err(VaultError::PreconditionFailed);
        }
        let read = super::stored_name(owner, name);
        let read = self.store.read_value(read, Some(version), owner.user_id);
        let version_row = read.await?.ok_or(VaultError::Conflict)?.version;
        self.integrity.check(&version_row)?;
        if was_hidden {
            let updated = ValueRow {
                updated: now,
                ..back
            };
            self.replace(updated).await?;
        }
        Ok(Written {
            version,
            created: version_row.created,
            is_new: false,
        })
    }

    /// Replaces the stored row of the same version by `row`.
    async fn replace(&self, row: ValueRow) -> Result<(), VaultError> {
        let change = Change::ReplaceValue {
            expected_version: row.version,
            row: self.integrity.sign(ValueRow {
                version: row.version + 1,
                ..row
            }),
        };
        self.commit(change).await?;
        Ok(())
    }
}
