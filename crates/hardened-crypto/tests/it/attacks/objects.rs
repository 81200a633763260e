//! Tries against contexts, headers, wraps and shares.

use crate::world::{
    ALICE, ALICES, BOB, BOBS, OTHER_ORG, OTHER_RECORD, error_of, flipped, owner_place, refusal,
    share_place, value_place,
};
use hardened_crypto::{
    Error, ErrorKind,
    context::{Context, Domain},
    data_key::DataKey,
    ids::{RecordId, ShareId, UserId},
    key_pair::PrivateKeys,
    payload::{self, PayloadContext},
    root_key::RootKeyring,
    row_mac,
    share::rewrap,
    suite::{Header, ObjectKind},
    wrap::{Grant, Permission, WrapContext, Wrapped},
};
use secrecy::ExposeSecret;

fn ring() -> RootKeyring {
    RootKeyring::parse(RootKeyring::make_text().unwrap().expose_secret()).unwrap()
}

fn data_key() -> DataKey {
    DataKey::make().unwrap()
}

fn bobs_wrap(data_key: &DataKey) -> Wrapped {
    Wrapped::wrap(data_key, &BOBS.account.public, &share_place()).unwrap()
}

/// Bob opens his wrap as if it were of each of these places.
fn opened_as(wrapped: &Wrapped, places: &[WrapContext]) -> Vec<ErrorKind> {
    let open = |place| refusal(wrapped.unwrap(&BOBS.private, place));
    places.iter().map(open).collect()
}

fn share(permission: Permission, expires_utc_ms: Option<i64>) -> WrapContext {
    let Grant::Share { share, .. } = share_place().grant else {
        panic!("Bob holds a share");
    };
    let grant = Grant::Share {
        share,
        permission,
        expires_utc_ms,
    };
    WrapContext {
        grant,
        ..share_place()
    }
}

pub(super) fn moved_ciphertext() -> Vec<ErrorKind> {
    let (key, place) = (data_key(), value_place());
    let sealed = payload::seal(&key, &place, b"content").unwrap();
    let elsewhere = [
        PayloadContext {
            record: OTHER_RECORD,
            ..place
        },
        PayloadContext {
            owner: BOB,
            ..place
        },
        PayloadContext {
            org: OTHER_ORG,
            ..place
        },
        PayloadContext {
            record_version: 4,
            ..place
        },
    ];
    let open = |place| refusal(payload::open(&key, &place, &sealed));
    elsewhere.into_iter().map(open).collect()
}

pub(super) fn swapped_columns() {
    let (key, place) = (data_key(), value_place());
    let sealed = payload::seal(&key, &place, b"content").unwrap();
    let label = payload::seal_label(&key, &place, b"name").unwrap();
    let as_label = payload::open_label(&key, &place, &sealed);
    assert_eq!(refusal(as_label), ErrorKind::Malformed);
    let as_payload = payload::open(&key, &place, &label);
    assert_eq!(refusal(as_payload), ErrorKind::Malformed);
    let ring = ring();
    let row = |one: &str, other: &str| row_mac::row("users").text(one).text(other);
    let tag = row_mac::sign(&ring, row("alice", "admin"));
    let swapped = row_mac::verify(&ring, row("admin", "alice"), &tag);
    assert_eq!(refusal(swapped), ErrorKind::Tampered);
}

pub(super) fn replaced_public_key() -> Vec<ErrorKind> {
    let ring = ring();
    let row = |keys: &[u8]| row_mac::row("keys").bytes(&BOB.0).bytes(keys);
    let tag = row_mac::sign(&ring, row(BOBS.account.public.as_bytes()));
    let attackers = PrivateKeys::make().unwrap();
    let in_the_row = row_mac::verify(&ring, row(attackers.public().as_bytes()), &tag);
    // Whoever wrapped to Bob's key is safe after the swap too.
    let wrapped = bobs_wrap(&data_key());
    let opened = wrapped.unwrap(&attackers, &share_place());
    vec![refusal(in_the_row), refusal(opened)]
}

pub(super) fn changed_grant() -> Vec<ErrorKind> {
    let edits = [
        share(Permission::Own, Some(1_800_000_000_000)),
        share(Permission::Use, Some(1_800_000_000_000)),
        share(Permission::Read, Some(1_900_000_000_000)),
        share(Permission::Read, None),
    ];
    opened_as(&bobs_wrap(&data_key()), &edits)
}

pub(super) fn extended_expiry() -> Vec<ErrorKind> {
    let later = [Some(1_800_000_000_001), Some(i64::MAX), None, Some(-1)];
    let edits = later.map(|expires| share(Permission::Read, expires));
    opened_as(&bobs_wrap(&data_key()), &edits)
}

