//! Tries against user secrets, private keys, rekey and rotation.

use crate::world::{
    ALICE, ALICES, BOB, BOBS, ORG, OTHER_ORG, Person, cheap, flipped, owner_place, refusal,
    share_place,
};
use hardened_crypto::{
    ErrorKind,
    account_key::AccountKey,
    argon2_pool::{Argon2Pool, PoolSize},
    data_key::DataKey,
    key_pair::{PrivateKeyBoxes, PrivateKeys},
    rekey::{ProtectedKeys, StoredKeyPair, rekey},
    root_key::RootKeyring,
    row_mac,
    share::rotate_wrap,
    user_secret::{
        Argon2Arena, Kek, PASSPHRASE_BYTES_MAX, PassphraseCost, PassphrasePolicy, Protection,
        SecretOwner, UserSecret,
    },
    wrap::{WrapContext, Wrapped},
};
use secrecy::ExposeSecret;
use std::sync::mpsc;

const PASSPHRASE: &[u8] = b"correct horse battery staple";

fn passphrase() -> (UserSecret, Protection, Kek) {
    let secret = UserSecret::for_unlock(PASSPHRASE).unwrap();
    let mut arena = Argon2Arena::default();
    let (protection, kek) = secret
        .protect(ALICES.owner, 1, cheap(), &mut arena)
        .unwrap();
    (secret, protection, kek)
}

fn unlock(secret: &UserSecret, owner: SecretOwner, protection: &Protection) -> ErrorKind {
    refusal(secret.unlock(owner, protection, &mut Argon2Arena::default()))
}

pub(super) fn lowered_parameters() -> Vec<ErrorKind> {
    let (secret, protection, _) = passphrase();
    let with_cost = |memory: u32, passes: u32, lanes: u32| {
        let mut stored = protection.to_bytes();
        stored[2..6].copy_from_slice(&memory.to_be_bytes());
        stored[6..10].copy_from_slice(&passes.to_be_bytes());
        stored[10..14].copy_from_slice(&lanes.to_be_bytes());
        Protection::parse(&stored)
    };
    // Inside the window the check value is another one.
    let dearer = with_cost(13 * 1024, 3, 1).unwrap();
    assert_eq!(
        unlock(&secret, ALICES.owner, &dearer),
        ErrorKind::WrongSecret
    );
    let outside = [
        (8, 1, 1),
        (12 * 1024, 1, 1),
        (12 * 1024 - 1, 2, 1),
        (u32::MAX, 2, 1),
        (19 * 1024, u32::MAX, 1),
        (19 * 1024, 2, u32::MAX),
    ];
    let parse = |(memory, passes, lanes)| refusal(with_cost(memory, passes, lanes));
    outside.map(parse).to_vec()
}

pub(super) fn copied_check_value() -> Vec<ErrorKind> {
    // Mallory knows her own secret and writes her whole record over Alice's.
    let mallory = Person::make(BOB);
    let mut arena = Argon2Arena::default();
    let (secret, protection, _) = passphrase();
    let bobs = SecretOwner {
        user: BOB,
        ..ALICES.owner
    };
    let as_bob = secret.protect(bobs, 1, cheap(), &mut arena).unwrap().0;
    assert_ne!(as_bob, protection);
    vec![
        unlock(&mallory.secret, ALICES.owner, &mallory.protection),
        unlock(&secret, ALICES.owner, &as_bob),
        unlock(
            &secret,
            SecretOwner {
                org: OTHER_ORG,
                ..bobs
            },
            &as_bob,
        ),
    ]
}

/// Two generations of Alice's keys, boxed under one key.
fn two_generations(kek: &Kek) -> [(PrivateKeys, PrivateKeyBoxes); 2] {
    [1, 2].map(|generation| {
        let keys = PrivateKeys::make().unwrap();
        let boxes = keys.seal(kek, generation).unwrap();
        (keys, boxes)
    })
}

