//! Every field of every place is bound: changing any one of them refuses the object.

use crate::world::{
    ALICE, ALICES, BOB, BOBS, OTHER_ORG, OTHER_RECORD, SHARE, alias_place, owner_place, refusal,
    same_key, share_place, value_place,
};
use hardened_crypto::{
    ErrorKind,
    account_key::AccountKey,
    data_key::DataKey,
    ids::{RecordId, ShareId, UserId},
    key_hash,
    payload::{self, PayloadContext, PayloadReader, RandomAccess},
    root_key::RootKeyring,
    secret_format::{PresentedKey, SecretKind},
    suite::ObjectKind,
    user_secret::SecretOwner,
    wrap::{
        Alias, AliasContext, Grant, Permission, WrapContext, Wrapped, unwrap_alias, wrap_alias,
    },
};
use secrecy::ExposeSecret;
use std::io::Cursor;

const STRANGER: UserId = UserId([0xcc; 16]);

/// One altered place for each field; the pattern fails to compile when a field is added.
fn other_wrap_places(place: WrapContext) -> Vec<(&'static str, WrapContext)> {
    let WrapContext {
        org: _,
        owner: _,
        kind: _,
        record: _,
        record_version,
        data_key_generation,
        recipient: _,
        recipient_generation,
        grant,
    } = place;
    let mut places = vec![
        (
            "org",
            WrapContext {
                org: OTHER_ORG,
                ..place
            },
        ),
        (
            "owner",
            WrapContext {
                owner: STRANGER,
                ..place
            },
        ),
        (
            "kind",
            WrapContext {
                kind: ObjectKind::File,
                ..place
            },
        ),
        (
            "record",
            WrapContext {
                record: OTHER_RECORD,
                ..place
            },
        ),
        (
            "record version",
            WrapContext {
                record_version: record_version + 1,
                ..place
            },
        ),
        (
            "older record version",
            WrapContext {
                record_version: record_version - 1,
                ..place
            },
        ),
        (
            "data key generation",
            WrapContext {
                data_key_generation: data_key_generation + 1,
                ..place
            },
        ),
        (
            "older data key generation",
            WrapContext {
                data_key_generation: data_key_generation - 1,
                ..place
            },
        ),
        (
            "recipient",
            WrapContext {
                recipient: STRANGER,
                ..place
            },
        ),
        (
            "recipient generation",
            WrapContext {
                recipient_generation: recipient_generation + 1,
                ..place
            },
        ),
    ];
    places.extend(other_grants(grant).map(|(what, grant)| (what, WrapContext { grant, ..place })));
    places
}

fn other_grants(grant: Grant) -> impl Iterator<Item = (&'static str, Grant)> {
    let share = |share, permission, expires_utc_ms| Grant::Share {
        share,
        permission,
        expires_utc_ms,
    };
    let until = Some(1_800_000_000_000);
    let all = [
        ("owner's grant", Grant::Owner),
        ("the share itself", share(SHARE, Permission::Read, until)),
        (
            "another share",
            share(ShareId([0x52; 16]), Permission::Read, until),
        ),
        ("may own", share(SHARE, Permission::Own, until)),
        ("may use", share(SHARE, Permission::Use, until)),
        (
            "a later end",
            share(SHARE, Permission::Read, Some(1_800_000_000_001)),
        ),
        ("no end", share(SHARE, Permission::Read, None)),
        (
            "an end at the epoch",
            share(SHARE, Permission::Read, Some(0)),
        ),
        (
            "share of zeros that owns",
            share(ShareId([0; 16]), Permission::Own, None),
        ),
    ];
    all.into_iter().filter(move |(_, other)| *other != grant)
}

fn other_payload_places(place: PayloadContext) -> Vec<(&'static str, PayloadContext, ErrorKind)> {
    let PayloadContext {
        org: _,
        owner: _,
        kind: _,
        record: _,
        record_version,
        data_key_generation,
    } = place;
    let (wrong, other_kind) = (ErrorKind::Tampered, ErrorKind::Malformed);
    vec![
        (
            "org",
            PayloadContext {
                org: OTHER_ORG,
                ..place
            },
            wrong,
        ),
        (
            "owner",
            PayloadContext {
                owner: STRANGER,
                ..place
            },
            wrong,
        ),
        (
            "kind",
            PayloadContext {
                kind: ObjectKind::File,
                ..place
            },
            other_kind,
        ),
        (
            "record",
            PayloadContext {
                record: OTHER_RECORD,
                ..place
            },
            wrong,
        ),
        (
            "version",
            PayloadContext {
                record_version: record_version + 1,
                ..place
            },
            wrong,
        ),
        (
            "older version",
            PayloadContext {
                record_version: record_version - 1,
                ..place
            },
            wrong,
        ),
        (
            "generation",
            PayloadContext {
                data_key_generation: data_key_generation + 1,
                ..place
            },
            wrong,
        ),
    ]
}

