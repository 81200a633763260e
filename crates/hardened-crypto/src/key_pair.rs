//! A user's hybrid key pair: public keys that anyone seals to, private keys in two boxes.
//!
//! Promise: both halves belong together. Each private key box is bound to the hash of the
//! whole public key, so a P-256 box of one generation never joins an ML-KEM box of another,
//! and opening recomputes the public key and compares it with the stored one.
//!
//! Not here: where the key encryption key comes from (`user_secret`).

use crate::{
    context::{Context, Domain},
    error::{Error, Result},
    hybrid_kem::{
        self, PostQuantumKem, StaticAgreement,
        ml_kem::{self, MlKemKey, MlKemPublicKey},
        p256::{self, P256Key},
    },
    random,
    suite::{Header, ObjectKind},
    symmetric_box,
    user_secret::Kek,
};
use ring::digest;
use secrecy::{ExposeSecret, SecretBox};
use std::fmt;
use subtle::ConstantTimeEq;

/// Bytes of encoded public keys: ML-KEM-768 (1184), then the P-256 point (65).
pub const PUBLIC_KEYS_BYTES: usize = ml_kem::PUBLIC_KEY_BYTES + p256::POINT_BYTES;

/// SHA-256 of the encoded public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// Checked public keys of one recipient.
#[derive(Clone)]
pub struct PublicKeys {
    ml_kem: MlKemPublicKey,
    encoded: Box<[u8; PUBLIC_KEYS_BYTES]>,
    point: [u8; p256::POINT_BYTES],
    fingerprint: Fingerprint,
}

impl PublicKeys {
    /// Reads public keys of exactly [`PUBLIC_KEYS_BYTES`] bytes.
    ///
    /// # Errors
    /// `Malformed` for another length, an ML-KEM coefficient out of range, or bytes that are
    /// not an uncompressed point on the curve.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let encoded: Box<[u8; PUBLIC_KEYS_BYTES]> = bytes
            .to_vec()
            .try_into()
            .map_err(|_| Error::malformed("public keys have another length"))?;
        let (for_ml_kem, point) = encoded.split_at(ml_kem::PUBLIC_KEY_BYTES);
        let ml_kem = MlKemPublicKey::parse(for_ml_kem)?;
        let point = p256::parse_point(point)?;
        Ok(Self {
            fingerprint: fingerprint_of(encoded.as_ref()),
            ml_kem,
            point,
            encoded,
        })
    }

    /// The encoded keys.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEYS_BYTES] {
        &self.encoded
    }

    /// The ML-KEM-768 part, 1184 bytes.
    #[must_use]
    pub fn ml_kem_bytes(&self) -> &[u8] {
        &self.encoded[..ml_kem::PUBLIC_KEY_BYTES]
    }

    /// The P-256 part: an uncompressed point of 65 bytes.
    #[must_use]
    pub fn p256_bytes(&self) -> &[u8; 65] {
        &self.point
    }

    /// SHA-256 of the encoded keys, for pinning and for binding.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn ml_kem(&self) -> &MlKemPublicKey {
        &self.ml_kem
    }
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKeys")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

fn fingerprint_of(encoded: &[u8]) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest::digest(&digest::SHA256, encoded).as_ref());
    Fingerprint(fingerprint)
}

/// The private half of a key pair, expanded and ready for use.
pub struct PrivateKeys {
    ml_kem_seed: SecretBox<[u8; ml_kem::SEED_BYTES]>,
    p256_scalar: SecretBox<[u8; p256::SCALAR_BYTES]>,
    ml_kem: MlKemKey,
    p256: P256Key,
    public: PublicKeys,
}

impl PrivateKeys {
    /// Makes a new key pair from one random seed (draft-irtf-cfrg-concrete-hybrid-kems).
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn make() -> Result<Self> {
        Self::from_seed(&random::secret()?)
    }

    pub(crate) fn from_seed(seed: &SecretBox<[u8; hybrid_kem::SEED_BYTES]>) -> Result<Self> {
        let expanded = hybrid_kem::expand_seed(seed)?;
        Self::from_components(expanded.ml_kem_seed, expanded.p256_scalar)
    }

