//! A stored upstream credential: what the proxy puts into a request, and where to.
//!
//! In: the value, and the place it may be sent to. Out: header and Cobblestone-256. Two
//! ways to seal, told apart by what opens them:
//!
//! - under a passphrase of the credential's own: a [`CredentialKey`] derived as a user's key
//!   encryption key is, with a [`Protection`] of its own to store;
//! - under a [`DataKey`] that is wrapped to users ([`CredentialContext::wrap_context`]), so
//!   that it can be shared with the permission to use it.
//!
//! Promise: host pattern with port, header and template are authenticated with the value.
//! Whoever edits the stored row points the secret nowhere: it refuses to open. A wrong
//! passphrase is `WrongSecret`, everything else that does not open is `Tampered`.
//!
//! Not here: matching hosts and filling the template (`credential-injector`). That a
//! recipient with [`Permission::Use`] is never shown the value is the server's to keep.

use crate::{
    context::{Context, Domain},
    data_key::DataKey,
    error::{Error, ErrorKind, Result},
    ids::{CredentialId, OrgId, RecordId, UserId},
    payload::cobblestone,
    suite::{HEADER_BYTES, Header, ObjectKind},
    symmetric_box,
    user_secret::{Argon2Arena, PassphraseCost, Place, Protection, UserSecret},
    wrap::{Grant, Permission, WrapContext},
};
use secrecy::{ExposeSecret, SecretBox, SecretSlice};
use std::fmt;

/// Longest value of a credential in bytes.
pub const CREDENTIAL_VALUE_BYTES_MAX: usize = 16 * 1024;

const SEALED_BYTES_MAX: usize =
    HEADER_BYTES + cobblestone::sealed_bytes(CREDENTIAL_VALUE_BYTES_MAX);

/// The value of a credential, in memory.
pub struct CredentialValue(SecretSlice<u8>);

impl CredentialValue {
    /// Checks a value: 1 to [`CREDENTIAL_VALUE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// `Policy` for another length.
    pub fn new(value: &[u8]) -> Result<Self> {
        if (1..=CREDENTIAL_VALUE_BYTES_MAX).contains(&value.len()) {
            Ok(Self(SecretSlice::from(value.to_vec())))
        } else {
            Err(Error::policy("a credential's value is 1 byte to 16 KiB"))
        }
    }

    /// The bytes, to be put into a request and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        // Expose: to the injector, the one place that needs them.
        self.0.expose_secret()
    }
}

impl fmt::Debug for CredentialValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialValue").finish_non_exhaustive()
    }
}

/// The place in which a credential's value belongs, and the only places it may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialContext<'a> {
    /// Organisation of the owner.
    pub org: OrgId,
    /// Owner of the credential.
    pub owner: UserId,
    /// The credential.
    pub credential: CredentialId,
    /// Version of its value.
    pub version: u64,
    /// Canonical text of the host pattern, port included.
    pub host_pattern: &'a str,
    /// Name of the header that carries it, lower case.
    pub header: &'a str,
    /// Template that the value is filled into.
    pub template: &'a str,
}

/// What opens a sealed value; part of its context.
#[derive(Clone, Copy)]
enum SealedUnder {
    Passphrase = 1,
    DataKey = 2,
}

impl CredentialContext<'_> {
    /// The place of this credential's data key, for one recipient.
    ///
    /// # Errors
    /// `Policy` for a share that allows anything but [`Permission::Use`], and for an owner's
    /// grant to somebody else.
    pub fn wrap_context(
        &self,
        data_key_generation: u32,
        recipient: UserId,
        recipient_generation: u32,
        grant: Grant,
    ) -> Result<WrapContext> {
        let allowed = match grant {
            Grant::Owner => recipient == self.owner,
            Grant::Share { permission, .. } => {
                permission == Permission::Use && recipient != self.owner
            }
        };
        if !allowed {
            return Err(Error::policy("a credential is owned, or shared to be used"));
        }
        Ok(WrapContext {
            org: self.org,
            owner: self.owner,
            kind: ObjectKind::Credential,
            record: RecordId(self.credential.0),
            record_version: self.version,
            data_key_generation,
            recipient,
            recipient_generation,
            grant,
        })
    }

    fn bind(&self, under: SealedUnder, context: Context) -> Context {
        context
            .u8(under as u8)
            .bytes(&self.org.0)
            .bytes(&self.owner.0)
            .bytes(&self.credential.0)
            .u64(self.version)
            .text(self.host_pattern)
            .text(self.header)
            .text(self.template)
    }

    fn seal(
        &self,
        under: SealedUnder,
        key: &[u8; 32],
        key_version: u32,
        value: &CredentialValue,
    ) -> Result<Vec<u8>> {
        symmetric_box::seal(
            Domain::Credential,
            Header::new(ObjectKind::Credential, key_version),
            key,
            |fields| self.bind(under, fields),
            value.expose(),
        )
    }

    fn open(
        &self,
        under: SealedUnder,
        key: &[u8; 32],
        key_version: u32,
        sealed: &[u8],
    ) -> Result<CredentialValue> {
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(Error::malformed("a sealed credential is too long"));
        }
        let (header, _) = Header::split(ObjectKind::Credential, sealed)?;
        if header.key_version() != key_version {
            return Err(Error::tampered("a credential under another key version"));
        }
        let value = symmetric_box::open(
            Domain::Credential,
            ObjectKind::Credential,
            key,
            |fields| self.bind(under, fields),
            sealed,
        )?;
        CredentialValue::new(&value).map_err(|_| Error::tampered("a credential without a value"))
    }
}