pub(super) fn mixed_boxes() -> Vec<ErrorKind> {
    let [(one, first), (two, second)] = two_generations(&ALICES.kek);
    let open = |boxes: &PrivateKeyBoxes, generation, keys: &PrivateKeys| {
        refusal(boxes.open(&ALICES.kek, generation, keys.public()))
    };
    let mixed = PrivateKeyBoxes {
        p256: first.p256.clone(),
        ml_kem: second.ml_kem.clone(),
    };
    // And with both of one generation by their headers.
    let keys = PrivateKeys::make().unwrap();
    let other = keys.seal(&ALICES.kek, 1).unwrap();
    let same_generation = PrivateKeyBoxes {
        p256: first.p256,
        ml_kem: other.ml_kem,
    };
    vec![
        open(&mixed, 1, &one),
        open(&mixed, 2, &two),
        open(&same_generation, 1, &one),
        open(&same_generation, 1, &keys),
    ]
}

pub(super) fn foreign_boxes() -> Vec<ErrorKind> {
    let bobs = &BOBS.account;
    vec![
        refusal(bobs.private.open(&ALICES.kek, 1, &bobs.public)),
        refusal(bobs.private.open(&ALICES.kek, 1, &ALICES.account.public)),
        refusal(ALICES.account.private.open(&ALICES.kek, 1, &bobs.public)),
        refusal(AccountKey::open(&ALICES.kek, &bobs.account_key)),
    ]
}

pub(super) fn truncated_boxes() -> Vec<ErrorKind> {
    let (whole, public) = (&ALICES.account.private, &ALICES.account.public);
    let cut = |length: usize| {
        let boxes = PrivateKeyBoxes {
            ml_kem: whole.ml_kem[..length].to_vec(),
            ..whole.clone()
        };
        refusal(boxes.open(&ALICES.kek, 1, public))
    };
    (0..whole.ml_kem.len()).map(cut).collect()
}

pub(super) fn odd_passphrases() {
    let policy = PassphrasePolicy::default();
    for length in [0, PASSPHRASE_BYTES_MAX + 1, 1 << 20] {
        let huge = vec![b'x'; length];
        let set = UserSecret::for_new(&huge, &policy);
        assert_eq!(refusal(set), ErrorKind::Policy);
        let presented = UserSecret::for_unlock(&huge);
        assert_eq!(refusal(presented), ErrorKind::WrongSecret);
    }
    let secret = |text: &str| UserSecret::for_new(text.as_bytes(), &policy).unwrap();
    let pairs = [
        ("twelve bytes\0and more", "twelve bytes"),
        ("twelve caf\u{e9}s", "twelve cafe\u{301}s"),
        ("Twelve bytes", "twelve bytes"),
    ];
    for (one, other) in pairs {
        assert!(!secret(one).same_as(&secret(other)));
        assert!(secret(one).same_as(&secret(one)));
    }
}

/// One thread held by the test, room for four: of a thousand, four are taken and the rest
/// are refused at once.
pub(super) fn many_unlocks() {
    let pool = Argon2Pool::new(PoolSize {
        threads: 1,
        queue: 4,
    })
    .unwrap();
    let (release, wait) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    pool.try_run(move |_| {
        started.send(()).unwrap();
        let _ = wait.recv();
    })
    .unwrap();
    has_started.recv().unwrap();
    let (_, protection, _) = passphrase();
    let (done, is_done) = mpsc::channel();
    let mut taken = 0;
    for _ in 0..1000 {
        let (protection, done) = (protection.clone(), done.clone());
        let job = move |arena: &mut Argon2Arena| {
            let secret = UserSecret::for_unlock(PASSPHRASE).unwrap();
            let unlocked = secret.unlock(ALICES.owner, &protection, arena).is_ok();
            done.send(unlocked).unwrap();
        };
        taken += usize::from(pool.try_run(job).is_ok());
    }
    assert_eq!(taken, 4);
    drop((release, done));
    assert_eq!(is_done.iter().filter(|unlocked| *unlocked).count(), taken);
}

