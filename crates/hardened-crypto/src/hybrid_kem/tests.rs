//! Published vectors of the hybrid KEM: HPKE KEM 0x0050 and the LAMPS composite KEM.

use super::*;
use crate::vector_files::{self, array, bytes};

/// DeriveKeyPair of draft-ietf-hpke-pq for this KEM. The crate itself needs random key
/// pairs alone, so this step lives beside the vectors.
fn derive_key_pair(ikm: &[u8]) -> (SecretBox<[u8; SEED_BYTES]>, PrivateKeys) {
    let mut shake = Shake256::default();
    shake.update(ikm);
    shake.update(b"HPKE-v1");
    shake.update(b"KEM\x00\x50");
    shake.update(b"\x00\x0dDeriveKeyPair");
    shake.update(&(SEED_BYTES as u16).to_be_bytes());
    let mut seed = SecretBox::new(Box::new([0; SEED_BYTES]));
    shake
        .finalize_xof()
        .read(seed.expose_secret_mut().as_mut_slice());
    let keys = PrivateKeys::from_seed(&seed).unwrap();
    (seed, keys)
}

/// Both suites with this KEM. Their key schedules are not ours: one has AES-128-GCM, the
/// other SHAKE128 as KDF.
#[test]
fn hpke_pq_draft() {
    let file = vector_files::json("hpke-pq/test-vectors.json");
    let suites = file.as_array().unwrap();
    assert_eq!(suites.len(), 13);
    let mut seen = Vec::new();
    for suite in suites.iter().filter(|suite| suite["kem_id"] == 0x0050) {
        let (seed, keys) = derive_key_pair(&bytes(suite, "ikmR"));
        assert_eq!(seed.expose_secret().as_slice(), bytes(suite, "skRm"));
        assert_eq!(keys.public().as_bytes().as_slice(), bytes(suite, "pkRm"));

        // The file gives 128 bytes: ML-KEM's message and three of the four scalar
        // candidates. The first is in range, so the fourth is never looked at.
        let mut randomness = [0; 160];
        randomness[..128].copy_from_slice(&array::<128>(suite, "ikmE"));
        let (enc, sent) = derandomised::encapsulate(keys.public(), &randomness).unwrap();
        assert_eq!(enc.as_slice(), bytes(suite, "enc"));
        assert_eq!(*sent.expose_secret(), array(suite, "shared_secret"));

        let received = decapsulate(&keys, &array(suite, "enc")).unwrap();
        assert_eq!(*received.expose_secret(), array(suite, "shared_secret"));
        seen.push((suite["kdf_id"].as_u64(), suite["aead_id"].as_u64()));
    }
    assert_eq!(seen, [(Some(1), Some(1)), (Some(0x10), Some(2))]);
}

/// The same KEM with two independent component keys, as this crate stores them.
#[test]
fn lamps_composite() {
    let cases = vector_files::cases("lamps/composite_kem_p256.json");
    for case in &cases {
        let keys = PrivateKeys::from_components(
            SecretBox::new(Box::new(array(case, "mlkem_seed"))),
            SecretBox::new(Box::new(array(case, "p256_scalar"))),
        )
        .unwrap();
        assert_eq!(keys.public().as_bytes().as_slice(), bytes(case, "ek"));
        let shared = decapsulate(&keys, &array(case, "c")).unwrap();
        assert_eq!(*shared.expose_secret(), array(case, "k"));
    }
    assert_eq!(cases.len(), 1);
}

#[test]
fn generated_file_derives_the_same_keys() {
    let path = "generated/hpke_mlkem768p256_hkdfsha256_aes256gcm.json";
    let cases = vector_files::cases(path);
    for case in &cases {
        let (seed, keys) = derive_key_pair(&bytes(case, "ikmR"));
        assert_eq!(seed.expose_secret().as_slice(), bytes(case, "skRm"));
        assert_eq!(keys.public().as_bytes().as_slice(), bytes(case, "pkRm"));
    }
    assert_eq!(cases.len(), 49);
}

#[test]
fn random_encapsulations_agree_and_differ() {
    let keys = PrivateKeys::make().unwrap();
    let (one, sent) = encapsulate(keys.public()).unwrap();
    let (other, _) = encapsulate(keys.public()).unwrap();
    let received = decapsulate(&keys, &one).unwrap();
    assert_eq!(sent.expose_secret(), received.expose_secret());
    assert_ne!(one, other);
    assert_ne!(
        one[..ml_kem::CIPHERTEXT_BYTES],
        other[..ml_kem::CIPHERTEXT_BYTES]
    );
    assert_ne!(
        one[ml_kem::CIPHERTEXT_BYTES..],
        other[ml_kem::CIPHERTEXT_BYTES..]
    );
}
