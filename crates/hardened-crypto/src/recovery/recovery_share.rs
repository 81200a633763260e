//! One share of a recovery key, and the text in which a trustee may carry it.
//!
//! ```text
//! sgr_ + base64url of 57 bytes (76) + checksum (6)                       = 86 characters
//! u8 format (1) | u8 flags (1: masked) | u8 threshold | u8 count | u8 x
//!               | set id (16) | u32 set version | value (32)              = 57 bytes
//! ```
//!
//! The checksum is over the text as it stands, so it tells a typing error. Of a masked share
//! it covers the masked value: nothing in a share helps to guess the answer. Whether a share
//! is genuine only the envelope tells.

use super::{RecoverySet, shamir::SECRET_BYTES};
use crate::{
    error::{Error, Result},
    ids::RecoverySetId,
    secret_format::{self, CHECKSUM_CHARS},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Characters of a share's text.
pub const SHARE_TEXT_CHARS: usize = PREFIX.len() + BODY_CHARS + CHECKSUM_CHARS;

const PREFIX: &str = "sgr_";
const FORMAT: u8 = 1;
const MASKED: u8 = 1;
const HEAD_BYTES: usize = 5;
const BODY_BYTES: usize = HEAD_BYTES + 16 + 4 + SECRET_BYTES;
const BODY_CHARS: usize = BODY_BYTES / 3 * 4;
const _: () = assert!(
    BODY_BYTES.is_multiple_of(3),
    "no spare bits: one text for one share"
);

/// A share in memory.
pub struct RecoveryShare {
    set: RecoverySetId,
    set_version: u32,
    threshold: u8,
    count: u8,
    x: u8,
    masked: bool,
    value: SecretBox<[u8; SECRET_BYTES]>,
}

impl RecoveryShare {
    pub(super) fn new(
        set: &RecoverySet,
        threshold: u8,
        count: u8,
        x: u8,
        value: SecretBox<[u8; SECRET_BYTES]>,
    ) -> Self {
        Self {
            set: set.set,
            set_version: set.version,
            threshold,
            count,
            x,
            masked: false,
            value,
        }
    }

    /// Joins a value and the four bytes that [`head`](Self::head) made.
    pub(super) fn from_parts(
        set: RecoverySetId,
        set_version: u32,
        head: [u8; HEAD_BYTES - 1],
        value: SecretBox<[u8; SECRET_BYTES]>,
    ) -> Result<Self> {
        let [flags, threshold, count, x] = head;
        check_head(head)?;
        Ok(Self {
            set,
            set_version,
            threshold,
            count,
            x,
            masked: flags == MASKED,
            value,
        })
    }

    /// `flags | threshold | count | x`.
    pub(super) fn head(&self) -> [u8; HEAD_BYTES - 1] {
        let flags = if self.masked { MASKED } else { 0 };
        [flags, self.threshold, self.count, self.x]
    }

    /// Reads a share's text.
    ///
    /// # Errors
    /// `Malformed` for anything but exactly one share: another length, alphabet, checksum
    /// or format, `x` outside `1..=count`, or a threshold that no split has.
    pub fn parse_text(text: &[u8]) -> Result<Self> {
        const UNREADABLE: Error = Error::malformed("not a recovery share");
        if text.len() != SHARE_TEXT_CHARS || !text.starts_with(PREFIX.as_bytes()) {
            return Err(UNREADABLE);
        }
        let (front, given) = text.split_at(SHARE_TEXT_CHARS - CHECKSUM_CHARS);
        if !bool::from(secret_format::checksum(front).ct_eq(given)) {
            return Err(Error::malformed("a recovery share with a typing error"));
        }
        let mut body = Zeroizing::new([0; BODY_BYTES]);
        match URL_SAFE_NO_PAD.decode_slice(&front[PREFIX.len()..], body.as_mut()) {
            Ok(BODY_BYTES) => Self::parse_body(&body),
            _ => Err(UNREADABLE),
        }
    }

    fn parse_body(body: &[u8; BODY_BYTES]) -> Result<Self> {
        let [format, flags, threshold, count, x, ..] = *body;
        if format != FORMAT {
            return Err(Error::malformed("unknown format of a recovery share"));
        }
        let (set, rest) = body[HEAD_BYTES..].split_at(16);
        let (set_version, value_bytes) = rest.split_at(4);
        let mut set_id = [0; 16];
        set_id.copy_from_slice(set);
        let mut version = [0; 4];
        version.copy_from_slice(set_version);
        let mut value = SecretBox::new(Box::new([0; SECRET_BYTES]));
        value.expose_secret_mut().copy_from_slice(value_bytes);
        Self::from_parts(
            RecoverySetId(set_id),
            u32::from_be_bytes(version),
            [flags, threshold, count, x],
            value,
        )
    }

    /// The text, for a trustee who keeps the share on paper or hands it to another.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        let mut body = Zeroizing::new([0; BODY_BYTES]);
        body[0] = FORMAT;
        body[1..HEAD_BYTES].copy_from_slice(&self.head());
        body[HEAD_BYTES..HEAD_BYTES + 16].copy_from_slice(&self.set.0);
        body[HEAD_BYTES + 16..HEAD_BYTES + 20].copy_from_slice(&self.set_version.to_be_bytes());
        body[HEAD_BYTES + 20..].copy_from_slice(self.expose());
        // Sized first, so that no copy is left behind by growing.
        let mut text = String::with_capacity(SHARE_TEXT_CHARS);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(body.as_ref(), &mut text);
        let checksum = secret_format::checksum(text.as_bytes());
        text.push_str(std::str::from_utf8(&checksum).expect("base64url is ASCII"));
        SecretString::from(text)
    }

    /// The set it is of.
    #[must_use]
    pub fn set(&self) -> RecoverySetId {
        self.set
    }

    /// Whether it is of exactly this set.
    #[must_use]
    pub fn is_of(&self, set: &RecoverySet) -> bool {
        self.set == set.set && self.set_version == set.version
    }

    /// Shares that are needed; 1 for the share of a lone trustee.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// Shares that were made.
    #[must_use]
    pub fn count(&self) -> u8 {
        self.count
    }

    /// Which of them this is: 1 to [`count`](Self::count).
    #[must_use]
    pub fn x(&self) -> u8 {
        self.x
    }

    /// Whether an answer is needed before it can be combined.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.masked
    }

    pub(super) fn split(&self) -> (u8, u8) {
        (self.threshold, self.count)
    }

    pub(super) fn expose(&self) -> &[u8; SECRET_BYTES] {
        // Expose: for combining, masking and wrapping inside this module only.
        self.value.expose_secret()
    }

    /// XORs `mask` onto the value and turns the masked flag over.
    pub(super) fn toggle_mask(mut self, mask: &SecretBox<[u8; SECRET_BYTES]>) -> Self {
        let value = self.value.expose_secret_mut();
        // Expose: the mask is used once, here, and dropped by the caller.
        for (byte, mask) in value.iter_mut().zip(mask.expose_secret()) {
            *byte ^= mask;
        }
        self.masked = !self.masked;
        self
    }
}

/// Checks `flags | threshold | count | x`, wherever they were read.
pub(super) fn check_head([flags, threshold, count, x]: [u8; HEAD_BYTES - 1]) -> Result<()> {
    let is_split = 2 <= threshold && threshold <= count;
    let is_whole = (threshold, count) == (1, 1);
    if flags <= MASKED && (is_split || is_whole) && (1..=count).contains(&x) {
        Ok(())
    } else {
        Err(Error::malformed("a recovery share of no possible split"))
    }
}

impl fmt::Debug for RecoveryShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryShare")
            .field("set", &self.set)
            .field("x", &self.x)
            .finish_non_exhaustive()
    }
}
