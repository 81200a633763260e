//! Shamir's secret sharing of 32 bytes over GF(2^8), the field of AES (FIPS 197 section 4).
//!
//! In: a secret, or points. Out: points, or the secret. Each byte has a polynomial of its
//! own with random coefficients; the secret is its value at 0.
//!
//! Promise: no table is looked up and no branch taken by a secret byte. Multiplication
//! walks the bits of its second factor, which is always public here: an x coordinate or a
//! coefficient made of x coordinates.
//!
//! Not here: checks of k, n and x (`recovery_key`), and whether the result is right, which
//! only the envelope's commitment tells.

use crate::{error::Result, random};
use secrecy::{ExposeSecretMut, SecretBox};
use zeroize::Zeroizing;

/// Bytes of a secret and of each point.
pub(super) const SECRET_BYTES: usize = 32;

/// The point at `x` of the polynomials.
pub(super) type Value = SecretBox<[u8; SECRET_BYTES]>;

/// Splits `secret` into the points at `x = 1..=count`; any `threshold` of them determine it.
pub(super) fn split(
    secret: &[u8; SECRET_BYTES],
    threshold: u8,
    count: u8,
) -> Result<Vec<(u8, Value)>> {
    let mut coefficients = Zeroizing::new(vec![0; SECRET_BYTES * usize::from(threshold)]);
    let (constant, random) = coefficients.split_at_mut(SECRET_BYTES);
    constant.copy_from_slice(secret);
    random::fill(random)?;
    Ok((1..=count)
        .map(|x| (x, evaluate(&coefficients, x)))
        .collect())
}

/// Horner's rule, highest coefficient first; `coefficients` are rows of 32 bytes.
fn evaluate(coefficients: &[u8], x: u8) -> Value {
    let mut value: Value = SecretBox::new(Box::new([0; SECRET_BYTES]));
    let sums = value.expose_secret_mut();
    for row in coefficients.chunks_exact(SECRET_BYTES).rev() {
        for (sum, coefficient) in sums.iter_mut().zip(row) {
            *sum = multiply(*sum, x) ^ coefficient;
        }
    }
    value
}

/// Lagrange interpolation at 0. The x coordinates must be distinct and not 0.
pub(super) fn combine(points: &[(u8, &[u8; SECRET_BYTES])]) -> Value {
    let mut secret: Value = SecretBox::new(Box::new([0; SECRET_BYTES]));
    for (x, value) in points {
        let weight = weight_at_zero(*x, points.iter().map(|(other, _)| *other));
        for (sum, byte) in secret.expose_secret_mut().iter_mut().zip(*value) {
            *sum ^= multiply(*byte, weight);
        }
    }
    secret
}

/// The product of `other / (other - x)` over all other points. Subtraction is XOR.
fn weight_at_zero(x: u8, all: impl Iterator<Item = u8>) -> u8 {
    let (mut above, mut below) = (1, 1);
    for other in all.filter(|other| *other != x) {
        above = multiply(above, other);
        below = multiply(below, other ^ x);
    }
    multiply(above, inverse(below))
}

/// Product modulo x^8 + x^4 + x^3 + x + 1.
fn multiply(mut factor: u8, public: u8) -> u8 {
    let mut product = 0;
    for bit in 0..8 {
        product ^= factor & ((public >> bit) & 1).wrapping_neg();
        factor = (factor << 1) ^ (0x1b & (factor >> 7).wrapping_neg());
    }
    product
}

