//! What is sealed opens again, through every way that the crate offers.

use crate::world::{
    ALICE, ALICES, BOB, BOBS, OTHER_RECORD, Person, SHARE, alias_place, cheap, error_of,
    owner_place, refusal, same_key, share_place, value_place,
};
use hardened_crypto::{
    ErrorKind,
    account::FIRST_GENERATION,
    account_key::AccountKey,
    data_key::DataKey,
    ids::UserId,
    key_hash,
    key_pair::PrivateKeys,
    payload,
    rekey::{ProtectedKeys, StoredKeyPair, rekey},
    root_key::RootKeyring,
    row_mac,
    secret_format::{PresentedKey, SecretKind},
    share::{rewrap, rotate_wrap, wrap_to_all},
    suite::{HEADER_BYTES, ObjectKind},
    user_secret::{Argon2Arena, SecretOwner, UserSecret},
    wrap::{
        ALIAS_BYTES_MAX, Alias, AliasContext, Grant, Permission, WRAP_BYTES, WrapContext, Wrapped,
        unwrap_alias, wrap_alias,
    },
};
use proptest::{collection::vec, prelude::*, sample};
use secrecy::ExposeSecret;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn payloads_and_labels(
        plaintext in vec(any::<u8>(), 0..40_000), label in vec(any::<u8>(), 0..400),
        record_version: u64, data_key_generation: u32, is_file: bool,
    ) {
        let kind = if is_file { ObjectKind::File } else { ObjectKind::Value };
        let place = payload::PayloadContext {
            kind, record_version, data_key_generation, ..value_place()
        };
        let data_key = DataKey::make().unwrap();
        let sealed = payload::seal(&data_key, &place, &plaintext).unwrap();
        prop_assert_eq!(sealed.len(), payload::sealed_bytes(plaintext.len()));
        prop_assert_eq!(&*payload::open(&data_key, &place, &sealed).unwrap(), &plaintext);
        let sealed = payload::seal_label(&data_key, &place, &label).unwrap();
        prop_assert_eq!(&*payload::open_label(&data_key, &place, &sealed).unwrap(), &label);
    }

    #[test]
    fn wraps_and_boxes(
        record_version: u64, data_key_generation: u32, recipient_generation: u32,
        share: [u8; 16], expires_utc_ms: Option<i64>,
        permission in sample::select(vec![Permission::Own, Permission::Read, Permission::Use]),
    ) {
        let grant = Grant::Share { share: share.into(), permission, expires_utc_ms };
        let place = WrapContext {
            record_version, data_key_generation, recipient_generation, grant, ..share_place()
        };
        let data_key = DataKey::make().unwrap();
        let wrapped = Wrapped::wrap(&data_key, &BOBS.account.public, &place).unwrap();
        prop_assert_eq!(wrapped.recipient_generation(), recipient_generation);
        prop_assert_eq!(wrapped.as_bytes().len(), WRAP_BYTES);
        let stored = Wrapped::parse(wrapped.as_bytes()).unwrap();
        prop_assert!(stored == wrapped);
        let opened = stored.unwrap(&BOBS.private, &place).unwrap();
        prop_assert!(same_key(&opened, &data_key));
        let boxed = BOBS.account_key.box_data_key(&opened, &place, &stored).unwrap();
        let opened = BOBS.account_key.open_data_key(&boxed, &place, &stored).unwrap();
        prop_assert!(same_key(&opened, &data_key));
    }

    #[test]
    fn aliases(text in "\\PC{1,60}", generation: u32) {
        let alias = Alias::new(&text).unwrap();
        let place = AliasContext { recipient_generation: generation, ..alias_place() };
        let wrapped = wrap_alias(&alias, &BOBS.account.public, &place).unwrap();
        let opened = unwrap_alias(&BOBS.private, &place, &wrapped).unwrap();
        prop_assert_eq!(opened.expose(), &text);
        let boxed = BOBS.account_key.box_alias(&alias, &place, &wrapped).unwrap();
        let opened = BOBS.account_key.open_alias(&boxed, &place, &wrapped).unwrap();
        prop_assert_eq!(opened.expose(), &text);
    }

    #[test]
    fn row_macs_tell_rows_apart(
        one in vec(vec(any::<u8>(), 0..3), 0..4), other in vec(vec(any::<u8>(), 0..3), 0..4),
    ) {
        let ring = ring(&[1]);
        let row = |fields: &[Vec<u8>]| {
            let row = row_mac::row("values");
            fields.iter().fold(row, |row, field| row.bytes(field))
        };
        let tag = row_mac::sign(&ring, row(&one));
        prop_assert!(row_mac::verify(&ring, row(&one), &tag).is_ok());
        prop_assert_eq!(row_mac::verify(&ring, row(&other), &tag).is_ok(), one == other);
    }
}

