//! Stored credentials in memory.

use async_trait::async_trait;

use super::apply::{Applied, insert, replace, require};
use super::{MemoryStore, Tables, page};
use crate::change_set::{Committed, CredentialChange};
use crate::error::{StoreError, conflict};
use crate::ids::{OrgId, RecordId, UserId};
use crate::limits::CREDENTIAL_VERSIONS_PAGE_MAX;
use crate::rows::{CredentialRow, CredentialVersionRow, Record, RecordKind, ShareRow, WrapRow};
use crate::store::{Candidate, CredentialRead, CredentialStore, ListCandidates, Page};

impl Tables {
    pub(super) fn credential_change(
        &mut self,
        change: &CredentialChange,
        committed: &mut Committed,
    ) -> Applied {
        match change {
            CredentialChange::Insert {
                row,
                version_row,
                wraps,
            } => {
                self.insert_credential(row)?;
                self.insert_credential_version(version_row, wraps)
            }
            CredentialChange::PutVersion {
                expected_version,
                share_revision,
                row,
                version_row,
                wraps,
                versions_kept,
            } => {
                self.replace_credential(*expected_version, row.newest_version - 1, row)?;
                self.expect_revision(row.record(), *share_revision)?;
                self.insert_credential_version(version_row, wraps)?;
                let newest_erased = row.newest_version.saturating_sub((*versions_kept).into());
                committed.versions_erased +=
                    self.erase_credential_versions(row.credential_id, newest_erased);
                Ok(())
            }
            CredentialChange::Replace {
                expected_version,
                row,
            } => {
                self.replace_credential(*expected_version, row.newest_version, row)?;
                let place = (row.credential_id, row.current_version);
                let agrees = self.credential_versions.get(&place).is_some_and(|version| {
                    (&version.host_pattern, &version.header, &version.template)
                        == (&row.host_pattern, &row.header, &row.template)
                });
                require(agrees, conflict::CREDENTIAL)
            }
            CredentialChange::Delete {
                org_id,
                owner,
                credential_id,
                expected_version,
            } => {
                let stored = self.credentials.get(credential_id);
                let found = stored.map(|row| (row.org_id, row.owner, row.version));
                require(
                    found == Some((*org_id, *owner, *expected_version)),
                    conflict::CREDENTIAL,
                )?;
                self.erase_credential(*credential_id);
                Ok(())
            }
        }
    }

    fn insert_credential(&mut self, row: &CredentialRow) -> Applied {
        require(
            !self.credentials.contains_key(&row.credential_id),
            conflict::CREDENTIAL,
        )?;
        self.require_free_name(row)?;
        require(
            self.users.contains_key(&(row.org_id, row.owner)),
            conflict::PARENT,
        )?;
        insert(
            &mut self.credentials,
            row.credential_id,
            row,
            conflict::CREDENTIAL,
        )
    }

    fn replace_credential(
        &mut self,
        expected: u64,
        expected_newest: u64,
        row: &CredentialRow,
    ) -> Applied {
        self.require_free_name(row)?;
        let stored = self.credentials.get_mut(&row.credential_id);
        replace(stored, row, conflict::CREDENTIAL, |old| {
            (old.org_id, old.owner, old.created) == (row.org_id, row.owner, row.created)
                && (old.version, old.newest_version) == (expected, expected_newest)
        })
    }

    fn require_free_name(&self, row: &CredentialRow) -> Applied {
        let taken = self.credentials.values().any(|other| {
            (other.org_id, other.owner, &other.name) == (row.org_id, row.owner, &row.name)
                && other.credential_id != row.credential_id
        });
        require(!taken, conflict::CREDENTIAL)
    }

    fn insert_credential_version(
        &mut self,
        row: &CredentialVersionRow,
        wraps: &[WrapRow],
    ) -> Applied {
        self.credential_versions
            .insert((row.credential_id, row.credential_version), row.clone());
        wraps
            .iter()
            .try_for_each(|wrap| self.insert_wrap(RecordKind::Credential, wrap))
    }

