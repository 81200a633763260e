//! The stored hash of an API key or access token.
//!
//! HMAC-SHA256 under a key derived from the root key: the keys have 256 random bits, so a
//! fast hash is right, and without the root key nobody can plant a key in the database.

use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    root_key::{Purpose, RootKeyring},
    secret_format::PresentedKey,
    user_secret::SecretOwner,
};
use ring::hmac;

/// Hash of a key as its owner's, to be stored under the key's public id.
#[must_use]
pub fn hash(ring: &RootKeyring, key: &PresentedKey, owner: Option<SecretOwner>) -> [u8; 32] {
    let mut hash = [0; 32];
    let tag = hmac::sign(
        ring.current().of(Purpose::ApiKeyHash),
        &context(key, owner).finish(),
    );
    hash.copy_from_slice(tag.as_ref());
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
    let context = context(key, owner).finish();
    let compared = stored.unwrap_or(&[0; 32]);
    let mut matches = false;
    for keys in ring.newest_first() {
        matches |= hmac::verify(keys.of(Purpose::ApiKeyHash), &context, compared).is_ok();
    }
    if matches && stored.is_some() {
        Ok(())
    } else {
        Err(Error::wrong_secret("unknown key"))
    }
}

/// Kind, id and secret of the key, and whose it is (nobody's: a root key of the server).
fn context(key: &PresentedKey, owner: Option<SecretOwner>) -> Context {
    let context = Context::new(Domain::ApiKey)
        .text(key.kind().prefix())
        .text(key.id().as_str())
        .bytes(key.expose());
    match owner {
        Some(owner) => context.bytes(&owner.org.0).bytes(&owner.user.0),
        None => context.bytes(&[]).bytes(&[]),
    }
}
