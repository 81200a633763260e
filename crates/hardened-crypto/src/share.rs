//! Gives a data key to one more recipient, or moves it to a new key pair generation.
//!
//! In: a wrap the caller can open, and the public keys and place of the new one. Out: the
//! new wrap. The ciphertext of the record is not touched.

use crate::{
    data_key::DataKey,
    error::{Error, Result},
    key_pair::{PrivateKeys, PublicKeys},
    wrap::{Grant, WrapContext, Wrapped},
};

/// Wraps the data key in `wrapped` to another recipient.
///
/// # Errors
/// `Policy` when `to` is of another record or organisation, or shares with the opener;
/// `Tampered` when `wrapped` does not open in `from`.
pub fn rewrap(
    wrapped: &Wrapped,
    opener: &PrivateKeys,
    from: &WrapContext,
    recipient: &PublicKeys,
    to: &WrapContext,
) -> Result<Wrapped> {
    check_same_record(from, to)?;
    if from.recipient == to.recipient {
        return Err(Error::policy("a share needs another recipient"));
    }
    Wrapped::wrap(&wrapped.unwrap(opener, from)?, recipient, to)
}

/// Moves a wrap of `old` to the next generation of the same user's key pair.
///
/// # Errors
/// `Policy` when anything but the generation would change or it does not grow; `Tampered`
/// when `wrapped` does not open in `from`.
pub fn rotate_wrap(
    wrapped: &Wrapped,
    old: &PrivateKeys,
    from: &WrapContext,
    new: &PublicKeys,
    generation: u32,
) -> Result<Wrapped> {
    if generation <= from.recipient_generation {
        return Err(Error::policy("a key pair generation only grows"));
    }
    let to = WrapContext {
        recipient_generation: generation,
        ..*from
    };
    Wrapped::wrap(&wrapped.unwrap(old, from)?, new, &to)
}

/// Wraps a new data key to everyone who may read the record. Needs public keys only, so a
/// write needs no secret and shares follow updates.
///
/// # Errors
/// `Policy` when the places are not all of one record; `Unavailable` when the system gives
/// no randomness.
pub fn wrap_to_all<'a>(
    data_key: &DataKey,
    recipients: impl IntoIterator<Item = (&'a PublicKeys, WrapContext)>,
) -> Result<Vec<(WrapContext, Wrapped)>> {
    let mut wraps: Vec<(WrapContext, Wrapped)> = Vec::new();
    for (public, context) in recipients {
        if let Some((first, _)) = wraps.first() {
            check_same_record(first, &context)?;
        }
        let is_owner = context.recipient == context.owner;
        if is_owner != matches!(context.grant, Grant::Owner) {
            return Err(Error::policy("only the owner holds the owner's grant"));
        }
        wraps.push((context, Wrapped::wrap(data_key, public, &context)?));
    }
    Ok(wraps)
}

fn check_same_record(one: &WrapContext, other: &WrapContext) -> Result<()> {
    let place = |c: &WrapContext| {
        (
            c.org,
            c.owner,
            c.kind,
            c.record,
            c.record_version,
            c.data_key_generation,
        )
    };
    if place(one) == place(other) {
        Ok(())
    } else {
        Err(Error::policy("both wraps must be of one record version"))
    }
}
