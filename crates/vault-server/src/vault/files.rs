//! Files: one row each, and a sealed body beside the database.
//!
//! In: a caller, a name and a type, a stream of bytes. Out: a file, and its bytes again from any
//! place on for whoever holds the user secret.
//!
//! Promise: memory stays constant whatever the size; name and type are sealed with the body;
//! nothing is given out before its chunk has verified; a file is there whole or not at all, and
//! an upload that breaks off leaves nothing, wherever it does. File I/O runs on blocking threads.
//! Not here: what a crash left ([`housekeeping`](super::housekeeping)), shares (`shares`).

mod aside;
mod body;
mod content;
mod erase;
mod label;
mod list;
mod open;
mod rekey;
mod transfers;
mod upload;

pub(super) use aside::blocking;
pub(super) use body::forget_body;
pub(super) use transfers::Transfers;

pub use content::{FileContent, PART_BYTES};
pub use label::{CONTENT_TYPE_BYTES_MAX, FILE_NAME_BYTES_MAX, FileLabel};
pub use open::{FileAccess, OpenedFile};
pub use upload::Upload;

use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload;
use vault_store::rows::FileRow;
use vault_store::{FileRead, RecordId, UserId, UtcMillis};

use super::Vault;
use super::access::Member;
use super::error::{VaultError, stored};
use super::records::payload_place;

/// What a file is, without its contents.
pub struct FileInfo {
    /// Its id.
    pub file_id: RecordId,
    /// Whose file.
    pub owner: UserId,
    /// Name and type.
    pub label: FileLabel,
    /// Bytes of its contents.
    pub size_bytes: u64,
    /// Counts its bodies, from 1.
    pub version: u64,
    /// When it was made.
    pub created: UtcMillis,
}

impl Vault {
    /// A file of its owner with what they need to open it, authenticated.
    pub(super) async fn own_file(
        &self,
        owner: Member,
        file_id: RecordId,
    ) -> Result<FileRead, VaultError> {
        let (org_id, user_id) = (owner.org_id, owner.user_id);
        let read = self.store.read_file(org_id, user_id, file_id, user_id);
        let read = read.await?.ok_or(VaultError::NotFound)?;
        self.integrity.check(&read.file)?;
        Ok(read)
    }
}

/// What an authenticated row tells to the holder of its data key.
fn info(row: &FileRow, data_key: &DataKey) -> Result<FileInfo, VaultError> {
    const LABEL: &str = "the name of a file";
    let owner = Member {
        org_id: row.org_id,
        user_id: row.owner,
    };
    let place = payload_place(owner, row.record(), row.content_version);
    let label = payload::open_label(data_key, &place, &row.label_box).map_err(stored(LABEL))?;
    let size_bytes = payload::plaintext_bytes(row.sealed_bytes);
    Ok(FileInfo {
        file_id: row.file_id,
        owner: row.owner,
        label: FileLabel::parse(&label).ok_or(VaultError::Tampered(LABEL))?,
        size_bytes: size_bytes.map_err(stored("the length of a file"))?,
        version: row.content_version,
        created: row.created,
    })
}