    /// Erases the versions up to `newest_erased`, with their wraps and boxes; how many there were.
    fn erase_credential_versions(&mut self, id: RecordId, newest_erased: u64) -> u64 {
        let before = self.credential_versions.len();
        self.credential_versions
            .retain(|place, _| place.0 != id || place.1 > newest_erased);
        self.erase_wraps_up_to(Record::credential(id), newest_erased);
        (before - self.credential_versions.len()) as u64
    }

    /// Erases a credential with all its versions, wraps, boxes and shares.
    pub(super) fn erase_credential(&mut self, credential_id: RecordId) {
        self.credentials.remove(&credential_id);
        self.erase_credential_versions(credential_id, u64::MAX);
        self.forget_shares(Record::credential(credential_id));
    }

    /// The share of a credential with a user, if there is one.
    fn share_of(&self, row: &CredentialRow, user_id: UserId) -> Option<&ShareRow> {
        self.shares_of(row.record())
            .find(|share| share.recipient == user_id)
    }
}

#[async_trait]
impl CredentialStore for MemoryStore {
    async fn credential(
        &self,
        org_id: OrgId,
        owner: UserId,
        credential_id: RecordId,
    ) -> Result<Option<CredentialRow>, StoreError> {
        let stored = self.tables().credentials.get(&credential_id).cloned();
        Ok(stored.filter(|row| (row.org_id, row.owner) == (org_id, owner)))
    }

    async fn credentials(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Page<CredentialRow>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .credentials
            .range(super::after(after))
            .map(|(_, row)| row)
            .filter(|row| (row.org_id, row.owner) == (org_id, owner));
        Ok(page(rows.cloned(), limit))
    }

    async fn candidates(&self, list: ListCandidates) -> Result<Page<Candidate>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .credentials
            .range(super::after(list.after))
            .map(|(_, row)| row)
            .filter(|row| row.org_id == list.org_id && row.is_live(list.now))
            .filter_map(|row| {
                let share = tables.share_of(row, list.user_id);
                let holds =
                    row.owner == list.user_id || share.is_some_and(|share| share.is_live(list.now));
                holds.then(|| Candidate {
                    credential: row.clone(),
                    share: share.cloned(),
                })
            });
        Ok(page(rows, list.limit))
    }

    async fn read_credential(
        &self,
        org_id: OrgId,
        credential_id: RecordId,
        credential_version: Option<u64>,
        reader: UserId,
    ) -> Result<Option<CredentialRead>, StoreError> {
        let tables = self.tables();
        let stored = tables.credentials.get(&credential_id);
        let Some(row) = stored.filter(|row| row.org_id == org_id) else {
            return Ok(None);
        };
        let version = credential_version.unwrap_or(row.current_version);
        let place = (row.record(), version, reader);
        let found = tables.credential_versions.get(&(credential_id, version));
        Ok(found.map(|version| CredentialRead {
            credential: row.clone(),
            version: version.clone(),
            wrap: tables.wraps.get(&place).cloned(),
            account_box: tables.account_boxes.get(&place).cloned(),
            share: tables.share_of(row, reader).cloned(),
        }))
    }

    async fn credential_versions(
        &self,
        org_id: OrgId,
        owner: UserId,
        credential_id: RecordId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Page<CredentialVersionRow>, StoreError> {
        let tables = self.tables();
        let stored = tables.credentials.get(&credential_id);
        let is_own = stored.is_some_and(|row| (row.org_id, row.owner) == (org_id, owner));
        let rows = tables
            .credential_versions
            .values()
            .filter(|row| is_own && row.credential_id == credential_id)
            .filter(|row| row.credential_version > after.unwrap_or(0));
        Ok(page(rows.cloned(), limit.min(CREDENTIAL_VERSIONS_PAGE_MAX)))
    }
}
