//! Binary in JSON: standard base64 with padding, one canonical form for each byte string.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::problem::{Code, Problem};

/// Decodes canonical padded base64 (RFC 4648 section 4); another alphabet, missing padding,
/// white space and left-over bits are refused.
///
/// # Errors
/// `malformed_request`.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_| {
        Problem::new(
            Code::MalformedRequest,
            "A field ending B64 must be canonical base64 with padding.",
        )
    })
}

/// Encodes with padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Encodes a secret: the text is wiped when it is dropped.
#[must_use]
pub fn encode_secret(bytes: &[u8]) -> Zeroizing<String> {
    // Sized first: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
    STANDARD.encode_string(bytes, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_is_read_and_written() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("AA==", b"\0"),
            ("+/8=", b"\xfb\xff"),
            ("Zm9vYmFy", b"foobar"),
        ] {
            assert_eq!(decode(text).unwrap().as_slice(), bytes);
            assert_eq!(encode(bytes), text);
            let secret = encode_secret(bytes);
            assert_eq!((secret.as_str(), secret.capacity()), (text, text.len()));
        }
    }

    #[test]
    fn every_other_form_is_refused() {
        for text in [
            "AA", "AA=", "AA===", "AB==", "-_8=", "Zm9v\n", " Zm9v", "Zm9v=", "====", "A", "=",
            "é", "AA==AA==", "Zm9vYmF",
        ] {
            assert!(decode(text).is_err(), "{text:?}");
        }
    }
}
