//! Opens a stream: a `Read` in front of a `Read`.

use super::{
    PREFIX_BYTES, PayloadContext,
    cobblestone::{self, CHUNK_BYTES, MessageKey, SEALED_CHUNK_BYTES},
    writer::invalid,
};
use crate::{
    data_key::DataKey,
    error::{Error, Result},
    suite::HEADER_BYTES,
};
use std::{fmt, io};
use zeroize::{Zeroize, Zeroizing};

/// Opens what it reads, one chunk at a time, and gives out only what has verified.
///
/// After an error it stays in error. The end of the stream is reported only behind a valid
/// short chunk with nothing after it.
pub struct PayloadReader<R> {
    inner: R,
    message_key: MessageKey,
    chunk: Zeroizing<Vec<u8>>,
    given: usize,
    index: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Finished,
    Failed(Error),
}

impl<R: io::Read> PayloadReader<R> {
    /// Reads header, salt and commitment from `inner` and checks them.
    ///
    /// # Errors
    /// What `inner` answers; `InvalidData` with this crate's [`Error`] inside.
    pub fn new(mut inner: R, data_key: &DataKey, context: &PayloadContext) -> io::Result<Self> {
        let mut prefix = [0; PREFIX_BYTES];
        if read_full(&mut inner, &mut prefix)? < PREFIX_BYTES {
            return Err(invalid(Error::tampered("payload is truncated")));
        }
        let message_key = check_prefix(&prefix, data_key, context).map_err(invalid)?;
        Ok(Self::of_chunks(inner, message_key))
    }

    /// Opens the chunks that `inner` goes on with, behind a prefix that has been checked.
    pub(super) fn of_chunks(inner: R, message_key: MessageKey) -> Self {
        Self {
            inner,
            message_key,
            chunk: Zeroizing::new(Vec::with_capacity(SEALED_CHUNK_BYTES)),
            given: 0,
            index: 0,
            state: State::Reading,
        }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        // What is read over the last chunk is not given out before it has verified, even if
        // `inner` panics halfway. Whatever is left of the old one is wiped on drop.
        self.chunk.resize(SEALED_CHUNK_BYTES, 0);
        self.given = SEALED_CHUNK_BYTES;
        match read_full(&mut self.inner, &mut self.chunk) {
            Ok(filled) => self.chunk.truncate(filled),
            Err(error) => {
                self.fail(Error::unavailable("the sealed stream broke off"));
                return Err(error);
            }
        }
        let opened = self.message_key.open_chunk(self.index, &mut self.chunk);
        let opened = match opened {
            Ok(opened) => opened.len(),
            Err(error) => return Err(self.fail(error)),
        };
        self.chunk.truncate(opened);
        self.given = 0;
        self.index += 1;
        if opened < CHUNK_BYTES {
            self.state = State::Finished;
        }
        Ok(())
    }

    /// Wipes what is held and stays in error.
    fn fail(&mut self, error: Error) -> io::Error {
        self.chunk.zeroize();
        self.given = 0;
        self.state = State::Failed(error);
        invalid(error)
    }
}

/// Checks `header | salt | commitment` and derives the key of the message behind them.
pub(super) fn check_prefix(
    prefix: &[u8; PREFIX_BYTES],
    data_key: &DataKey,
    context: &PayloadContext,
) -> Result<MessageKey> {
    let (head, committed) = prefix.split_at(HEADER_BYTES);
    let header = context.check(head)?;
    let committed: &[u8; cobblestone::PREFIX_BYTES] = committed
        .try_into()
        .map_err(|_| Error::malformed("payload is truncated"))?;
    MessageKey::open(data_key.expose(), committed, &context.encode(header))
}

/// Reads until `buffer` is full or the end is reached.
pub(super) fn read_full(inner: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match inner.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl<R: io::Read> io::Read for PayloadReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let ready = &self.chunk[self.given..];
            if !ready.is_empty() {
                let count = ready.len().min(buffer.len());
                buffer[..count].copy_from_slice(&ready[..count]);
                self.given += count;
                return Ok(count);
            }
            match self.state {
                State::Reading => self.next_chunk()?,
                State::Finished => return self.check_end(),
                State::Failed(error) => return Err(invalid(error)),
            }
        }
    }
}

impl<R: io::Read> PayloadReader<R> {
    /// A short chunk came from a short read, so `inner` has ended; an `inner` that goes on
    /// all the same carries trailing data.
    fn check_end(&mut self) -> io::Result<usize> {
        let mut one = [0; 1];
        match read_full(&mut self.inner, &mut one) {
            Ok(0) => Ok(0),
            Ok(_) => Err(self.fail(Error::tampered("data after the last chunk"))),
            Err(error) => {
                self.fail(Error::unavailable("the sealed stream broke off"));
                Err(error)
            }
        }
    }
}

impl<R> fmt::Debug for PayloadReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadReader").finish_non_exhaustive()
    }
}
