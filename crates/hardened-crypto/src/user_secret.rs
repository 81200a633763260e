//! The secret that protects a user's private keys, and what is stored to check it.
//!
//! In: a secret the caller holds. Out: a key encryption key ([`Kek`]) and a
//! [`Protection`] to store: kind, cost, salt and check value.
//!
//! Two kinds, told apart by the secret's own form and never by a flag of the caller:
//! *generated* (`sgs_…`, 256 random bits; HKDF is enough) and *passphrase* (anything else;
//! Argon2id, RFC 9106). Both end in one HKDF expansion to a key and a check value.
//!
//! Promise: a wrong check value is `WrongSecret`, before any box is tried; cost parameters
//! outside the compiled-in window are refused before any memory is taken for them, and
//! edited ones give another key. Not here: limits on attempts, the pool of threads
//! (`argon2_pool`).

mod protection;
mod stretch;

pub use protection::{PROTECTION_BYTES, Protection, ProtectionKind};
pub use stretch::{ARENA_KEPT_KIB_MAX, Argon2Arena, PassphraseCost};

pub(crate) use protection::SALT_BYTES;
pub(crate) use stretch::argon2id;

use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    ids::{OrgId, UserId},
    random,
    secret_format::{self, Checked, SecretKind},
};
use protection::CHECK_BYTES;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretSlice, SecretString};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Longest passphrase in bytes.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;
/// Shortest passphrase in bytes that [`PassphrasePolicy::default`] accepts for a new secret.
pub const PASSPHRASE_BYTES_MIN: usize = 12;

const WRONG: Error = Error::wrong_secret("wrong secret");

/// What a new passphrase must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphrasePolicy {
    /// Shortest accepted length in bytes, at least 1.
    pub bytes_min: usize,
}

impl Default for PassphrasePolicy {
    fn default() -> Self {
        Self {
            bytes_min: PASSPHRASE_BYTES_MIN,
        }
    }
}

/// A secret as its holder presents it.
pub struct UserSecret(Form);

enum Form {
    Generated(SecretBox<[u8; 32]>),
    Passphrase(SecretSlice<u8>),
}

impl UserSecret {
    /// Makes a generated secret: 256 random bits. The text is shown to its holder once.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn make() -> Result<(Self, SecretString)> {
        let bits = random::secret()?;
        let text = secret_format::encode_user_secret(&bits);
        Ok((Self(Form::Generated(bits)), text))
    }

    /// Reads a secret that is to protect keys from now on.
    ///
    /// # Errors
    /// `Policy` for a passphrase outside the lengths of `policy`, and for text that looks
    /// generated but has a wrong checksum: a typing error that would lock its holder out.
    pub fn for_new(presented: &[u8], policy: &PassphrasePolicy) -> Result<Self> {
        let bytes_min = policy.bytes_min.max(1);
        match secret_format::check(SecretKind::UserSecret, presented) {
            Checked::Valid(bits) => Ok(Self(Form::Generated(bits))),
            Checked::Damaged => Err(Error::policy("a generated secret with a typing error")),
            Checked::Other if !(bytes_min..=PASSPHRASE_BYTES_MAX).contains(&presented.len()) => {
                Err(Error::policy(
                    "a passphrase of a length that is not accepted",
                ))
            }
            Checked::Other => Ok(Self::passphrase(presented)),
        }
    }

    /// Reads a secret that should open keys which exist.
    ///
    /// # Errors
    /// `WrongSecret` for what can never have been set: empty, too long, or a generated
    /// secret with a typing error.
    pub fn for_unlock(presented: &[u8]) -> Result<Self> {
        match secret_format::check(SecretKind::UserSecret, presented) {
            Checked::Valid(bits) => Ok(Self(Form::Generated(bits))),
            Checked::Damaged => Err(WRONG),
            Checked::Other if !(1..=PASSPHRASE_BYTES_MAX).contains(&presented.len()) => Err(WRONG),
            Checked::Other => Ok(Self::passphrase(presented)),
        }
    }

    fn passphrase(presented: &[u8]) -> Self {
        Self(Form::Passphrase(SecretSlice::from(presented.to_vec())))
    }

    /// Whether deriving from it is cheap enough for any thread.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        matches!(self.0, Form::Generated(_))
    }

    /// Whether both are the same secret; constant time in the content.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            // Expose: compared in constant time, nothing is kept.
            (Form::Generated(one), Form::Generated(two)) => {
                one.expose_secret().ct_eq(two.expose_secret()).into()
            }
            (Form::Passphrase(one), Form::Passphrase(two)) => {
                one.expose_secret().ct_eq(two.expose_secret()).into()
            }
            _ => false,
        }
    }

    /// Protects a new set of keys with this secret.
    ///
    /// # Errors
    /// `Policy` when `cost` is outside the accepted window; `Unavailable` when the system
    /// gives no randomness or memory.
    pub fn protect(
        &self,
        owner: SecretOwner,
        secret_version: u32,
        cost: PassphraseCost,
        arena: &mut Argon2Arena,
    ) -> Result<(Protection, Kek)> {
        let (protection, key) = self.protect_key(secret_version, cost, owner.place(), arena)?;
        Ok((protection, Kek::new(key, owner, secret_version)))
    }

    /// Derives the key encryption key and checks the secret.
    ///
    /// # Errors
    /// `WrongSecret` when it is another secret; `Policy` when the stored cost is outside
    /// the accepted window; `Unavailable` when the system gives no memory.
    pub fn unlock(
        &self,
        owner: SecretOwner,
        protection: &Protection,
        arena: &mut Argon2Arena,
    ) -> Result<Kek> {
        let key = self.unlock_key(protection, owner.place(), arena)?;
        Ok(Kek::new(key, owner, protection.secret_version()))
    }

    /// Derives a new key for whatever `place` names, under a fresh salt.
    pub(crate) fn protect_key(
        &self,
        secret_version: u32,
        cost: PassphraseCost,
        place: Place<impl FnOnce(Context) -> Context>,
        arena: &mut Argon2Arena,
    ) -> Result<(Protection, SecretBox<[u8; KEK_BYTES]>)> {
        let kind = match self.0 {
            Form::Generated(_) => ProtectionKind::Generated,
            Form::Passphrase(_) => ProtectionKind::Passphrase(cost),
        };
        let salt: [u8; SALT_BYTES] = random::bytes()?;
        let derived = self.derive(secret_version, kind, &salt, place, arena)?;
        let protection = Protection::new(kind, secret_version, salt, derived.check);
        Ok((protection, derived.key))
    }

    /// Derives the key that `protection` stands for, and checks the secret.
    pub(crate) fn unlock_key(
        &self,
        protection: &Protection,
        place: Place<impl FnOnce(Context) -> Context>,
        arena: &mut Argon2Arena,
    ) -> Result<SecretBox<[u8; KEK_BYTES]>> {
        let expects_generated = protection.kind() == ProtectionKind::Generated;
        if expects_generated != self.is_generated() {
            return Err(WRONG);
        }
        let derived = self.derive(
            protection.secret_version(),
            protection.kind(),
            protection.salt(),
            place,
            arena,
        )?;
        if bool::from(derived.check.ct_eq(protection.check())) {
            Ok(derived.key)
        } else {
            Err(WRONG)
        }
    }

    fn derive(
        &self,
        secret_version: u32,
        kind: ProtectionKind,
        salt: &[u8; SALT_BYTES],
        place: Place<impl FnOnce(Context) -> Context>,
        arena: &mut Argon2Arena,
    ) -> Result<Derived> {
        // Expose: stretched into a wiping root right here.
        let root = match (&self.0, kind) {
            (Form::Generated(bits), ProtectionKind::Generated) => {
                stretch::extract(salt, bits.expose_secret())
            }
            (Form::Passphrase(text), ProtectionKind::Passphrase(cost)) => {
                stretch::argon2id(text.expose_secret(), salt, cost, arena)?
            }
            _ => return Err(WRONG),
        };
        let context = (place.bind)(kind.bind(Context::new(place.domain)))
            .u32(secret_version)
            .finish();
        let output = expand_key_and_check(&root, &context)?;
        let (key_bytes, check_bytes) = output.split_at(KEK_BYTES);
        let mut key = SecretBox::new(Box::new([0; KEK_BYTES]));
        key.expose_secret_mut().copy_from_slice(key_bytes);
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(check_bytes);
        Ok(Derived { key, check })
    }
}

