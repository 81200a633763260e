//! Argon2id vectors: through this module where our window allows it, else through the same
//! primitive.

use super::*;
use crate::vector_files::{self, array, bytes};
use argon2::ParamsBuilder;
use secrecy::ExposeSecret;
use serde_json::Value;

fn number(case: &Value, field: &str) -> u32 {
    case[field].as_u64().unwrap().try_into().unwrap()
}

fn cost(case: &Value) -> Result<PassphraseCost> {
    let field = |name| number(case, name);
    PassphraseCost::new(field("m_kib"), field("t"), field("p"))
}

fn is_ours(case: &Value) -> bool {
    case["secret"] == ""
        && case["ad"] == ""
        && bytes(case, "salt").len() == SALT_BYTES
        && number(case, "tagLength") == 32
}

fn primitive(case: &Value) -> Vec<u8> {
    let tag_bytes = number(case, "tagLength") as usize;
    let params = ParamsBuilder::new()
        .m_cost(number(case, "m_kib"))
        .t_cost(number(case, "t"))
        .p_cost(number(case, "p"))
        .output_len(tag_bytes)
        .data(bytes(case, "ad").as_slice().try_into().unwrap())
        .build()
        .unwrap();
    let secret = bytes(case, "secret");
    let algorithm = (Algorithm::Argon2id, Version::V0x13);
    let argon2 = if secret.is_empty() {
        Argon2::new(algorithm.0, algorithm.1, params)
    } else {
        Argon2::new_with_secret(&secret, algorithm.0, algorithm.1, params).unwrap()
    };
    let mut tag = vec![0; tag_bytes];
    argon2
        .hash_password_into(&bytes(case, "password"), &bytes(case, "salt"), &mut tag)
        .unwrap();
    tag
}

#[test]
fn reference_cases() {
    let cases = vector_files::cases("generated/argon2id.json");
    // One arena throughout: what it held before must not matter.
    let mut arena = Argon2Arena::default();
    let (mut ours, mut of_the_primitive) = (0, 0);
    for case in &cases {
        match cost(case) {
            Ok(cost) if is_ours(case) => {
                let password = bytes(case, "password");
                let root = argon2id(&password, &array(case, "salt"), cost, &mut arena).unwrap();
                assert_eq!(root.expose_secret().as_slice(), bytes(case, "tag"));
                ours += 1;
            }
            _ => {
                assert_eq!(primitive(case), bytes(case, "tag"), "{}", case["comment"]);
                of_the_primitive += 1;
            }
        }
    }
    assert_eq!((ours, of_the_primitive), (6, 29));
}

#[test]
fn arena_is_wiped_after_each_use() {
    let mut arena = Argon2Arena::default();
    let cost = PassphraseCost::new(12 * 1024, 2, 1).unwrap();
    argon2id(b"correct horse", &[7; SALT_BYTES], cost, &mut arena).unwrap();
    assert_eq!(arena.blocks.len(), 12 * 1024);
    let all_zero = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
    assert!(arena.blocks.iter().all(all_zero));
}

#[test]
fn window_edges() {
    let accepted = [(12 * 1024, 2, 1), (46 * 1024, 1, 1), (256 * 1024, 10, 4)];
    let refused = [
        (12 * 1024 - 1, 2, 1),
        (46 * 1024 - 1, 1, 1),
        (256 * 1024 + 1, 2, 1),
        (19 * 1024, 0, 1),
        (19 * 1024, 11, 1),
        (19 * 1024, 2, 0),
        (19 * 1024, 2, 5),
        (0, 0, 0),
        (u32::MAX, u32::MAX, u32::MAX),
    ];
    for (memory, passes, lanes) in accepted {
        assert!(PassphraseCost::new(memory, passes, lanes).is_ok());
    }
    for (memory, passes, lanes) in refused {
        let refusal = PassphraseCost::new(memory, passes, lanes).unwrap_err();
        assert_eq!(refusal.kind(), crate::ErrorKind::Policy);
    }
}

/// HKDF-Extract is HMAC with the salt as key (RFC 5869 section 2.2).
#[test]
fn extract_is_hmac() {
    let salt = [1; SALT_BYTES];
    let root = extract(&salt, &[2; 32]);
    let prk = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salt), &[2; 32]);
    assert_eq!(root.expose_secret().as_slice(), prk.as_ref());
}
