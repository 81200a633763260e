//! A MAC over each database row that security rests on.
//!
//! In: table, primary key and every column that matters, as a context. Out: a tag to store
//! with the row, checked before the row is used.
//!
//! Promise: who can write the database but has no root key cannot swap public keys, widen
//! permissions, lower cost parameters, plant API keys or copy one row's tag to another.
//! Not here: replay of a whole old row, which versions in the audit chain answer.

use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    root_key::{Purpose, RootKeyring},
};
use ring::hmac;

/// Starts the fields of a row: its table first; then append primary key and columns.
///
/// ```
/// use hardened_crypto::{root_key::RootKeyring, row_mac::{self, RowTag}};
/// use secrecy::ExposeSecret;
///
/// let ring = RootKeyring::parse(RootKeyring::make_text()?.expose_secret())?;
/// let row = |admin: u8| row_mac::row("users").bytes(b"id").u8(admin);
/// let tag: RowTag = row_mac::sign(&ring, row(0));
/// assert!(row_mac::verify(&ring, row(0), &tag).is_ok());
/// assert!(row_mac::verify(&ring, row(1), &tag).is_err());
/// # Ok::<(), hardened_crypto::Error>(())
/// ```
#[must_use]
pub fn row(table: &'static str) -> Context {
    Context::new(Domain::RowMac).text(table)
}

/// The stored MAC of a row: which root key signed, and HMAC-SHA256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowTag {
    /// Id of the root key.
    pub key_id: u32,
    /// The tag.
    pub tag: [u8; 32],
}

/// Signs a row with the current root key.
#[must_use]
pub fn sign(ring: &RootKeyring, row: Context) -> RowTag {
    let key = ring.current();
    let mut tag = [0; 32];
    tag.copy_from_slice(hmac::sign(key.of(Purpose::RowMac), &row.finish()).as_ref());
    RowTag {
        key_id: key.id(),
        tag,
    }
}

/// Checks a row; constant time in the tag.
///
/// # Errors
/// `Tampered` when the tag is not that of the row, or of a root key the ring does not hold.
pub fn verify(ring: &RootKeyring, row: Context, tag: &RowTag) -> Result<()> {
    const REFUSED: Error = Error::tampered("a stored row did not authenticate");
    let key = ring.find(tag.key_id).ok_or(REFUSED)?;
    hmac::verify(key.of(Purpose::RowMac), &row.finish(), &tag.tag).map_err(|_| REFUSED)
}
