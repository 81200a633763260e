//! Cobblestone-256: version 1 of the C2SP chunked-encryption specification
//! (c2sp.org/chunked-encryption) with SHA-512 and AES-256-GCM.
//!
//! In: a 32-byte key, a context, a message. Out: `salt (24) | commitment (32) | chunks`,
//! each chunk 16 KiB and a tag of 16 bytes, the last one always shorter, possibly empty.
//!
//! Promise: the commitment is checked before any chunk; no plaintext leaves before its
//! chunk has verified; a missing, repeated, moved or added chunk is refused.
//! Not here: what the context binds (`payload`, `symmetric_box`).

use crate::{
    error::{Error, Result},
    random,
};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey},
    hkdf::{HKDF_SHA512, KeyType, Prk},
};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const SALT_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;
/// Salt and commitment, in front of the chunks.
pub(crate) const PREFIX_BYTES: usize = SALT_BYTES + COMMITMENT_BYTES;
/// Plaintext bytes of every chunk but the last, which is shorter.
pub(crate) const CHUNK_BYTES: usize = 16 * 1024;
pub(crate) const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// The specification's bound on chunks of one message (4 PiB in all).
const CHUNKS_MAX: u64 = 1 << 38;

const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const REFUSED: Error = Error::tampered("sealed bytes did not authenticate");
const TRUNCATED: Error = Error::tampered("sealed bytes have no final chunk");

/// Bytes of the sealed form of a message of `message_bytes`.
pub(crate) const fn sealed_bytes(message_bytes: usize) -> usize {
    PREFIX_BYTES + message_bytes + (message_bytes / CHUNK_BYTES + 1) * TAG_BYTES
}

/// Bytes of the message in `sealed_bytes` sealed bytes, prefix included.
///
/// # Errors
/// `Tampered` when no message has that sealed length.
pub(crate) fn message_bytes(sealed_bytes: u64) -> Result<u64> {
    let chunks = sealed_bytes
        .checked_sub(PREFIX_BYTES as u64)
        .ok_or(TRUNCATED)?;
    let whole = chunks / SEALED_CHUNK_BYTES as u64;
    let last = (chunks % SEALED_CHUNK_BYTES as u64)
        .checked_sub(TAG_BYTES as u64)
        .ok_or(TRUNCATED)?;
    Ok(whole * CHUNK_BYTES as u64 + last)
}

struct OutputLength(usize);

impl KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// The single-use key and base nonce of one message.
pub(crate) struct MessageKey {
    aead: LessSafeKey,
    base_nonce: [u8; NONCE_BYTES],
    prefix: [u8; PREFIX_BYTES],
}

impl MessageKey {
    /// Derives a key for a new message under a fresh salt.
    pub(crate) fn make(key: &[u8; KEY_BYTES], context: &[u8]) -> Result<Self> {
        Self::derive(key, &random::bytes()?, context)
    }

    /// Derives the key of the message that starts with `prefix` and checks the commitment.
    pub(crate) fn open(
        key: &[u8; KEY_BYTES],
        prefix: &[u8; PREFIX_BYTES],
        context: &[u8],
    ) -> Result<Self> {
        let (salt, commitment) = prefix.split_first_chunk().ok_or(TRUNCATED)?;
        let derived = Self::derive(key, salt, context)?;
        if bool::from(derived.prefix[SALT_BYTES..].ct_eq(commitment)) {
            Ok(derived)
        } else {
            Err(REFUSED)
        }
    }