/// Seals a value under a data key, which is then wrapped to its owner and whoever may use it.
///
/// # Errors
/// `Unavailable` when the system gives no randomness.
pub fn seal(
    data_key: &DataKey,
    data_key_generation: u32,
    context: &CredentialContext<'_>,
    value: &CredentialValue,
) -> Result<Vec<u8>> {
    context.seal(
        SealedUnder::DataKey,
        data_key.expose(),
        data_key_generation,
        value,
    )
}

/// Opens a value that [`seal`] sealed.
///
/// # Errors
/// `Malformed` for unreadable bytes, `Tampered` for another key or place.
pub fn open(
    data_key: &DataKey,
    data_key_generation: u32,
    context: &CredentialContext<'_>,
    sealed: &[u8],
) -> Result<CredentialValue> {
    context.open(
        SealedUnder::DataKey,
        data_key.expose(),
        data_key_generation,
        sealed,
    )
}

/// Whose key a [`CredentialKey`] is; part of its derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CredentialPlace {
    /// Organisation of the owner.
    pub org: OrgId,
    /// Owner of the credential.
    pub owner: UserId,
    /// The credential.
    pub credential: CredentialId,
}

impl CredentialPlace {
    fn for_secret(self) -> Place<impl FnOnce(Context) -> Context> {
        Place {
            domain: Domain::CredentialSecret,
            bind: move |context| self.bind(context),
        }
    }

    pub(crate) fn bind(self, context: Context) -> Context {
        context
            .bytes(&self.org.0)
            .bytes(&self.owner.0)
            .bytes(&self.credential.0)
    }
}

/// The key that a credential's passphrase opens. It seals every version of its value.
pub struct CredentialKey {
    key: SecretBox<[u8; 32]>,
    place: CredentialPlace,
    secret_version: u32,
}

impl CredentialKey {
    /// Derives the key of a new credential, or of one whose passphrase changes.
    /// `secret_version` counts its passphrases, from 1.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness or memory.
    pub fn protect(
        passphrase: &UserSecret,
        place: CredentialPlace,
        secret_version: u32,
        cost: PassphraseCost,
        arena: &mut Argon2Arena,
    ) -> Result<(Protection, Self)> {
        let (protection, key) =
            passphrase.protect_key(secret_version, cost, place.for_secret(), arena)?;
        Ok((protection, Self::from_secret(key, place, secret_version)))
    }

    /// Derives the key again and checks the passphrase.
    ///
    /// # Errors
    /// `WrongSecret` when it is another passphrase; `Unavailable` when the system gives no
    /// memory.
    pub fn unlock(
        passphrase: &UserSecret,
        place: CredentialPlace,
        protection: &Protection,
        arena: &mut Argon2Arena,
    ) -> Result<Self> {
        let key = passphrase
            .unlock_key(protection, place.for_secret(), arena)
            .map_err(|error| match error.kind() {
                ErrorKind::WrongSecret => Error::wrong_secret("wrong passphrase of a credential"),
                _ => error,
            })?;
        Ok(Self::from_secret(key, place, protection.secret_version()))
    }

    pub(crate) fn from_secret(
        key: SecretBox<[u8; 32]>,
        place: CredentialPlace,
        secret_version: u32,
    ) -> Self {
        Self {
            key,
            place,
            secret_version,
        }
    }

    /// Seals one version of the value.
    ///
    /// # Errors
    /// `Policy` when `context` is of another credential; `Unavailable` when the system gives
    /// no randomness.
    pub fn seal(
        &self,
        context: &CredentialContext<'_>,
        value: &CredentialValue,
    ) -> Result<Vec<u8>> {
        self.check(context)?;
        let under = SealedUnder::Passphrase;
        context.seal(under, self.expose(), self.secret_version, value)
    }

    /// Opens one version of the value.
    ///
    /// # Errors
    /// `Malformed` for unreadable bytes, `Tampered` for another place or altered bytes,
    /// `Policy` when `context` is of another credential.
    pub fn open(&self, context: &CredentialContext<'_>, sealed: &[u8]) -> Result<CredentialValue> {
        self.check(context)?;
        let under = SealedUnder::Passphrase;
        context.open(under, self.expose(), self.secret_version, sealed)
    }

    fn check(&self, context: &CredentialContext<'_>) -> Result<()> {
        let place = CredentialPlace {
            org: context.org,
            owner: context.owner,
            credential: context.credential,
        };
        if place == self.place {
            Ok(())
        } else {
            Err(Error::policy("the key of another credential"))
        }
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        // Expose: keys the boxes of this crate only.
        self.key.expose_secret()
    }

    /// Whose key it is.
    #[must_use]
    pub fn place(&self) -> CredentialPlace {
        self.place
    }

    /// Counts the credential's passphrases, from 1.
    #[must_use]
    pub fn secret_version(&self) -> u32 {
        self.secret_version
    }
}

impl fmt::Debug for CredentialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "credential/tests.rs"]
mod tests;
