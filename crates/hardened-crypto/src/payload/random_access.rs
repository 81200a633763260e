//! Reads any part of a sealed payload without opening what stands before it.

use super::{
    PREFIX_BYTES, PayloadContext,
    cobblestone::{self, CHUNK_BYTES, MessageKey, SEALED_CHUNK_BYTES},
    reader::{check_prefix, read_full},
    writer::invalid,
};
use crate::{data_key::DataKey, error::Error, suite::HEADER_BYTES};
use std::{fmt, io};
use zeroize::Zeroizing;

/// Random access to a sealed payload in something that seeks.
///
/// Opening it verifies the last chunk, so [`len`](Self::len) is authentic. Each read
/// verifies the chunks it touches and no others.
pub struct RandomAccess<R> {
    inner: R,
    message_key: MessageKey,
    plaintext_bytes: u64,
}

impl<R: io::Read + io::Seek> RandomAccess<R> {
    /// Checks the commitment and the last chunk of a payload that fills `inner`.
    ///
    /// # Errors
    /// What `inner` answers; `InvalidData` with this crate's [`Error`] inside.
    pub fn new(mut inner: R, data_key: &DataKey, context: &PayloadContext) -> io::Result<Self> {
        let sealed_bytes = inner.seek(io::SeekFrom::End(0))?;
        inner.rewind()?;
        let mut prefix = [0; PREFIX_BYTES];
        if read_full(&mut inner, &mut prefix)? < PREFIX_BYTES {
            return Err(invalid(Error::tampered("payload is truncated")));
        }
        let message_key = check_prefix(&prefix, data_key, context).map_err(invalid)?;
        Self::of_chunks(inner, message_key, sealed_bytes)
    }

    /// Checks the last chunk of a payload of `sealed_bytes` whose prefix has been checked.
    pub(super) fn of_chunks(
        inner: R,
        message_key: MessageKey,
        sealed_bytes: u64,
    ) -> io::Result<Self> {
        let body_bytes = sealed_bytes.saturating_sub(HEADER_BYTES as u64);
        let plaintext_bytes = cobblestone::message_bytes(body_bytes).map_err(invalid)?;
        let mut opened = Self {
            inner,
            message_key,
            plaintext_bytes,
        };
        opened.chunk(plaintext_bytes / CHUNK_BYTES as u64)?;
        Ok(opened)
    }

    /// Bytes of plaintext.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.plaintext_bytes
    }

    /// Whether the plaintext is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plaintext_bytes == 0
    }

    /// Reads plaintext from `offset` on: as much as `buffer` takes or is left; 0 at or
    /// behind the end.
    ///
    /// # Errors
    /// As [`new`](Self::new). `buffer` holds nothing that did not verify.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.plaintext_bytes.saturating_sub(offset);
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let chunk = self.chunk(at / CHUNK_BYTES as u64)?;
            let within = (at % CHUNK_BYTES as u64) as usize;
            let count = (chunk.len() - within).min(wanted - done);
            buffer[done..done + count].copy_from_slice(&chunk[within..within + count]);
            done += count;
        }
        Ok(done)
    }

    /// Reads and opens one chunk; its length follows from the length of the whole.
    fn chunk(&mut self, index: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let start = PREFIX_BYTES as u64 + index * SEALED_CHUNK_BYTES as u64;
        let left = self.plaintext_bytes - index * CHUNK_BYTES as u64;
        let plain = left.min(CHUNK_BYTES as u64) as usize;
        let mut chunk = Zeroizing::new(vec![0; plain + cobblestone::TAG_BYTES]);
        self.inner.seek(io::SeekFrom::Start(start))?;
        if read_full(&mut self.inner, &mut chunk)? < chunk.len() {
            return Err(invalid(Error::tampered("payload is truncated")));
        }
        self.message_key
            .open_chunk(index, &mut chunk)
            .map_err(invalid)?;
        chunk.truncate(plain);
        Ok(chunk)
    }
}

impl<R> fmt::Debug for RandomAccess<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RandomAccess").finish_non_exhaustive()
    }
}
