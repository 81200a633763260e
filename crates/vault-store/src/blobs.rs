//! Bodies of files, outside the database: streams of sealed bytes under an id.
//!
//! In: bytes, written once. Out: the same bytes, to be read from any place. Calls block; they are
//! for blocking threads.
//!
//! Promise: a body is there whole or not at all, and durable once [`BlobWriter::finish`] returns.
//! A body never changes. One that is set aside is no body until it is taken back. What was begun and not finished leaves nothing behind but what
//! [`BlobStore::remove_unfinished`] finds after a crash.
//! Not here: which bodies are used (the rows of files say so), and what the bytes mean.

mod directory;
mod memory;

use std::io::{self, Read, Seek, Write};

use crate::ids::{BlobId, UtcMillis};

pub use directory::BlobDirectory;
pub use memory::MemoryBlobs;

/// A reason a body was not kept, found or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// There is such a body already, or it is being written.
    #[error("a body with this id exists")]
    Exists,
    /// A write failed before; what was written is not a body.
    #[error("a write to this body failed before")]
    Broken,
    /// Another process, or another part of this one, has the directory open.
    #[error("the directory of bodies is open elsewhere")]
    InUse,
    /// The file system refused.
    #[error("the file system refused: {0}")]
    Io(#[from] io::Error),
}

/// A body that is being written. Dropping it gives up: nothing stays.
pub trait BlobWriter: Write + Send {
    /// Makes the body durable and readable; how many bytes it has.
    fn finish(self: Box<Self>) -> Result<u64, BlobError>;
}

/// A body that is being read. It stays readable while it is open, even if it is deleted.
pub trait BlobReader: Read + Seek + Send {
    /// How many bytes the body has.
    fn byte_count(&self) -> u64;
}

/// The bodies there are, in no particular order.
pub type Bodies<'a> = Box<dyn Iterator<Item = Result<BlobId, BlobError>> + Send + 'a>;

/// Bodies that were set aside, and when, in no particular order.
pub type LostBodies<'a> = Box<dyn Iterator<Item = Result<LostBody, BlobError>> + Send + 'a>;

/// A body that was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostBody {
    /// Its id.
    pub body: BlobId,
    /// When that was, or when it was noted as old.
    pub since: UtcMillis,
    /// Whether it was [noted](BlobStore::note_old) as old.
    pub is_old: bool,
}

/// A place where bodies are kept.
pub trait BlobStore: Send + Sync {
    /// Begins a new body.
    fn create(&self, body: BlobId) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Opens a body; `Ok(None)` if there is none.
    fn open(&self, body: BlobId) -> Result<Option<Box<dyn BlobReader>>, BlobError>;

    /// Removes a body, durably; whether there was one.
    fn delete(&self, body: BlobId) -> Result<bool, BlobError>;

    /// Every finished body. For a sweep at start: a body that no row names
    /// ([`FileStore::unused_bodies`](crate::FileStore::unused_bodies)) is of an upload that a
    /// crash cut off, or newer than the database.
    fn bodies(&self) -> Result<Bodies<'_>, BlobError>;

    /// Sets a finished body aside, durably; whether there was one.
    fn set_aside(&self, body: BlobId, now: UtcMillis) -> Result<bool, BlobError>;

    /// Every body that was set aside.
    fn lost(&self) -> Result<LostBodies<'_>, BlobError>;

    /// Notes of what was set aside, durably, that it was old by then; whether there was one.
    fn note_old(&self, body: BlobId, now: UtcMillis) -> Result<bool, BlobError>;

    /// Makes a body again of what was set aside, durably; whether there was one.
    fn take_back(&self, body: BlobId) -> Result<bool, BlobError>;

    /// Removes what was set aside, durably; whether there was one.
    fn delete_lost(&self, body: BlobId) -> Result<bool, BlobError>;

    /// Removes what a crash left unfinished; how many. Only while nothing is being written.
    fn remove_unfinished(&self) -> Result<u64, BlobError>;
}
