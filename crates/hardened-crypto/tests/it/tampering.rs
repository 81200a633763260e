//! Every altered byte, every truncation and every extension of every object is refused.

use crate::world::{
    ALICES, BOBS, CHEAP, alias_place, cheap, flipped, owner_place, refusal, same_key, share_place,
    value_place,
};
use hardened_crypto::{
    ErrorKind, Result,
    account_key::AccountKey,
    data_key::DataKey,
    key_pair::{PrivateKeyBoxes, PublicKeys},
    payload::{self, PayloadReader, RandomAccess},
    root_key::RootKeyring,
    row_mac::{self, RowTag},
    suite::{HEADER_BYTES, Header, ObjectKind},
    user_secret::{Argon2Arena, Protection, SecretOwner, UserSecret},
    wrap::{Alias, Wrapped, unwrap_alias, wrap_alias},
};
use secrecy::ExposeSecret;
use std::io::{Cursor, Read};

/// Refused as tampered or, where the outer form shows it already, as malformed.
fn check_refused<T>(what: &str, at: usize, result: Result<T>) {
    let kind = refusal(result);
    let expected = matches!(kind, ErrorKind::Tampered | ErrorKind::Malformed);
    assert!(expected, "{what}, byte {at}: {kind:?}");
}

/// Alters every bit, cuts at every length and extends; `open` must refuse each.
fn check_all<T>(what: &str, sealed: &[u8], open: impl Fn(&[u8]) -> Result<T>) {
    assert!(open(sealed).is_ok(), "{what}");
    for at in 0..sealed.len() {
        for bit in 0..8 {
            check_refused(what, at, open(&flipped(sealed, at, bit)));
        }
    }
    check_lengths(what, sealed, open);
}

fn check_lengths<T>(what: &str, sealed: &[u8], open: impl Fn(&[u8]) -> Result<T>) {
    for length in 0..sealed.len() {
        check_refused(what, length, open(&sealed[..length]));
        check_refused(what, length, open(&sealed[sealed.len() - length..]));
    }
    for more in [1, 2, 15, 16, 17, 16_400] {
        let longer = [sealed, &vec![0; more]].concat();
        check_refused(what, longer.len(), open(&longer));
    }
    check_refused(what, 0, open(&[sealed, sealed].concat()));
}

#[test]
fn headers() {
    let header = Header::new(ObjectKind::DekWrap, 7);
    let bytes = header.to_bytes();
    for at in 0..HEADER_BYTES {
        for bit in 0..8 {
            // The kind and the key version may be others; everything else is refused.
            match Header::parse(&flipped(&bytes, at, bit)) {
                Ok(other) => {
                    assert!(at == 3 || (12..16).contains(&at), "byte {at}");
                    assert_ne!(other, header);
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Malformed),
            }
        }
    }
    for length in (0..HEADER_BYTES).chain([HEADER_BYTES + 1, 1000]) {
        let other_length = Header::parse(&vec![0; length]);
        assert_eq!(refusal(other_length), ErrorKind::Malformed);
    }
}

#[test]
fn object_kinds_beyond_the_known_ones_are_refused() {
    let mut bytes = Header::new(ObjectKind::Value, 0).to_bytes();
    let known: Vec<u8> = ObjectKind::ALL.iter().map(|kind| *kind as u8).collect();
    for number in 0..=u8::MAX {
        bytes[3] = number;
        assert_eq!(Header::parse(&bytes).is_ok(), known.contains(&number));
    }
}

#[test]
fn wraps() {
    let data_key = DataKey::make().unwrap();
    let place = share_place();
    let wrapped = Wrapped::wrap(&data_key, &BOBS.account.public, &place).unwrap();
    let open = |bytes: &[u8]| Wrapped::parse(bytes)?.unwrap(&BOBS.private, &place);
    let sealed = wrapped.as_bytes();
    assert!(same_key(&open(sealed).unwrap(), &data_key));
    let post_quantum = HEADER_BYTES..HEADER_BYTES + 1088;
    for at in 0..sealed.len() {
        // Every bit of header, point, key and tag; one in each byte of the lattice part.
        let bits = if post_quantum.contains(&at) { 1 } else { 8 };
        for bit in 0..bits {
            let bit = (at as u32 + bit) % 8;
            check_refused("wrap", at, open(&flipped(sealed, at, bit)));
        }
    }
    check_lengths("wrap", sealed, open);
}

