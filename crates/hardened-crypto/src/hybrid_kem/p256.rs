//! ECDH over P-256: `ring` for the sender's ephemeral half, `p256` for the static half.
//!
//! ring is several times faster, but can neither import nor reuse a private key.

use super::{SharedSecret, StaticAgreement};
use crate::error::{Error, Result};
use ::p256::{PublicKey, SecretKey, elliptic_curve::sec1::ToSec1Point};
use ring::{
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral as ring_agree},
    rand::SystemRandom,
};
use secrecy::{ExposeSecretMut, SecretBox};

/// An uncompressed point: 0x04, then both coordinates.
pub(crate) const POINT_BYTES: usize = 65;
pub(crate) const SCALAR_BYTES: usize = 32;
/// Four candidates of a scalar; the first in range is taken.
pub(crate) const CANDIDATES_BYTES: usize = 4 * SCALAR_BYTES;

const NOT_A_POINT: Error = Error::malformed("not an uncompressed P-256 point");

/// Checks the encoding and that the point is on the curve.
///
/// # Errors
/// `Malformed` for every other encoding, compressed points among them.
pub(crate) fn parse_point(bytes: &[u8]) -> Result<[u8; POINT_BYTES]> {
    const UNCOMPRESSED: u8 = 4;
    let point: [u8; POINT_BYTES] = bytes.try_into().map_err(|_| NOT_A_POINT)?;
    if point[0] != UNCOMPRESSED {
        return Err(NOT_A_POINT);
    }
    PublicKey::from_sec1_bytes(&point).map_err(|_| NOT_A_POINT)?;
    Ok(point)
}

/// Agrees on a secret with a fresh ephemeral key; returns its point and the X coordinate.
pub(crate) fn agree_ephemeral(
    peer: &[u8; POINT_BYTES],
) -> Result<([u8; POINT_BYTES], SharedSecret)> {
    const NO_KEY: Error = Error::unavailable("the system gave no randomness");
    let ephemeral =
        EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).map_err(|_| NO_KEY)?;
    let public = ephemeral.compute_public_key().map_err(|_| NO_KEY)?;
    let point = public.as_ref().try_into().map_err(|_| NO_KEY)?;
    let mut shared: SharedSecret = SecretBox::new(Box::new([0; 32]));
    ring_agree(ephemeral, &UnparsedPublicKey::new(&ECDH_P256, peer), |x| {
        shared.expose_secret_mut().copy_from_slice(x);
    })
    .map_err(|_| NOT_A_POINT)?;
    Ok((point, shared))
}

/// A static private key; wiped on drop by `p256`.
pub(crate) struct P256Key(SecretKey);

impl StaticAgreement for P256Key {
    fn from_scalar(scalar: &[u8; SCALAR_BYTES]) -> Result<Self> {
        SecretKey::from_slice(scalar)
            .map(Self)
            .map_err(|_| Error::malformed("not a P-256 private key"))
    }

    fn public_point(&self) -> [u8; POINT_BYTES] {
        let mut point = [0; POINT_BYTES];
        point.copy_from_slice(self.0.public_key().to_sec1_point(false).as_bytes());
        point
    }

    fn agree(&self, peer: &[u8; POINT_BYTES]) -> Result<SharedSecret> {
        let peer = PublicKey::from_sec1_bytes(peer).map_err(|_| NOT_A_POINT)?;
        let agreed = self.0.diffie_hellman(&peer);
        let mut shared = SecretBox::new(Box::new([0; 32]));
        shared
            .expose_secret_mut()
            .copy_from_slice(agreed.raw_secret_bytes());
        Ok(shared)
    }
}

/// The first candidate in `1..n`, as the draft's seed expansion takes it.
pub(crate) fn first_scalar(candidates: &[u8]) -> Result<SecretBox<[u8; SCALAR_BYTES]>> {
    let found = candidates
        .chunks_exact(SCALAR_BYTES)
        .find(|candidate| SecretKey::from_slice(candidate).is_ok())
        .ok_or(Error::policy("no P-256 scalar in this seed"))?;
    let mut scalar = SecretBox::new(Box::new([0; SCALAR_BYTES]));
    scalar.expose_secret_mut().copy_from_slice(found);
    Ok(scalar)
}

#[cfg(test)]
mod tests;
