//! Wycheproof's Cobblestone-256 cases in memory, as a stream and with random access, and
//! AES-GCM ciphertexts that open under two keys.

use super::*;
use crate::{
    error::ErrorKind,
    payload::{PayloadReader, RandomAccess},
    suite::HEADER_BYTES,
    vector_files::{self, array, bytes, has_flag, is_valid, wycheproof},
};
use ring::digest;
use serde_json::Value;
use std::io::{self, Cursor, Read};

const FILE: &str = "c2sp_chunked_encryption_aes_256_gcm_test.json";

struct Case {
    key: [u8; KEY_BYTES],
    context: Vec<u8>,
    sealed: Vec<u8>,
    json: Value,
}

/// Every case but those whose key has another length: a key here is 32 bytes by its type.
fn cases() -> Vec<Case> {
    let all = wycheproof(FILE);
    assert_eq!(all.len(), 35);
    let (keyed, refused_by_type): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(_, case)| bytes(case, "key").len() == KEY_BYTES);
    assert_eq!(refused_by_type.len(), 2);
    for (_, case) in &refused_by_type {
        assert!(has_flag(case, "InvalidKeySize") && !is_valid(case));
    }
    let cases = keyed.into_iter().map(|(_, case)| Case {
        key: array(&case, "key"),
        context: bytes(&case, "ctx"),
        sealed: miniz_oxide::inflate::decompress_to_vec_zlib(&bytes(&case, "ct")).unwrap(),
        json: case,
    });
    cases.collect()
}

impl Case {
    fn is_valid(&self) -> bool {
        is_valid(&self.json)
    }

    fn has(&self, flag: &str) -> bool {
        has_flag(&self.json, flag)
    }

    /// Bytes and SHA-512 of the longest valid prefix of the message.
    fn check_message(&self, message: &[u8]) {
        let expected = self.json["msgLength"].as_u64().unwrap_or(0);
        assert_eq!(message.len() as u64, expected);
        if expected > 0 || self.is_valid() {
            let hash = digest::digest(&digest::SHA512, message);
            assert_eq!(hash.as_ref(), bytes(&self.json, "msgSha512"));
        }
    }

    /// The stages of opening: prefix first.
    fn message_key(&self) -> Result<MessageKey> {
        let prefix = self.sealed.first_chunk().ok_or(TRUNCATED)?;
        MessageKey::open(&self.key, prefix, &self.context)
    }

    fn stream(&self) -> Option<PayloadReader<&[u8]>> {
        let message_key = self.message_key().ok()?;
        Some(PayloadReader::of_chunks(
            &self.sealed[PREFIX_BYTES..],
            message_key,
        ))
    }

    fn random_access(&self) -> Option<RandomAccess<Cursor<Vec<u8>>>> {
        let message_key = self.message_key().ok()?;
        let placed = [vec![0; HEADER_BYTES], self.sealed.clone()].concat();
        let placed_bytes = placed.len() as u64;
        RandomAccess::of_chunks(Cursor::new(placed), message_key, placed_bytes).ok()
    }
}

#[test]
fn wycheproof_in_memory() {
    let (mut valid, mut invalid) = (0, 0);
    for case in cases() {
        let opened = open(&case.key, &case.context, &case.sealed);
        if case.is_valid() {
            let message = opened.unwrap();
            case.check_message(&message);
            let salt = case.sealed.first_chunk().unwrap();
            let message_key = MessageKey::derive(&case.key, salt, &case.context).unwrap();
            let mut again = Vec::new();
            seal_with(&mut again, &message_key, &message).unwrap();
            assert_eq!(again, case.sealed);
            valid += 1;
        } else {
            assert_eq!(opened.unwrap_err().kind(), ErrorKind::Tampered);
            // Refused by the header alone, exactly where the file says so.
            assert_eq!(case.message_key().is_err(), case.has("HeaderFailure"));
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid), (10, 23));
}

#[test]
fn wycheproof_derived_keys() {
    let mut count = 0;
    for case in cases() {
        if case.json.get("aeadKey").is_none() {
            continue;
        }
        let derived = case.message_key().unwrap();
        assert_eq!(
            derived.base_nonce.as_slice(),
            bytes(&case.json, "baseNonce")
        );
        // The AEAD key cannot be taken out of ring again: compare what it does.
        let aead_key = UnboundKey::new(&AES_256_GCM, &bytes(&case.json, "aeadKey")).unwrap();
        let expected = MessageKey {
            aead: LessSafeKey::new(aead_key),
            base_nonce: array(&case.json, "baseNonce"),
            prefix: *derived.prefix(),
        };
        let (mut one, mut other) = ([0; 32], [0; 32]);
        let tags = (
            derived.seal_chunk(9, &mut one).unwrap(),
            expected.seal_chunk(9, &mut other).unwrap(),
        );
        assert_eq!((one, tags.0.as_ref()), (other, tags.1.as_ref()));
        count += 1;
    }
    assert_eq!(count, 25);
}

#[test]
fn wycheproof_as_a_stream() {
    let (mut valid, mut refused_at_the_prefix, mut refused_later) = (0, 0, 0);
    for case in cases() {
        let Some(mut stream) = case.stream() else {
            assert!(case.has("HeaderFailure"));
            refused_at_the_prefix += 1;
            continue;
        };
        let mut released = Vec::new();
        let end = stream.read_to_end(&mut released);
        // Whatever came out is a verified prefix, never more.
        case.check_message(&released);
        if case.is_valid() {
            end.unwrap();
            valid += 1;
        } else {
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::InvalidData);
            // It keeps failing.
            let again = stream.read(&mut [0; 1]).unwrap_err();
            assert_eq!(again.kind(), io::ErrorKind::InvalidData);
            refused_later += 1;
        }
    }
    assert_eq!((valid, refused_at_the_prefix, refused_later), (10, 8, 15));
}

