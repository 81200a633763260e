//! Recovery from end to end, and what trustees and database writers try.

use super::*;
use crate::{
    account::NewAccount,
    account_key::AccountKey,
    data_key::DataKey,
    error::{Error, ErrorKind},
    ids::RecordId,
    key_pair::PrivateKeys,
    suite::ObjectKind,
    user_secret::{Argon2Arena, Kek, PassphraseCost, Protection, SecretOwner, UserSecret},
    wrap::{Grant, WrapContext, Wrapped},
};
use secrecy::ExposeSecret;

const ORG: OrgId = OrgId([1; 16]);
const OWNER: UserId = UserId([2; 16]);
const SET: RecoverySet = RecoverySet {
    org: ORG,
    owner: OWNER,
    set: RecoverySetId([3; 16]),
    version: 4,
};
const SECRET_OWNER: SecretOwner = SecretOwner {
    org: ORG,
    user: OWNER,
};

fn trustee(number: u8) -> TrusteeContext {
    TrusteeContext {
        set: SET,
        trustee: UserId([10 + number; 16]),
        trustee_generation: 1,
    }
}

fn protect(secret: &UserSecret, version: u32) -> (Protection, Kek) {
    let arena = &mut Argon2Arena::default();
    let cost = PassphraseCost::DEFAULT;
    secret.protect(SECRET_OWNER, version, cost, arena).unwrap()
}

#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) {
    assert_eq!(result.unwrap_err().kind(), kind);
}

#[test]
fn three_of_five_trustees_bring_back_an_old_value() {
    let arena = &mut Argon2Arena::default();
    // The owner has keys and an old wrap to them.
    let (_, kek) = protect(&UserSecret::make().unwrap().0, 1);
    let account = NewAccount::make(&kek).unwrap();
    let keys = account.private.open(&kek, 1, &account.public).unwrap();
    let account_key = AccountKey::open(&kek, &account.account_key).unwrap();
    let place = WrapContext {
        org: ORG,
        owner: OWNER,
        kind: ObjectKind::Value,
        record: RecordId([5; 16]),
        record_version: 1,
        data_key_generation: 0,
        recipient: OWNER,
        recipient_generation: 1,
        grant: Grant::Owner,
    };
    let data_key = DataKey::make().unwrap();
    let old_wrap = Wrapped::wrap(&data_key, &account.public, &place).unwrap();

    // Five trustees, any three; the last share has an answer mask besides.
    let trustees: Vec<_> = (0..5).map(|_| PrivateKeys::make().unwrap()).collect();
    let recovery_key = RecoveryKey::make().unwrap();
    let envelope = seal_private_keys(&recovery_key, &SET, 1, &keys).unwrap();
    let account_envelope = seal_account_key(&recovery_key, &SET, &account_key).unwrap();
    let mut shares = recovery_key.split(&SET, Split::new(3, 5).unwrap()).unwrap();
    let answer = Answer::new(" Rex  the Dog").unwrap();
    let last = shares.pop().unwrap();
    let (last, salt) = last.mask(&answer, &SET, trustee(4).trustee, arena).unwrap();
    shares.push(last);
    let wrapped: Vec<_> = (0..)
        .zip(&shares)
        .map(|(number, share)| {
            let to = trustees[usize::from(number)].public();
            WrappedShare::wrap(share, to, &trustee(number)).unwrap()
        })
        .collect();
    drop((kek, keys, account_key, recovery_key, shares));

    // The secret is lost. Trustees 1, 3 and 4 unwrap what is stored.
    let unwrap = |number: u8| {
        let at = usize::from(number);
        let stored = WrappedShare::parse(wrapped[at].as_bytes()).unwrap();
        stored.unwrap(&trustees[at], &trustee(number)).unwrap()
    };
    let masked = unwrap(4);
    let shares = [unwrap(1), unwrap(3), masked];
    check(RecoveryKey::combine(&SET, &shares), ErrorKind::Policy);
    let [one, three, masked] = shares;
    let answer = Answer::new("rex the dog").unwrap();
    let last = masked
        .unmask(&answer, &salt, &SET, trustee(4).trustee, arena)
        .unwrap();
    // One of them sends the share as text.
    let text = three.to_text();
    let three = RecoveryShare::parse_text(text.expose_secret().as_bytes()).unwrap();
    let recovery_key = RecoveryKey::combine(&SET, &[last, one, three]).unwrap();
    let keys = open_private_keys(&recovery_key, &SET, 1, &account.public, &envelope).unwrap();
    let account_key = open_account_key(&recovery_key, &SET, &account_envelope).unwrap();

    // Boxed under a new secret, staged, and accepted by the owner.
    let (new_secret, _) = UserSecret::make().unwrap();
    let (protection, kek) = protect(&new_secret, 2);
    let staged = StagedRestore::make(&kek, protection, &[(1, keys)], Some(&account_key)).unwrap();
    let (first, second) = staged.to_blobs();
    let staged = StagedRestore::parse(&first, &second).unwrap();
    let public = [(1, account.public.clone())];
    let stored = StoredIdentity {
        owner: SECRET_OWNER,
        secret_version: 1,
        public: &public,
    };
    let opened = staged.open(&new_secret, &stored, arena).unwrap();
    assert!(opened.account_key.is_some());
    let (generation, keys) = &opened.key_pairs[0];
    assert_eq!(*generation, 1);
    let read = old_wrap.unwrap(keys, &place).unwrap();
    assert_eq!(read.expose(), data_key.expose());
}

