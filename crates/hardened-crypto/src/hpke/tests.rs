//! Published vectors of exactly this suite, and the `hpke` crate as a second opinion.

use super::*;
use crate::{
    error::ErrorKind,
    random,
    vector_files::{self, array, bytes, has_flag, is_valid},
};
use ::hpke::{
    Deserializable, OpModeR, OpModeS, Serializable, aead::AesGcm256, kdf::HkdfSha256,
    kem::MlKem768P256, single_shot_open, single_shot_seal,
};
use proptest::prelude::*;
use secrecy::SecretBox;

type OracleKem = MlKem768P256;
type PublicKey = <OracleKem as ::hpke::Kem>::PublicKey;
type PrivateKey = <OracleKem as ::hpke::Kem>::PrivateKey;
type EncappedKey = <OracleKem as ::hpke::Kem>::EncappedKey;

const GENERATED: &str = "generated/hpke_mlkem768p256_hkdfsha256_aes256gcm.json";

fn keys_of(seed: [u8; 32]) -> PrivateKeys {
    PrivateKeys::from_seed(&SecretBox::new(Box::new(seed))).unwrap()
}

#[test]
fn generated_cases() {
    let cases = vector_files::cases(GENERATED);
    let (mut valid, mut invalid) = (0, 0);
    for case in &cases {
        let keys = keys_of(array(case, "skRm"));
        assert_eq!(keys.public().as_bytes().as_slice(), bytes(case, "pkRm"));
        let (info, aad) = (bytes(case, "info"), bytes(case, "aad"));
        let sealed = [bytes(case, "enc"), bytes(case, "ct")].concat();
        let opened = open(&keys, &info, &aad, &sealed);
        if is_valid(case) {
            let plaintext = bytes(case, "pt");
            assert_eq!(*opened.unwrap(), plaintext);
            let again = seal(keys.public(), &info, &aad, &plaintext).unwrap();
            assert_eq!(again.len(), sealed.len());
            assert_ne!(again, sealed);
            assert_eq!(*open(&keys, &info, &aad, &again).unwrap(), plaintext);
            valid += 1;
        } else {
            let refused = opened.unwrap_err();
            let too_short = sealed.len() < OVERHEAD_BYTES;
            assert_eq!(refused.kind() == ErrorKind::Malformed, too_short);
            assert_eq!(refused == REFUSED, !too_short, "{}", case["comment"]);
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid), (20, 29));
    let off_curve = |case: &&_| has_flag(case, "InvalidPoint");
    assert_eq!(cases.iter().filter(off_curve).count(), 5);
}

fn oracle_seal(public: &[u8], info: &[u8], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let public = PublicKey::from_bytes(public).unwrap();
    let mode = OpModeS::Base;
    let (enc, ciphertext) =
        single_shot_seal::<AesGcm256, HkdfSha256, OracleKem>(&mode, &public, info, plaintext, aad)
            .unwrap();
    [enc.to_bytes().as_slice(), &ciphertext].concat()
}

fn oracle_open(seed: &[u8], info: &[u8], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let private = PrivateKey::from_bytes(seed).unwrap();
    let (enc, ciphertext) = sealed.split_at_checked(ENCAPSULATED_BYTES)?;
    let enc = EncappedKey::from_bytes(enc).ok()?;
    let mode = OpModeR::Base;
    single_shot_open::<AesGcm256, HkdfSha256, OracleKem>(
        &mode, &private, &enc, info, ciphertext, aad,
    )
    .ok()
}

fn some_bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=longest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_oracle_opens_what_we_seal(
        seed: [u8; 32], info in some_bytes(300), aad in some_bytes(300), plain in some_bytes(2000),
    ) {
        let keys = keys_of(seed);
        let sealed = seal(keys.public(), &info, &aad, &plain).unwrap();
        prop_assert_eq!(oracle_open(&seed, &info, &aad, &sealed), Some(plain));
    }

    #[test]
    fn we_open_what_the_oracle_seals(
        seed: [u8; 32], info in some_bytes(300), aad in some_bytes(300), plain in some_bytes(2000),
    ) {
        let keys = keys_of(seed);
        let sealed = oracle_seal(keys.public().as_bytes(), &info, &aad, &plain);
        prop_assert_eq!(&*open(&keys, &info, &aad, &sealed).unwrap(), &plain);
    }

    #[test]
    fn both_refuse_the_same_alterations(
        seed: [u8; 32], at: prop::sample::Index, bit in 0..8u8, plain in some_bytes(64),
    ) {
        let keys = keys_of(seed);
        let mut sealed = seal(keys.public(), b"info", b"aad", &plain).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert_eq!(open(&keys, b"info", b"aad", &sealed).err(), Some(REFUSED));
        prop_assert_eq!(oracle_open(&seed, b"info", b"aad", &sealed), None);
    }
}

/// Point error, tag error and wrong key are one error with one text.
#[test]
fn every_alteration_looks_the_same() {
    let keys = keys_of(*random::secret().unwrap().expose_secret());
    let other = keys_of(*random::secret().unwrap().expose_secret());
    let sealed = seal(keys.public(), b"i", b"a", b"key").unwrap();
    let refusal =
        |keys, info: &[u8], aad: &[u8], sealed: &[u8]| open(keys, info, aad, sealed).err();
    let altered = |at: usize| {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        altered
    };
    assert_eq!(refusal(&keys, b"i", b"a", &sealed), None);
    assert_eq!(refusal(&other, b"i", b"a", &sealed), Some(REFUSED));
    assert_eq!(refusal(&keys, b"j", b"a", &sealed), Some(REFUSED));
    assert_eq!(refusal(&keys, b"i", b"b", &sealed), Some(REFUSED));
    for at in [0, 1087, 1088, 1089, 1152, 1153, sealed.len() - 1] {
        assert_eq!(refusal(&keys, b"i", b"a", &altered(at)), Some(REFUSED));
    }
}