    /// Joins two component keys; they may be independent of each other, as in the LAMPS
    /// composite KEM.
    pub(crate) fn from_components(
        ml_kem_seed: SecretBox<[u8; ml_kem::SEED_BYTES]>,
        p256_scalar: SecretBox<[u8; p256::SCALAR_BYTES]>,
    ) -> Result<Self> {
        // Expose: both components are expanded into types that wipe themselves.
        let ml_kem = MlKemKey::from_seed(ml_kem_seed.expose_secret());
        let p256 = P256Key::from_scalar(p256_scalar.expose_secret())?;
        let mut encoded = [0; PUBLIC_KEYS_BYTES];
        encoded[..ml_kem::PUBLIC_KEY_BYTES].copy_from_slice(&ml_kem.public_key());
        encoded[ml_kem::PUBLIC_KEY_BYTES..].copy_from_slice(&p256.public_point());
        Ok(Self {
            ml_kem_seed,
            p256_scalar,
            ml_kem,
            p256,
            public: PublicKeys::parse(&encoded)?,
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// ML-KEM seed and P-256 scalar.
    pub(crate) fn components(&self) -> (&[u8; ml_kem::SEED_BYTES], &[u8; p256::SCALAR_BYTES]) {
        // Expose: for the recovery envelope, which seals both at once.
        (
            self.ml_kem_seed.expose_secret(),
            self.p256_scalar.expose_secret(),
        )
    }

    pub(crate) fn ml_kem(&self) -> &MlKemKey {
        &self.ml_kem
    }

    pub(crate) fn p256(&self) -> &P256Key {
        &self.p256
    }

    /// Boxes both private keys under `kek` as generation `generation` of its owner.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no randomness.
    pub fn seal(&self, kek: &Kek, generation: u32) -> Result<PrivateKeyBoxes> {
        let bind = |component| bind(component, kek, self.public.fingerprint);
        let header = Header::new(ObjectKind::PrivateKey, generation);
        // Expose: the components go straight into their boxes.
        Ok(PrivateKeyBoxes {
            p256: symmetric_box::seal(
                Domain::PrivateKey,
                header,
                kek.expose(),
                bind(Component::P256),
                self.p256_scalar.expose_secret(),
            )?,
            ml_kem: symmetric_box::seal(
                Domain::PrivateKey,
                header,
                kek.expose(),
                bind(Component::MlKem768),
                self.ml_kem_seed.expose_secret(),
            )?,
        })
    }
}

impl fmt::Debug for PrivateKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKeys")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum Component {
    P256 = 1,
    MlKem768 = 2,
}

/// Fields of a private key box: component, owner, secret version, hash of the public keys.
fn bind(
    component: Component,
    kek: &Kek,
    public: Fingerprint,
) -> impl FnOnce(Context) -> Context + use<> {
    let (owner, secret_version) = (kek.owner(), kek.secret_version());
    move |context| {
        context
            .u8(component as u8)
            .bytes(&owner.org.0)
            .bytes(&owner.user.0)
            .u32(secret_version)
            .bytes(&public.0)
    }
}

/// The two boxes of one key pair generation, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKeyBoxes {
    /// The P-256 scalar, boxed.
    pub p256: Vec<u8>,
    /// The ML-KEM seed, boxed.
    pub ml_kem: Vec<u8>,
}

impl PrivateKeyBoxes {
    /// Opens both boxes and checks that they are the private half of `public`.
    ///
    /// # Errors
    /// `Malformed` for unreadable boxes, `Tampered` when a box does not open under `kek` or
    /// the keys are not those of `public` or of `generation`.
    pub fn open(&self, kek: &Kek, generation: u32, public: &PublicKeys) -> Result<PrivateKeys> {
        const MISMATCH: Error = Error::tampered("private keys are not those of the public keys");
        for sealed in [&self.p256, &self.ml_kem] {
            let (header, _) = Header::split(ObjectKind::PrivateKey, sealed)?;
            if header.key_version() != generation {
                return Err(Error::tampered("a private key box of another generation"));
            }
        }
        let scalar = symmetric_box::open_key(
            Domain::PrivateKey,
            ObjectKind::PrivateKey,
            kek.expose(),
            bind(Component::P256, kek, public.fingerprint),
            &self.p256,
        )?;
        let seed = symmetric_box::open_key(
            Domain::PrivateKey,
            ObjectKind::PrivateKey,
            kek.expose(),
            bind(Component::MlKem768, kek, public.fingerprint),
            &self.ml_kem,
        )?;
        let keys = PrivateKeys::from_components(seed, scalar).map_err(|_| MISMATCH)?;
        let same = keys.public.encoded.ct_eq(public.encoded.as_ref());
        if bool::from(same) {
            Ok(keys)
        } else {
            Err(MISMATCH)
        }
    }
}

#[cfg(test)]
mod tests;