#[test]
fn a_lone_trustee_holds_the_whole_key() {
    let (owner, friend) = (PrivateKeys::make().unwrap(), PrivateKeys::make().unwrap());
    let key = RecoveryKey::make().unwrap();
    let envelope = seal_private_keys(&key, &SET, 1, &owner).unwrap();
    let share = key.for_lone_trustee(&SET);
    let wrapped = WrappedShare::wrap(&share, friend.public(), &trustee(0)).unwrap();
    let share = wrapped.unwrap(&friend, &trustee(0)).unwrap();
    let key = RecoveryKey::combine(&SET, &[share]).unwrap();
    assert!(open_private_keys(&key, &SET, 1, owner.public(), &envelope).is_ok());
}

#[test]
fn combining_refuses_what_is_not_one_set() {
    let key = RecoveryKey::make().unwrap();
    let split = |set: &RecoverySet, k, n| key.split(set, Split::new(k, n).unwrap()).unwrap();
    let shares = split(&SET, 3, 5);
    check(RecoveryKey::combine(&SET, &[]), ErrorKind::Policy);
    check(RecoveryKey::combine(&SET, &shares[..2]), ErrorKind::Policy);
    assert!(RecoveryKey::combine(&SET, &shares[..3]).is_ok());
    assert!(RecoveryKey::combine(&SET, &shares).is_ok());

    let copy = |share: &RecoveryShare| {
        RecoveryShare::parse_text(share.to_text().expose_secret().as_bytes()).unwrap()
    };
    let with = |third: RecoveryShare| [copy(&shares[0]), copy(&shares[1]), third];
    let other_set = RecoverySet {
        set: RecoverySetId([9; 16]),
        ..SET
    };
    let older = RecoverySet { version: 3, ..SET };
    for (name, third) in [
        ("twice", copy(&shares[1])),
        ("other set", split(&other_set, 3, 5).remove(2)),
        ("older set", split(&older, 3, 5).remove(2)),
        ("other threshold", split(&SET, 2, 5).remove(2)),
        ("other count", split(&SET, 3, 6).remove(2)),
        ("whole key", key.for_lone_trustee(&SET)),
    ] {
        let error = RecoveryKey::combine(&SET, &with(third)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy, "{name}");
    }
    check(RecoveryKey::combine(&other_set, &shares), ErrorKind::Policy);
}

#[test]
fn splits_out_of_range_are_refused() {
    for (threshold, count) in [(0, 0), (0, 2), (1, 1), (1, 5), (3, 2), (255, 254)] {
        check(Split::new(threshold, count), ErrorKind::Policy);
    }
    for (threshold, count) in [(2, 2), (2, 255), (255, 255)] {
        let split = Split::new(threshold, count).unwrap();
        assert_eq!((split.threshold(), split.count()), (threshold, count));
    }
}

#[test]
fn a_wrong_share_is_told_by_the_envelope() {
    let owner = PrivateKeys::make().unwrap();
    let key = RecoveryKey::make().unwrap();
    let envelope = seal_private_keys(&key, &SET, 1, &owner).unwrap();
    let good = key.split(&SET, Split::new(2, 3).unwrap()).unwrap();
    let bad = RecoveryKey::make()
        .unwrap()
        .split(&SET, Split::new(2, 3).unwrap())
        .unwrap();
    let mut mixed = good;
    mixed.truncate(1);
    mixed.extend(bad.into_iter().skip(1).take(1));
    let wrong = RecoveryKey::combine(&SET, &mixed).unwrap();
    let opened = open_private_keys(&wrong, &SET, 1, owner.public(), &envelope);
    check(opened, ErrorKind::Tampered);
}