/// A ring of keys that differ by their ids, always the same for one id.
fn ring(ids: &[u8]) -> RootKeyring {
    let line = |id: &u8| {
        format!(
            "{id}:{}\n",
            char::from(b'A' + id).to_string().repeat(42) + "A"
        )
    };
    RootKeyring::parse(&ids.iter().map(line).collect::<String>()).unwrap()
}

/// Alias lengths fall into three sizes, whatever the alias.
#[test]
fn the_length_of_an_alias_tells_little() {
    let sealed_lengths = |text_bytes: usize| {
        let alias = Alias::new(&"a".repeat(text_bytes)).unwrap();
        let wrapped = wrap_alias(&alias, &BOBS.account.public, &alias_place()).unwrap();
        let boxed = BOBS
            .account_key
            .box_alias(&alias, &alias_place(), &wrapped)
            .unwrap();
        let opened = unwrap_alias(&BOBS.private, &alias_place(), &wrapped).unwrap();
        assert_eq!(opened.expose().len(), text_bytes);
        (wrapped.len() - HEADER_BYTES - 1153 - 16, boxed.len() - 89)
    };
    for (longest, padded) in [(62, 64), (126, 128), (ALIAS_BYTES_MAX, 256)] {
        assert_eq!(sealed_lengths(longest), (padded, padded));
        assert_eq!(sealed_lengths(longest - 50), (padded, padded));
    }
    for refused in ["".to_owned(), "a".repeat(ALIAS_BYTES_MAX + 1)] {
        assert_eq!(refusal(Alias::new(&refused)), ErrorKind::Policy);
    }
}

#[test]
fn a_share_opens_for_both() {
    let data_key = DataKey::make().unwrap();
    let sealed = payload::seal(&data_key, &value_place(), b"shared").unwrap();
    let own = Wrapped::wrap(&data_key, &ALICES.account.public, &owner_place()).unwrap();
    let (from, to) = (owner_place(), share_place());
    let shared = rewrap(&own, &ALICES.private, &from, &BOBS.account.public, &to).unwrap();
    for (wrapped, person, place) in [(&own, &ALICES, &from), (&shared, &BOBS, &to)] {
        let data_key = wrapped.unwrap(&person.private, place).unwrap();
        let opened = payload::open(&data_key, &value_place(), &sealed).unwrap();
        assert_eq!(*opened, b"shared");
    }
}

#[test]
fn a_write_reaches_every_recipient_and_nobody_else() {
    let data_key = DataKey::make().unwrap();
    let alice = || (&ALICES.account.public, owner_place());
    let bob = || (&BOBS.account.public, share_place());
    let wraps = wrap_to_all(&data_key, [alice(), bob()]).unwrap();
    let people: [&Person; 2] = [&ALICES, &BOBS];
    for ((place, wrapped), person) in wraps.iter().zip(people) {
        let opened = wrapped.unwrap(&person.private, place).unwrap();
        assert!(same_key(&opened, &data_key));
    }
    let misplaced = WrapContext {
        record: OTHER_RECORD,
        ..share_place()
    };
    let owner_by_share = WrapContext {
        recipient: ALICE,
        ..share_place()
    };
    let bob_as_owner = WrapContext {
        grant: Grant::Owner,
        ..share_place()
    };
    for place in [misplaced, owner_by_share, bob_as_owner] {
        let refused = wrap_to_all(&data_key, [alice(), (&BOBS.account.public, place)]);
        assert_eq!(refusal(refused), ErrorKind::Policy);
    }
    assert_eq!(wrap_to_all(&data_key, []).unwrap().len(), 0);
}

