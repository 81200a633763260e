//! Seals a stream: a `Write` in front of a `Write`.

use super::{PayloadContext, cobblestone::CHUNK_BYTES, cobblestone::MessageKey};
use crate::{data_key::DataKey, error::Result};
use std::{fmt, io};
use zeroize::Zeroizing;

/// Seals what is written to it, 16 KiB at a time, and writes it on.
///
/// The last chunk is written by [`finish`](Self::finish) alone: a writer that is dropped or
/// fails before leaves bytes that every reader refuses as truncated.
pub struct PayloadWriter<W> {
    inner: W,
    message_key: MessageKey,
    chunk: Zeroizing<Vec<u8>>,
    index: u64,
    broken: bool,
}

impl<W: io::Write> PayloadWriter<W> {
    /// Writes header, salt and commitment to `inner`.
    ///
    /// # Errors
    /// What `inner` answers; `InvalidData` with this crate's [`Error`](crate::Error) inside.
    pub fn new(mut inner: W, data_key: &DataKey, context: &PayloadContext) -> io::Result<Self> {
        let (head, message_key) = start(data_key, context).map_err(invalid)?;
        inner.write_all(&head)?;
        inner.write_all(message_key.prefix())?;
        Ok(Self {
            inner,
            message_key,
            chunk: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)),
            index: 0,
            broken: false,
        })
    }

    /// Writes the last chunk and gives `inner` back, not flushed.
    ///
    /// # Errors
    /// What `inner` answers; after an earlier error, `Other`.
    pub fn finish(mut self) -> io::Result<W> {
        self.check()?;
        self.write_chunk()?;
        Ok(self.inner)
    }

    fn check(&self) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("the payload writer has failed before"));
        }
        Ok(())
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        self.broken = true;
        let tag = self
            .message_key
            .seal_chunk(self.index, &mut self.chunk)
            .map_err(invalid)?;
        self.inner.write_all(&self.chunk)?;
        self.inner.write_all(tag.as_ref())?;
        self.chunk.clear();
        self.index += 1;
        self.broken = false;
        Ok(())
    }
}

fn start(data_key: &DataKey, context: &PayloadContext) -> Result<(Vec<u8>, MessageKey)> {
    let header = context.header()?;
    let message_key = MessageKey::make(data_key.expose(), &context.encode(header))?;
    Ok((header.to_bytes().to_vec(), message_key))
}

pub(super) fn invalid(error: crate::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<W: io::Write> io::Write for PayloadWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.check()?;
        let taken = buffer.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&buffer[..taken]);
        if self.chunk.len() == CHUNK_BYTES {
            self.write_chunk()?;
        }
        Ok(taken)
    }

    /// Flushes whole chunks; a started chunk waits for more or for `finish`.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W> fmt::Debug for PayloadWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadWriter").finish_non_exhaustive()
    }
}
