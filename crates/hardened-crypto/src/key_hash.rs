//! The stored hash of an API key or access token.
//!
//! HMAC-SHA256 under a key derived from the root key: the keys have 256 random bits, so a
//! fast hash is right, and without the root key nobody can plant a key in the database.

use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    root_key::{Purpose, RootKeyring, SubKeys},
    secret_format::PresentedKey,
    user_secret::SecretOwner,
};
use ring::hmac;
use subtle::ConstantTimeEq;

/// Hash of a key as its owner's, to be stored under the key's public id.
#[must_use]
pub fn hash(ring: &RootKeyring, key: &PresentedKey, owner: Option<SecretOwner>) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(sign(ring.current(), key, owner).as_ref());
    hash
}

/// Checks a presented key against a stored hash; constant time in the hash.
///
/// Every root key of the ring is tried, so that rotating the root key keeps API keys valid.
/// With `stored` absent the same work is done before refusing, so that a known id and an
/// unknown one take the same time.
///
/// # Errors
/// `WrongSecret` when it is another key or of another owner.
pub fn verify(
    ring: &RootKeyring,
    key: &PresentedKey,
    owner: Option<SecretOwner>,
    stored: Option<&[u8; 32]>,
) -> Result<()> {
    let compared = stored.unwrap_or(&[0; 32]);
    let mut matches = false;
    for keys in ring.newest_first() {
        matches |= bool::from(sign(keys, key, owner).as_ref().ct_eq(compared));
    }
    if matches && stored.is_some() {
        Ok(())
    } else {
        Err(Error::wrong_secret("unknown key"))
    }
}

/// HMAC over kind, id and owner (nobody: a root key of the server), then the secret. The
/// secret stays out of the context, whose buffer is not wiped.
fn sign(keys: &SubKeys, key: &PresentedKey, owner: Option<SecretOwner>) -> hmac::Tag {
    let context = Context::new(Domain::ApiKey)
        .text(key.kind().prefix())
        .text(key.id().as_str());
    let context = match owner {
        Some(owner) => context.bytes(&owner.org.0).bytes(&owner.user.0),
        None => context.bytes(&[]).bytes(&[]),
    };
    let mut mac = hmac::Context::with_key(keys.of(Purpose::ApiKeyHash));
    mac.update(&context.finish());
    mac.update(key.expose());
    mac.sign()
}
