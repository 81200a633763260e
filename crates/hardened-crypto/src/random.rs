//! The system's randomness, the only source in this crate.

use crate::error::{Error, Result};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretBox;

/// Fills `buffer` from the operating system.
pub(crate) fn fill(buffer: &mut [u8]) -> Result<()> {
    SystemRandom::new()
        .fill(buffer)
        .map_err(|_| Error::unavailable("the system gave no randomness"))
}

/// Random public bytes: salts.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Random secret bytes, made in the place where they stay.
pub(crate) fn secret<const N: usize>() -> Result<SecretBox<[u8; N]>> {
    let mut secret = SecretBox::new(Box::new([0; N]));
    fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut secret))?;
    Ok(secret)
}
