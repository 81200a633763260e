//! Wrong secret or tampered: who gets which answer, and what no secret may be like.

use crate::world::{ALICE, ALICES, BOBS, ORG, OTHER_ORG, cheap, flipped, refusal};
use hardened_crypto::{
    ErrorKind, Result,
    account::{FIRST_GENERATION, NewAccount},
    account_key::AccountKey,
    key_pair::{PrivateKeyBoxes, PublicKeys},
    rekey::{ProtectedKeys, StoredKeyPair, protect_anew},
    root_key::RootKeyring,
    row_mac,
    suite::Header,
    user_secret::{
        Argon2Arena, PASSPHRASE_BYTES_MAX, PASSPHRASE_BYTES_MIN, PassphraseCost, PassphrasePolicy,
        Protection, ProtectionKind, SecretOwner, UserSecret,
    },
};
use secrecy::ExposeSecret;

const PASSPHRASE: &[u8] = b"correct horse battery staple";

fn unlock(secret: &[u8], owner: SecretOwner, stored: &[u8]) -> Result<()> {
    let secret = UserSecret::for_unlock(secret)?;
    let protection = Protection::parse(stored)?;
    secret
        .unlock(owner, &protection, &mut Argon2Arena::default())
        .map(|_| ())
}

/// The matrix: what happened, and how it is seen.
#[test]
fn wrong_secret_and_tampering_are_told_apart() {
    let (kek, account) = (&ALICES.kek, &ALICES.account);
    let open =
        |boxes: &PrivateKeyBoxes, public: &PublicKeys| boxes.open(kek, 1, public).map(|_| ());
    let altered = |at: usize| PrivateKeyBoxes {
        ml_kem: flipped(&account.private.ml_kem, at, 0),
        ..account.private.clone()
    };
    let last = account.private.ml_kem.len() - 1;

    let ring = RootKeyring::make_text().unwrap();
    let ring = RootKeyring::parse(ring.expose_secret()).unwrap();
    let tag = row_mac::sign(&ring, row_mac::row("keys").u8(1));
    let row = row_mac::verify(&ring, row_mac::row("keys").u8(2), &tag);

    let mut arena = Argon2Arena::default();
    let passphrase = UserSecret::for_unlock(PASSPHRASE).unwrap();
    let (protection, _) = passphrase
        .protect(ALICES.owner, 1, cheap(), &mut arena)
        .unwrap();
    let stored = protection.to_bytes();
    let mut outside = stored;
    outside[2..6].copy_from_slice(&(512 * 1024_u32).to_be_bytes());
    let generated = ALICES.protection.to_bytes();
    let (other_secret, other_text) = UserSecret::make().unwrap();
    assert!(!other_secret.same_as(&ALICES.secret));
    let other_text = other_text.expose_secret().as_bytes();

    let owner = ALICES.owner;
    let matrix: [(&str, Result<()>, Option<ErrorKind>); 14] = [
        ("all is well", open(&account.private, &account.public), None),
        (
            "the right passphrase",
            unlock(PASSPHRASE, owner, &stored),
            None,
        ),
        ("row MAC wrong", row, Some(ErrorKind::Tampered)),
        (
            "header malformed",
            Header::parse(&altered(0).ml_kem[..17]).map(|_| ()),
            Some(ErrorKind::Malformed),
        ),
        (
            "box header malformed",
            open(&altered(0), &account.public),
            Some(ErrorKind::Malformed),
        ),
        (
            "parameters outside the window",
            unlock(PASSPHRASE, owner, &outside),
            Some(ErrorKind::Policy),
        ),
        (
            "check value differs: another passphrase",
            unlock(b"correct horse battery stable", owner, &stored),
            Some(ErrorKind::WrongSecret),
        ),
        (
            "check value differs: another generated secret",
            unlock(other_text, owner, &generated),
            Some(ErrorKind::WrongSecret),
        ),
        (
            "passphrase where a generated secret protects",
            unlock(PASSPHRASE, owner, &generated),
            Some(ErrorKind::WrongSecret),
        ),
        (
            "generated secret where a passphrase protects",
            unlock(other_text, owner, &stored),
            Some(ErrorKind::WrongSecret),
        ),
        (
            "salt of the box altered",
            open(&altered(17), &account.public),
            Some(ErrorKind::Tampered),
        ),
        (
            "commitment altered",
            open(&altered(41), &account.public),
            Some(ErrorKind::Tampered),
        ),
        (
            "tag altered",
            open(&altered(last), &account.public),
            Some(ErrorKind::Tampered),
        ),
        (
            "another public key",
            open(&account.private, &BOBS.account.public),
            Some(ErrorKind::Tampered),
        ),
    ];
    for (what, result, expected) in matrix {
        assert_eq!(result.err().map(|error| error.kind()), expected, "{what}");
    }
}

