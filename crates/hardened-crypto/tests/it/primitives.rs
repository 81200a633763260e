//! Wycheproof for the primitives that come from `ring`, used the way this crate uses them.

use crate::vector_files::{bytes, is_valid, wycheproof};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{Algorithm, HKDF_SHA256, HKDF_SHA512, KeyType, Prk},
    hmac,
};

#[test]
fn aes_256_gcm() {
    let (mut valid, mut invalid, mut other_nonce) = (0, 0, 0);
    for (group, case) in wycheproof("aes_256_gcm_test.trimmed.json") {
        let iv = bytes(&case, "iv");
        if group["ivSize"] != 96 {
            // ring's nonce is 96 bits by its type.
            assert_ne!(iv.len(), NONCE_LEN);
            other_nonce += 1;
            continue;
        }
        let nonce = || Nonce::try_assume_unique_for_key(&iv).unwrap();
        let key = UnboundKey::new(&AES_256_GCM, &bytes(&case, "key")).unwrap();
        let (key, aad) = (LessSafeKey::new(key), bytes(&case, "aad"));
        let (message, tag) = (bytes(&case, "msg"), bytes(&case, "tag"));
        let mut sealed = [bytes(&case, "ct"), tag.clone()].concat();
        let opened = key.open_in_place(nonce(), Aad::from(&aad), &mut sealed);
        if is_valid(&case) {
            assert_eq!(opened.unwrap(), message);
            let mut again = message.clone();
            let made = key.seal_in_place_separate_tag(nonce(), Aad::from(&aad), &mut again);
            assert_eq!(again, bytes(&case, "ct"));
            assert_eq!(made.unwrap().as_ref(), tag);
            valid += 1;
        } else {
            assert!(opened.is_err());
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid, other_nonce), (39, 27, 39));
}

struct OutputLength(usize);

impl KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

/// Extraction by HMAC and expansion from a raw PRK, as this crate does both.
fn hkdf(file: &str, expansion: Algorithm, extraction: hmac::Algorithm) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    for (_, case) in wycheproof(file) {
        let salt = hmac::Key::new(extraction, &bytes(&case, "salt"));
        let prk = hmac::sign(&salt, &bytes(&case, "ikm"));
        let prk = Prk::new_less_safe(expansion, prk.as_ref());
        let size = usize::try_from(case["size"].as_u64().unwrap()).unwrap();
        let info = bytes(&case, "info");
        let info = [info.as_slice()];
        let expanded = prk.expand(&info, OutputLength(size));
        if is_valid(&case) {
            let mut okm = vec![0; size];
            expanded.unwrap().fill(&mut okm).unwrap();
            assert_eq!(okm, bytes(&case, "okm"));
            valid += 1;
        } else {
            assert!(expanded.is_err());
            invalid += 1;
        }
    }
    (valid, invalid)
}

#[test]
fn hkdf_sha256() {
    let counts = hkdf("hkdf_sha256_test.json", HKDF_SHA256, hmac::HMAC_SHA256);
    assert_eq!(counts, (83, 3));
}

#[test]
fn hkdf_sha512() {
    let counts = hkdf("hkdf_sha512_test.json", HKDF_SHA512, hmac::HMAC_SHA512);
    assert_eq!(counts, (80, 3));
}

/// ring verifies whole tags alone, and so does this crate; the cases with tags cut to half
/// are compared against the front of the whole one.
#[test]
fn hmac_sha256() {
    let (mut valid, mut invalid) = (0, 0);
    for (group, case) in wycheproof("hmac_sha256_test.json") {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes(&case, "key"));
        let (message, tag) = (bytes(&case, "msg"), bytes(&case, "tag"));
        let verified = hmac::verify(&key, &message, &tag).is_ok();
        let made = hmac::sign(&key, &message);
        let front_matches = made.as_ref()[..tag.len()] == tag;
        let is_whole = group["tagSize"] == 256;
        assert_eq!(verified, is_whole && is_valid(&case));
        assert_eq!(front_matches, is_valid(&case));
        if is_valid(&case) {
            valid += 1;
        } else {
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid), (66, 108));
}