pub(super) fn widened_permission() -> Vec<ErrorKind> {
    let until = Some(1_800_000_000_000);
    let as_owner = WrapContext {
        grant: Grant::Owner,
        ..share_place()
    };
    let edits = [share(Permission::Own, until), as_owner];
    opened_as(&bobs_wrap(&data_key()), &edits)
}

pub(super) fn replayed_wrap() -> Vec<ErrorKind> {
    let place = share_place();
    let elsewhere = [
        WrapContext {
            record: OTHER_RECORD,
            ..place
        },
        WrapContext {
            kind: ObjectKind::File,
            ..place
        },
        WrapContext {
            owner: BOB,
            ..place
        },
    ];
    opened_as(&bobs_wrap(&data_key()), &elsewhere)
}

pub(super) fn old_generation() -> Vec<ErrorKind> {
    let (old, new) = (data_key(), data_key());
    let (place, value) = (share_place(), value_place());
    let now = WrapContext {
        data_key_generation: place.data_key_generation + 1,
        ..place
    };
    let written = PayloadContext {
        data_key_generation: now.data_key_generation,
        ..value
    };
    let sealed = payload::seal(&new, &written, b"content").unwrap();
    let mut refusals = opened_as(&bobs_wrap(&old), &[now]);
    // And were it opened in its own place, it is not the key of the new content.
    let old = bobs_wrap(&old).unwrap(&BOBS.private, &place).unwrap();
    refusals.push(refusal(payload::open(&old, &written, &sealed)));
    refusals
}

pub(super) fn removed_and_added() -> Vec<ErrorKind> {
    let again = WrapContext {
        grant: Grant::Share {
            share: ShareId([0x99; 16]),
            permission: Permission::Read,
            expires_utc_ms: Some(1_800_000_000_000),
        },
        ..share_place()
    };
    opened_as(&bobs_wrap(&data_key()), &[again])
}

fn alice_shares(to: &WrapContext) -> ErrorKind {
    let from = owner_place();
    let wrapped = Wrapped::wrap(&data_key(), &ALICES.account.public, &from).unwrap();
    let shared = rewrap(&wrapped, &ALICES.private, &from, &BOBS.account.public, to);
    refusal(shared)
}

pub(super) fn self_share() -> Vec<ErrorKind> {
    let to = WrapContext {
        recipient: ALICE,
        ..share_place()
    };
    vec![alice_shares(&to)]
}

pub(super) fn cross_org() -> Vec<ErrorKind> {
    let to = WrapContext {
        org: OTHER_ORG,
        ..share_place()
    };
    vec![alice_shares(&to)]
}

pub(super) fn equivocation() -> Vec<ErrorKind> {
    let (for_alice, for_bob) = (data_key(), data_key());
    let sealed = payload::seal(&for_alice, &value_place(), b"content").unwrap();
    let bobs = bobs_wrap(&for_bob)
        .unwrap(&BOBS.private, &share_place())
        .unwrap();
    vec![refusal(payload::open(&bobs, &value_place(), &sealed))]
}

pub(super) fn one_error() {
    let wrapped = bobs_wrap(&data_key());
    let open = |keys: &PrivateKeys, place: &WrapContext, bytes: &[u8]| -> Error {
        error_of(Wrapped::parse(bytes).unwrap().unwrap(keys, place))
    };
    let bytes = wrapped.as_bytes();
    let expected = open(&ALICES.private, &share_place(), bytes);
    assert_eq!(expected.kind(), ErrorKind::Tampered);
    // Lattice part, point format, point, ciphertext, tag.
    for at in [
        17,
        17 + 1088,
        17 + 1089,
        17 + 1152,
        17 + 1153,
        bytes.len() - 1,
    ] {
        let altered = flipped(bytes, at, 0);
        assert_eq!(open(&BOBS.private, &share_place(), &altered), expected);
    }
    let elsewhere = WrapContext {
        record: RecordId([0; 16]),
        ..share_place()
    };
    assert_eq!(open(&BOBS.private, &elsewhere, bytes), expected);
    assert!(!format!("{expected} {expected:?}").contains(char::is_numeric));
}

pub(super) fn ambiguous_concatenation() {
    let context = || Context::new(Domain::RowMac);
    let encodings = [
        context().text("ab").text("c").finish(),
        context().text("a").text("bc").finish(),
        context().text("abc").finish(),
        context().text("abc").text("").finish(),
        context().text("").text("abc").finish(),
        Context::new(Domain::Audit).text("ab").text("c").finish(),
    ];
    for (at, one) in encodings.iter().enumerate() {
        assert!(encodings[at + 1..].iter().all(|other| other != one));
    }
}