#[test]
fn what_is_accepted_as_a_new_secret() {
    let policy = PassphrasePolicy::default();
    let accept = |secret: &[u8]| UserSecret::for_new(secret, &policy).map(|s| s.is_generated());
    let (_, text) = UserSecret::make().unwrap();
    let text = text.expose_secret().as_bytes();
    assert_eq!(accept(text), Ok(true));
    assert_eq!(accept(&[b'x'; PASSPHRASE_BYTES_MIN]), Ok(false));
    assert_eq!(accept(&[0; PASSPHRASE_BYTES_MIN]), Ok(false));
    assert_eq!(accept(&[b'x'; PASSPHRASE_BYTES_MAX]), Ok(false));
    let refused: [&[u8]; 5] = [
        b"",
        b"x",
        &[b'x'; PASSPHRASE_BYTES_MIN - 1],
        &[b'x'; PASSPHRASE_BYTES_MAX + 1],
        &[b'x'; 1 << 20],
    ];
    for secret in refused {
        assert_eq!(refusal(accept(secret)), ErrorKind::Policy);
    }
    // Looks generated, and has a typing error anywhere behind the prefix.
    for at in 4..text.len() {
        assert_eq!(refusal(accept(&flipped(text, at, 0))), ErrorKind::Policy);
    }
    // Characters lost or added when it was copied.
    for length in 4..text.len() {
        assert_eq!(refusal(accept(&text[..length])), ErrorKind::Policy);
    }
    assert_eq!(refusal(accept(&[text, b"x"].concat())), ErrorKind::Policy);
    // An operator's policy can go down to one byte and never to none.
    let lax = PassphrasePolicy { bytes_min: 0 };
    assert!(UserSecret::for_new(b"x", &lax).is_ok());
    assert_eq!(refusal(UserSecret::for_new(b"", &lax)), ErrorKind::Policy);
}

#[test]
fn what_can_never_have_been_set_is_a_wrong_secret() {
    let (_, text) = UserSecret::make().unwrap();
    let text = text.expose_secret().as_bytes();
    let huge = [b'x'; PASSPHRASE_BYTES_MAX + 1];
    let mistyped = flipped(text, 20, 0);
    for secret in [&b""[..], &huge, &mistyped] {
        assert_eq!(
            refusal(UserSecret::for_unlock(secret)),
            ErrorKind::WrongSecret
        );
    }
    // Short ones may have been set under a lax policy.
    assert!(UserSecret::for_unlock(b"x").is_ok());
}

#[test]
fn passphrases_are_bytes() {
    let mut arena = Argon2Arena::default();
    let owner = ALICES.owner;
    let pairs: [(&[u8], &[u8]); 4] = [
        (b"with\0a NUL inside", b"with"),
        (b"with\0a NUL inside", b"with\0a NUL Inside"),
        (
            "caf\u{e9} caf\u{e9} caf\u{e9}".as_bytes(),
            "cafe\u{301} caf\u{e9} caf\u{e9}".as_bytes(),
        ),
        (b"trailing space ", b"trailing space"),
    ];
    for (set, other) in pairs {
        let secret = UserSecret::for_new(set, &PassphrasePolicy::default()).unwrap();
        let (protection, _) = secret.protect(owner, 1, cheap(), &mut arena).unwrap();
        let stored = protection.to_bytes();
        assert_eq!(unlock(set, owner, &stored), Ok(()));
        assert_eq!(
            refusal(unlock(other, owner, &stored)),
            ErrorKind::WrongSecret
        );
    }
}

#[test]
fn same_secret_twice_has_other_keys() {
    let mut arena = Argon2Arena::default();
    let secret = &ALICES.secret;
    let mut protect = |owner| {
        let cost = PassphraseCost::DEFAULT;
        secret.protect(owner, 1, cost, &mut arena).unwrap()
    };
    let (one, kek) = protect(ALICES.owner);
    let (other, _) = protect(ALICES.owner);
    // A fresh salt each time: salt and check value differ.
    assert_ne!(one.to_bytes()[18..34], other.to_bytes()[18..34]);
    assert_ne!(one.to_bytes()[34..], other.to_bytes()[34..]);
    assert_eq!(kek.owner(), ALICES.owner);
    let sealed = ALICES.account_key.seal(&kek).unwrap();
    assert!(AccountKey::open(&kek, &sealed).is_ok());
    assert_eq!(
        refusal(AccountKey::open(&ALICES.kek, &sealed)),
        ErrorKind::Tampered
    );
    let elsewhere = SecretOwner {
        org: OTHER_ORG,
        user: ALICE,
    };
    let (_, kek) = protect(elsewhere);
    assert_eq!(kek.owner().org, OTHER_ORG);
    assert_eq!(
        refusal(AccountKey::open(&kek, &sealed)),
        ErrorKind::Tampered
    );
    assert!(secret.same_as(secret));
}