/// The 254th power: the inverse, since the 255th power of every element but 0 is 1.
fn inverse(element: u8) -> u8 {
    let mut power = element;
    for _ in 0..6 {
        power = multiply(multiply(power, power), element);
    }
    multiply(power, power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    /// The examples of FIPS 197 section 4.2.
    #[test]
    fn multiplies_as_the_aes_standard_shows() {
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        let doubled = [0x57, 0xae, 0x47, 0x8e, 0x07];
        for pair in doubled.windows(2) {
            assert_eq!(multiply(pair[0], 2), pair[1]);
        }
    }

    /// Polynomial multiplication with plain long division, sharing nothing with `multiply`.
    fn slow_multiply(a: u8, b: u8) -> u8 {
        let mut product: u32 = 0;
        for bit in 0..8 {
            if b >> bit & 1 == 1 {
                product ^= u32::from(a) << bit;
            }
        }
        for degree in (8..15).rev() {
            if product >> degree & 1 == 1 {
                product ^= 0x11b << (degree - 8);
            }
        }
        u8::try_from(product).unwrap()
    }

    #[test]
    fn multiplies_as_long_division_does() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(multiply(a, b), slow_multiply(a, b), "{a} {b}");
            }
        }
    }

    /// The inverse and the affine map of FIPS 197 section 5.1.1 make the S-box of AES,
    /// which is published: an outside check of field and inverse.
    #[test]
    fn inverts_as_the_aes_s_box_does() {
        const ROWS: [(u8, [u8; 16]); 3] = [
            (
                0x00,
                [
                    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe,
                    0xd7, 0xab, 0x76,
                ],
            ),
            (
                0x50,
                [
                    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a,
                    0x4c, 0x58, 0xcf,
                ],
            ),
            (
                0xf0,
                [
                    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0,
                    0x54, 0xbb, 0x16,
                ],
            ),
        ];
        let substitute = |byte: u8| {
            let inverse = inverse(byte);
            (0..5).fold(0x63, |sum, turns| sum ^ inverse.rotate_left(turns))
        };
        for (first, row) in ROWS {
            for (byte, expected) in (first..=255).zip(row) {
                assert_eq!(substitute(byte), expected, "{byte:#04x}");
            }
        }
        for element in 1..=255 {
            assert_eq!(multiply(element, inverse(element)), 1);
        }
    }

    /// f(x) = 0x2a + 0x05 x + 0x07 x^2 at 1, 2, 3, by hand:
    /// 2a^05^07 = 28; 2a^0a^1c = 3c; 2a^0f^(07*05=1b) = 3e.
    #[test]
    fn evaluates_a_known_polynomial() {
        let mut coefficients = [0; 3 * SECRET_BYTES];
        for (row, value) in coefficients
            .chunks_exact_mut(SECRET_BYTES)
            .zip([0x2a, 0x05, 0x07])
        {
            row.fill(value);
        }
        for (x, expected) in [(1, 0x28), (2, 0x3c), (3, 0x3e)] {
            let value = evaluate(&coefficients, x);
            assert_eq!(value.expose_secret(), &[expected; SECRET_BYTES], "{x}");
        }
        let points = [
            (1, &[0x28; SECRET_BYTES]),
            (2, &[0x3c; SECRET_BYTES]),
            (3, &[0x3e; SECRET_BYTES]),
        ];
        assert_eq!(combine(&points).expose_secret(), &[0x2a; SECRET_BYTES]);
    }

    #[test]
    fn any_threshold_of_points_gives_the_secret() {
        let secret: [u8; SECRET_BYTES] = random::bytes().unwrap();
        let points = split(&secret, 3, 5).unwrap();
        for a in 0..5 {
            for b in (0..5).filter(|b| *b != a) {
                let two = [a, b].map(|at| (points[at].0, points[at].1.expose_secret()));
                assert_ne!(combine(&two).expose_secret(), &secret);
                for c in (0..5).filter(|c| *c != a && *c != b) {
                    let three = [a, b, c].map(|at| (points[at].0, points[at].1.expose_secret()));
                    assert_eq!(combine(&three).expose_secret(), &secret);
                }
            }
        }
    }

    #[test]
    fn works_at_both_ends_of_the_range() {
        let secret: [u8; SECRET_BYTES] = random::bytes().unwrap();
        for (threshold, count) in [(1, 1), (2, 2), (2, 255), (255, 255)] {
            let points = split(&secret, threshold, count).unwrap();
            assert_eq!(points.len(), usize::from(count));
            let last = &points[usize::from(count - threshold)..];
            let last: Vec<_> = last
                .iter()
                .map(|(x, value)| (*x, value.expose_secret()))
                .collect();
            assert_eq!(
                combine(&last).expose_secret(),
                &secret,
                "{threshold} {count}"
            );
        }
    }

    #[test]
    fn coefficients_are_fresh() {
        let one = split(&[7; SECRET_BYTES], 2, 2).unwrap();
        let other = split(&[7; SECRET_BYTES], 2, 2).unwrap();
        assert_ne!(one[0].1.expose_secret(), other[0].1.expose_secret());
        // A share of equal bytes under per-byte polynomials does not repeat a byte.
        let first = one[0].1.expose_secret();
        assert!(first.iter().any(|byte| *byte != first[0]));
    }
}
