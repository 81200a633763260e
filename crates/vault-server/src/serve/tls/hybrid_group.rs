//! The key exchange group X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem, IANA 4588).
//!
//! In: the peer's key share. Out: ours, and a secret that holds as long as one of ML-KEM-768 and
//! X25519 does: what is recorded today stays secret when X25519 falls. ML-KEM is the `ml-kem`
//! crate, as everywhere in Sealgate; X25519 and randomness are ring's. Both halves are written
//! one behind the other, ML-KEM first, in shares and in the secret; TLS 1.3 hashes the result.
//!
//! Promise: shares of a wrong length and encapsulation keys that are not reduced (FIPS 203
//! section 7.2) are refused. Secrets are wiped on drop. A peer without this group gets the
//! X25519 half of the same offer, without another round trip.

use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use ml_kem::{Decapsulate, KeyExport};
use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup, ring,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of an ML-KEM-768 encapsulation key (FIPS 203 table 3).
const ENCAPSULATION_KEY_BYTES: usize = 1_184;
/// Bytes of an ML-KEM-768 ciphertext.
const CIPHERTEXT_BYTES: usize = 1_088;
/// Bytes of an X25519 share, and of either half's secret.
const HALF_BYTES: usize = 32;
/// Bytes of the seed `d || z` of a decapsulation key.
const SEED_BYTES: usize = 64;

const INVALID_SHARE: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

/// The group, for a provider's list.
pub(super) static X25519MLKEM768: &dyn SupportedKxGroup = &HybridGroup;

#[derive(Debug)]
struct HybridGroup;

impl SupportedKxGroup for HybridGroup {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let classical = X25519.start()?;
        let seed = random::<SEED_BYTES>()?;
        let key = DecapsulationKey::from_seed((*seed).into());
        let mut share = key.encapsulation_key().to_bytes().to_vec();
        share.extend_from_slice(classical.pub_key());
        Ok(Box::new(Started {
            key,
            classical,
            share,
        }))
    }

    fn start_and_complete(&self, peer: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (theirs, their_point) = halves(peer, ENCAPSULATION_KEY_BYTES)?;
        let theirs = theirs.try_into().map_err(|_| INVALID_SHARE)?;
        let theirs = EncapsulationKey::new(theirs).map_err(|_| INVALID_SHARE)?;
        let message = random::<HALF_BYTES>()?;
        let (ciphertext, mut secret) = theirs.encapsulate_deterministic((&*message).into());
        let classical = X25519.start_and_complete(their_point)?;
        let joined = join(&secret, classical.secret.secret_bytes());
        secret.zeroize();
        let mut share = ciphertext.to_vec();
        share.extend_from_slice(&classical.pub_key);
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key: share,
            secret: joined,
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

/// A client's half-way key exchange.
struct Started {
    key: DecapsulationKey,
    classical: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, their_point) = halves(peer, CIPHERTEXT_BYTES)?;
        let ciphertext = ciphertext.try_into().map_err(|_| INVALID_SHARE)?;
        let classical = self.classical.complete(their_point)?;
        let mut secret = self.key.decapsulate(ciphertext);
        let joined = join(&secret, classical.secret_bytes());
        secret.zeroize();
        Ok(joined)
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.classical.group(), self.classical.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        self.classical.complete(peer)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// Splits a share into its ML-KEM half of `first_bytes` and its X25519 half.
fn halves(share: &[u8], first_bytes: usize) -> Result<(&[u8], &[u8]), Error> {
    if share.len() == first_bytes + HALF_BYTES {
        Ok(share.split_at(first_bytes))
    } else {
        Err(INVALID_SHARE)
    }
}

fn join(post_quantum: &[u8], classical: &[u8]) -> SharedSecret {
    // Sized beforehand: a buffer that grows leaves its old, unwiped bytes behind.
    let mut joined = Vec::with_capacity(post_quantum.len() + classical.len());
    joined.extend_from_slice(post_quantum);
    joined.extend_from_slice(classical);
    // Wiped on drop by the TLS library.
    SharedSecret::from(joined)
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    ring::default_provider()
        .secure_random
        .fill(bytes.as_mut_slice())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_and_no_byte_of_a_share_may_change() {
        let ours = X25519MLKEM768.start().unwrap();
        assert_eq!(ours.pub_key().len(), ENCAPSULATION_KEY_BYTES + HALF_BYTES);
        let theirs = X25519MLKEM768.start_and_complete(ours.pub_key()).unwrap();
        assert_eq!(theirs.pub_key.len(), CIPHERTEXT_BYTES + HALF_BYTES);
        let secret = ours.complete(&theirs.pub_key).unwrap();
        assert_eq!(secret.secret_bytes(), theirs.secret.secret_bytes());
        assert_eq!(secret.secret_bytes().len(), 2 * HALF_BYTES);
        for at in [0, CIPHERTEXT_BYTES - 1, CIPHERTEXT_BYTES] {
            let ours = X25519MLKEM768.start().unwrap();
            let mut theirs = X25519MLKEM768.start_and_complete(ours.pub_key()).unwrap();
            theirs.pub_key[at] ^= 1;
            // ML-KEM rejects implicitly: another secret, not an error.
            let secret = ours.complete(&theirs.pub_key).unwrap();
            assert_ne!(secret.secret_bytes(), theirs.secret.secret_bytes(), "{at}");
        }
    }

    #[test]
    fn malformed_shares_are_refused() {
        let good = X25519MLKEM768.start().unwrap().pub_key().to_vec();
        let mut unreduced = good.clone();
        unreduced[..3].copy_from_slice(&[0xff; 3]);
        let mut zero_point = good.clone();
        zero_point[ENCAPSULATION_KEY_BYTES..].fill(0);
        for refused in [
            &[][..],
            &good[..good.len() - 1],
            &[&good[..], &[0]].concat(),
            &unreduced,
            &zero_point,
        ] {
            assert!(X25519MLKEM768.start_and_complete(refused).is_err());
        }
        for length in [0, CIPHERTEXT_BYTES, CIPHERTEXT_BYTES + HALF_BYTES + 1] {
            let ours = X25519MLKEM768.start().unwrap();
            assert!(ours.complete(&vec![1; length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_peer_without_the_group_gets_the_classical_half() {
        let ours = X25519MLKEM768.start().unwrap();
        let (group, point) = ours.hybrid_component().unwrap();
        assert_eq!(group, NamedGroup::X25519);
        let theirs = X25519.start_and_complete(point).unwrap();
        let secret = ours.complete_hybrid_component(&theirs.pub_key).unwrap();
        assert_eq!(secret.secret_bytes(), theirs.secret.secret_bytes());
    }
}
