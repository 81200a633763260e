//! Data keys and aliases wrapped to a recipient's public keys by HPKE.
//!
//! In: public keys, a data key, and where it belongs. Out: header and wrap.
//!
//! Promise: a wrap opens in one place only: the record, data key generation, recipient, key
//! pair, grant, permission and expiry it was made for. Changing any of them is a new wrap,
//! which needs the data key. Every failure to open looks the same.
//!
//! Not here: who sealed. Base mode does not authenticate the sender (see `row_mac`).

use crate::{
    context::{Context, Domain},
    data_key::{DATA_KEY_BYTES, DataKey},
    error::{Error, Result},
    hpke,
    ids::{OrgId, RecordId, ShareId, UserId},
    key_pair::{Fingerprint, PrivateKeys, PublicKeys},
    suite::{HEADER_BYTES, Header, ObjectKind},
    symmetric_box,
};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use zeroize::Zeroizing;

/// Bytes of a wrapped data key: header, encapsulated secret, 32 bytes and a tag.
pub const WRAP_BYTES: usize = HEADER_BYTES + hpke::OVERHEAD_BYTES + DATA_KEY_BYTES;

/// What a wrap gives its recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// Read, write and share: the owner's own wrap.
    Own,
    /// Read the plaintext.
    Read,
    /// Be used by the proxy, never shown.
    Use,
}

impl Permission {
    const fn number(self) -> u8 {
        match self {
            Self::Own => 1,
            Self::Read => 2,
            Self::Use => 3,
        }
    }
}

/// On what ground a recipient holds a wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grant {
    /// The recipient owns the record.
    Owner,
    /// The recipient was given a share.
    Share {
        /// The share.
        share: ShareId,
        /// What it allows.
        permission: Permission,
        /// When it ends: UTC milliseconds since the epoch, `None` for never.
        expires_utc_ms: Option<i64>,
    },
}

impl Grant {
    fn bind(self, context: Context) -> Context {
        match self {
            Self::Owner => context
                .bytes(&[])
                .u8(Permission::Own.number())
                .optional_i64(None),
            Self::Share {
                share,
                permission,
                expires_utc_ms,
            } => context
                .bytes(&share.0)
                .u8(permission.number())
                .optional_i64(expires_utc_ms),
        }
    }
}

/// The place in which a data key belongs, for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapContext {
    /// Organisation of owner and recipient.
    pub org: OrgId,
    /// Owner of the record.
    pub owner: UserId,
    /// What the record is.
    pub kind: ObjectKind,
    /// The record.
    pub record: RecordId,
    /// Version of the record's content.
    pub record_version: u64,
    /// How often this version was given a new data key, from 0.
    pub data_key_generation: u32,
    /// Who may unwrap.
    pub recipient: UserId,
    /// Generation of the recipient's key pair.
    pub recipient_generation: u32,
    /// On what ground.
    pub grant: Grant,
}

impl WrapContext {
    pub(crate) fn bind(&self, context: Context) -> Context {
        let context = context
            .bytes(&self.org.0)
            .bytes(&self.owner.0)
            .u8(self.kind as u8)
            .bytes(&self.record.0)
            .u64(self.record_version)
            .u32(self.data_key_generation)
            .bytes(&self.recipient.0)
            .u32(self.recipient_generation);
        self.grant.bind(context)
    }

    fn aad(&self, header: Header, public: Fingerprint) -> Vec<u8> {
        self.bind(symmetric_box::context(Domain::DekWrap, header))
            .bytes(&public.0)
            .finish()
    }
}

/// A wrapped data key whose outer form has been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrapped(Box<[u8; WRAP_BYTES]>);

impl Wrapped {
    /// Reads a wrap: exactly [`WRAP_BYTES`] bytes with a readable header of this kind.
    ///
    /// # Errors
    /// `Malformed` for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes: Box<[u8; WRAP_BYTES]> = bytes
            .to_vec()
            .try_into()
            .map_err(|_| Error::malformed("a wrapped key has another length"))?;
        Header::split(ObjectKind::DekWrap, bytes.as_ref())?;
        Ok(Self(bytes))
    }

    /// Wraps `data_key` to `recipient`. Needs public keys only.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn wrap(data_key: &DataKey, recipient: &PublicKeys, context: &WrapContext) -> Result<Self> {
        let header = Header::new(ObjectKind::DekWrap, context.recipient_generation);
        let sealed = hpke::seal(
            recipient,
            &info(Domain::DekWrap, header),
            &context.aad(header, recipient.fingerprint()),
            data_key.expose(),
        )?;
        let mut bytes = Box::new([0; WRAP_BYTES]);
        bytes[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        bytes[HEADER_BYTES..].copy_from_slice(&sealed);
        Ok(Self(bytes))
    }

    /// Unwraps the data key.
    ///
    /// # Errors
    /// `Tampered` for another key, altered bytes or another place, without saying which.
    pub fn unwrap(&self, recipient: &PrivateKeys, context: &WrapContext) -> Result<DataKey> {
        let (header, sealed) = Header::split(ObjectKind::DekWrap, self.0.as_ref())?;
        if header.key_version() != context.recipient_generation {
            return Err(Error::tampered("a wrap for another key generation"));
        }
        let plaintext = hpke::open(
            recipient,
            &info(Domain::DekWrap, header),
            &context.aad(header, recipient.public().fingerprint()),
            sealed,
        )?;
        let mut data_key = SecretBox::new(Box::new([0; DATA_KEY_BYTES]));
        data_key.expose_secret_mut().copy_from_slice(&plaintext);
        Ok(DataKey::from_secret(data_key))
    }

    /// Generation of the key pair it was wrapped to.
    #[must_use]
    pub fn recipient_generation(&self) -> u32 {
        let at = HEADER_BYTES - 5;
        u32::from_be_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    /// The stored form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl std::fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wrapped").finish_non_exhaustive()
    }
}

