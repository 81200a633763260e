//! Reads of files.

use async_trait::async_trait;

use super::Page;
use crate::error::StoreError;
use crate::ids::{BlobId, OrgId, RecordId, ShareId, UserId};
use crate::rows::{AccountBoxRow, FileRow, ShareRow, WrapRow};

/// All that one reader needs to open a file, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    /// The file.
    pub file: FileRow,
    /// The data key, wrapped to the reader; `None` if nobody did.
    pub wrap: Option<WrapRow>,
    /// The data key under the reader's account key, if it is cached.
    pub account_box: Option<AccountBoxRow>,
}

/// A file, read by the recipient of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFileRead {
    /// The share.
    pub share: ShareRow,
    /// The file, with what the recipient needs to open it.
    pub read: FileRead,
}

/// Reads files.
#[async_trait]
pub trait FileStore: Send + Sync {
    /// One file of one owner, with what `reader` needs to open it.
    async fn read_file(
        &self,
        org_id: OrgId,
        owner: UserId,
        file_id: RecordId,
        reader: UserId,
    ) -> Result<Option<FileRead>, StoreError>;

    /// Files of one owner by ascending id, after `after`, with what the owner needs to open their
    /// labels.
    async fn files(
        &self,
        org_id: OrgId,
        owner: UserId,
        after: Option<RecordId>,
        limit: u32,
    ) -> Result<Page<FileRead>, StoreError>;

    /// A shared file with what the recipient needs to open it. `Ok(None)` if the share is absent
    /// or shares no file.
    async fn shared_file(&self, share_id: ShareId) -> Result<Option<SharedFileRead>, StoreError>;

    /// Those of `bodies` that no file has or had, in their order: orphans, if no upload is under
    /// way. Those of erased files are not among them until they are forgotten. At most
    /// [`LIST_LIMIT_MAX`](crate::limits::LIST_LIMIT_MAX) at a time, else
    /// [`StoreError::TooLarge`].
    async fn unused_bodies(&self, bodies: &[BlobId]) -> Result<Vec<BlobId>, StoreError>;

    /// Bodies that files let go of, to be removed and then
    /// [forgotten](crate::FileChange::ForgetErasedBody); by ascending id, after `after`.
    async fn erased_bodies(
        &self,
        after: Option<BlobId>,
        limit: u32,
    ) -> Result<Page<BlobId>, StoreError>;
}
