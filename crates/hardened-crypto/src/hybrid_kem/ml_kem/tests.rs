//! Published ML-KEM-768 vectors: Wycheproof, NIST ACVP, CCTV.

use super::*;
use crate::{
    error::ErrorKind,
    vector_files::{self, array, bytes, has_flag, is_valid, named_line, wycheproof},
};
use shake::{ExtendableOutput, Shake128, Update, XofReader};

fn key_of(seed: &[u8]) -> Result<MlKemKey> {
    let seed = seed
        .try_into()
        .map_err(|_| Error::malformed("a seed of another length"))?;
    Ok(MlKemKey::from_seed(seed))
}

fn decapsulated(key: &MlKemKey, ciphertext: &[u8]) -> Option<[u8; 32]> {
    let ciphertext = ciphertext.try_into().ok()?;
    Some(*key.decapsulate(ciphertext).expose_secret())
}

/// The expanded form that this crate never stores, out of the primitive.
#[expect(
    deprecated,
    reason = "the vectors hold expanded keys; the crate does not"
)]
fn expanded(bytes: &[u8]) -> Option<MlKemKey> {
    let encoded: &::ml_kem::ml_kem_768::ExpandedDecapsulationKey = bytes.try_into().ok()?;
    DecapsulationKey::from_expanded(encoded).ok().map(MlKemKey)
}

#[expect(
    deprecated,
    reason = "the vectors hold expanded keys; the crate does not"
)]
fn to_expanded(key: &MlKemKey) -> Vec<u8> {
    use ::ml_kem::ExpandedKeyEncoding;
    key.0.to_expanded_bytes().to_vec()
}

#[test]
fn wycheproof_key_generation() {
    let cases = wycheproof("mlkem_768_keygen_seed_test.json");
    for (_, case) in &cases {
        assert!(is_valid(case));
        let key = key_of(&bytes(case, "seed")).unwrap();
        assert_eq!(key.public_key().as_slice(), bytes(case, "ek"));
        assert_eq!(to_expanded(&key), bytes(case, "dk"));
    }
    assert_eq!(cases.len(), 100);
}

#[test]
fn wycheproof_key_generation_and_decapsulation() {
    let cases = wycheproof("mlkem_768_test.json");
    let (mut valid, mut invalid) = (0, 0);
    for (_, case) in &cases {
        let key = key_of(&bytes(case, "seed"));
        let ciphertext = bytes(case, "c");
        let secret = key.ok().and_then(|key| {
            if case.get("ek").is_some() {
                assert_eq!(key.public_key().as_slice(), bytes(case, "ek"));
            }
            decapsulated(&key, &ciphertext)
        });
        if is_valid(case) {
            assert_eq!(secret, Some(array(case, "K")));
            valid += 1;
        } else {
            assert_eq!(secret, None);
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid), (153, 40));
}

#[test]
fn wycheproof_encapsulation() {
    let cases = wycheproof("mlkem_768_encaps_test.json");
    let (mut valid, mut unreduced, mut wrong_length) = (0, 0, 0);
    for (_, case) in &cases {
        let encoded = bytes(case, "ek");
        let public = MlKemPublicKey::parse(&encoded);
        if is_valid(case) {
            let (ciphertext, secret) = public.unwrap().encapsulate_with(&array(case, "m"));
            assert_eq!(ciphertext.as_slice(), bytes(case, "c"));
            assert_eq!(*secret.expose_secret(), array(case, "K"));
            valid += 1;
        } else {
            assert_eq!(public.err().map(|e| e.kind()), Some(ErrorKind::Malformed));
            if encoded.len() == PUBLIC_KEY_BYTES {
                unreduced += 1;
            } else {
                wrong_length += 1;
            }
        }
    }
    assert_eq!((valid, unreduced, wrong_length), (133, 112, 20));
}

/// This crate takes 64-byte seeds alone, so all nine expanded keys are refused by their
/// length; the primitive below gives the published answers.
#[test]
fn wycheproof_expanded_keys() {
    let cases = wycheproof("mlkem_768_semi_expanded_decaps_test.json");
    let (mut valid, mut invalid) = (0, 0);
    for (_, case) in &cases {
        let encoded = bytes(case, "dk");
        assert!(key_of(&encoded).is_err());
        let key = expanded(&encoded);
        let secret = key.and_then(|key| decapsulated(&key, &bytes(case, "c")));
        if is_valid(case) {
            assert_eq!(secret, Some(array(case, "K")));
            valid += 1;
        } else {
            assert_eq!(secret, None, "{}", case["comment"]);
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid), (3, 6));
    let malleable = |(_, case): &&_| has_flag(case, "MalleableCiphertext");
    assert_eq!(cases.iter().filter(malleable).count(), 2);
}

#[test]
fn nist_key_generation() {
    let file = vector_files::json("nist-acvp/ML-KEM-768.keyGen.json");
    let mut count = 0;
    for case in file["testGroups"][0]["tests"].as_array().unwrap() {
        let key = key_of(&[bytes(case, "d"), bytes(case, "z")].concat()).unwrap();
        assert_eq!(key.public_key().as_slice(), bytes(case, "ek"));
        assert_eq!(to_expanded(&key), bytes(case, "dk"));
        count += 1;
    }
    assert_eq!(count, 25);
}