pub(super) fn fake_generated() -> Vec<ErrorKind> {
    let (_, real) = UserSecret::make().unwrap();
    let length = real.expose_secret().len();
    let weak = |fill: &str| format!("sgs_{}", fill.repeat(length - 4));
    let policy = PassphrasePolicy { bytes_min: 1 };
    let set = |text: &str| refusal(UserSecret::for_new(text.as_bytes(), &policy));
    let mistyped = String::from_utf8(flipped(real.expose_secret().as_bytes(), 30, 0)).unwrap();
    vec![set(&weak("a")), set(&weak("0")), set(&mistyped)]
}

fn protected(person: &Person) -> ProtectedKeys {
    ProtectedKeys {
        account_key: person.account.account_key.clone(),
        key_pairs: vec![StoredKeyPair {
            generation: 1,
            public: person.account.public.clone(),
            private: person.account.private.clone(),
        }],
    }
}

/// Whatever is lost between the writes, one whole set of boxes works.
pub(super) fn rekey_alters_nothing() {
    let alice = Person::make(ALICE);
    let before = protected(&alice);
    let new = alice.kek_of_version(2);
    let after = rekey(&before, &alice.kek, &new).unwrap();
    assert!(AccountKey::open(&alice.kek, &before.account_key).is_ok());
    assert!(AccountKey::open(&new, &after.account_key).is_ok());
    let mut broken = before.clone();
    broken.key_pairs[0].private.p256.pop();
    assert_eq!(
        refusal(rekey(&broken, &alice.kek, &new)),
        ErrorKind::Malformed
    );
    assert!(AccountKey::open(&alice.kek, &broken.account_key).is_ok());
}

pub(super) fn rekey_twice() -> Vec<ErrorKind> {
    let alice = Person::make(ALICE);
    let before = protected(&alice);
    let (one, other) = (alice.kek_of_version(2), alice.kek_of_version(2));
    let after = rekey(&before, &alice.kek, &one).unwrap();
    vec![
        // The loser's version is taken; going on from the winner needs the next one.
        refusal(rekey(&after, &one, &other)),
        refusal(rekey(&before, &alice.kek, &alice.kek_of_version(3))),
        refusal(rekey(&before, &alice.kek, &alice.kek)),
    ]
}

pub(super) fn rekey_during_a_read() -> Vec<ErrorKind> {
    let alice = Person::make(ALICE);
    let new = alice.kek_of_version(2);
    let after = rekey(&protected(&alice), &alice.kek, &new).unwrap();
    let old = &alice.account.private;
    let (public, now) = (&alice.account.public, &after.key_pairs[0].private);
    let torn = [
        PrivateKeyBoxes {
            p256: old.p256.clone(),
            ml_kem: now.ml_kem.clone(),
        },
        PrivateKeyBoxes {
            p256: now.p256.clone(),
            ml_kem: old.ml_kem.clone(),
        },
    ];
    let open =
        |boxes: &PrivateKeyBoxes| [&alice.kek, &new].map(|kek| refusal(boxes.open(kek, 1, public)));
    torn.iter().flat_map(open).collect()
}

pub(super) fn restored_row() -> Vec<ErrorKind> {
    let alice = Person::make(ALICE);
    let new = alice.kek_of_version(2);
    let ring = RootKeyring::make_text().unwrap();
    let ring = RootKeyring::parse(ring.expose_secret()).unwrap();
    let row = |version: u32| row_mac::row("secrets").bytes(&ALICE.0).u32(version);
    let old_tag = row_mac::sign(&ring, row(1));
    vec![
        refusal(row_mac::verify(&ring, row(2), &old_tag)),
        refusal(alice.account.private.open(&new, 1, &alice.account.public)),
        refusal(AccountKey::open(&new, &alice.account.account_key)),
    ]
}