#[test]
fn an_envelope_opens_in_its_place_only() {
    let (owner, other) = (PrivateKeys::make().unwrap(), PrivateKeys::make().unwrap());
    let key = RecoveryKey::make().unwrap();
    let envelope = seal_private_keys(&key, &SET, 1, &owner).unwrap();
    for set in [
        RecoverySet {
            org: OrgId([9; 16]),
            ..SET
        },
        RecoverySet {
            owner: UserId([9; 16]),
            ..SET
        },
        RecoverySet {
            set: RecoverySetId([9; 16]),
            ..SET
        },
        RecoverySet { version: 3, ..SET },
    ] {
        let opened = open_private_keys(&key, &set, 1, owner.public(), &envelope);
        check(opened, ErrorKind::Tampered);
    }
    let opened = open_private_keys(&key, &SET, 2, owner.public(), &envelope);
    check(opened, ErrorKind::Tampered);
    let opened = open_private_keys(&key, &SET, 1, other.public(), &envelope);
    check(opened, ErrorKind::Tampered);
    check(open_account_key(&key, &SET, &envelope), ErrorKind::Tampered);
    for at in 0..envelope.len() {
        let mut altered = envelope.clone();
        altered[at] ^= 1;
        let opened = open_private_keys(&key, &SET, 1, owner.public(), &altered);
        assert!(opened.is_err(), "byte {at}");
        let opened = open_private_keys(&key, &SET, 1, owner.public(), &envelope[..at]);
        assert!(opened.is_err(), "length {at}");
    }
}

#[test]
fn a_wrapped_share_opens_for_its_trustee_only() {
    let (friend, other) = (PrivateKeys::make().unwrap(), PrivateKeys::make().unwrap());
    let key = RecoveryKey::make().unwrap();
    let shares = key.split(&SET, Split::new(2, 3).unwrap()).unwrap();
    let place = trustee(0);
    let wrapped = WrappedShare::wrap(&shares[0], friend.public(), &place).unwrap();
    check(wrapped.unwrap(&other, &place), ErrorKind::Tampered);
    for set in [
        RecoverySet {
            org: OrgId([9; 16]),
            ..SET
        },
        RecoverySet {
            owner: UserId([9; 16]),
            ..SET
        },
        RecoverySet {
            set: RecoverySetId([9; 16]),
            ..SET
        },
        RecoverySet { version: 5, ..SET },
    ] {
        let elsewhere = TrusteeContext { set, ..place };
        check(wrapped.unwrap(&friend, &elsewhere), ErrorKind::Tampered);
        let wrap = WrappedShare::wrap(&shares[0], friend.public(), &elsewhere);
        assert_eq!(wrap.is_ok(), shares[0].is_of(&set));
    }
    check(wrapped.unwrap(&friend, &trustee(1)), ErrorKind::Tampered);
    let next = TrusteeContext {
        trustee_generation: 2,
        ..place
    };
    check(wrapped.unwrap(&friend, &next), ErrorKind::Tampered);
    let own = TrusteeContext {
        trustee: OWNER,
        ..place
    };
    check(
        WrappedShare::wrap(&shares[0], friend.public(), &own),
        ErrorKind::Policy,
    );

    // Every byte of it counts: x, k, n and the masked flag stand in the clear.
    for at in 0..WRAPPED_SHARE_BYTES {
        let mut altered = wrapped.as_bytes().to_vec();
        altered[at] ^= 1;
        let opened = WrappedShare::parse(&altered).and_then(|share| share.unwrap(&friend, &place));
        assert!(opened.is_err(), "byte {at}");
    }
    assert!(WrappedShare::parse(&wrapped.as_bytes()[1..]).is_err());
}