#[test]
fn wrapped_aliases() {
    let alias = Alias::new("prod database").unwrap();
    let place = alias_place();
    let wrapped = wrap_alias(&alias, &BOBS.account.public, &place).unwrap();
    let open = |bytes: &[u8]| unwrap_alias(&BOBS.private, &place, bytes);
    for at in 0..wrapped.len() {
        check_refused("alias", at, open(&flipped(&wrapped, at, at as u32 % 8)));
    }
    for length in (0..wrapped.len())
        .step_by(7)
        .chain(wrapped.len() - 90..wrapped.len())
    {
        check_refused("alias", length, open(&wrapped[..length]));
    }
    check_refused("alias", 0, open(&[wrapped.as_slice(), &[0]].concat()));
}

#[test]
fn boxes_under_an_account_key() {
    let data_key = DataKey::make().unwrap();
    let place = owner_place();
    let wrapped = Wrapped::wrap(&data_key, &ALICES.account.public, &place).unwrap();
    let key = &ALICES.account_key;
    let boxed = key.box_data_key(&data_key, &place, &wrapped).unwrap();
    check_all("data key box", &boxed, |bytes| {
        key.open_data_key(bytes, &place, &wrapped)
    });
    let alias = Alias::new("prod database").unwrap();
    let wrapped = wrap_alias(&alias, &ALICES.account.public, &alias_place()).unwrap();
    let boxed = key.box_alias(&alias, &alias_place(), &wrapped).unwrap();
    check_all("alias box", &boxed, |bytes| {
        key.open_alias(bytes, &alias_place(), &wrapped)
    });
}

#[test]
fn boxes_under_a_key_encryption_key() {
    let (kek, account) = (&ALICES.kek, &ALICES.account);
    check_all("account key", &account.account_key, |bytes| {
        AccountKey::open(kek, bytes)
    });
    check_all("P-256 key", &account.private.p256, |bytes| {
        let boxes = PrivateKeyBoxes {
            p256: bytes.to_vec(),
            ml_kem: account.private.ml_kem.clone(),
        };
        boxes.open(kek, 1, &account.public)
    });
    check_all("ML-KEM key", &account.private.ml_kem, |bytes| {
        let boxes = PrivateKeyBoxes {
            p256: account.private.p256.clone(),
            ml_kem: bytes.to_vec(),
        };
        boxes.open(kek, 1, &account.public)
    });
    let swapped = PrivateKeyBoxes {
        p256: account.private.ml_kem.clone(),
        ml_kem: account.private.p256.clone(),
    };
    check_refused("swapped", 0, swapped.open(kek, 1, &account.public));
}

#[test]
fn labels() {
    let data_key = DataKey::make().unwrap();
    let sealed = payload::seal_label(&data_key, &value_place(), b"file name").unwrap();
    check_all("label", &sealed, |bytes| {
        payload::open_label(&data_key, &value_place(), bytes)
    });
}

#[test]
fn small_payloads_in_memory_as_a_stream_and_with_random_access() {
    let data_key = DataKey::make().unwrap();
    let place = value_place();
    for plaintext in [&b""[..], b"x", b"a value of some length"] {
        let sealed = payload::seal(&data_key, &place, plaintext).unwrap();
        check_all("payload", &sealed, |bytes| {
            let opened = payload::open(&data_key, &place, bytes);
            let mut streamed = Vec::new();
            let end = PayloadReader::new(bytes, &data_key, &place)
                .and_then(|mut reader| reader.read_to_end(&mut streamed));
            // All three agree.
            assert_eq!(end.is_ok(), opened.is_ok());
            let sought = RandomAccess::new(Cursor::new(bytes), &data_key, &place);
            assert_eq!(sought.is_ok(), opened.is_ok());
            opened
        });
    }
}

/// Two chunks: every byte once, every length once.
#[test]
fn a_payload_of_two_chunks() {
    let data_key = DataKey::make().unwrap();
    let place = value_place();
    let sealed = payload::seal(&data_key, &place, &[7; 16_385]).unwrap();
    let open = |bytes: &[u8]| payload::open(&data_key, &place, bytes);
    assert_eq!(open(&sealed).unwrap().len(), 16_385);
    let mut altered = sealed.clone();
    for at in 0..sealed.len() {
        altered[at] ^= 1 << (at % 8);
        check_refused("payload", at, open(&altered));
        altered[at] = sealed[at];
    }
    for length in 0..sealed.len() {
        check_refused("payload", length, open(&sealed[..length]));
    }
}

