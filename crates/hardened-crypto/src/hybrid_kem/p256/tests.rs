//! Wycheproof's ECDH cases over P-256, raw points.

use super::*;
use crate::{
    error::ErrorKind,
    vector_files::{bytes, is_valid, wycheproof},
};
use secrecy::ExposeSecret;

/// Wycheproof writes scalars as signed integers: with a leading zero, or shortened.
fn scalar(encoded: &[u8]) -> [u8; SCALAR_BYTES] {
    let significant = match encoded {
        [0, rest @ ..] => rest,
        all => all,
    };
    let mut scalar = [0; SCALAR_BYTES];
    scalar[SCALAR_BYTES - significant.len()..].copy_from_slice(significant);
    scalar
}

#[test]
fn wycheproof_agreement() {
    let cases = wycheproof("ecdh_secp256r1_ecpoint_test.json");
    let (mut valid, mut invalid, mut compressed) = (0, 0, 0);
    for (_, case) in &cases {
        let key = P256Key::from_scalar(&scalar(&bytes(case, "private"))).unwrap();
        let public = bytes(case, "public");
        let point = parse_point(&public);
        if is_valid(case) {
            let secret = key.agree(&point.unwrap()).unwrap();
            assert_eq!(secret.expose_secret().as_slice(), bytes(case, "shared"));
            valid += 1;
            continue;
        }
        assert_eq!(point.err().map(|e| e.kind()), Some(ErrorKind::Malformed));
        if case["result"] == "acceptable" {
            // A point on the curve in an encoding that this crate does not take.
            assert_eq!(public.len(), 1 + SCALAR_BYTES);
            compressed += 1;
        } else {
            // The agreement itself refuses too, for whatever has the right length.
            if let Ok(point) = public.as_slice().try_into() {
                assert!(key.agree(point).is_err());
                assert!(agree_ephemeral(point).is_err());
            }
            invalid += 1;
        }
    }
    assert_eq!((valid, invalid, compressed), (330, 24, 1));
}

/// Both implementations agree: ring's ephemeral half with `p256`'s static half.
#[test]
fn ephemeral_and_static_halves_agree() {
    for number in 1..=32 {
        let key = P256Key::from_scalar(&[number; SCALAR_BYTES]).unwrap();
        let (point, sent) = agree_ephemeral(&key.public_point()).unwrap();
        let received = key.agree(&point).unwrap();
        assert_eq!(sent.expose_secret(), received.expose_secret());
    }
}

#[test]
fn scalars_out_of_range_are_refused() {
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let order: [u8; SCALAR_BYTES] = order.unwrap().try_into().unwrap();
    for refused in [[0; SCALAR_BYTES], order, [0xff; SCALAR_BYTES]] {
        assert!(P256Key::from_scalar(&refused).is_err());
    }
    let mut largest = order;
    largest[SCALAR_BYTES - 1] -= 1;
    assert!(P256Key::from_scalar(&largest).is_ok());

    let candidates = [[0; SCALAR_BYTES], order, largest, [1; SCALAR_BYTES]].concat();
    let first = first_scalar(&candidates).unwrap();
    assert_eq!(first.expose_secret(), &largest);
    let none = first_scalar(&[0xff; CANDIDATES_BYTES]);
    assert_eq!(none.err().map(|e| e.kind()), Some(ErrorKind::Policy));
}