#[test]
fn a_share_text_tells_every_typing_error() {
    let key = RecoveryKey::make().unwrap();
    let share = key
        .split(&SET, Split::new(2, 3).unwrap())
        .unwrap()
        .remove(2);
    let text = share.to_text();
    let text = text.expose_secret();
    assert_eq!(text.len(), SHARE_TEXT_CHARS);
    let read = RecoveryShare::parse_text(text.as_bytes()).unwrap();
    assert_eq!((read.threshold(), read.count(), read.x()), (2, 3, 3));
    assert!(read.is_of(&SET) && !read.is_masked());
    assert_eq!(read.expose(), share.expose());
    for at in 0..text.len() {
        for byte in [b'A', b'b', b'7', b'_', b'=', b' ', 0xff] {
            let mut typed = text.as_bytes().to_vec();
            if std::mem::replace(&mut typed[at], byte) != byte {
                check(RecoveryShare::parse_text(&typed), ErrorKind::Malformed);
            }
        }
        check(
            RecoveryShare::parse_text(&text.as_bytes()[..at]),
            ErrorKind::Malformed,
        );
    }
    check(
        RecoveryShare::parse_text(format!("{text}A").as_bytes()),
        ErrorKind::Malformed,
    );
}

#[test]
fn impossible_shares_are_not_read() {
    // A valid checksum over each of them: the numbers alone are wrong.
    let key = RecoveryKey::make().unwrap();
    for (threshold, count, x) in [
        (2, 3, 0),
        (2, 3, 4),
        (1, 3, 1),
        (0, 3, 1),
        (4, 3, 1),
        (1, 1, 2),
        (0, 0, 0),
    ] {
        let value = secrecy::SecretBox::new(Box::new(*key.expose()));
        let share = RecoveryShare::new(&SET, threshold, count, x, value);
        let text = share.to_text();
        let read = RecoveryShare::parse_text(text.expose_secret().as_bytes());
        check(read, ErrorKind::Malformed);
    }
}

#[test]
fn masks_are_bound_and_a_wrong_answer_opens_nothing() {
    let arena = &mut Argon2Arena::default();
    let owner = PrivateKeys::make().unwrap();
    let key = RecoveryKey::make().unwrap();
    let envelope = seal_private_keys(&key, &SET, 1, &owner).unwrap();
    let friend = trustee(0).trustee;
    let (right, wrong) = (Answer::new("Rex").unwrap(), Answer::new("Bello").unwrap());
    let masked = || {
        key.for_lone_trustee(&SET)
            .mask(&right, &SET, friend, &mut Argon2Arena::default())
    };
    let (share, salt) = masked().unwrap();
    let (other_share, other_salt) = masked().unwrap();
    assert!(share.is_masked());
    // Fresh salts: two masks of one share have nothing in common.
    assert_ne!(salt, other_salt);
    assert_ne!(share.expose(), other_share.expose());
    assert_ne!(share.expose(), key.expose());

    let copy = || RecoveryShare::parse_text(share.to_text().expose_secret().as_bytes()).unwrap();
    let other_set = RecoverySet { version: 5, ..SET };
    check(
        copy().unmask(&right, &salt, &other_set, friend, arena),
        ErrorKind::Policy,
    );
    check(copy().mask(&right, &SET, friend, arena), ErrorKind::Policy);
    check(
        key.for_lone_trustee(&SET)
            .unmask(&right, &salt, &SET, friend, arena),
        ErrorKind::Policy,
    );

    let mut opens = |answer: &Answer, salt: &MaskSalt, who: UserId| {
        let share = copy().unmask(answer, salt, &SET, who, arena).unwrap();
        let key = RecoveryKey::combine(&SET, &[share]).unwrap();
        open_private_keys(&key, &SET, 1, owner.public(), &envelope)
    };
    assert!(opens(&right, &salt, friend).is_ok());
    check(opens(&wrong, &salt, friend), ErrorKind::Tampered);
    check(opens(&right, &other_salt, friend), ErrorKind::Tampered);
    check(
        opens(&right, &salt, trustee(1).trustee),
        ErrorKind::Tampered,
    );
}

