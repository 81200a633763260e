//! MLKEM768-P256: a hybrid of ML-KEM-768 (FIPS 203) and ECDH over P-256.
//!
//! HPKE KEM 0x0050 of draft-ietf-hpke-pq-04, built as the "CG" framework of
//! draft-irtf-cfrg-hybrid-kems-11 instantiates it in
//! draft-irtf-cfrg-concrete-hybrid-kems-04. The post-quantum part stands first everywhere;
//! points are uncompressed.
//!
//! Promise: the shared secret is safe if either half is. Both halves sit behind small
//! traits, so that a faster implementation may take the place of the default one.

pub(crate) mod ml_kem;
pub(crate) mod p256;

use crate::{
    error::{Error, Result},
    key_pair::{PrivateKeys, PublicKeys},
};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};
use sha3::{Digest, Sha3_256};
use shake::{ExtendableOutput, Shake256, Update, XofReader};

/// Bytes of an encapsulated secret: ML-KEM-768 ciphertext, then ephemeral P-256 point.
pub(crate) const ENCAPSULATED_BYTES: usize = ml_kem::CIPHERTEXT_BYTES + p256::POINT_BYTES;
/// Bytes of the seed from which both private keys expand.
pub(crate) const SEED_BYTES: usize = 32;
const LABEL: &[u8] = b"MLKEM768-P256";

/// A 32-byte shared secret.
pub(crate) type SharedSecret = SecretBox<[u8; 32]>;

/// The post-quantum half.
pub(crate) trait PostQuantumKem: Sized {
    /// Expands the 64-byte seed `d | z`.
    fn from_seed(seed: &[u8; ml_kem::SEED_BYTES]) -> Self;
    /// The encoded encapsulation key.
    fn public_key(&self) -> [u8; ml_kem::PUBLIC_KEY_BYTES];
    /// Implicit rejection: a bad ciphertext gives a secret nobody else knows.
    fn decapsulate(&self, ciphertext: &[u8; ml_kem::CIPHERTEXT_BYTES]) -> SharedSecret;
}

/// The classical half, with a key that is used many times.
pub(crate) trait StaticAgreement: Sized {
    /// Reads a big-endian scalar in `1..n`.
    fn from_scalar(scalar: &[u8; p256::SCALAR_BYTES]) -> Result<Self>;
    /// The uncompressed public point.
    fn public_point(&self) -> [u8; p256::POINT_BYTES];
    /// The X coordinate of the shared point.
    fn agree(&self, peer: &[u8; p256::POINT_BYTES]) -> Result<SharedSecret>;
}

/// Makes a shared secret for the holder of the private keys.
pub(crate) fn encapsulate(
    recipient: &PublicKeys,
) -> Result<([u8; ENCAPSULATED_BYTES], SharedSecret)> {
    let (ciphertext, secret_pq) = recipient.ml_kem().encapsulate()?;
    let (point, secret_t) = p256::agree_ephemeral(recipient.p256_bytes())?;
    let shared = combine(&secret_pq, &secret_t, &point, recipient.p256_bytes());
    Ok((encapsulated(&ciphertext, &point), shared))
}

/// Recovers the shared secret.
///
/// # Errors
/// `Tampered` when the point is not on the curve; a bad ML-KEM ciphertext shows only later.
pub(crate) fn decapsulate(
    recipient: &PrivateKeys,
    encapsulated: &[u8; ENCAPSULATED_BYTES],
) -> Result<SharedSecret> {
    const PARTS: Error = Error::malformed("encapsulated secret has another length");
    let (ciphertext, point) = encapsulated.split_first_chunk().ok_or(PARTS)?;
    let point = point.try_into().map_err(|_| PARTS)?;
    let secret_pq = recipient.ml_kem().decapsulate(ciphertext);
    let secret_t = recipient.p256().agree(point)?;
    Ok(combine(
        &secret_pq,
        &secret_t,
        point,
        recipient.public().p256_bytes(),
    ))
}