    /// `key | base nonce | commitment` = HKDF-Expand-SHA512(key, label | salt | context).
    pub(crate) fn derive(
        key: &[u8; KEY_BYTES],
        salt: &[u8; SALT_BYTES],
        context: &[u8],
    ) -> Result<Self> {
        const OUTPUT_BYTES: usize = KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES;
        const KDF_FAILED: Error = Error::unavailable("key derivation failed");
        let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
        Prk::new_less_safe(HKDF_SHA512, key)
            .expand(&[LABEL, salt, context], OutputLength(OUTPUT_BYTES))
            .and_then(|okm| okm.fill(output.as_mut()))
            .map_err(|_| KDF_FAILED)?;
        let (aead, rest) = output.split_at(KEY_BYTES);
        let (nonce, commitment) = rest.split_at(NONCE_BYTES);
        let mut base_nonce = [0; NONCE_BYTES];
        base_nonce.copy_from_slice(nonce);
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..SALT_BYTES].copy_from_slice(salt);
        prefix[SALT_BYTES..].copy_from_slice(commitment);
        let aead = UnboundKey::new(&AES_256_GCM, aead).map_err(|_| KDF_FAILED)?;
        Ok(Self {
            aead: LessSafeKey::new(aead),
            base_nonce,
            prefix,
        })
    }

    /// Salt and commitment, to be written in front of the chunks.
    pub(crate) fn prefix(&self) -> &[u8; PREFIX_BYTES] {
        &self.prefix
    }

    /// Nonce of chunk `index`: the base nonce XOR the index, big-endian.
    fn nonce(&self, index: u64) -> Result<Nonce> {
        if index >= CHUNKS_MAX {
            return Err(Error::policy("message is longer than 4 PiB"));
        }
        let mut nonce = self.base_nonce;
        for (byte, counter) in nonce[4..].iter_mut().zip(index.to_be_bytes()) {
            *byte ^= counter;
        }
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    /// Seals one chunk in place and returns its tag.
    pub(crate) fn seal_chunk(&self, index: u64, chunk: &mut [u8]) -> Result<Tag> {
        self.aead
            .seal_in_place_separate_tag(self.nonce(index)?, Aad::empty(), chunk)
            .map_err(|_| REFUSED)
    }

    /// Opens one chunk, tag included, in place; the plaintext is its front. On an error
    /// the buffer is wiped.
    pub(crate) fn open_chunk<'a>(&self, index: u64, sealed: &'a mut [u8]) -> Result<&'a mut [u8]> {
        let nonce = self.nonce(index)?;
        let plain_bytes = sealed.len().checked_sub(TAG_BYTES).ok_or(TRUNCATED)?;
        let opened = self.aead.open_in_place(nonce, Aad::empty(), sealed).is_ok();
        if opened {
            Ok(&mut sealed[..plain_bytes])
        } else {
            sealed.zeroize();
            Err(REFUSED)
        }
    }
}

/// Appends the sealed form of `message` to `out`.
pub(crate) fn seal_into(
    out: &mut Vec<u8>,
    key: &[u8; KEY_BYTES],
    context: &[u8],
    message: &[u8],
) -> Result<()> {
    seal_with(out, &MessageKey::make(key, context)?, message)
}

fn seal_with(out: &mut Vec<u8>, message_key: &MessageKey, message: &[u8]) -> Result<()> {
    out.reserve(sealed_bytes(message.len()));
    out.extend_from_slice(message_key.prefix());
    let whole_chunks = message.chunks_exact(CHUNK_BYTES);
    let last = whole_chunks.remainder();
    for (index, chunk) in (0..).zip(whole_chunks.chain([last])) {
        let start = out.len();
        out.extend_from_slice(chunk);
        let tag = message_key.seal_chunk(index, &mut out[start..])?;
        out.extend_from_slice(tag.as_ref());
    }
    Ok(())
}

/// Opens a sealed message held in memory.
pub(crate) fn open(
    key: &[u8; KEY_BYTES],
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let (prefix, chunks) = sealed.split_first_chunk().ok_or(TRUNCATED)?;
    let total = message_bytes(sealed.len() as u64)?;
    let message_key = MessageKey::open(key, prefix, context)?;
    // One tag of slack: each chunk is copied with its tag and opened where it stays.
    let total = usize::try_from(total).map_err(|_| TRUNCATED)?;
    let mut message = Zeroizing::new(Vec::with_capacity(total + TAG_BYTES));
    let whole_chunks = chunks.chunks_exact(SEALED_CHUNK_BYTES);
    let last = whole_chunks.remainder();
    for (index, chunk) in (0..).zip(whole_chunks.chain([last])) {
        let start = message.len();
        message.extend_from_slice(chunk);
        let opened = message_key.open_chunk(index, &mut message[start..])?.len();
        message.truncate(start + opened);
    }
    Ok(message)
}

#[cfg(test)]
#[path = "cobblestone/tests.rs"]
mod tests;