/// Whatever is altered in a protection, it parses no longer or the secret no longer fits:
/// without a row MAC this looks like a wrong secret.
#[test]
fn protections_of_a_generated_secret() {
    let stored = ALICES.protection.to_bytes();
    let mut arena = Argon2Arena::default();
    for at in 0..stored.len() {
        for bit in 0..8 {
            let kind = match Protection::parse(&flipped(&stored, at, bit)) {
                Ok(altered) => refusal(ALICES.secret.unlock(ALICES.owner, &altered, &mut arena)),
                Err(error) => error.kind(),
            };
            let expected = if at < 14 {
                // Format, kind and cost (none here). A kind of 2 without cost is a cost below the floor.
                matches!(kind, ErrorKind::Malformed | ErrorKind::Policy)
            } else {
                kind == ErrorKind::WrongSecret
            };
            assert!(expected, "byte {at}: {kind:?}");
        }
    }
    for length in (0..stored.len()).chain([stored.len() + 1, 1000]) {
        let other_length: Vec<u8> = stored.iter().copied().cycle().take(length).collect();
        assert_eq!(
            refusal(Protection::parse(&other_length)),
            ErrorKind::Malformed
        );
    }
}

#[test]
fn protections_of_a_passphrase() {
    let secret = UserSecret::for_unlock(b"correct horse battery staple").unwrap();
    let owner: SecretOwner = ALICES.owner;
    let mut arena = Argon2Arena::default();
    let (protection, _) = secret.protect(owner, 1, cheap(), &mut arena).unwrap();
    let stored = protection.to_bytes();
    assert_eq!(stored[2..6], CHEAP.0.to_be_bytes());
    for at in 0..stored.len() {
        // Every bit where the cost stands, one in each byte behind it.
        let bits = if at < 14 { 8 } else { 1 };
        for bit in 0..bits {
            let kind = match Protection::parse(&flipped(&stored, at, bit)) {
                Ok(altered) => refusal(secret.unlock(owner, &altered, &mut arena)),
                Err(error) => error.kind(),
            };
            let expected = match at {
                0 | 1 => ErrorKind::Malformed,
                2..14 if kind == ErrorKind::Policy => ErrorKind::Policy,
                _ => ErrorKind::WrongSecret,
            };
            assert_eq!(kind, expected, "byte {at}");
        }
    }
}

#[test]
fn row_tags() {
    let ring = RootKeyring::make_text().unwrap();
    let ring = RootKeyring::parse(ring.expose_secret()).unwrap();
    let row = || row_mac::row("users").bytes(&[1; 16]).u64(3).text("alice");
    let tag = row_mac::sign(&ring, row());
    assert_eq!(row_mac::verify(&ring, row(), &tag), Ok(()));
    for at in 0..32 {
        for bit in 0..8 {
            let altered = flipped(&tag.tag, at, bit).try_into().unwrap();
            let altered = RowTag {
                tag: altered,
                ..tag
            };
            let refused = row_mac::verify(&ring, row(), &altered);
            assert_eq!(refusal(refused), ErrorKind::Tampered);
        }
    }
    for bit in 0..32 {
        let of_other_key = RowTag {
            key_id: tag.key_id ^ (1 << bit),
            ..tag
        };
        let refused = row_mac::verify(&ring, row(), &of_other_key);
        assert_eq!(refusal(refused), ErrorKind::Tampered);
    }
}

/// Public keys carry no tag: an altered one is refused where it is no key, and is another
/// fingerprint where it is one.
#[test]
fn public_keys() {
    let public = &ALICES.account.public;
    let encoded = public.as_bytes();
    let (mut refused, mut other) = (0, 0);
    for at in 0..encoded.len() {
        match PublicKeys::parse(&flipped(encoded, at, at as u32 % 8)) {
            Ok(keys) => {
                assert_ne!(keys.fingerprint(), public.fingerprint());
                other += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Malformed);
                assert!(
                    !(1152..1184).contains(&at),
                    "the seed of the matrix is any 32 bytes"
                );
                refused += 1;
            }
        }
    }
    assert_eq!(refused + other, encoded.len());
    // A point with one coordinate altered is on the curve with negligible chance.
    assert!(refused >= 65);
}
