//! The contents of a file in the clear, part by part.

use hardened_crypto::data_key::DataKey;
use hardened_crypto::payload::{CHUNK_BYTES, PayloadContext, RandomAccess};
use vault_store::rows::FileRow;
use vault_store::{BlobReader, BlobStore};
use zeroize::Zeroizing;

use super::aside::blocking;
use super::body::{BODY, body_error};
use super::transfers::Transfer;
use crate::vault::error::VaultError;

/// Bytes of one part: whole chunks, and a multiple of 3 for base64.
pub const PART_BYTES: usize = 6 * CHUNK_BYTES;

/// An open body.
pub(super) type Body = RandomAccess<Box<dyn BlobReader>>;

/// What is left to read of a file, from the beginning of a range to its end.
pub struct FileContent {
    body: Body,
    at: u64,
    end: u64,
    _transfer: Transfer,
}

/// Opens the body of an authenticated row; `None` if there is none. Blocks.
///
/// The last chunk has verified then, and so has the length.
pub(super) fn open_body(
    blobs: &dyn BlobStore,
    row: &FileRow,
    data_key: &DataKey,
    place: &PayloadContext,
) -> Result<Option<Body>, VaultError> {
    let Some(reader) = blobs.open(row.body)? else {
        return Ok(None);
    };
    if reader.byte_count() != row.sealed_bytes {
        return Err(VaultError::Tampered(BODY));
    }
    let body = RandomAccess::new(reader, data_key, place);
    body.map(Some).map_err(body_error)
}

impl FileContent {
    pub(super) fn new(body: Body, transfer: Transfer) -> Self {
        Self {
            at: 0,
            end: body.len(),
            body,
            _transfer: transfer,
        }
    }

    /// Bytes that are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// Only the bytes from `first` up to `end`, which is not among them.
    #[must_use]
    pub fn part(mut self, first: u64, end: u64) -> Self {
        self.at = first;
        self.end = end.min(self.end);
        self
    }

    /// The next part, whose chunks have all verified, with what is left behind it; `None` at the
    /// end. Parts after the first start at a multiple of [`PART_BYTES`].
    ///
    /// # Errors
    /// `Tampered`, `FileStorage`: the transfer must break off without a clean end.
    pub async fn next(self) -> Result<Option<(Zeroizing<Vec<u8>>, Self)>, VaultError> {
        if self.left() == 0 {
            return Ok(None);
        }
        blocking(move || self.read_next().map(Some)).await
    }

    fn read_next(mut self) -> Result<(Zeroizing<Vec<u8>>, Self), VaultError> {
        let to_boundary = PART_BYTES as u64 - self.at % PART_BYTES as u64;
        let wanted = self.left().min(to_boundary);
        let wanted = usize::try_from(wanted).map_err(|_| VaultError::TooLarge)?;
        let mut part = Zeroizing::new(vec![0; wanted]);
        let count = self.body.read_at(self.at, &mut part).map_err(body_error)?;
        if count < wanted {
            return Err(VaultError::Tampered(BODY));
        }
        self.at += count as u64;
        Ok((part, self))
    }
}
