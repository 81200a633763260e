//! Tries against recovery: trustees, shares, masks, staged restores.

use crate::world::{ALICE, ALICES, BOB, BOBS, ORG, Person, flipped, refusal};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hardened_crypto::{
    ErrorKind,
    ids::{RecoverySetId, UserId},
    key_pair::PrivateKeys,
    recovery::{
        self, Answer, RecoveryKey, RecoverySet, RecoveryShare, SHARE_TEXT_CHARS, Split,
        StagedRestore, StoredIdentity, TrusteeContext, WrappedShare,
    },
    user_secret::{Argon2Arena, PassphraseCost, UserSecret},
};
use ring::digest;
use secrecy::ExposeSecret;

const SET: RecoverySet = RecoverySet {
    org: ORG,
    owner: ALICE,
    set: RecoverySetId([0x5e; 16]),
    version: 1,
};
const NEXT_SET: RecoverySet = RecoverySet {
    set: RecoverySetId([0x5f; 16]),
    version: 2,
    ..SET
};
const TRUSTEE: TrusteeContext = TrusteeContext {
    set: SET,
    trustee: BOB,
    trustee_generation: 1,
};

/// A recovery key, the envelope of Alice's keys under it, and three shares of which two do.
fn alices_set(set: &RecoverySet) -> (Vec<u8>, Vec<RecoveryShare>) {
    let key = RecoveryKey::make().unwrap();
    let envelope = recovery::seal_private_keys(&key, set, 1, &ALICES.private).unwrap();
    (envelope, key.split(set, Split::new(2, 3).unwrap()).unwrap())
}

/// A share cannot be cloned; its text can be read twice.
fn again(share: &RecoveryShare) -> RecoveryShare {
    RecoveryShare::parse_text(share.to_text().expose_secret().as_bytes()).unwrap()
}

fn recover(envelope: &[u8], set: &RecoverySet, shares: &[RecoveryShare]) -> Option<ErrorKind> {
    let recovered = RecoveryKey::combine(set, shares).and_then(|key| {
        recovery::open_private_keys(&key, set, 1, ALICES.private.public(), envelope)
    });
    recovered.err().map(|error| error.kind())
}

pub(super) fn bad_share() -> Vec<ErrorKind> {
    let (envelope, shares) = alices_set(&SET);
    let (_, others) = alices_set(&SET);
    let pair = |one: &RecoveryShare, two: &RecoveryShare| [again(one), again(two)];
    assert_eq!(
        recover(&envelope, &SET, &pair(&shares[0], &shares[2])),
        None
    );
    let bad = [pair(&shares[0], &others[1]), pair(&others[0], &others[1])];
    let recover = |shares: [RecoveryShare; 2]| recover(&envelope, &SET, &shares).unwrap();
    bad.map(recover).to_vec()
}

/// A restore made by a trustee: with keys of his own, and with the right ones in disorder.
pub(super) fn trustees_own_keys() -> Vec<ErrorKind> {
    let (secret, _) = UserSecret::make().unwrap();
    let mut arena = Argon2Arena::default();
    let cost = PassphraseCost::DEFAULT;
    let (protection, kek) = secret.protect(ALICES.owner, 2, cost, &mut arena).unwrap();
    let public = [(1, ALICES.account.public.clone())];
    let stored = StoredIdentity {
        owner: ALICES.owner,
        secret_version: 1,
        public: &public,
    };
    let mut restore = |keys: PrivateKeys, garble: bool| {
        let staged = StagedRestore::make(&kek, protection.clone(), &[(1, keys)], None).unwrap();
        let (first, second) = staged.to_blobs();
        let second = if garble {
            flipped(&second, second.len() - 1, 0)
        } else {
            second
        };
        let staged = StagedRestore::parse(&first, &second).unwrap();
        staged.open(&secret, &stored, &mut arena).map(|_| ())
    };
    let alices = || {
        let boxes = &ALICES.account.private;
        boxes.open(&ALICES.kek, 1, &ALICES.account.public).unwrap()
    };
    assert_eq!(restore(alices(), false), Ok(()));
    vec![
        refusal(restore(PrivateKeys::make().unwrap(), false)),
        refusal(restore(alices(), true)),
    ]
}

pub(super) fn old_set() -> Vec<ErrorKind> {
    let (_, old) = alices_set(&SET);
    let (new_envelope, new) = alices_set(&NEXT_SET);
    let try_with = |shares: &[RecoveryShare]| recover(&new_envelope, &NEXT_SET, shares).unwrap();
    vec![
        try_with(&[again(&old[0]), again(&old[1])]),
        try_with(&[again(&new[0]), again(&old[1])]),
    ]
}

pub(super) fn share_twice() -> Vec<ErrorKind> {
    let (envelope, shares) = alices_set(&SET);
    let twice = [again(&shares[0]), again(&shares[0])];
    let once = [again(&shares[0])];
    vec![
        recover(&envelope, &SET, &twice).unwrap(),
        recover(&envelope, &SET, &once).unwrap(),
        recover(&envelope, &SET, &[]).unwrap(),
    ]
}

/// The text of a share with its x coordinate replaced and its checksum made right.
fn with_x(share: &RecoveryShare, x: u8) -> Vec<u8> {
    let text = share.to_text();
    let text = text.expose_secret();
    let mut body = URL_SAFE_NO_PAD
        .decode(&text[4..SHARE_TEXT_CHARS - 6])
        .unwrap();
    body[4] = x;
    let front = format!("sgr_{}", URL_SAFE_NO_PAD.encode(body));
    let hash = digest::digest(&digest::SHA256, front.as_bytes());
    let checksum = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..6]);
    [front.as_bytes(), &checksum.as_bytes()[..6]].concat()
}

