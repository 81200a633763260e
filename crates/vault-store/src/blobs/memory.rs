//! The reference: bodies in a map.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BlobError, BlobReader, BlobStore, BlobWriter, Bodies, LostBodies, LostBody};
use crate::ids::{BlobId, UtcMillis};

/// Bodies in memory. It keeps nothing when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    bodies: BTreeMap<BlobId, Arc<[u8]>>,
    unfinished: BTreeSet<BlobId>,
    lost: BTreeMap<BlobId, Lost>,
}

#[derive(Debug)]
struct Lost {
    bytes: Arc<[u8]>,
    since: UtcMillis,
    is_old: bool,
}

struct Unfinished {
    inner: Arc<Mutex<Inner>>,
    body: BlobId,
    bytes: Vec<u8>,
}

struct Opened(Cursor<Arc<[u8]>>);

impl MemoryBlobs {
    /// No bodies.
    pub fn new() -> Self {
        Self::default()
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    // Every change is one call on one map, so the maps are whole even after a panic.
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BlobStore for MemoryBlobs {
    fn create(&self, body: BlobId) -> Result<Box<dyn BlobWriter>, BlobError> {
        let mut inner = lock(&self.inner);
        if inner.bodies.contains_key(&body) || !inner.unfinished.insert(body) {
            return Err(BlobError::Exists);
        }
        Ok(Box::new(Unfinished {
            inner: Arc::clone(&self.inner),
            body,
            bytes: Vec::new(),
        }))
    }

    fn open(&self, body: BlobId) -> Result<Option<Box<dyn BlobReader>>, BlobError> {
        let found = lock(&self.inner).bodies.get(&body).cloned();
        Ok(found.map(|bytes| Box::new(Opened(Cursor::new(bytes))) as Box<dyn BlobReader>))
    }

    fn delete(&self, body: BlobId) -> Result<bool, BlobError> {
        Ok(lock(&self.inner).bodies.remove(&body).is_some())
    }

    fn bodies(&self) -> Result<Bodies<'_>, BlobError> {
        let bodies: Vec<_> = lock(&self.inner).bodies.keys().copied().collect();
        Ok(Box::new(bodies.into_iter().map(Ok)))
    }

    fn set_aside(&self, body: BlobId, now: UtcMillis) -> Result<bool, BlobError> {
        let mut inner = lock(&self.inner);
        let Some(bytes) = inner.bodies.remove(&body) else {
            return Ok(false);
        };
        let lost = Lost {
            bytes,
            since: now,
            is_old: false,
        };
        inner.lost.insert(body, lost);
        Ok(true)
    }

    fn lost(&self) -> Result<LostBodies<'_>, BlobError> {
        let inner = lock(&self.inner);
        let lost = inner.lost.iter();
        let lost = lost.map(|(body, lost)| LostBody {
            body: *body,
            since: lost.since,
            is_old: lost.is_old,
        });
        let lost: Vec<_> = lost.collect();
        Ok(Box::new(lost.into_iter().map(Ok)))
    }

    fn note_old(&self, body: BlobId, now: UtcMillis) -> Result<bool, BlobError> {
        let mut inner = lock(&self.inner);
        let Some(lost) = inner.lost.get_mut(&body).filter(|lost| !lost.is_old) else {
            return Ok(false);
        };
        (lost.since, lost.is_old) = (now, true);
        Ok(true)
    }

    fn take_back(&self, body: BlobId) -> Result<bool, BlobError> {
        let mut inner = lock(&self.inner);
        let lost = inner.lost.remove(&body);
        let back = lost.map(|lost| inner.bodies.insert(body, lost.bytes));
        Ok(back.is_some())
    }

    fn delete_lost(&self, body: BlobId) -> Result<bool, BlobError> {
        Ok(lock(&self.inner).lost.remove(&body).is_some())
    }

    fn remove_unfinished(&self) -> Result<u64, BlobError> {
        // Nothing here outlives a crash.
        Ok(0)
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Unfinished {
    fn finish(mut self: Box<Self>) -> Result<u64, BlobError> {
        let bytes = std::mem::take(&mut self.bytes);
        let count = bytes.len() as u64;
        lock(&self.inner).bodies.insert(self.body, bytes.into());
        Ok(count)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        lock(&self.inner).unfinished.remove(&self.body);
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl BlobReader for Opened {
    fn byte_count(&self) -> u64 {
        self.0.get_ref().len() as u64
    }
}