/// What a derived key is for: its domain, and the fields that name its place.
pub(crate) struct Place<B: FnOnce(Context) -> Context> {
    pub(crate) domain: Domain,
    pub(crate) bind: B,
}

struct Derived {
    key: SecretBox<[u8; KEK_BYTES]>,
    check: [u8; CHECK_BYTES],
}

const KEK_BYTES: usize = 32;

struct OutputLength(usize);

impl KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-SHA256(root, context, 64): a key, then a check value.
pub(crate) fn expand_key_and_check(
    root: &SecretBox<[u8; 32]>,
    context: &[u8],
) -> Result<Zeroizing<[u8; KEK_BYTES + CHECK_BYTES]>> {
    let mut output = Zeroizing::new([0; KEK_BYTES + CHECK_BYTES]);
    // Expose: the root keys this one expansion.
    expand(root.expose_secret(), context, output.as_mut())?;
    Ok(output)
}

/// HKDF-Expand-SHA256(root, context, 32): a key.
pub(crate) fn expand_key(root: &[u8; 32], context: &[u8]) -> Result<SecretBox<[u8; 32]>> {
    let mut key = SecretBox::new(Box::new([0; 32]));
    expand(root, context, key.expose_secret_mut())?;
    Ok(key)
}

fn expand(root: &[u8; 32], context: &[u8], output: &mut [u8]) -> Result<()> {
    Prk::new_less_safe(HKDF_SHA256, root)
        .expand(&[context], OutputLength(output.len()))
        .and_then(|okm| okm.fill(output))
        .map_err(|_| Error::unavailable("key derivation failed"))
}

impl fmt::Debug for UserSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSecret").finish_non_exhaustive()
    }
}

/// Whose secret it is; part of every derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretOwner {
    /// Organisation of the user.
    pub org: OrgId,
    /// The user.
    pub user: UserId,
}

impl SecretOwner {
    fn place(self) -> Place<impl FnOnce(Context) -> Context> {
        Place {
            domain: Domain::UserSecret,
            bind: move |context: Context| context.bytes(&self.org.0).bytes(&self.user.0),
        }
    }
}

/// A key encryption key: protects private keys and the account key, nothing else.
pub struct Kek {
    key: SecretBox<[u8; KEK_BYTES]>,
    owner: SecretOwner,
    secret_version: u32,
}

impl Kek {
    fn new(key: SecretBox<[u8; KEK_BYTES]>, owner: SecretOwner, secret_version: u32) -> Self {
        Self {
            key,
            owner,
            secret_version,
        }
    }

    pub(crate) fn expose(&self) -> &[u8; KEK_BYTES] {
        // Expose: keys the boxes of this crate only.
        self.key.expose_secret()
    }

    /// Whose keys it protects.
    #[must_use]
    pub fn owner(&self) -> SecretOwner {
        self.owner
    }

    /// Counts the changes of the secret, from 1.
    #[must_use]
    pub fn secret_version(&self) -> u32 {
        self.secret_version
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kek").finish_non_exhaustive()
    }
}