pub(super) fn x_zero() -> Vec<ErrorKind> {
    let (_, shares) = alices_set(&SET);
    let own = with_x(&shares[0], shares[0].x());
    assert!(RecoveryShare::parse_text(&own).is_ok());
    let wrapped = WrappedShare::wrap(&shares[0], &BOBS.account.public, &TRUSTEE).unwrap();
    let with_x_wrapped = |x: u8| {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[17 + 3] = x;
        refusal(WrappedShare::parse(&bytes))
    };
    let with_x = |x| refusal(RecoveryShare::parse_text(&with_x(&shares[0], x)));
    vec![
        with_x(0),
        with_x(4),
        with_x(255),
        with_x_wrapped(0),
        with_x_wrapped(4),
    ]
}

pub(super) fn threshold_one() -> Vec<ErrorKind> {
    // One share of a split is not enough either.
    let (envelope, shares) = alices_set(&SET);
    let alone = recover(&envelope, &SET, &shares[..1]).unwrap();
    // What a lone trustee gets says that it is the whole.
    let whole = RecoveryKey::make().unwrap().for_lone_trustee(&SET);
    assert_eq!((whole.threshold(), whole.count()), (1, 1));
    let split = |threshold, count| refusal(Split::new(threshold, count));
    vec![alone, split(0, 3), split(1, 1), split(1, 3), split(3, 2)]
}

pub(super) fn swapped_owners() -> Vec<ErrorKind> {
    let (_, shares) = alices_set(&SET);
    let wrapped = WrappedShare::wrap(&shares[0], &BOBS.account.public, &TRUSTEE).unwrap();
    assert!(wrapped.unwrap(&BOBS.private, &TRUSTEE).is_ok());
    let set = |set| TrusteeContext { set, ..TRUSTEE };
    let places = [
        set(RecoverySet {
            owner: UserId([9; 16]),
            ..SET
        }),
        set(RecoverySet {
            set: NEXT_SET.set,
            ..SET
        }),
        set(RecoverySet { version: 2, ..SET }),
        set(RecoverySet {
            org: crate::world::OTHER_ORG,
            ..SET
        }),
        TrusteeContext {
            trustee: UserId([9; 16]),
            ..TRUSTEE
        },
        TrusteeContext {
            trustee_generation: 2,
            ..TRUSTEE
        },
    ];
    let open = |place| refusal(wrapped.unwrap(&BOBS.private, &place));
    places.map(open).to_vec()
}

/// A wrong answer gives a share like any other; only all shares and the envelope tell.
pub(super) fn guessing() {
    let (envelope, shares) = alices_set(&SET);
    let mut arena = Argon2Arena::default();
    let right = Answer::new("Rex the dog").unwrap();
    let (masked, salt) = again(&shares[0])
        .mask(&right, &SET, BOB, &mut arena)
        .unwrap();
    let (other, other_salt) = again(&shares[0])
        .mask(&right, &SET, BOB, &mut arena)
        .unwrap();
    assert_ne!(salt, other_salt);
    assert_ne!(
        masked.to_text().expose_secret(),
        other.to_text().expose_secret()
    );
    // Still masked, it joins nothing.
    let still = recover(&envelope, &SET, &[again(&masked), again(&shares[1])]);
    assert_eq!(still, Some(ErrorKind::Policy));
    let mut try_with = |answer: &str| {
        let answer = Answer::new(answer).unwrap();
        let share = again(&masked).unmask(&answer, &salt, &SET, BOB, &mut arena);
        recover(&envelope, &SET, &[share.unwrap(), again(&shares[1])])
    };
    assert_eq!(try_with("max the dog"), Some(ErrorKind::Tampered));
    assert_eq!(try_with("  rex THE  dog "), None);
}

pub(super) fn kept_share() -> Vec<ErrorKind> {
    let (old_envelope, old) = alices_set(&SET);
    let (new_envelope, _) = alices_set(&NEXT_SET);
    let old_key = RecoveryKey::combine(&SET, &[again(&old[0]), again(&old[1])]).unwrap();
    let public = ALICES.private.public();
    assert!(recovery::open_private_keys(&old_key, &SET, 1, public, &old_envelope).is_ok());
    let open = |set| recovery::open_private_keys(&old_key, set, 1, public, &new_envelope);
    vec![refusal(open(&NEXT_SET)), refusal(open(&SET))]
}

pub(super) fn partitioning() -> Vec<ErrorKind> {
    let keys: Vec<RecoveryKey> = (0..4).map(|_| RecoveryKey::make().unwrap()).collect();
    let public = ALICES.private.public();
    let crafted = recovery::seal_private_keys(&keys[0], &SET, 1, &ALICES.private).unwrap();
    let open = |key| refusal(recovery::open_private_keys(key, &SET, 1, public, &crafted));
    keys[1..].iter().map(open).collect()
}

pub(super) fn racing_a_rekey() -> Vec<ErrorKind> {
    let alice = Person::make(ALICE);
    let (secret, _) = UserSecret::make().unwrap();
    let mut arena = Argon2Arena::default();
    let cost = PassphraseCost::DEFAULT;
    let (protection, kek) = secret.protect(alice.owner, 2, cost, &mut arena).unwrap();
    let public = [(1, alice.account.public.clone())];
    let staged = StagedRestore::make(&kek, protection, &[(1, alice.private)], None).unwrap();
    let mut open_when = |secret_version| {
        let stored = StoredIdentity {
            owner: alice.owner,
            secret_version,
            public: &public,
        };
        staged.open(&secret, &stored, &mut arena).map(|_| ())
    };
    assert_eq!(open_when(1), Ok(()));
    // Meanwhile the owner has rekeyed once, or twice.
    vec![refusal(open_when(2)), refusal(open_when(3))]
}
