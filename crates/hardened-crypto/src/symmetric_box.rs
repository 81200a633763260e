//! A small object under a symmetric key: header, then Cobblestone-256.
//!
//! Keys and names of every kind are kept in this one form. The context starts with the
//! header, so a box of one kind, suite or key version never opens as another.

use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    payload::cobblestone,
    suite::{HEADER_BYTES, Header, ObjectKind},
};
use secrecy::{ExposeSecretMut, SecretBox};
use zeroize::Zeroizing;

/// Bytes that a box adds to a plaintext shorter than one chunk.
pub(crate) const BOX_OVERHEAD_BYTES: usize = HEADER_BYTES + cobblestone::sealed_bytes(0);

/// Starts the context of an object: the header comes first.
pub(crate) fn context(domain: Domain, header: Header) -> Context {
    Context::new(domain).bytes(&header.to_bytes())
}

/// Seals `plaintext`; `bind` appends the object's own fields to the context.
pub(crate) fn seal(
    domain: Domain,
    header: Header,
    key: &[u8; 32],
    bind: impl FnOnce(Context) -> Context,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let context = bind(context(domain, header)).finish();
    let mut sealed = Vec::with_capacity(HEADER_BYTES + cobblestone::sealed_bytes(plaintext.len()));
    sealed.extend_from_slice(&header.to_bytes());
    cobblestone::seal_into(&mut sealed, key, &context, plaintext)?;
    Ok(sealed)
}

/// Opens a box of `kind`; `bind` gets the header that was found.
pub(crate) fn open(
    domain: Domain,
    kind: ObjectKind,
    key: &[u8; 32],
    bind: impl FnOnce(Context) -> Context,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let (header, body) = Header::split(kind, sealed)?;
    let context = bind(context(domain, header)).finish();
    cobblestone::open(key, &context, body)
}

/// Opens a box that holds exactly `N` bytes of key.
pub(crate) fn open_key<const N: usize>(
    domain: Domain,
    kind: ObjectKind,
    key: &[u8; 32],
    bind: impl FnOnce(Context) -> Context,
    sealed: &[u8],
) -> Result<SecretBox<[u8; N]>> {
    if sealed.len() != BOX_OVERHEAD_BYTES + N {
        return Err(Error::malformed("a key box has another length"));
    }
    let plaintext = open(domain, kind, key, bind, sealed)?;
    let mut secret = SecretBox::new(Box::new([0; N]));
    secret.expose_secret_mut().copy_from_slice(&plaintext);
    Ok(secret)
}