#[test]
fn rekey_keeps_keys_and_retires_the_old_secret() {
    let alice = Person::make(ALICE);
    let second = PrivateKeys::make().unwrap();
    let protected = ProtectedKeys {
        account_key: alice.account.account_key.clone(),
        key_pairs: vec![
            StoredKeyPair {
                generation: FIRST_GENERATION,
                public: alice.account.public.clone(),
                private: alice.account.private.clone(),
            },
            StoredKeyPair {
                generation: 2,
                public: second.public().clone(),
                private: second.seal(&alice.kek, 2).unwrap(),
            },
        ],
    };
    let new = alice.kek_of_version(2);
    let rekeyed = rekey(&protected, &alice.kek, &new).unwrap();
    assert_eq!(rekeyed.key_pairs.len(), 2);
    for (before, after) in protected.key_pairs.iter().zip(&rekeyed.key_pairs) {
        assert_eq!(before.public.as_bytes(), after.public.as_bytes());
        let opened = after.private.open(&new, after.generation, &after.public);
        assert_eq!(
            opened.unwrap().public().as_bytes(),
            before.public.as_bytes()
        );
        let with_old = after
            .private
            .open(&alice.kek, after.generation, &after.public);
        assert_eq!(refusal(with_old), ErrorKind::Tampered);
    }
    // What was boxed under the account key opens still.
    let place = owner_place();
    let data_key = DataKey::make().unwrap();
    let wrapped = Wrapped::wrap(&data_key, &alice.account.public, &place).unwrap();
    let boxed = alice
        .account_key
        .box_data_key(&data_key, &place, &wrapped)
        .unwrap();
    let account_key = AccountKey::open(&new, &rekeyed.account_key).unwrap();
    assert!(account_key.open_data_key(&boxed, &place, &wrapped).is_ok());
    let with_old = AccountKey::open(&alice.kek, &rekeyed.account_key);
    assert_eq!(refusal(with_old), ErrorKind::Tampered);

    // Only to the next secret of the same user, and all or nothing.
    let bobs_next = BOBS.kek_of_version(2);
    for other in [&alice.kek, &alice.kek_of_version(3), &bobs_next] {
        assert_eq!(
            refusal(rekey(&protected, &alice.kek, other)),
            ErrorKind::Policy
        );
    }
    let mut broken = protected.clone();
    broken.key_pairs[1].private.ml_kem[60] ^= 1;
    assert_eq!(
        refusal(rekey(&broken, &alice.kek, &new)),
        ErrorKind::Tampered
    );
    let mut mixed = protected;
    mixed.key_pairs[1].private.p256 = mixed.key_pairs[0].private.p256.clone();
    assert_eq!(
        refusal(rekey(&mixed, &alice.kek, &new)),
        ErrorKind::Tampered
    );
}

#[test]
fn rotation_moves_a_wrap_and_changes_nothing_else() {
    let (old, new) = (&ALICES.private, PrivateKeys::make().unwrap());
    let data_key = DataKey::make().unwrap();
    let from = owner_place();
    let wrapped = Wrapped::wrap(&data_key, old.public(), &from).unwrap();
    let rotated = rotate_wrap(&wrapped, old, &from, new.public(), 2).unwrap();
    let to = WrapContext {
        recipient_generation: 2,
        ..from
    };
    assert!(same_key(&rotated.unwrap(&new, &to).unwrap(), &data_key));
    assert_eq!(rotated.recipient_generation(), 2);
    assert_eq!(refusal(rotated.unwrap(&new, &from)), ErrorKind::Tampered);
    assert_eq!(refusal(rotated.unwrap(old, &to)), ErrorKind::Tampered);
    for generation in [0, 1] {
        let refused = rotate_wrap(&wrapped, old, &from, new.public(), generation);
        assert_eq!(refusal(refused), ErrorKind::Policy);
    }
}