#[test]
fn wycheproof_with_random_access() {
    let (mut valid, mut refused, mut valid_end) = (0, 0, 0);
    for case in cases() {
        let access = case.random_access();
        assert_eq!(
            access.is_some(),
            case.is_valid() || case.has("ValidFinalChunk"),
            "{}",
            case.json["comment"]
        );
        let Some(mut access) = access else {
            refused += 1;
            continue;
        };
        let mut message = vec![0; usize::try_from(access.len()).unwrap()];
        let whole = access.read_at(0, &mut message);
        if case.is_valid() {
            assert_eq!(whole.unwrap(), message.len());
            case.check_message(&message);
            valid += 1;
        } else {
            assert_eq!(whole.unwrap_err().kind(), io::ErrorKind::InvalidData);
            valid_end += 1;
        }
    }
    assert_eq!((valid, refused, valid_end), (10, 19, 4));
}

/// One nonce, ciphertext and tag that plain AES-GCM opens under two keys, to different
/// plaintexts. In an envelope there is no such thing: each key refuses the prefix of the
/// other before any chunk, and nobody can choose the AEAD keys that HKDF derives.
#[test]
fn two_keys_open_one_gcm_ciphertext_but_not_one_envelope() {
    let cases = vector_files::cases("generated/aes256gcm_two_keys.json");
    for case in &cases {
        let (ciphertext, tag) = (bytes(case, "ct"), bytes(case, "tag"));
        let chunk = [ciphertext, tag].concat();
        let chosen = |key: &str, prefix: [u8; PREFIX_BYTES]| MessageKey {
            aead: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes(case, key)).unwrap()),
            base_nonce: array(case, "nonce"),
            prefix,
        };
        let opened = |message_key: &MessageKey| {
            let mut chunk = chunk.clone();
            message_key
                .open_chunk(0, &mut chunk)
                .map(|plain| plain.to_vec())
        };
        // The AEAD layer is fooled, twice, with different plaintexts.
        let no_prefix = [0; PREFIX_BYTES];
        let (one, two) = (chosen("key1", no_prefix), chosen("key2", no_prefix));
        assert_eq!(opened(&one).unwrap(), bytes(case, "pt1"));
        assert_eq!(opened(&two).unwrap(), bytes(case, "pt2"));
        assert_ne!(bytes(case, "pt1"), bytes(case, "pt2"));

        // As data keys of envelopes: each commits to itself, none to the other.
        let keys: [[u8; KEY_BYTES]; 2] = [array(case, "key1"), array(case, "key2")];
        for (sealer, other) in [(0, 1), (1, 0)] {
            let message_key = MessageKey::make(&keys[sealer], b"place").unwrap();
            let envelope = [message_key.prefix().as_slice(), &chunk].concat();
            let refused = MessageKey::open(&keys[other], message_key.prefix(), b"place");
            assert_eq!(refused.err(), Some(REFUSED));
            assert!(MessageKey::open(&keys[sealer], message_key.prefix(), b"place").is_ok());
            // And a chunk made for chosen AEAD keys is of no key that HKDF derives.
            assert_eq!(
                open(&keys[sealer], b"place", &envelope).err(),
                Some(REFUSED)
            );
            assert_eq!(open(&keys[other], b"place", &envelope).err(), Some(REFUSED));
        }
    }
    assert_eq!(cases.len(), 4);
}

/// Two keys under one salt have different commitments, and the prefix names one of them.
#[test]
fn commitment_decides_before_any_chunk() {
    let (one, two) = ([1; KEY_BYTES], [2; KEY_BYTES]);
    let mut sealed = Vec::new();
    seal_into(&mut sealed, &one, b"place", b"message").unwrap();
    let prefix: [u8; PREFIX_BYTES] = *sealed.first_chunk().unwrap();
    let salt = prefix.first_chunk().unwrap();
    let other = MessageKey::derive(&two, salt, b"place").unwrap();
    assert_eq!(other.prefix[..SALT_BYTES], prefix[..SALT_BYTES]);
    assert_ne!(other.prefix[SALT_BYTES..], prefix[SALT_BYTES..]);
    assert_eq!(
        MessageKey::open(&two, &prefix, b"place").err(),
        Some(REFUSED)
    );
}

#[test]
fn lengths_are_consistent() {
    for message in [0, 1, 20, 16_383, 16_384, 16_385, 40_000, 1 << 20] {
        let sealed = sealed_bytes(message) as u64;
        assert_eq!(message_bytes(sealed).unwrap(), message as u64);
    }
    // No message has a sealed length without room for the last tag.
    for impossible in [0, 55, 56, 71, 56 + 16_400, 56 + 16_400 + 15] {
        assert_eq!(message_bytes(impossible), Err(TRUNCATED));
    }
}

/// Chunk numbers beyond 32 bits keep their own nonces, up to the bound of the format.
#[test]
fn nonces_differ_up_to_the_bound() {
    let message_key = MessageKey::make(&[3; KEY_BYTES], b"").unwrap();
    let mut chunk = [0; 4];
    let indices = [
        0,
        1,
        255,
        256,
        1 << 17,
        (1 << 32) - 1,
        1 << 32,
        (1 << 38) - 1,
    ];
    let mut tags = Vec::new();
    for index in indices {
        chunk.fill(0);
        let tag = message_key.seal_chunk(index, &mut chunk).unwrap();
        tags.push([chunk.as_slice(), tag.as_ref()].concat());
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), indices.len());
    let refused = message_key.seal_chunk(1 << 38, &mut chunk);
    assert_eq!(refused.map(|_| ()).unwrap_err().kind(), ErrorKind::Policy);
}
