//! HPKE base mode, single shot (RFC 9180 section 6.1), with the one suite of this crate.
//!
//! In: public keys, `info`, associated data, a small plaintext. Out: `enc | ciphertext`.
//!
//! Promise: every way in which opening can fail looks the same, [`ErrorKind::Tampered`].
//! Base mode does not say who sealed: anyone with the public keys can. What must be known
//! about the sender is the row MAC's matter.
//!
//! [`ErrorKind::Tampered`]: crate::ErrorKind::Tampered

use crate::{
    error::{Error, Result},
    hybrid_kem::{self, ENCAPSULATED_BYTES, SharedSecret},
    key_pair::{PrivateKeys, PublicKeys},
    suite::Suite,
};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Prk},
    hmac,
};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

const MODE_BASE: u8 = 0;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Bytes that HPKE adds to a plaintext.
pub(crate) const OVERHEAD_BYTES: usize = ENCAPSULATED_BYTES + TAG_BYTES;

const REFUSED: Error = Error::tampered("wrapped bytes did not open");

/// Seals `plaintext` to `recipient`.
pub(crate) fn seal(
    recipient: &PublicKeys,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let (enc, shared) = hybrid_kem::encapsulate(recipient)?;
    seal_with(&enc, &shared, info, aad, plaintext)
}

fn seal_with(
    enc: &[u8; ENCAPSULATED_BYTES],
    shared: &SharedSecret,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let (key, nonce) = key_schedule(shared, info)?;
    let mut sealed = Vec::with_capacity(OVERHEAD_BYTES + plaintext.len());
    sealed.extend_from_slice(enc);
    sealed.extend_from_slice(plaintext);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut sealed[ENCAPSULATED_BYTES..])
        .map_err(|_| Error::policy("plaintext is too long to wrap"))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens `enc | ciphertext`.
pub(crate) fn open(
    recipient: &PrivateKeys,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let (enc, ciphertext) = sealed
        .split_first_chunk::<ENCAPSULATED_BYTES>()
        .ok_or(Error::malformed("wrapped bytes are too short"))?;
    if ciphertext.len() < TAG_BYTES {
        return Err(Error::malformed("wrapped bytes are too short"));
    }
    let shared = hybrid_kem::decapsulate(recipient, enc).map_err(|_| REFUSED)?;
    let (key, nonce) = key_schedule(&shared, info)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    key.open_in_place(nonce, Aad::from(aad), &mut plaintext)
        .map_err(|_| REFUSED)?;
    plaintext.truncate(ciphertext.len() - TAG_BYTES);
    Ok(plaintext)
}

struct OutputLength(usize);

impl KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// Key and nonce of the single message (RFC 9180 section 5.1, `KeySchedule`).
fn key_schedule(shared: &SharedSecret, info: &[u8]) -> Result<(LessSafeKey, Nonce)> {
    let mut context = [0; 1 + 2 * HASH_BYTES];
    context[0] = MODE_BASE;
    context[1..=HASH_BYTES].copy_from_slice(labeled_extract(&[], b"psk_id_hash", &[]).as_ref());
    context[1 + HASH_BYTES..].copy_from_slice(labeled_extract(&[], b"info_hash", info).as_ref());
    // Expose: the shared secret salts the extraction; base mode has an empty PSK. The tag and
    // the key made of it stay behind unwiped: ring gives no way to wipe them.
    let secret = labeled_extract(shared.expose_secret(), b"secret", &[]);
    let secret = Prk::new_less_safe(HKDF_SHA256, secret.as_ref());

    let mut key = Zeroizing::new([0; KEY_BYTES]);
    labeled_expand(&secret, b"key", &context, key.as_mut())?;
    let mut nonce = [0; NONCE_BYTES];
    labeled_expand(&secret, b"base_nonce", &context, &mut nonce)?;
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref())
        .map_err(|_| Error::unavailable("key derivation failed"))?;
    Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
}

/// HKDF-Extract is HMAC(salt, "HPKE-v1" | suite_id | label | ikm).
fn labeled_extract(salt: &[u8], label: &[u8], ikm: &[u8]) -> hmac::Tag {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt));
    mac.update(b"HPKE-v1");
    mac.update(&Suite::CURRENT.hpke_id());
    mac.update(label);
    mac.update(ikm);
    mac.sign()
}

fn labeled_expand(prk: &Prk, label: &[u8], info: &[u8], out: &mut [u8]) -> Result<()> {
    const FAILED: Error = Error::unavailable("key derivation failed");
    let length = u16::try_from(out.len()).map_err(|_| FAILED)?.to_be_bytes();
    let suite_id = Suite::CURRENT.hpke_id();
    prk.expand(
        &[&length, b"HPKE-v1", &suite_id, label, info],
        OutputLength(out.len()),
    )
    .and_then(|okm| okm.fill(out))
    .map_err(|_| FAILED)
}

#[cfg(test)]
#[path = "hpke/tests.rs"]
mod tests;