fn other_alias_places(place: AliasContext) -> Vec<(&'static str, AliasContext)> {
    let AliasContext {
        org: _,
        owner: _,
        recipient: _,
        share: _,
        recipient_generation,
    } = place;
    vec![
        (
            "org",
            AliasContext {
                org: OTHER_ORG,
                ..place
            },
        ),
        (
            "owner",
            AliasContext {
                owner: STRANGER,
                ..place
            },
        ),
        (
            "recipient",
            AliasContext {
                recipient: STRANGER,
                ..place
            },
        ),
        (
            "share",
            AliasContext {
                share: ShareId([0x52; 16]),
                ..place
            },
        ),
        (
            "generation",
            AliasContext {
                recipient_generation: recipient_generation + 1,
                ..place
            },
        ),
    ]
}

#[test]
fn a_wrap_opens_in_its_place_alone() {
    for (place, person) in [(owner_place(), &ALICES), (share_place(), &BOBS)] {
        let data_key = DataKey::make().unwrap();
        let wrapped = Wrapped::wrap(&data_key, &person.account.public, &place).unwrap();
        let opened = wrapped.unwrap(&person.private, &place).unwrap();
        assert!(same_key(&opened, &data_key));
        for (what, other) in other_wrap_places(place) {
            let refused = refusal(wrapped.unwrap(&person.private, &other));
            assert_eq!(refused, ErrorKind::Tampered, "{what}");
        }
    }
}

#[test]
fn a_wrap_opens_for_its_recipient_alone() {
    let data_key = DataKey::make().unwrap();
    let wrapped = Wrapped::wrap(&data_key, &ALICES.account.public, &owner_place()).unwrap();
    let refused = refusal(wrapped.unwrap(&BOBS.private, &owner_place()));
    assert_eq!(refused, ErrorKind::Tampered);
}

#[test]
fn a_boxed_data_key_opens_in_its_place_alone() {
    let data_key = DataKey::make().unwrap();
    let wrap = |place| Wrapped::wrap(&data_key, &BOBS.account.public, &place).unwrap();
    let place = share_place();
    let wrapped = wrap(place);
    let boxed = BOBS
        .account_key
        .box_data_key(&data_key, &place, &wrapped)
        .unwrap();
    let open = |key: &AccountKey, place: &WrapContext, wrapped: &Wrapped| {
        key.open_data_key(&boxed, place, wrapped)
    };
    let opened = open(&BOBS.account_key, &place, &wrapped).unwrap();
    assert!(same_key(&opened, &data_key));
    for (what, other) in other_wrap_places(place) {
        let refused = refusal(open(&BOBS.account_key, &other, &wrapped));
        assert_eq!(refused, ErrorKind::Tampered, "{what}");
    }
    // It dies with its wrap: a new wrap of the same key in the same place is another one.
    let refused = refusal(open(&BOBS.account_key, &place, &wrap(place)));
    assert_eq!(refused, ErrorKind::Tampered);
    let refused = refusal(open(&ALICES.account_key, &place, &wrapped));
    assert_eq!(refused, ErrorKind::Tampered);
}

#[test]
fn a_payload_opens_in_its_place_alone() {
    let data_key = DataKey::make().unwrap();
    let place = value_place();
    let sealed = payload::seal(&data_key, &place, b"content").unwrap();
    let label = payload::seal_label(&data_key, &place, b"name").unwrap();
    for (what, other, kind) in other_payload_places(place) {
        assert_eq!(
            refusal(payload::open(&data_key, &other, &sealed)),
            kind,
            "{what}"
        );
        let streamed = PayloadReader::new(sealed.as_slice(), &data_key, &other);
        assert!(streamed.is_err(), "{what}");
        let sought = RandomAccess::new(Cursor::new(&sealed), &data_key, &other);
        assert!(sought.is_err(), "{what}");
        // A label has one header kind; what it labels is in its context.
        let refused = refusal(payload::open_label(&data_key, &other, &label));
        assert_eq!(refused, ErrorKind::Tampered, "{what}");
    }
    // One object is not the other, under the same key in the same place.
    assert_eq!(
        refusal(payload::open(&data_key, &place, &label)),
        ErrorKind::Malformed
    );
    assert_eq!(
        refusal(payload::open_label(&data_key, &place, &sealed)),
        ErrorKind::Malformed
    );
    let other_key = DataKey::make().unwrap();
    assert_eq!(
        refusal(payload::open(&other_key, &place, &sealed)),
        ErrorKind::Tampered
    );
}

#[test]
fn only_values_and_files_have_a_payload() {
    let data_key = DataKey::make().unwrap();
    for kind in ObjectKind::ALL {
        let place = PayloadContext {
            kind: *kind,
            ..value_place()
        };
        let sealed = payload::seal(&data_key, &place, b"content");
        if matches!(kind, ObjectKind::Value | ObjectKind::File) {
            assert!(payload::open(&data_key, &place, &sealed.unwrap()).is_ok());
        } else {
            assert_eq!(refusal(sealed), ErrorKind::Policy);
        }
    }
}

