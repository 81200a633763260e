//! One injective encoding for everything that binds a ciphertext to its place.
//!
//! In: a domain, and typed fields in a fixed order. Out: bytes for the associated data of
//! an AEAD, the context of a key derivation or the input of a MAC.
//!
//! Promise: two different lists of fields never encode to equal bytes, whatever the fields
//! hold, because each part carries its length. There is no JSON, no separator, no escaping.
//!
//! ```text
//! u32 length, domain | u8 version | u32 number of fields | (u32 length, field)*
//! ```
//!
//! All integers are big-endian. Not here: which fields an object binds; each module lists
//! its own.

/// Version of the encoding itself.
const CONTEXT_VERSION: u8 = 1;

/// What kind of object some bytes belong to; the outermost part of every context.
///
/// An object of one domain never opens, verifies or derives as one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Domain {
    /// The content of a value or a file.
    Payload,
    /// Names, types and metadata beside a payload, under the same data key.
    PayloadLabel,
    /// A data key wrapped to a recipient's public keys.
    DekWrap,
    /// A data key boxed under an account key.
    DekBox,
    /// A private key under a key encryption key.
    PrivateKey,
    /// An account key under a key encryption key.
    AccountKey,
    /// Derivation of a key encryption key and check value from a user secret.
    UserSecret,
    /// The alias of a share, wrapped to its recipient.
    Alias,
    /// The alias of a share, boxed under an account key.
    AliasBox,
    /// A stored upstream credential.
    Credential,
    /// Derivation of a credential's key from its passphrase.
    CredentialSecret,
    /// Keys granted to an access token.
    Token,
    /// A recovery share wrapped to a trustee.
    RecoveryShare,
    /// Private keys under a recovery key.
    RecoveryEnvelope,
    /// The mask that the answer to a hint puts over a recovery share.
    RecoveryMask,
    /// The stored hash of an API key or access token.
    ApiKey,
    /// The MAC of a database row.
    RowMac,
    /// An entry or checkpoint of the audit chain.
    Audit,
    /// Look-up keys of an in-memory cache of opened keys.
    UnlockCache,
    /// Separation of sub-keys below the root key.
    RootKey,
}

impl Domain {
    /// The domain string, as it stands in the encoding.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payload => "hardened/payload",
            Self::PayloadLabel => "hardened/payload-label",
            Self::DekWrap => "hardened/dek-wrap",
            Self::DekBox => "hardened/dek-box",
            Self::PrivateKey => "hardened/private-key",
            Self::AccountKey => "hardened/account-key",
            Self::UserSecret => "hardened/user-secret",
            Self::Alias => "hardened/alias",
            Self::AliasBox => "hardened/alias-box",
            Self::Credential => "hardened/credential",
            Self::CredentialSecret => "hardened/credential-secret",
            Self::Token => "hardened/token",
            Self::RecoveryShare => "hardened/recovery-share",
            Self::RecoveryEnvelope => "hardened/recovery-envelope",
            Self::RecoveryMask => "hardened/recovery-mask",
            Self::ApiKey => "hardened/api-key",
            Self::RowMac => "hardened/row-mac",
            Self::Audit => "hardened/audit",
            Self::UnlockCache => "hardened/unlock-cache",
            Self::RootKey => "hardened/root-key",
        }
    }
}

/// A builder of context bytes; see the module header for the layout.
///
/// ```
/// use hardened_crypto::context::{Context, Domain};
///
/// let one = Context::new(Domain::RowMac).bytes(b"ab").bytes(b"c").finish();
/// let other = Context::new(Domain::RowMac).bytes(b"a").bytes(b"bc").finish();
/// assert_ne!(one, other);
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    encoded: Vec<u8>,
    count_at: usize,
    fields: u32,
}

impl Context {
    /// Starts a context of `domain` without fields.
    #[must_use]
    pub fn new(domain: Domain) -> Self {
        const TYPICAL_BYTES: usize = 256;
        let name = domain.as_str().as_bytes();
        let mut encoded = Vec::with_capacity(TYPICAL_BYTES);
        encoded.extend_from_slice(&length(name));
        encoded.extend_from_slice(name);
        encoded.push(CONTEXT_VERSION);
        let count_at = encoded.len();
        encoded.extend_from_slice(&[0; 4]);
        Self {
            encoded,
            count_at,
            fields: 0,
        }
    }

    /// Appends a field of bytes (at most 4 GiB).
    #[must_use]
    pub fn bytes(mut self, field: &[u8]) -> Self {
        self.encoded.extend_from_slice(&length(field));
        self.encoded.extend_from_slice(field);
        self.fields += 1;
        self
    }

    /// Appends a field of UTF-8 text.
    #[must_use]
    pub fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    /// Appends one byte as a field.
    #[must_use]
    pub fn u8(self, field: u8) -> Self {
        self.bytes(&[field])
    }

    /// Appends a 32-bit integer as a field of 4 bytes.
    #[must_use]
    pub fn u32(self, field: u32) -> Self {
        self.bytes(&field.to_be_bytes())
    }

    /// Appends a 64-bit integer as a field of 8 bytes.
    #[must_use]
    pub fn u64(self, field: u64) -> Self {
        self.bytes(&field.to_be_bytes())
    }

    /// Appends an optional 64-bit signed integer: absent is an empty field, not a zero.
    #[must_use]
    pub fn optional_i64(self, field: Option<i64>) -> Self {
        match field {
            Some(value) => self.bytes(&value.to_be_bytes()),
            None => self.bytes(&[]),
        }
    }

    /// The encoded bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let count = self.fields.to_be_bytes();
        self.encoded[self.count_at..self.count_at + 4].copy_from_slice(&count);
        self.encoded
    }
}

fn length(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len())
        .expect("a context field is smaller than 4 GiB")
        .to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_as_documented() {
        let encoded = Context::new(Domain::Alias).u8(7).finish();
        let expected = b"\0\0\0\x0ehardened/alias\x01\0\0\0\x01\0\0\0\x01\x07";
        assert_eq!(encoded, expected);
    }

    #[test]
    fn absent_differs_from_zero() {
        let absent = Context::new(Domain::Alias).optional_i64(None).finish();
        let zero = Context::new(Domain::Alias).optional_i64(Some(0)).finish();
        assert_ne!(absent, zero);
    }
}