#[test]
fn nist_encapsulation_and_decapsulation() {
    let file = vector_files::json("nist-acvp/ML-KEM-768.encapDecap.json");
    let (mut encapsulated, mut accepted, mut rejected) = (0, 0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        for case in group["tests"].as_array().unwrap() {
            if group["function"] == "encapsulation" {
                let public = MlKemPublicKey::parse(&bytes(case, "ek")).unwrap();
                let (ciphertext, secret) = public.encapsulate_with(&array(case, "m"));
                assert_eq!(ciphertext.as_slice(), bytes(case, "c"));
                assert_eq!(*secret.expose_secret(), array(case, "k"));
                encapsulated += 1;
            } else {
                // Modified ciphertexts have an answer too: that of implicit rejection.
                let key = expanded(&bytes(group, "dk")).unwrap();
                let secret = decapsulated(&key, &bytes(case, "c"));
                assert_eq!(secret, Some(array(case, "k")));
                match case["reason"].as_str() {
                    Some("no modification") => accepted += 1,
                    _ => rejected += 1,
                }
            }
        }
    }
    assert_eq!((encapsulated, accepted, rejected), (25, 5, 5));
}

#[test]
fn cctv_intermediate_values() {
    let file = vector_files::text("cctv/ML-KEM-768.intermediate.txt");
    check_cctv_run(&file);
}

#[test]
fn cctv_unlucky_sampling() {
    let file = vector_files::text("cctv/ML-KEM-768.unluckysample.txt");
    check_cctv_run(&file);
}

/// Both files predate the final FIPS 203, whose key generation hashes one byte more (`d | k`
/// instead of `d`). So the key comes in its expanded form; all that follows is unchanged.
fn check_cctv_run(file: &str) {
    let line = |name| named_line(file, name);
    let key = expanded(&line("dk")).unwrap();
    assert_eq!(key.public_key().as_slice(), line("ek"));
    let from_seed = key_of(&[line("d"), line("z")].concat()).unwrap();
    assert_ne!(from_seed.public_key().as_slice(), line("ek"));
    let public = MlKemPublicKey::parse(&line("ek")).unwrap();
    let message = line("m").try_into().unwrap();
    let (ciphertext, secret) = public.encapsulate_with(&message);
    assert_eq!(ciphertext.as_slice(), line("c"));
    assert_eq!(secret.expose_secret().as_slice(), line("K"));
    let opened = decapsulated(&key, &ciphertext).unwrap();
    assert_eq!(opened.as_slice(), line("K"));
}

/// Implicit rejection where the comparison of ciphertexts must not stop at a zero byte.
#[test]
fn cctv_strcmp() {
    let file = vector_files::text("cctv/ML-KEM-768.strcmp.txt");
    let key = expanded(&named_line(&file, "dk")).unwrap();
    let secret = decapsulated(&key, &named_line(&file, "c")).unwrap();
    assert_eq!(secret.as_slice(), named_line(&file, "K"));
}

#[test]
fn cctv_unreduced_public_keys() {
    let file = vector_files::text("cctv/ML-KEM-768.modulus.txt");
    let mut count = 0;
    for line in file.lines() {
        let encoded = hex::decode(line).unwrap();
        assert_eq!(encoded.len(), PUBLIC_KEY_BYTES);
        let refused = MlKemPublicKey::parse(&encoded).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Malformed);
        count += 1;
    }
    assert_eq!(count, 780);
}

/// 10,000 runs whose inputs come from SHAKE128 of nothing and whose outputs are hashed into
/// one value, by the procedure of C2SP/CCTV. The hash in its README is of the draft of FIPS
/// 203; these are of the final standard: from Go's `crypto/mlkem` (TestAccumulated, without
/// the expanded key) and from the crates that publish CCTV's with the final key generation.
#[test]
fn cctv_accumulated() {
    const OF_GO: &str = "8a518cc63da366322a8e7a818c7a0d63483cb3528d34a4cf42f35d5ad73f22fc";
    const FULL: &str = "f959d18d3d1180121433bf0e05f11e7908cf9d03edc150b2b07cb90bef5bc1c1";
    let mut source = Shake128::default().finalize_xof();
    let (mut of_go, mut full) = (Shake128::default(), Shake128::default());
    for _ in 0..10_000 {
        let mut seed = [0; SEED_BYTES];
        source.read(&mut seed);
        let key = MlKemKey::from_seed(&seed);
        let encoded = key.public_key();
        let mut message = [0; MESSAGE_BYTES];
        source.read(&mut message);
        let public = MlKemPublicKey::parse(&encoded).unwrap();
        let (ciphertext, secret) = public.encapsulate_with(&message);
        let secret = *secret.expose_secret();
        assert_eq!(decapsulated(&key, &ciphertext), Some(secret));
        let mut random = [0; CIPHERTEXT_BYTES];
        source.read(&mut random);
        let rejected = decapsulated(&key, &random).unwrap();

        full.update(&encoded);
        full.update(&to_expanded(&key));
        of_go.update(&encoded);
        for sink in [&mut of_go, &mut full] {
            sink.update(&ciphertext);
            sink.update(&secret);
            sink.update(&rejected);
        }
    }
    for (sink, expected) in [(of_go, OF_GO), (full, FULL)] {
        let mut hash = [0; 32];
        sink.finalize_xof().read(&mut hash);
        assert_eq!(hex::encode(hash), expected);
    }
}