#[test]
fn a_stored_cost_below_the_configured_one_is_told() {
    let mut arena = Argon2Arena::default();
    let secret = UserSecret::for_unlock(PASSPHRASE).unwrap();
    let owner = SecretOwner {
        org: ORG,
        user: ALICE,
    };
    let (protection, _) = secret.protect(owner, 1, cheap(), &mut arena).unwrap();
    assert_eq!(protection.kind(), ProtectionKind::Passphrase(cheap()));
    assert!(!protection.is_below(cheap()));
    assert!(protection.is_below(PassphraseCost::DEFAULT));
    // Of a generated secret.
    assert!(!ALICES.protection.is_below(PassphraseCost::STRONG));
}

#[test]
fn a_cost_is_below_another_only_if_it_is_above_it_in_nothing() {
    let cost = |kib, passes| PassphraseCost::new(kib, passes, 1).unwrap();
    let base = cost(24 * 1024, 3);
    for (other, below) in [
        (base, false),
        (cost(24 * 1024, 4), true),
        (cost(25 * 1024, 3), true),
        // More memory, the same work.
        (cost(36 * 1024, 2), true),
        // More memory, less work.
        (cost(64 * 1024, 1), false),
        // Less memory, more work.
        (cost(23 * 1024, 10), false),
        (cost(24 * 1024, 2), false),
        (cost(12 * 1024, 2), false),
    ] {
        assert_eq!(base.is_below(other), below, "{other:?}");
    }
    // Lanes are threads for the same work.
    assert!(!base.is_below(PassphraseCost::new(24 * 1024, 3, 4).unwrap()));
}

#[test]
fn keys_are_protected_anew_under_the_same_secret_and_no_other_version_or_owner() {
    let mut arena = Argon2Arena::default();
    let secret = UserSecret::for_unlock(PASSPHRASE).unwrap();
    let owner = SecretOwner {
        org: ORG,
        user: ALICE,
    };
    let (protection, old) = secret.protect(owner, 3, cheap(), &mut arena).unwrap();
    let account = NewAccount::make(&old).unwrap();
    let protected = ProtectedKeys {
        account_key: account.account_key.clone(),
        key_pairs: vec![StoredKeyPair {
            generation: FIRST_GENERATION,
            public: account.public.clone(),
            private: account.private.clone(),
        }],
    };
    let (stronger, new) = secret
        .protect(owner, 3, PassphraseCost::DEFAULT, &mut arena)
        .unwrap();
    let anew = protect_anew(&protected, &old, &new).unwrap();
    // The secret opens what is stored now, and the old key does not any more.
    let kek = secret.unlock(owner, &stronger, &mut arena).unwrap();
    let pair = &anew.key_pairs[0];
    assert!(pair.private.open(&kek, 1, &pair.public).is_ok());
    assert!(AccountKey::open(&kek, &anew.account_key).is_ok());
    assert_eq!(
        refusal(AccountKey::open(&old, &anew.account_key)),
        ErrorKind::Tampered
    );
    assert_eq!(protection.secret_version(), stronger.secret_version());

    let (_, next) = secret.protect(owner, 4, cheap(), &mut arena).unwrap();
    let policy = protect_anew(&protected, &old, &next);
    assert_eq!(refusal(policy), ErrorKind::Policy);
    let elsewhere = SecretOwner {
        org: OTHER_ORG,
        user: ALICE,
    };
    let (_, others) = secret.protect(elsewhere, 3, cheap(), &mut arena).unwrap();
    let policy = protect_anew(&protected, &old, &others);
    assert_eq!(refusal(policy), ErrorKind::Policy);
    let tampered = protect_anew(&anew, &old, &new);
    assert_eq!(refusal(tampered), ErrorKind::Tampered);
}

/// The arena keeps nothing from one secret to the next, whatever the order of costs.
#[test]
fn an_arena_is_used_for_any_order_of_costs() {
    let mut arena = Argon2Arena::default();
    let owner = ALICES.owner;
    let secret = UserSecret::for_unlock(PASSPHRASE).unwrap();
    let large = PassphraseCost::new(24 * 1024, 2, 2).unwrap();
    let mut stored = Vec::new();
    for cost in [cheap(), large, cheap(), PassphraseCost::DEFAULT] {
        let (protection, _) = secret.protect(owner, 1, cost, &mut arena).unwrap();
        stored.push(protection);
    }
    for protection in stored.iter().rev() {
        assert!(secret.unlock(owner, protection, &mut arena).is_ok());
        let fresh = secret.unlock(owner, protection, &mut Argon2Arena::default());
        assert!(fresh.is_ok());
    }
}