fn encapsulated(
    ciphertext: &[u8; ml_kem::CIPHERTEXT_BYTES],
    point: &[u8; p256::POINT_BYTES],
) -> [u8; ENCAPSULATED_BYTES] {
    let mut bytes = [0; ENCAPSULATED_BYTES];
    bytes[..ml_kem::CIPHERTEXT_BYTES].copy_from_slice(ciphertext);
    bytes[ml_kem::CIPHERTEXT_BYTES..].copy_from_slice(point);
    bytes
}

/// SHA3-256(ss_PQ | ss_T | ct_T | ek_T | label). The post-quantum ciphertext and key are
/// left out on purpose: ML-KEM is ciphertext second-preimage resistant and hashes its key.
fn combine(
    secret_pq: &SharedSecret,
    secret_t: &SharedSecret,
    point: &[u8; p256::POINT_BYTES],
    recipient_point: &[u8; p256::POINT_BYTES],
) -> SharedSecret {
    // Expose: both halves are hashed right here and dropped by the caller.
    let hash = Sha3_256::new()
        .chain_update(secret_pq.expose_secret())
        .chain_update(secret_t.expose_secret())
        .chain_update(point)
        .chain_update(recipient_point)
        .chain_update(LABEL);
    let mut shared = SecretBox::new(Box::new([0; 32]));
    hash.finalize_into(shared.expose_secret_mut().into());
    shared
}

/// The component keys that a seed expands to: SHAKE256(seed, 192).
pub(crate) struct Expanded {
    /// ML-KEM seed `d | z`.
    pub(crate) ml_kem_seed: SecretBox<[u8; ml_kem::SEED_BYTES]>,
    /// P-256 scalar, big-endian.
    pub(crate) p256_scalar: SecretBox<[u8; p256::SCALAR_BYTES]>,
}

/// Expands a seed to component keys.
///
/// # Errors
/// `Policy` when all four scalar candidates are out of range (chance below 2^-128).
pub(crate) fn expand_seed(seed: &SecretBox<[u8; SEED_BYTES]>) -> Result<Expanded> {
    const EXPANDED_BYTES: usize = ml_kem::SEED_BYTES + p256::CANDIDATES_BYTES;
    let mut expanded = SecretBox::new(Box::new([0; EXPANDED_BYTES]));
    let mut shake = Shake256::default();
    // Expose: the seed is hashed into a wiping buffer.
    shake.update(seed.expose_secret());
    shake
        .finalize_xof()
        .read(expanded.expose_secret_mut().as_mut_slice());
    let (for_ml_kem, candidates) = expanded.expose_secret().split_at(ml_kem::SEED_BYTES);
    let mut ml_kem_seed = SecretBox::new(Box::new([0; ml_kem::SEED_BYTES]));
    ml_kem_seed.expose_secret_mut().copy_from_slice(for_ml_kem);
    Ok(Expanded {
        ml_kem_seed,
        p256_scalar: p256::first_scalar(candidates)?,
    })
}

#[cfg(test)]
pub(crate) mod derandomised {
    //! Encapsulation with given randomness, for published vectors alone.

    use super::*;

    /// `randomness`: 32 bytes for ML-KEM, then four scalar candidates.
    pub(crate) fn encapsulate(
        recipient: &PublicKeys,
        randomness: &[u8; 160],
    ) -> Result<([u8; ENCAPSULATED_BYTES], SharedSecret)> {
        let (message, candidates) = randomness.split_at(32);
        let (ciphertext, secret_pq) = recipient
            .ml_kem()
            .encapsulate_with(message.try_into().unwrap());
        let scalar = p256::first_scalar(candidates)?;
        let ephemeral = p256::P256Key::from_scalar(scalar.expose_secret())?;
        let point = ephemeral.public_point();
        let secret_t = ephemeral.agree(recipient.p256_bytes())?;
        let shared = combine(&secret_pq, &secret_t, &point, recipient.p256_bytes());
        Ok((encapsulated(&ciphertext, &point), shared))
    }
}

#[cfg(test)]
mod tests;