/// HPKE `info`: the domain and the header with its suite.
fn info(domain: Domain, header: Header) -> Vec<u8> {
    symmetric_box::context(domain, header).finish()
}

/// Longest alias in bytes of UTF-8.
pub const ALIAS_BYTES_MAX: usize = 254;

/// What a share is called by its two parties.
#[derive(Debug)]
pub struct Alias(SecretString);

impl Alias {
    /// Checks an alias: 1 to [`ALIAS_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// `Policy` for another length.
    pub fn new(text: &str) -> Result<Self> {
        if (1..=ALIAS_BYTES_MAX).contains(&text.len()) {
            Ok(Self(SecretString::from(text)))
        } else {
            Err(Error::policy("an alias is 1 to 254 bytes long"))
        }
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Expose: to the caller, who is one of the two parties.
        self.0.expose_secret()
    }

    /// `u16 length | text | zeros`, 64, 128 or 256 bytes in all: the length tells little.
    pub(crate) fn padded(&self) -> Zeroizing<Vec<u8>> {
        const SIZES: [usize; 3] = [64, 128, 256];
        let text = self.expose().as_bytes();
        let needed = 2 + text.len();
        let size = SIZES.into_iter().find(|size| *size >= needed);
        let mut padded = Zeroizing::new(vec![0; size.unwrap_or(SIZES[2])]);
        padded[..2].copy_from_slice(&(text.len() as u16).to_be_bytes());
        padded[2..needed].copy_from_slice(text);
        padded
    }

    pub(crate) fn unpad(padded: &[u8]) -> Result<Self> {
        const UNREADABLE: Error = Error::tampered("an alias is not padded as it must be");
        let (length, rest) = padded.split_first_chunk::<2>().ok_or(UNREADABLE)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let text = rest.get(..length).ok_or(UNREADABLE)?;
        let text = std::str::from_utf8(text).map_err(|_| UNREADABLE)?;
        Self::new(text).map_err(|_| UNREADABLE)
    }
}

/// The place in which an alias belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AliasContext {
    /// Organisation of both parties.
    pub org: OrgId,
    /// Who shares.
    pub owner: UserId,
    /// Whose copy of the alias this is: the recipient's, or the owner's own.
    pub recipient: UserId,
    /// The share.
    pub share: ShareId,
    /// Generation of the key pair of `recipient`.
    pub recipient_generation: u32,
}

impl AliasContext {
    pub(crate) fn bind(&self, context: Context) -> Context {
        context
            .bytes(&self.org.0)
            .bytes(&self.owner.0)
            .bytes(&self.recipient.0)
            .bytes(&self.share.0)
            .u32(self.recipient_generation)
    }
}

/// Wraps an alias to the recipient of a share.
///
/// # Errors
/// `Unavailable` when the system gives no randomness.
pub fn wrap_alias(
    alias: &Alias,
    recipient: &PublicKeys,
    context: &AliasContext,
) -> Result<Vec<u8>> {
    let header = Header::new(ObjectKind::AliasWrap, context.recipient_generation);
    let aad = alias_aad(context, header, recipient.fingerprint());
    let sealed = hpke::seal(
        recipient,
        &info(Domain::Alias, header),
        &aad,
        &alias.padded(),
    )?;
    Ok([header.to_bytes().as_slice(), &sealed].concat())
}

/// Opens an alias.
///
/// # Errors
/// `Malformed` for unreadable bytes, `Tampered` for another key, place or share.
pub fn unwrap_alias(
    recipient: &PrivateKeys,
    context: &AliasContext,
    wrapped: &[u8],
) -> Result<Alias> {
    let (header, sealed) = Header::split(ObjectKind::AliasWrap, wrapped)?;
    if header.key_version() != context.recipient_generation {
        return Err(Error::tampered("an alias for another key generation"));
    }
    let aad = alias_aad(context, header, recipient.public().fingerprint());
    let padded = hpke::open(recipient, &info(Domain::Alias, header), &aad, sealed)?;
    Alias::unpad(&padded)
}

fn alias_aad(context: &AliasContext, header: Header, public: Fingerprint) -> Vec<u8> {
    context
        .bind(symmetric_box::context(Domain::Alias, header))
        .bytes(&public.0)
        .finish()
}
