//! The text form of secrets that Sealgate generates, with a checksum in each.
//!
//! ```text
//! sgk_ + id (8) + secret (43) + checksum (6)     API key
//! sgt_ + id (8) + secret (43) + checksum (6)     access token
//! sgs_          + secret (43) + checksum (6)     user secret
//! ```
//!
//! The secret is 32 random bytes in base64url without padding; the checksum is the first
//! 36 bits of SHA-256 over everything in front of it. A typing error is recognised without
//! asking anyone, and a leak by anyone who scans for the prefix.

use crate::{
    error::{Error, Result},
    random,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Characters of the public id inside an API key or access token.
pub const PUBLIC_ID_CHARS: usize = 8;
const SECRET_BYTES: usize = 32;
const SECRET_CHARS: usize = 43;
pub(crate) const CHECKSUM_CHARS: usize = 6;
const PREFIX_CHARS: usize = 4;

/// A kind of generated secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// `sgk_`: identifies one user of one organisation.
    ApiKey,
    /// `sgt_`: opens just what its grant needs.
    AccessToken,
    /// `sgs_`: protects a user's private keys.
    UserSecret,
}

impl SecretKind {
    /// The first four characters.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "sgk_",
            Self::AccessToken => "sgt_",
            Self::UserSecret => "sgs_",
        }
    }

    const fn id_chars(self) -> usize {
        match self {
            Self::ApiKey | Self::AccessToken => PUBLIC_ID_CHARS,
            Self::UserSecret => 0,
        }
    }

    const fn chars(self) -> usize {
        PREFIX_CHARS + self.id_chars() + SECRET_CHARS + CHECKSUM_CHARS
    }
}

/// The public part of an API key or access token: 8 characters of base64url, by which it
/// is looked up. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicId([u8; PUBLIC_ID_CHARS]);

impl PublicId {
    /// Reads an id: exactly [`PUBLIC_ID_CHARS`] characters of base64url.
    ///
    /// # Errors
    /// `Malformed` for anything else.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        <[u8; PUBLIC_ID_CHARS]>::try_from(text)
            .ok()
            .filter(|id| id.iter().all(is_base64url))
            .map(Self)
            .ok_or(Error::malformed("not a public id"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked to be ASCII when it was made")
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({})", self.as_str())
    }
}

/// An API key or access token as its holder presents it.
pub struct PresentedKey {
    kind: SecretKind,
    id: PublicId,
    secret: SecretBox<[u8; SECRET_BYTES]>,
}

impl PresentedKey {
    /// Makes a new one. The text is shown to its holder once.
    ///
    /// # Errors
    /// `Policy` for [`SecretKind::UserSecret`], which has no id; `Unavailable` when the
    /// system gives no randomness.
    pub fn make(kind: SecretKind) -> Result<(Self, SecretString)> {
        if kind.id_chars() == 0 {
            return Err(Error::policy("a user secret has no id"));
        }
        let id_bytes: [u8; PUBLIC_ID_CHARS * 6 / 8] = random::bytes()?;
        let id = PublicId::parse(URL_SAFE_NO_PAD.encode(id_bytes).as_bytes())?;
        let secret = random::secret()?;
        let text = encode(kind, id.as_str(), &secret);
        Ok((Self { kind, id, secret }, text))
    }

    /// Reads a key of `kind`.
    ///
    /// # Errors
    /// `Malformed` for another kind, length, alphabet or checksum.
    pub fn parse(kind: SecretKind, presented: &[u8]) -> Result<Self> {
        const UNREADABLE: Error = Error::malformed("not a key of this kind");
        let Checked::Valid(secret) = check(kind, presented) else {
            return Err(UNREADABLE);
        };
        let id = presented[PREFIX_CHARS..].get(..kind.id_chars());
        Ok(Self {
            kind,
            id: PublicId::parse(id.ok_or(UNREADABLE)?)?,
            secret,
        })
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The id by which it is looked up.
    #[must_use]
    pub fn id(&self) -> PublicId {
        self.id
    }

    pub(crate) fn expose(&self) -> &[u8; SECRET_BYTES] {
        // Expose: for the keyed hash and the token's own boxes inside this crate.
        self.secret.expose_secret()
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedKey")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

pub(crate) fn encode_user_secret(bits: &SecretBox<[u8; SECRET_BYTES]>) -> SecretString {
    encode(SecretKind::UserSecret, "", bits)
}

fn encode(kind: SecretKind, id: &str, secret: &SecretBox<[u8; SECRET_BYTES]>) -> SecretString {
    // Expose: the text is the one form its holder keeps. Sized first, so no copy is left.
    let mut text = String::with_capacity(kind.chars());
    text.push_str(kind.prefix());
    text.push_str(id);
    URL_SAFE_NO_PAD.encode_string(secret.expose_secret(), &mut text);
    let checksum = checksum(text.as_bytes());
    text.push_str(std::str::from_utf8(&checksum).expect("base64url is ASCII"));
    SecretString::from(text)
}

/// What a presented text turned out to be.
pub(crate) enum Checked {
    /// A secret of the kind asked for.
    Valid(SecretBox<[u8; SECRET_BYTES]>),
    /// It has the prefix of one, and a typing error: a character wrong, missing or too many.
    Damaged,
    /// Something else.
    Other,
}

/// Tells whether `presented` is a secret of `kind`. Exactly one text stands for one secret.
pub(crate) fn check(kind: SecretKind, presented: &[u8]) -> Checked {
    if !presented.starts_with(kind.prefix().as_bytes()) {
        return Checked::Other;
    }
    if presented.len() != kind.chars() {
        return Checked::Damaged;
    }
    let (body, given) = presented.split_at(presented.len() - CHECKSUM_CHARS);
    if !bool::from(checksum(body).ct_eq(given)) {
        return Checked::Damaged;
    }
    let encoded = &body[PREFIX_CHARS + kind.id_chars()..];
    let mut decoded = Zeroizing::new([0; SECRET_BYTES]);
    // Strict: other alphabets and non-zero trailing bits are refused by the engine.
    match URL_SAFE_NO_PAD.decode_slice(encoded, decoded.as_mut()) {
        Ok(SECRET_BYTES) => {
            let mut secret = SecretBox::new(Box::new([0; SECRET_BYTES]));
            secret.expose_secret_mut().copy_from_slice(decoded.as_ref());
            Checked::Valid(secret)
        }
        _ => Checked::Damaged,
    }
}

/// The first 36 bits of SHA-256 as 6 characters of base64url.
pub(crate) fn checksum(body: &[u8]) -> [u8; CHECKSUM_CHARS] {
    let hash = digest::digest(&digest::SHA256, body);
    let mut encoded = [0; 8];
    let written = URL_SAFE_NO_PAD.encode_slice(&hash.as_ref()[..6], &mut encoded);
    debug_assert_eq!(written, Ok(8));
    let mut checksum = [0; CHECKSUM_CHARS];
    checksum.copy_from_slice(&encoded[..CHECKSUM_CHARS]);
    checksum
}
