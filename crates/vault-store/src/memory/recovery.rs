//! Trustees and staged restores in memory.

use async_trait::async_trait;

use super::apply::{Applied, insert, replace, require};
use super::{MemoryStore, Tables, page};
use crate::change_set::RecoveryChange;
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, RestoreId, UserId};
use crate::limits::{RECOVERY_PAGE_MAX, RESTORES_MAX};
use crate::rows::{RestoreState, StagedRestoreRow, TrusteeRow};
use crate::store::{Page, RecoveryStore};

impl Tables {
    pub(super) fn recovery_change(&mut self, change: &RecoveryChange) -> Applied {
        match change {
            RecoveryChange::InsertTrustee(row) => self.insert_trustee(row),
            RecoveryChange::ReplaceTrustee {
                expected_version,
                row,
            } => {
                let place = (row.org_id, row.owner, row.trustee);
                let stored = self.trustees.get_mut(&place);
                replace(stored, row, conflict::TRUSTEE, |old| {
                    (old.version, old.created) == (*expected_version, row.created)
                })
            }
            RecoveryChange::DeleteTrustee {
                org_id,
                owner,
                trustee,
                expected_version,
            } => {
                let place = (*org_id, *owner, *trustee);
                let stored = self.trustees.get(&place).map(|row| row.version);
                require(stored == Some(*expected_version), conflict::TRUSTEE)?;
                self.trustees.remove(&place);
                self.restores
                    .retain(|_, row| (row.org_id, row.owner, row.trustee) != place);
                Ok(())
            }
            RecoveryChange::InsertRestore(row) => self.insert_restore(row),
            RecoveryChange::ReplaceRestore {
                expected_version,
                row,
            } => {
                let stored = self.restores.get_mut(&row.restore_id);
                replace(stored, row, conflict::RESTORE, |old| {
                    let expected = StagedRestoreRow {
                        state: RestoreState::Pending,
                        version: *expected_version,
                        mac: old.mac,
                        ..row.clone()
                    };
                    *old == expected
                })
            }
            RecoveryChange::DeleteRestore {
                restore_id,
                expected_version,
            } => {
                let stored = self.restores.get(restore_id).map(|row| row.version);
                require(stored == Some(*expected_version), conflict::RESTORE)?;
                self.restores.remove(restore_id);
                Ok(())
            }
            RecoveryChange::DeleteRestores {
                org_id,
                owner,
                trustee,
            } => {
                self.restores.retain(|_, row| {
                    (row.org_id, row.owner) != (*org_id, *owner)
                        || trustee.is_some_and(|trustee| row.trustee != trustee)
                });
                Ok(())
            }
            RecoveryChange::ExpectTrustee {
                org_id,
                owner,
                trustee,
                expected_version,
            } => {
                let stored = self.trustees.get(&(*org_id, *owner, *trustee));
                let version = stored.map(|row| row.version);
                require(version == Some(*expected_version), conflict::TRUSTEE)
            }
        }
    }

    fn insert_trustee(&mut self, row: &TrusteeRow) -> Applied {
        let place = (row.org_id, row.owner, row.trustee);
        require(!self.trustees.contains_key(&place), conflict::TRUSTEE)?;
        for user in [row.owner, row.trustee] {
            require(
                self.users.contains_key(&(row.org_id, user)),
                conflict::PARENT,
            )?;
        }
        insert(&mut self.trustees, place, row, conflict::TRUSTEE)
    }

    fn insert_restore(&mut self, row: &StagedRestoreRow) -> Applied {
        let place = (row.org_id, row.owner, row.trustee);
        let stored = self
            .restores
            .values()
            .filter(|other| (other.org_id, other.owner, other.trustee) == place)
            .count();
        if stored >= RESTORES_MAX as usize {
            return Err(StoreError::TooLarge("restores by a trustee"));
        }
        require(
            !self.restores.contains_key(&row.restore_id),
            conflict::RESTORE,
        )?;
        require(self.trustees.contains_key(&place), conflict::PARENT)?;
        insert(&mut self.restores, row.restore_id, row, conflict::RESTORE)
    }

    /// Erases a user as owner and as trustee.
    pub(super) fn erase_recovery_of(&mut self, org_id: OrgId, user_id: UserId) {
        self.trustees
            .retain(|place, _| place.0 != org_id || (place.1 != user_id && place.2 != user_id));
        let trustees = &self.trustees;
        self.restores
            .retain(|_, row| trustees.contains_key(&(row.org_id, row.owner, row.trustee)));
    }
}

#[async_trait]
impl RecoveryStore for MemoryStore {
    async fn trustee(
        &self,
        org_id: OrgId,
        owner: UserId,
        trustee: UserId,
    ) -> Result<Option<TrusteeRow>, StoreError> {
        let place = (org_id, owner, trustee);
        Ok(self.tables().trustees.get(&place).cloned())
    }

    async fn trustees(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<TrusteeRow>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .trustees
            .values()
            .filter(|row| (row.org_id, row.owner) == (org_id, owner))
            .filter(|row| after.is_none_or(|after| row.trustee > after));
        Ok(page(rows.cloned(), limit.min(RECOVERY_PAGE_MAX)))
    }

    async fn trusting_owners(
        &self,
        org_id: OrgId,
        trustee: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<TrusteeRow>, StoreError> {
        let tables = self.tables();
        // The map is ordered by owner within the organisation.
        let rows = tables
            .trustees
            .values()
            .filter(|row| (row.org_id, row.trustee) == (org_id, trustee))
            .filter(|row| after.is_none_or(|after| row.owner > after));
        Ok(page(rows.cloned(), limit.min(RECOVERY_PAGE_MAX)))
    }

    async fn restore(&self, restore_id: RestoreId) -> Result<Option<StagedRestoreRow>, StoreError> {
        Ok(self.tables().restores.get(&restore_id).cloned())
    }

    async fn restores(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RestoreId>,
        limit: u32,
    ) -> Result<Page<StagedRestoreRow>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .restores
            .range(super::after(after))
            .map(|(_, row)| row)
            .filter(|row| (row.org_id, row.owner) == (org_id, owner));
        Ok(page(rows.cloned(), limit.min(RECOVERY_PAGE_MAX)))
    }
}