#[test]
fn an_alias_opens_in_its_place_alone() {
    let alias = Alias::new("prod database").unwrap();
    let place = alias_place();
    let wrapped = wrap_alias(&alias, &BOBS.account.public, &place).unwrap();
    let boxed = BOBS
        .account_key
        .box_alias(&alias, &place, &wrapped)
        .unwrap();
    let opened = unwrap_alias(&BOBS.private, &place, &wrapped).unwrap();
    assert_eq!(opened.expose(), "prod database");
    let opened = BOBS
        .account_key
        .open_alias(&boxed, &place, &wrapped)
        .unwrap();
    assert_eq!(opened.expose(), "prod database");
    for (what, other) in other_alias_places(place) {
        let refused = refusal(unwrap_alias(&BOBS.private, &other, &wrapped));
        assert_eq!(refused, ErrorKind::Tampered, "{what}");
        let refused = refusal(BOBS.account_key.open_alias(&boxed, &other, &wrapped));
        assert_eq!(refused, ErrorKind::Tampered, "{what}");
    }
    let refused = refusal(unwrap_alias(&ALICES.private, &place, &wrapped));
    assert_eq!(refused, ErrorKind::Tampered);
    let refused = refusal(ALICES.account_key.open_alias(&boxed, &place, &wrapped));
    assert_eq!(refused, ErrorKind::Tampered);
}

#[test]
fn private_keys_open_for_their_owner_version_and_generation_alone() {
    let boxes = &ALICES.account.private;
    let public = &ALICES.account.public;
    assert!(boxes.open(&ALICES.kek, 1, public).is_ok());
    let refused = [
        boxes.open(&ALICES.kek, 2, public),
        boxes.open(&ALICES.kek, 1, &BOBS.account.public),
        boxes.open(&BOBS.kek, 1, public),
        boxes.open(&ALICES.kek_of_version(1), 1, public),
        boxes.open(&ALICES.kek_of_version(2), 1, public),
    ];
    for refused in refused {
        assert_eq!(refusal(refused), ErrorKind::Tampered);
    }
    for kek in [
        &BOBS.kek,
        &ALICES.kek_of_version(1),
        &ALICES.kek_of_version(2),
    ] {
        let refused = AccountKey::open(kek, &ALICES.account.account_key);
        assert_eq!(refusal(refused), ErrorKind::Tampered);
    }
}

#[test]
fn a_protection_unlocks_for_its_owner_alone() {
    let mut arena = Default::default();
    let secret = &ALICES.secret;
    let mut unlock = |org, user| {
        let owner = SecretOwner { org, user };
        secret
            .unlock(owner, &ALICES.protection, &mut arena)
            .map(|_| ())
    };
    assert_eq!(unlock(ALICES.owner.org, ALICE), Ok(()));
    assert_eq!(refusal(unlock(OTHER_ORG, ALICE)), ErrorKind::WrongSecret);
    assert_eq!(
        refusal(unlock(ALICES.owner.org, BOB)),
        ErrorKind::WrongSecret
    );
}

#[test]
fn a_key_hash_is_of_its_owner_kind_and_ring_alone() {
    let ring = || RootKeyring::parse(RootKeyring::make_text().unwrap().expose_secret()).unwrap();
    let (ring, other_ring) = (ring(), ring());
    let (key, _) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let (other_key, _) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let owner = Some(ALICES.owner);
    let stored = key_hash::hash(&ring, &key, owner);
    assert_eq!(key_hash::verify(&ring, &key, owner, Some(&stored)), Ok(()));
    let in_other_org = SecretOwner {
        org: OTHER_ORG,
        ..ALICES.owner
    };
    let refused = [
        key_hash::verify(&ring, &other_key, owner, Some(&stored)),
        key_hash::verify(&other_ring, &key, owner, Some(&stored)),
        key_hash::verify(&ring, &key, Some(BOBS.owner), Some(&stored)),
        key_hash::verify(&ring, &key, Some(in_other_org), Some(&stored)),
        key_hash::verify(&ring, &key, None, Some(&stored)),
        key_hash::verify(&ring, &key, owner, None),
        key_hash::verify(&ring, &key, owner, Some(&[0; 32])),
    ];
    for refused in refused {
        assert_eq!(refusal(refused), ErrorKind::WrongSecret);
    }
}

/// Ids are bytes, not texts: no two spellings, no two ids with one encoding.
#[test]
fn ids_of_different_kinds_never_stand_for_each_other() {
    let place = owner_place();
    let data_key = DataKey::make().unwrap();
    let wrapped = Wrapped::wrap(&data_key, &ALICES.account.public, &place).unwrap();
    let swapped = WrapContext {
        org: hardened_crypto::ids::OrgId(place.owner.0),
        owner: UserId(place.org.0),
        ..place
    };
    assert_eq!(
        refusal(wrapped.unwrap(&ALICES.private, &swapped)),
        ErrorKind::Tampered
    );
    let swapped = WrapContext {
        record: RecordId(place.recipient.0),
        recipient: UserId(place.record.0),
        ..place
    };
    assert_eq!(
        refusal(wrapped.unwrap(&ALICES.private, &swapped)),
        ErrorKind::Tampered
    );
}
