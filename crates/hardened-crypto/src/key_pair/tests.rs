//! What only the inside can make: boxes that open and hold the keys of somebody else.

use super::*;
use crate::{
    error::ErrorKind,
    ids::{OrgId, UserId},
    user_secret::{Argon2Arena, PassphraseCost, SecretOwner, UserSecret},
};

fn kek() -> Kek {
    let owner = SecretOwner {
        org: OrgId([1; 16]),
        user: UserId([2; 16]),
    };
    let (secret, _) = UserSecret::make().unwrap();
    let mut arena = Argon2Arena::default();
    let protected = secret.protect(owner, 1, PassphraseCost::DEFAULT, &mut arena);
    protected.unwrap().1
}

/// Seals `keys` as if they were the private half of `public`.
fn seal_as(keys: &PrivateKeys, kek: &Kek, public: Fingerprint) -> PrivateKeyBoxes {
    let header = Header::new(ObjectKind::PrivateKey, 1);
    let seal = |component, key: &[u8]| {
        let bound = bind(component, kek, public);
        symmetric_box::seal(Domain::PrivateKey, header, kek.expose(), bound, key).unwrap()
    };
    let (ml_kem, p256) = keys.components();
    PrivateKeyBoxes {
        p256: seal(Component::P256, p256),
        ml_kem: seal(Component::MlKem768, ml_kem),
    }
}

/// Commitment and tags are right; recomputing the public key tells.
#[test]
fn keys_that_open_must_match_the_stored_public_keys() {
    let kek = kek();
    let (own, other) = (PrivateKeys::make().unwrap(), PrivateKeys::make().unwrap());
    let stored = own.public();
    let honest = seal_as(&own, &kek, stored.fingerprint());
    assert!(honest.open(&kek, 1, stored).is_ok());
    let foreign = seal_as(&other, &kek, stored.fingerprint());
    let halves = [
        foreign.clone(),
        PrivateKeyBoxes {
            p256: honest.p256.clone(),
            ..foreign.clone()
        },
        PrivateKeyBoxes {
            ml_kem: honest.ml_kem,
            ..foreign
        },
    ];
    for boxes in halves {
        let refused = boxes.open(&kek, 1, stored).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Tampered);
    }
}

/// A scalar out of range is refused like any other wrong key.
#[test]
fn boxes_with_an_impossible_scalar_are_refused() {
    let kek = kek();
    let keys = PrivateKeys::make().unwrap();
    let mut boxes = seal_as(&keys, &kek, keys.public().fingerprint());
    for scalar in [[0; p256::SCALAR_BYTES], [0xff; p256::SCALAR_BYTES]] {
        let bound = bind(Component::P256, &kek, keys.public().fingerprint());
        let header = Header::new(ObjectKind::PrivateKey, 1);
        let sealed = symmetric_box::seal(Domain::PrivateKey, header, kek.expose(), bound, &scalar);
        boxes.p256 = sealed.unwrap();
        let refused = boxes.open(&kek, 1, keys.public()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Tampered);
    }
}