/// The old boxes are still there, and the wrap says which it needs.
pub(super) fn share_to_an_old_generation() {
    let [(one, first), (two, _)] = two_generations(&BOBS.kek);
    let place = share_place();
    let data_key = DataKey::make().unwrap();
    let wrapped = Wrapped::wrap(&data_key, one.public(), &place).unwrap();
    assert_eq!(wrapped.recipient_generation(), 1);
    assert_eq!(refusal(wrapped.unwrap(&two, &place)), ErrorKind::Tampered);
    let old = first.open(&BOBS.kek, 1, one.public()).unwrap();
    assert!(wrapped.unwrap(&old, &place).is_ok());
    let moved = rotate_wrap(&wrapped, &old, &place, two.public(), 2).unwrap();
    let place = WrapContext {
        recipient_generation: 2,
        ..place
    };
    assert!(moved.unwrap(&two, &place).is_ok());
}

pub(super) fn retired_generation() -> Vec<ErrorKind> {
    let [(one, _), (two, _)] = two_generations(&ALICES.kek);
    let place = WrapContext {
        recipient_generation: 2,
        ..owner_place()
    };
    let wrapped = Wrapped::wrap(&DataKey::make().unwrap(), two.public(), &place).unwrap();
    let back = |generation| {
        let moved = rotate_wrap(&wrapped, &two, &place, one.public(), generation);
        refusal(moved)
    };
    vec![back(0), back(1), back(2)]
}

/// A box that Mallory made under a guessed secret opens under that one alone; another guess
/// is told by the commitment, before any plaintext.
pub(super) fn partitioning() -> Vec<ErrorKind> {
    let guesses: Vec<Kek> = (0..4).map(|_| ALICES.kek_of_version(1)).collect();
    let crafted = AccountKey::make().unwrap().seal(&guesses[0]).unwrap();
    assert!(AccountKey::open(&guesses[0], &crafted).is_ok());
    let open = |kek| refusal(AccountKey::open(kek, &crafted));
    guesses[1..].iter().map(open).collect()
}

pub(super) fn told_apart() {
    let (_, protection, kek) = passphrase();
    let wrong = UserSecret::for_unlock(b"correct horse battery stable").unwrap();
    assert_eq!(
        unlock(&wrong, ALICES.owner, &protection),
        ErrorKind::WrongSecret
    );
    let sealed = ALICES.account_key.seal(&kek).unwrap();
    assert!(AccountKey::open(&kek, &sealed).is_ok());
    for at in 17..sealed.len() {
        let opened = AccountKey::open(&kek, &flipped(&sealed, at, 0));
        assert_eq!(refusal(opened), ErrorKind::Tampered);
    }
}

pub(super) fn debug_is_empty() {
    let secret = UserSecret::for_unlock(b"canary-passphrase").unwrap();
    let cost = PassphraseCost::DEFAULT;
    let shown = format!("{secret:?} {:?} {cost:?}", ALICES.kek);
    assert!(!shown.contains("canary"));
    assert_eq!(format!("{secret:?}"), "UserSecret { .. }");
    assert_eq!(format!("{:?}", ALICES.account_key), "AccountKey { .. }");
    let data_key = DataKey::make().unwrap();
    assert_eq!(format!("{data_key:?}"), "DataKey { .. }");
}

pub(super) fn same_secret_elsewhere() -> Vec<ErrorKind> {
    let owner = SecretOwner {
        org: ORG,
        user: ALICE,
    };
    let mut arena = Argon2Arena::default();
    let secret = &ALICES.secret;
    let cost = PassphraseCost::DEFAULT;
    let (protection, _) = secret.protect(owner, 1, cost, &mut arena).unwrap();
    let elsewhere = SecretOwner {
        org: OTHER_ORG,
        user: ALICE,
    };
    vec![unlock(secret, elsewhere, &protection)]
}
