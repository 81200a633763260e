//! ML-KEM-768 (FIPS 203), by the `ml-kem` crate.

use super::{PostQuantumKem, SharedSecret};
use crate::{
    error::{Error, Result},
    random,
};
use ::ml_kem::{
    Decapsulate, KeyExport,
    ml_kem_768::{DecapsulationKey, EncapsulationKey},
};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};
use zeroize::Zeroize;

pub(crate) const PUBLIC_KEY_BYTES: usize = 1184;
pub(crate) const CIPHERTEXT_BYTES: usize = 1088;
/// `d` then `z`, the only form in which a private key is kept.
pub(crate) const SEED_BYTES: usize = 64;
const MESSAGE_BYTES: usize = 32;

/// A checked and expanded encapsulation key.
#[derive(Clone)]
pub(crate) struct MlKemPublicKey(EncapsulationKey);

impl MlKemPublicKey {
    /// Checks length and that every coefficient is reduced (FIPS 203 section 7.2).
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        const REFUSED: Error = Error::malformed("not an ML-KEM-768 public key");
        let encoded = bytes.try_into().map_err(|_| REFUSED)?;
        EncapsulationKey::new(encoded)
            .map(Self)
            .map_err(|_| REFUSED)
    }

    pub(crate) fn encapsulate(&self) -> Result<([u8; CIPHERTEXT_BYTES], SharedSecret)> {
        let message = random::secret::<MESSAGE_BYTES>()?;
        // Expose: ML-KEM hashes the message at once; the box wipes it.
        Ok(self.encapsulate_with(message.expose_secret()))
    }

    pub(crate) fn encapsulate_with(
        &self,
        message: &[u8; MESSAGE_BYTES],
    ) -> ([u8; CIPHERTEXT_BYTES], SharedSecret) {
        let (ciphertext, secret) = self.0.encapsulate_deterministic(message.into());
        (ciphertext.into(), boxed(secret))
    }
}

/// An expanded decapsulation key; wiped on drop by `ml-kem`.
pub(crate) struct MlKemKey(DecapsulationKey);

impl PostQuantumKem for MlKemKey {
    fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        Self(DecapsulationKey::from_seed((*seed).into()))
    }

    fn public_key(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.0.encapsulation_key().to_bytes().into()
    }

    fn decapsulate(&self, ciphertext: &[u8; CIPHERTEXT_BYTES]) -> SharedSecret {
        boxed(self.0.decapsulate(ciphertext.into()))
    }
}

fn boxed(mut secret: ::ml_kem::kem::SharedKey<::ml_kem::MlKem768>) -> SharedSecret {
    let mut shared = SecretBox::new(Box::new([0; 32]));
    shared.expose_secret_mut().copy_from_slice(&secret);
    secret.zeroize();
    shared
}

#[cfg(test)]
mod tests;