#[test]
fn rewrap_refuses_what_is_no_share() {
    let data_key = DataKey::make().unwrap();
    let from = owner_place();
    let wrapped = Wrapped::wrap(&data_key, &ALICES.account.public, &from).unwrap();
    let to = share_place();
    let refused = [
        WrapContext {
            recipient: ALICE,
            ..to
        },
        WrapContext {
            record: OTHER_RECORD,
            ..to
        },
        WrapContext {
            org: crate::world::OTHER_ORG,
            ..to
        },
        WrapContext {
            owner: UserId([9; 16]),
            ..to
        },
        WrapContext {
            kind: ObjectKind::File,
            ..to
        },
        WrapContext {
            record_version: 4,
            ..to
        },
        WrapContext {
            data_key_generation: 2,
            ..to
        },
    ];
    for to in refused {
        let refused = rewrap(&wrapped, &ALICES.private, &from, &BOBS.account.public, &to);
        assert_eq!(refusal(refused), ErrorKind::Policy);
    }
    // Not one's own to share: it does not open.
    let (from, to) = (
        to,
        WrapContext {
            recipient: UserId([9; 16]),
            ..to
        },
    );
    let refused = rewrap(&wrapped, &BOBS.private, &from, &ALICES.account.public, &to);
    assert_eq!(refusal(refused), ErrorKind::Tampered);
}

/// Root keys rotate: the newest signs, every key of the ring verifies, a retired one not.
#[test]
fn root_keys_rotate() {
    let (first, both, second) = (ring(&[1]), ring(&[1, 2]), ring(&[2]));
    let row = || row_mac::row("users").bytes(b"alice");
    let old_tag = row_mac::sign(&first, row());
    let new_tag = row_mac::sign(&both, row());
    assert_eq!((old_tag.key_id, new_tag.key_id), (1, 2));
    assert!(row_mac::verify(&both, row(), &old_tag).is_ok());
    assert!(row_mac::verify(&both, row(), &new_tag).is_ok());
    assert!(row_mac::verify(&second, row(), &new_tag).is_ok());
    assert_eq!(
        refusal(row_mac::verify(&second, row(), &old_tag)),
        ErrorKind::Tampered
    );

    let (key, _) = PresentedKey::make(SecretKind::AccessToken).unwrap();
    let stored = key_hash::hash(&first, &key, None);
    assert!(key_hash::verify(&both, &key, None, Some(&stored)).is_ok());
    let retired = key_hash::verify(&second, &key, None, Some(&stored));
    assert_eq!(refusal(retired), ErrorKind::WrongSecret);
}

#[test]
fn a_passphrase_protects_an_account_too() {
    let secret = UserSecret::for_unlock(b"correct horse battery staple").unwrap();
    assert!(!secret.is_generated());
    let owner = SecretOwner {
        org: crate::world::ORG,
        user: BOB,
    };
    let mut arena = Argon2Arena::default();
    let (protection, kek) = secret.protect(owner, 1, cheap(), &mut arena).unwrap();
    let account = hardened_crypto::account::NewAccount::make(&kek).unwrap();
    let again = secret.unlock(owner, &protection, &mut arena).unwrap();
    assert_eq!((again.owner(), again.secret_version()), (owner, 1));
    assert!(
        account
            .private
            .open(&again, FIRST_GENERATION, &account.public)
            .is_ok()
    );
    assert!(AccountKey::open(&again, &account.account_key).is_ok());
}

/// No error and no `Debug` text holds anything of a secret.
#[test]
fn debug_and_errors_hold_no_secret() {
    let (secret, text) = UserSecret::make().unwrap();
    let (key, key_text) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let canary = "canary-7f3a-canary";
    let alias = Alias::new(canary).unwrap();
    let data_key = DataKey::make().unwrap();
    let wrapped = Wrapped::wrap(&data_key, &ALICES.account.public, &owner_place()).unwrap();
    let passphrase = UserSecret::for_unlock(canary.as_bytes()).unwrap();
    let shown = format!(
        "{secret:?} {key:?} {alias:?} {data_key:?} {wrapped:?} {passphrase:?} {:?} {:?} {:?} {:?} {:?}",
        ALICES.private,
        ALICES.kek,
        ALICES.account_key,
        RootKeyring::parse(RootKeyring::make_text().unwrap().expose_secret()),
        error_of(UserSecret::for_new(b"canary", &Default::default())),
    );
    assert!(!shown.contains("canary"), "{shown}");
    // Behind the public id, nothing of a key.
    assert!(!shown.contains(&key_text.expose_secret()[12..20]));
    assert!(!shown.contains(&text.expose_secret()[4..12]));
    let share = format!("{SHARE:?}");
    assert!(share.starts_with("ShareId"));
}