/// One id, read from two spellings, is one id; a text cannot be an id.
pub(super) fn ids_are_bytes() {
    let read = |text: &str| UserId(hex::decode(text).unwrap().try_into().unwrap());
    let lower = read("a1b2c3d4e5f60718293a4b5c6d7e8f90");
    let upper = read("A1B2C3D4E5F60718293A4B5C6D7E8F90");
    assert_eq!(lower, upper);
    let place = |owner| PayloadContext {
        owner,
        ..value_place()
    };
    let key = data_key();
    let sealed = payload::seal(&key, &place(lower), b"content").unwrap();
    assert!(payload::open(&key, &place(upper), &sealed).is_ok());
}

pub(super) fn renamed_record() -> Vec<ErrorKind> {
    let key = data_key();
    let label = payload::seal_label(&key, &value_place(), b"prod password").unwrap();
    let other = PayloadContext {
        record: OTHER_RECORD,
        ..value_place()
    };
    // Another record's name under this one, an edited name, a name under another key.
    vec![
        refusal(payload::open_label(&key, &other, &label)),
        refusal(payload::open_label(
            &key,
            &value_place(),
            &flipped(&label, 80, 0),
        )),
        refusal(payload::open_label(&data_key(), &value_place(), &label)),
    ]
}

pub(super) fn downgrade() -> Vec<ErrorKind> {
    let key = data_key();
    let sealed = payload::seal(&key, &value_place(), b"content").unwrap();
    let numbers: [(usize, &[u8]); 10] = [
        (2, &[0]), // format version
        (2, &[2]),
        (4, &[0x00, 0x10]), // KEM: P-256 alone
        (4, &[0x00, 0x41]), // KEM: ML-KEM-768 alone
        (4, &[0x64, 0x7a]), // KEM: X-Wing
        (6, &[0x00, 0x03]), // KDF: HKDF-SHA512
        (8, &[0x00, 0x01]), // AEAD: AES-128-GCM
        (8, &[0xff, 0xff]), // AEAD: export only
        (10, &[0, 0]),      // payload format
        (16, &[1]),         // flags
    ];
    let open = |(at, number): (usize, &[u8])| {
        let mut altered = sealed.clone();
        altered[at..at + number.len()].copy_from_slice(number);
        assert_ne!(altered, sealed);
        refusal(payload::open(&key, &value_place(), &altered))
    };
    numbers.into_iter().map(open).collect()
}

pub(super) fn trailing_data() {
    let key = data_key();
    let sealed = payload::seal(&key, &value_place(), b"content").unwrap();
    let longer = [sealed.as_slice(), &[0]].concat();
    let payload = payload::open(&key, &value_place(), &longer);
    assert_eq!(refusal(payload), ErrorKind::Tampered);
    let wrapped = bobs_wrap(&key);
    let longer = [wrapped.as_bytes(), &[0]].concat();
    assert_eq!(refusal(Wrapped::parse(&longer)), ErrorKind::Malformed);
    let header = Header::new(ObjectKind::Value, 1).to_bytes();
    let longer = [header.as_slice(), &[0]].concat();
    assert_eq!(refusal(Header::parse(&longer)), ErrorKind::Malformed);
}

/// There is no length to inflate: the largest numbers in the header change which key is
/// asked for, and no memory is taken for any of them.
pub(super) fn huge_length() -> Vec<ErrorKind> {
    let header = Header::new(ObjectKind::DekWrap, u32::MAX).to_bytes();
    let open_wrap = |bytes: &[u8]| refusal(Wrapped::parse(bytes));
    let mut all_set = header;
    all_set[4..].fill(0xff);
    vec![
        open_wrap(&header),
        open_wrap(&all_set),
        open_wrap(&[0xff; 1 << 20]),
        refusal(Header::parse(&all_set)),
    ]
}

pub(super) fn foreign_header() -> Vec<ErrorKind> {
    let key = data_key();
    let as_file = PayloadContext {
        kind: ObjectKind::File,
        ..value_place()
    };
    let mut sealed = payload::seal(&key, &value_place(), b"content").unwrap();
    let header = Header::new(ObjectKind::File, as_file.data_key_generation);
    sealed[..17].copy_from_slice(&header.to_bytes());
    let mut label = payload::seal_label(&key, &value_place(), b"name").unwrap();
    let header = Header::new(ObjectKind::Value, value_place().data_key_generation);
    label[..17].copy_from_slice(&header.to_bytes());
    vec![
        refusal(payload::open(&key, &as_file, &sealed)),
        refusal(payload::open(&key, &value_place(), &label)),
    ]
}
