//! Files in memory.

use async_trait::async_trait;

use super::apply::{Applied, insert, replace, require};
use super::{MemoryStore, Tables, after, page};
use crate::change_set::FileChange;
use crate::error::{StoreError, conflict};
use crate::ids::{BlobId, OrgId, RecordId, ShareId, UserId};
use crate::limits::LIST_LIMIT_MAX;
use crate::rows::{FileRow, RecordKind, WrapRow};
use crate::store::{FileRead, FileStore, Page, SharedFileRead};

impl Tables {
    pub(super) fn file_change(&mut self, change: &FileChange) -> Applied {
        match change {
            FileChange::Insert { row, wraps } => self.insert_file(row, wraps),
            FileChange::ReplaceBody {
                expected_version,
                share_revision,
                row,
                wraps,
            } => self.replace_body(*expected_version, *share_revision, row, wraps),
            FileChange::Delete {
                org_id,
                owner,
                file_id,
                expected_version,
            } => {
                let stored = self.files.get(file_id);
                let found = stored.map(|row| (row.org_id, row.owner, row.version));
                require(
                    found == Some((*org_id, *owner, *expected_version)),
                    conflict::FILE,
                )?;
                self.erase_file(*file_id);
                Ok(())
            }
            FileChange::ForgetErasedBody(body) => {
                self.erased_bodies.remove(body);
                Ok(())
            }
        }
    }

    fn insert_file(&mut self, row: &FileRow, wraps: &[WrapRow]) -> Applied {
        self.require_new_body(row.body)?;
        require(!self.files.contains_key(&row.file_id), conflict::FILE)?;
        require(
            self.users.contains_key(&(row.org_id, row.owner)),
            conflict::PARENT,
        )?;
        insert(&mut self.files, row.file_id, row, conflict::FILE)?;
        wraps
            .iter()
            .try_for_each(|wrap| self.insert_wrap(RecordKind::File, wrap))
    }

    fn replace_body(
        &mut self,
        expected: u64,
        share_revision: u64,
        row: &FileRow,
        wraps: &[WrapRow],
    ) -> Applied {
        self.require_new_body(row.body)?;
        let old_body = self.files.get(&row.file_id).map(|old| old.body);
        let stored = self.files.get_mut(&row.file_id);
        replace(stored, row, conflict::FILE, |old| {
            (old.org_id, old.owner, old.created) == (row.org_id, row.owner, row.created)
                && (old.version, old.content_version + 1) == (expected, row.content_version)
        })?;
        self.expect_revision(row.record(), share_revision)?;
        self.erased_bodies.extend(old_body);
        self.erase_wraps_up_to(row.record(), u64::MAX);
        wraps
            .iter()
            .try_for_each(|wrap| self.insert_wrap(RecordKind::File, wrap))
    }

    /// Erases a file with its wraps, boxes and shares, and notes its body down.
    pub(super) fn erase_file(&mut self, file_id: RecordId) {
        if let Some(row) = self.files.remove(&file_id) {
            self.erased_bodies.insert(row.body);
            self.erase_wraps_up_to(row.record(), u64::MAX);
            self.forget_shares(row.record());
        }
    }

    fn require_new_body(&self, body: BlobId) -> Applied {
        let used = self.files.values().any(|row| row.body == body);
        require(!used && !self.erased_bodies.contains(&body), conflict::FILE)
    }

    fn read_file(&self, file: &FileRow, reader: UserId) -> FileRead {
        let place = (file.record(), file.content_version, reader);
        FileRead {
            file: file.clone(),
            wrap: self.wraps.get(&place).cloned(),
            account_box: self.account_boxes.get(&place).cloned(),
        }
    }
}

#[async_trait]
impl FileStore for MemoryStore {
    async fn read_file(
        &self,
        org_id: OrgId,
        owner: UserId,
        file_id: RecordId,
        reader: UserId,
    ) -> Result<Option<FileRead>, StoreError> {
        let tables = self.tables();
        let stored = tables.files.get(&file_id);
        let found = stored.filter(|file| (file.org_id, file.owner) == (org_id, owner));
        Ok(found.map(|file| tables.read_file(file, reader)))
    }

    async fn files(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Page<FileRead>, StoreError> {
        let tables = self.tables();
        let rows = tables
            .files
            .range(super::after(after))
            .map(|(_, file)| file)
            .filter(|file| (file.org_id, file.owner) == (org_id, owner))
            .map(|file| tables.read_file(file, owner));
        Ok(page(rows, limit))
    }

    async fn shared_file(&self, share_id: ShareId) -> Result<Option<SharedFileRead>, StoreError> {
        let tables = self.tables();
        let share = tables
            .shares
            .get(&share_id)
            .filter(|share| share.kind == RecordKind::File);
        Ok(share.and_then(|share| {
            let file = tables.files.get(&share.record_id)?;
            Some(SharedFileRead {
                share: share.clone(),
                read: tables.read_file(file, share.recipient),
            })
        }))
    }

    async fn unused_bodies(&self, bodies: &[BlobId]) -> Result<Vec<BlobId>, StoreError> {
        if bodies.len() > LIST_LIMIT_MAX as usize {
            return Err(StoreError::TooLarge("bodies in one question"));
        }
        let tables = self.tables();
        let is_known = |body: &BlobId| {
            tables.erased_bodies.contains(body)
                || tables.files.values().any(|file| file.body == *body)
        };
        Ok(bodies
            .iter()
            .copied()
            .filter(|body| !is_known(body))
            .collect())
    }

    async fn erased_bodies(
        &self,
        after_body: Option<BlobId>,
        limit: u32,
    ) -> Result<Page<BlobId>, StoreError> {
        let tables = self.tables();
        let erased = tables.erased_bodies.range(after(after_body));
        Ok(page(erased.copied(), limit))
    }
}
