//! The server's root keys, and the sub-keys derived from each.
//!
//! In: a few lines of text, `<id>:<43 characters of base64url>`, from a file or the
//! environment, never from the database. Out: a [`RootKeyring`] that signs with the newest
//! key and verifies with any. Sub-keys come from HKDF-SHA256 with a domain of their own.

use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    random,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hkdf::{HKDF_SHA256, Prk},
    hmac,
};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use std::fmt;
use zeroize::Zeroizing;

/// Most root keys in one ring: the current one and those still verified.
pub const ROOT_KEYS_MAX: usize = 8;

const KEY_BYTES: usize = 32;

/// What a sub-key is for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    RowMac,
    ApiKeyHash,
    AuditCheckpoint,
    AuditName,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::RowMac => "row-mac",
            Self::ApiKeyHash => "api-key-hash",
            Self::AuditCheckpoint => "audit-checkpoint",
            Self::AuditName => "audit-name",
        }
    }
}

/// The sub-keys of one root key.
pub(crate) struct SubKeys {
    id: u32,
    row_mac: hmac::Key,
    api_key_hash: hmac::Key,
    audit_checkpoint: hmac::Key,
    audit_name: hmac::Key,
}

impl SubKeys {
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn of(&self, purpose: Purpose) -> &hmac::Key {
        match purpose {
            Purpose::RowMac => &self.row_mac,
            Purpose::ApiKeyHash => &self.api_key_hash,
            Purpose::AuditCheckpoint => &self.audit_checkpoint,
            Purpose::AuditName => &self.audit_name,
        }
    }

    fn derive(id: u32, root: &SecretBox<[u8; KEY_BYTES]>) -> Result<Self> {
        // Expose: the root key keys four expansions and is dropped by the caller.
        let prk = Prk::new_less_safe(HKDF_SHA256, root.expose_secret());
        let sub_key = |purpose: Purpose| {
            let info = Context::new(Domain::RootKey)
                .text(purpose.label())
                .u32(id)
                .finish();
            prk.expand(&[&info], hmac::HMAC_SHA256)
                .map(hmac::Key::from)
                .map_err(|_| Error::unavailable("key derivation failed"))
        };
        Ok(Self {
            id,
            row_mac: sub_key(Purpose::RowMac)?,
            api_key_hash: sub_key(Purpose::ApiKeyHash)?,
            audit_checkpoint: sub_key(Purpose::AuditCheckpoint)?,
            audit_name: sub_key(Purpose::AuditName)?,
        })
    }
}

/// The current root key and older ones that are still accepted.
pub struct RootKeyring {
    /// Never empty; the newest (highest id) is last.
    keys: Vec<SubKeys>,
}

impl RootKeyring {
    /// Makes the text of a new ring with one key of id 1, ready to be written to a file
    /// that only the server reads.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn make_text() -> Result<SecretString> {
        let key: SecretBox<[u8; KEY_BYTES]> = random::secret()?;
        let mut text = String::with_capacity(64);
        text.push_str("1:");
        // Expose: this text is the one form in which a root key is kept.
        URL_SAFE_NO_PAD.encode_string(key.expose_secret(), &mut text);
        text.push('\n');
        Ok(SecretString::from(text))
    }

    /// Reads a ring: one `<id>:<key>` a line, ids rising, the last one current. Empty lines
    /// and lines that start with `#` are skipped.
    ///
    /// # Errors
    /// `Malformed` for anything else, `Policy` for more than [`ROOT_KEYS_MAX`] keys.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keys: Vec<SubKeys> = Vec::new();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (id, key) = parse_line(line)?;
            if keys.last().is_some_and(|last| last.id >= id) {
                return Err(Error::malformed("root key ids must rise"));
            }
            if keys.len() == ROOT_KEYS_MAX {
                return Err(Error::policy("too many root keys"));
            }
            keys.push(SubKeys::derive(id, &key)?);
        }
        if keys.is_empty() {
            return Err(Error::malformed("no root key"));
        }
        Ok(Self { keys })
    }

    pub(crate) fn current(&self) -> &SubKeys {
        self.keys.last().expect("a ring is never empty")
    }

    pub(crate) fn find(&self, id: u32) -> Option<&SubKeys> {
        self.keys.iter().find(|key| key.id == id)
    }

    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &SubKeys> {
        self.keys.iter().rev()
    }
}

fn parse_line(line: &str) -> Result<(u32, SecretBox<[u8; KEY_BYTES]>)> {
    const UNREADABLE: Error = Error::malformed("a root key is not `<id>:<base64url of 32 bytes>`");
    let (id, encoded) = line.split_once(':').ok_or(UNREADABLE)?;
    let is_canonical = id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0');
    let id = id.parse().ok().filter(|_| is_canonical).ok_or(UNREADABLE)?;
    let mut decoded = Zeroizing::new([0; KEY_BYTES]);
    match URL_SAFE_NO_PAD.decode_slice(encoded, decoded.as_mut()) {
        Ok(KEY_BYTES) => {}
        _ => return Err(UNREADABLE),
    }
    let mut key = SecretBox::new(Box::new([0; KEY_BYTES]));
    key.expose_secret_mut().copy_from_slice(decoded.as_ref());
    Ok((id, key))
}

impl fmt::Debug for RootKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootKeyring")
            .field("current_id", &self.current().id)
            .finish_non_exhaustive()
    }
}