#[test]
fn a_staged_restore_is_held_against_what_is_stored() {
    let arena = &mut Argon2Arena::default();
    let (owner, attacker) = (PrivateKeys::make().unwrap(), PrivateKeys::make().unwrap());
    let (owner_public, attacker_public) = (owner.public().clone(), attacker.public().clone());
    let (secret, _) = UserSecret::make().unwrap();
    let (protection, kek) = protect(&secret, 8);
    let staged = StagedRestore::make(&kek, protection.clone(), &[(3, owner)], None).unwrap();
    let takeover = StagedRestore::make(&kek, protection, &[(3, attacker)], None).unwrap();
    let public = [(3, owner_public.clone())];
    let stored = StoredIdentity {
        owner: SECRET_OWNER,
        secret_version: 7,
        public: &public,
    };
    assert!(
        staged
            .open(&secret, &stored, arena)
            .unwrap()
            .account_key
            .is_none()
    );
    // Keys of the trustee's own, with everything else in order.
    check(takeover.open(&secret, &stored, arena), ErrorKind::Tampered);
    let theirs = [(3, attacker_public)];
    let swapped = StoredIdentity {
        public: &theirs,
        ..stored
    };
    assert!(takeover.open(&secret, &swapped, arena).is_ok());

    let (other_secret, _) = UserSecret::make().unwrap();
    check(
        staged.open(&other_secret, &stored, arena),
        ErrorKind::WrongSecret,
    );
    // A rekey came first, or the restore is of an older time.
    for secret_version in [6, 8, u32::MAX] {
        let raced = StoredIdentity {
            secret_version,
            ..stored
        };
        check(staged.open(&secret, &raced, arena), ErrorKind::Policy);
    }
    let two = [(3, owner_public.clone()), (4, owner_public)];
    let more = StoredIdentity {
        public: &two,
        ..stored
    };
    check(staged.open(&secret, &more, arena), ErrorKind::Policy);
    let org = OrgId([9; 16]);
    let elsewhere = StoredIdentity {
        owner: SecretOwner {
            org,
            ..SECRET_OWNER
        },
        ..stored
    };
    check(
        staged.open(&secret, &elsewhere, arena),
        ErrorKind::WrongSecret,
    );
}

#[test]
fn staged_blobs_are_read_strictly() {
    let arena = &mut Argon2Arena::default();
    let (secret, _) = UserSecret::make().unwrap();
    let (protection, kek) = protect(&secret, 1);
    let pairs = [
        (1, PrivateKeys::make().unwrap()),
        (2, PrivateKeys::make().unwrap()),
    ];
    let account_key = AccountKey::make().unwrap();
    let make = |key| StagedRestore::make(&kek, protection.clone(), &pairs, key).unwrap();
    let public: Vec<_> = pairs
        .iter()
        .map(|(g, keys)| (*g, keys.public().clone()))
        .collect();
    let stored = StoredIdentity {
        owner: SECRET_OWNER,
        secret_version: 0,
        public: &public,
    };
    let bare = make(None);
    let (first, second) = bare.to_blobs();
    assert!(StagedRestore::parse(&first, &second).unwrap() == bare);
    let full = make(Some(&account_key));
    let (first, second) = full.to_blobs();
    assert!(StagedRestore::parse(&first, &second).unwrap() == full);

    let mut opens = |first: &[u8], second: &[u8]| {
        StagedRestore::parse(first, second)?
            .open(&secret, &stored, arena)
            .map(drop)
    };
    assert_eq!(opens(&first, &second), Ok(()));
    for (at, which) in (0..first.len())
        .map(|at| (at, 1))
        .chain((0..second.len()).map(|at| (at, 2)))
    {
        let (mut one, mut two) = (first.clone(), second.clone());
        let blob = if which == 1 { &mut one } else { &mut two };
        blob[at] ^= 1;
        assert!(opens(&one, &two).is_err(), "byte {at} of blob {which}");
    }
    for at in 0..first.len() {
        assert!(
            StagedRestore::parse(&first[..at], &second).is_err(),
            "length {at}"
        );
    }
    for at in 0..second.len() {
        assert!(
            StagedRestore::parse(&first, &second[..at]).is_err(),
            "length {at}"
        );
    }
    let longer = [second.as_slice(), &[0]].concat();
    assert!(StagedRestore::parse(&first, &longer).is_err());
}

#[test]
fn restores_of_no_or_unordered_key_pairs_are_refused() {
    let (protection, kek) = protect(&UserSecret::make().unwrap().0, 1);
    let make =
        |pairs: &[(u32, PrivateKeys)]| StagedRestore::make(&kek, protection.clone(), pairs, None);
    check(make(&[]), ErrorKind::Policy);
    let keys = || PrivateKeys::make().unwrap();
    check(make(&[(2, keys()), (1, keys())]), ErrorKind::Policy);
    check(make(&[(1, keys()), (1, keys())]), ErrorKind::Policy);
    let (other, _) = protect(&UserSecret::make().unwrap().0, 2);
    let made = StagedRestore::make(&kek, other, &[(1, keys())], None);
    check(made, ErrorKind::Policy);
}

#[test]
fn debug_shows_no_share() {
    let share = RecoveryKey::make().unwrap().for_lone_trustee(&SET);
    let shown = format!("{share:?} {:?}", Answer::new("Rex").unwrap());
    assert!(shown.ends_with("x: 1, .. } Answer { .. }"), "{shown}");
}
