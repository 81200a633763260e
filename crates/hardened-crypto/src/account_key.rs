//! The account key: one random symmetric key per user, for everything opened often.
//!
//! A data key that arrived by HPKE is boxed again under the account key at its first
//! opening. The next opening is symmetric and dozens of times cheaper. The HPKE wrap stays
//! the source of truth: a box is bound to the hash of its wrap, so it dies with it.

use crate::{
    context::{Context, Domain},
    data_key::DataKey,
    error::{Error, Result},
    random,
    suite::{Header, ObjectKind},
    symmetric_box,
    user_secret::Kek,
    wrap::{Alias, AliasContext, WrapContext, Wrapped},
};
use ring::digest;
use secrecy::{ExposeSecret, SecretBox};
use std::fmt;

/// A user's account key, opened.
pub struct AccountKey(SecretBox<[u8; 32]>);

impl AccountKey {
    /// A new random account key.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn make() -> Result<Self> {
        random::secret().map(Self)
    }

    pub(crate) fn from_secret(bytes: SecretBox<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        // Expose: keys the boxes of this crate only.
        self.0.expose_secret()
    }

    /// Boxes the account key under its owner's key encryption key.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn seal(&self, kek: &Kek) -> Result<Vec<u8>> {
        let header = Header::new(ObjectKind::AccountKey, kek.secret_version());
        symmetric_box::seal(
            Domain::AccountKey,
            header,
            kek.expose(),
            owner(kek),
            self.expose(),
        )
    }

    /// Opens an account key.
    ///
    /// # Errors
    /// `Malformed` for unreadable bytes, `Tampered` when they do not open under `kek`.
    pub fn open(kek: &Kek, sealed: &[u8]) -> Result<Self> {
        symmetric_box::open_key(
            Domain::AccountKey,
            ObjectKind::AccountKey,
            kek.expose(),
            owner(kek),
            sealed,
        )
        .map(Self)
    }

    /// Boxes a data key that was unwrapped from `wrapped`, for cheap opening later.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn box_data_key(
        &self,
        data_key: &DataKey,
        context: &WrapContext,
        wrapped: &Wrapped,
    ) -> Result<Vec<u8>> {
        let header = Header::new(ObjectKind::DekBox, context.recipient_generation);
        symmetric_box::seal(
            Domain::DekBox,
            header,
            self.expose(),
            |fields| context.bind(fields).bytes(&hash_of(wrapped.as_bytes())),
            data_key.expose(),
        )
    }

    /// Opens a boxed data key; `wrapped` is the wrap it was made from.
    ///
    /// # Errors
    /// `Malformed` for unreadable bytes; `Tampered` when the box is of another place, of
    /// another generation or of a wrap that has been replaced. The caller then unwraps.
    pub fn open_data_key(
        &self,
        sealed: &[u8],
        context: &WrapContext,
        wrapped: &Wrapped,
    ) -> Result<DataKey> {
        check_generation(ObjectKind::DekBox, sealed, context.recipient_generation)?;
        symmetric_box::open_key(
            Domain::DekBox,
            ObjectKind::DekBox,
            self.expose(),
            |fields| context.bind(fields).bytes(&hash_of(wrapped.as_bytes())),
            sealed,
        )
        .map(DataKey::from_secret)
    }

    /// Boxes the owner's or recipient's copy of a share alias; `wrapped` is the wrap that the
    /// recipient holds, so that a box dies when the alias changes.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn box_alias(
        &self,
        alias: &Alias,
        context: &AliasContext,
        wrapped: &[u8],
    ) -> Result<Vec<u8>> {
        let header = Header::new(ObjectKind::AliasBox, context.recipient_generation);
        let padded = alias.padded();
        symmetric_box::seal(
            Domain::AliasBox,
            header,
            self.expose(),
            |fields| context.bind(fields).bytes(&hash_of(wrapped)),
            &padded,
        )
    }

    /// Opens a boxed alias; `wrapped` is the wrap it was boxed beside.
    ///
    /// # Errors
    /// `Malformed` for unreadable bytes, `Tampered` for a box of another share,
    /// generation or wrap.
    pub fn open_alias(
        &self,
        sealed: &[u8],
        context: &AliasContext,
        wrapped: &[u8],
    ) -> Result<Alias> {
        check_generation(ObjectKind::AliasBox, sealed, context.recipient_generation)?;
        let padded = symmetric_box::open(
            Domain::AliasBox,
            ObjectKind::AliasBox,
            self.expose(),
            |fields| context.bind(fields).bytes(&hash_of(wrapped)),
            sealed,
        )?;
        Alias::unpad(&padded)
    }
}

fn check_generation(kind: ObjectKind, sealed: &[u8], generation: u32) -> Result<()> {
    let (header, _) = Header::split(kind, sealed)?;
    if header.key_version() == generation {
        Ok(())
    } else {
        Err(Error::tampered("a box of another key generation"))
    }
}

fn owner(kek: &Kek) -> impl FnOnce(Context) -> Context + use<> {
    let owner = kek.owner();
    move |context| context.bytes(&owner.org.0).bytes(&owner.user.0)
}

fn hash_of(wrapped: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, wrapped).as_ref());
    hash
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKey").finish_non_exhaustive()
    }
}
