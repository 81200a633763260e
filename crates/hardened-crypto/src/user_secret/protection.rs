//! What is stored beside keys that a secret protects: how to derive, and how to check.

use super::stretch::PassphraseCost;
use crate::{
    context::Context,
    error::{Error, Result},
};

pub(crate) const SALT_BYTES: usize = 16;
pub(crate) const CHECK_BYTES: usize = 32;

/// Bytes of an encoded [`Protection`].
///
/// ```text
/// u8 format (1) | u8 kind | u32 memory KiB | u32 passes | u32 lanes | u32 secret version
///               | salt (16) | check value (32)
/// ```
pub const PROTECTION_BYTES: usize = 2 + 4 * 4 + SALT_BYTES + CHECK_BYTES;

const FORMAT: u8 = 1;
const KIND_GENERATED: u8 = 1;
const KIND_PASSPHRASE: u8 = 2;

/// How a key is derived from a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtectionKind {
    /// HKDF-SHA256 of a generated 256-bit secret.
    Generated,
    /// Argon2id of a passphrase.
    Passphrase(PassphraseCost),
}

impl ProtectionKind {
    fn numbers(self) -> (u8, [u32; 3]) {
        match self {
            Self::Generated => (KIND_GENERATED, [0; 3]),
            Self::Passphrase(cost) => (
                KIND_PASSPHRASE,
                [cost.memory_kib(), cost.passes(), cost.lanes()],
            ),
        }
    }

    pub(crate) fn bind(self, context: Context) -> Context {
        let (kind, [memory, passes, lanes]) = self.numbers();
        context.u8(kind).u32(memory).u32(passes).u32(lanes)
    }
}

/// The stored side of a user secret. Holds no key and nothing that opens one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    kind: ProtectionKind,
    secret_version: u32,
    salt: [u8; SALT_BYTES],
    check: [u8; CHECK_BYTES],
}

impl Protection {
    pub(crate) fn new(
        kind: ProtectionKind,
        secret_version: u32,
        salt: [u8; SALT_BYTES],
        check: [u8; CHECK_BYTES],
    ) -> Self {
        Self {
            kind,
            secret_version,
            salt,
            check,
        }
    }

    /// Reads exactly [`PROTECTION_BYTES`] bytes.
    ///
    /// # Errors
    /// `Malformed` for another length, format or kind, or a cost where none belongs;
    /// `Policy` for a cost outside the accepted window.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; PROTECTION_BYTES] = bytes
            .try_into()
            .map_err(|_| Error::malformed("a protection record has another length"))?;
        let u32_at = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if bytes[0] != FORMAT {
            return Err(Error::malformed("unknown format of a protection record"));
        }
        let cost = [u32_at(2), u32_at(6), u32_at(10)];
        let kind = match (bytes[1], cost) {
            (KIND_GENERATED, [0, 0, 0]) => ProtectionKind::Generated,
            (KIND_PASSPHRASE, [memory, passes, lanes]) => {
                ProtectionKind::Passphrase(PassphraseCost::new(memory, passes, lanes)?)
            }
            _ => return Err(Error::malformed("unknown kind of a protection record")),
        };
        let (salt, check) = bytes[18..].split_at(SALT_BYTES);
        let mut protection = Self::new(kind, u32_at(14), [0; SALT_BYTES], [0; CHECK_BYTES]);
        protection.salt.copy_from_slice(salt);
        protection.check.copy_from_slice(check);
        Ok(protection)
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; PROTECTION_BYTES] {
        let (kind, [memory, passes, lanes]) = self.kind.numbers();
        let mut bytes = [0; PROTECTION_BYTES];
        bytes[0] = FORMAT;
        bytes[1] = kind;
        for (slot, number) in
            bytes[2..18]
                .chunks_exact_mut(4)
                .zip([memory, passes, lanes, self.secret_version])
        {
            slot.copy_from_slice(&number.to_be_bytes());
        }
        bytes[18..18 + SALT_BYTES].copy_from_slice(&self.salt);
        bytes[18 + SALT_BYTES..].copy_from_slice(&self.check);
        bytes
    }

    /// How the key is derived.
    #[must_use]
    pub fn kind(&self) -> ProtectionKind {
        self.kind
    }

    /// Counts the changes of the secret, from 1.
    #[must_use]
    pub fn secret_version(&self) -> u32 {
        self.secret_version
    }

    /// Whether it is of a passphrase whose cost is below what new ones get.
    #[must_use]
    pub fn is_below(&self, configured: PassphraseCost) -> bool {
        matches!(self.kind, ProtectionKind::Passphrase(cost) if cost.is_below(configured))
    }

    pub(crate) fn salt(&self) -> &[u8; SALT_BYTES] {
        &self.salt
    }

    pub(crate) fn check(&self) -> &[u8; CHECK_BYTES] {
        &self.check
    }
}
