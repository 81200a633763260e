//! The algorithms in use, and the fixed header in front of every sealed object.
//!
//! There is no negotiation: a writer uses [`Suite::CURRENT`], a reader accepts the closed
//! set of suites below. The whole header is the first field of the object's context, so
//! nothing in it can be changed without the object refusing to open.
//!
//! ```text
//! "SG" | u8 format version | u8 object kind | u16 KEM | u16 KDF | u16 AEAD
//!      | u16 payload format | u32 key version | u8 flags (0)              = 17 bytes
//! ```

use crate::error::{Error, Result};

/// Bytes of an encoded [`Header`].
pub const HEADER_BYTES: usize = 17;

const MAGIC: [u8; 2] = *b"SG";
const FORMAT_VERSION: u8 = 1;

/// A combination of algorithms that belong together.
///
/// Numbers of KEM, KDF and AEAD are those of the IANA HPKE registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    kem: u16,
    kdf: u16,
    aead: u16,
    payload_format: u16,
}

impl Suite {
    /// MLKEM768-P256 (0x0050), HKDF-SHA256 (0x0001), AES-256-GCM (0x0002), and
    /// Cobblestone-256 (payload format 1) for everything under a symmetric key.
    pub const CURRENT: Self = Self {
        kem: 0x0050,
        kdf: 0x0001,
        aead: 0x0002,
        payload_format: 1,
    };

    /// HPKE's `suite_id`: "HPKE" and the three algorithm numbers (RFC 9180 section 5.1).
    pub(crate) fn hpke_id(self) -> [u8; 10] {
        let mut id = *b"HPKE\0\0\0\0\0\0";
        id[4..6].copy_from_slice(&self.kem.to_be_bytes());
        id[6..8].copy_from_slice(&self.kdf.to_be_bytes());
        id[8..10].copy_from_slice(&self.aead.to_be_bytes());
        id
    }
}

macro_rules! object_kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal),* $(,)?) => {
        /// What a sealed object is; part of its header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum ObjectKind {
            $($(#[$doc])* $name = $number),*
        }

        impl ObjectKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            fn parse(number: u8) -> Result<Self> {
                match number {
                    $($number => Ok(Self::$name),)*
                    _ => Err(Error::malformed("unknown object kind in header")),
                }
            }
        }
    };
}

object_kinds! {
    /// The content of a value.
    Value = 1,
    /// The content of a file.
    File = 2,
    /// Names, types and metadata beside a value or file.
    Label = 3,
    /// A data key wrapped to a recipient.
    DekWrap = 4,
    /// A data key under an account key.
    DekBox = 5,
    /// A private key under a key encryption key.
    PrivateKey = 6,
    /// An account key under a key encryption key.
    AccountKey = 7,
    /// The alias of a share, wrapped to its recipient.
    AliasWrap = 8,
    /// The alias of a share under an account key.
    AliasBox = 9,
    /// A stored upstream credential.
    Credential = 10,
    /// A key granted to an access token.
    Token = 11,
    /// A recovery share wrapped to a trustee.
    RecoveryShare = 12,
    /// Private keys under a recovery key.
    RecoveryEnvelope = 13,
}

/// The fixed header of a sealed object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    kind: ObjectKind,
    suite: Suite,
    key_version: u32,
}

impl Header {
    /// A header of the current suite. `key_version` counts the key that sealed the object:
    /// a key pair generation, a secret version or a record's data key generation.
    #[must_use]
    pub const fn new(kind: ObjectKind, key_version: u32) -> Self {
        Self {
            kind,
            suite: Suite::CURRENT,
            key_version,
        }
    }

    /// Reads a header; exactly [`HEADER_BYTES`] bytes.
    ///
    /// # Errors
    /// `Malformed` for another length, magic, version, kind, suite, or flags other than 0.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes
            .try_into()
            .map_err(|_| Error::malformed("header has another length"))?;
        if bytes[..2] != MAGIC {
            return Err(Error::malformed("header does not start with the magic"));
        }
        if bytes[2] != FORMAT_VERSION {
            return Err(Error::malformed("unknown format version in header"));
        }
        let u16_at = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let suite = Suite {
            kem: u16_at(4),
            kdf: u16_at(6),
            aead: u16_at(8),
            payload_format: u16_at(10),
        };
        if suite != Suite::CURRENT {
            return Err(Error::malformed(
                "header names a suite that is not accepted",
            ));
        }
        if bytes[16] != 0 {
            return Err(Error::malformed("reserved flags in header are not zero"));
        }
        Ok(Self {
            kind: ObjectKind::parse(bytes[3])?,
            suite,
            key_version: u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]),
        })
    }

    /// Splits `sealed` into its header, which must be of `kind`, and the body behind it.
    ///
    /// # Errors
    /// `Malformed` when the header is unreadable or of another kind.
    pub(crate) fn split(kind: ObjectKind, sealed: &[u8]) -> Result<(Self, &[u8])> {
        let (head, body) = sealed
            .split_at_checked(HEADER_BYTES)
            .ok_or(Error::malformed("shorter than its header"))?;
        let header = Self::parse(head)?;
        if header.kind != kind {
            return Err(Error::malformed("an object of another kind"));
        }
        Ok((header, body))
    }

    /// The encoded header.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..2].copy_from_slice(&MAGIC);
        bytes[2] = FORMAT_VERSION;
        bytes[3] = self.kind as u8;
        bytes[4..6].copy_from_slice(&self.suite.kem.to_be_bytes());
        bytes[6..8].copy_from_slice(&self.suite.kdf.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.suite.aead.to_be_bytes());
        bytes[10..12].copy_from_slice(&self.suite.payload_format.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.key_version.to_be_bytes());
        bytes
    }

    /// What the object is.
    #[must_use]
    pub const fn kind(self) -> ObjectKind {
        self.kind
    }

    /// The algorithms that sealed it.
    #[must_use]
    pub const fn suite(self) -> Suite {
        self.suite
    }

    /// Version of the key that sealed it.
    #[must_use]
    pub const fn key_version(self) -> u32 {
        self.key_version
    }
}
