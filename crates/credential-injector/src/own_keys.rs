//! Recognises Sealgate's own keys where they must not travel to an upstream.
//!
//! In: header values, targets. Out: whether an API key (`sgk_`), an access token (`sgt_`) or a
//! user secret (`sgs_`) stands there.
//!
//! Where a key has its own place it is stripped ([`crate::strip_request`]): `Authorization`, and
//! every header whose whole value is one. Anywhere else it is part of something that means more
//! than the key (a cookie, a path, a query), so nothing can be cut out and the request is refused
//! ([`leaks_own_key`]). Bodies are the client's own matter and are not looked at.
//! Not here: whether a key is a good one; that takes the server's rows.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use crate::{Target, is_control_header, is_hop_by_hop};

/// The beginnings of what Sealgate recognises callers by: API keys and access tokens.
const OWN_KEY_PREFIXES: [&str; 2] = ["sgk_", "sgt_"];

/// The same with user secrets, which have no place in a request to an upstream either.
const OWN_SECRET_PREFIXES: [&str; 3] = ["sgk_", "sgt_", "sgs_"];

/// Shorter than any of our keys, which hold 256 bits, and longer than a word.
const OWN_KEY_BYTES_MIN: usize = 24;

/// Bytes of the shortest of them: prefix, 256 bits in base64url, checksum.
const OWN_SECRET_BYTES_MIN: usize = 4 + 43 + 6;

/// Takes Basic credentials with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether an `Authorization` value holds one of Sealgate's own keys: behind any scheme, as
/// the user or password of Basic, or bare. The scheme is read in any case.
pub fn carries_own_key(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes().trim_ascii();
    let (scheme, rest) = match bytes.iter().position(u8::is_ascii_whitespace) {
        Some(at) => (&bytes[..at], bytes[at..].trim_ascii()),
        None => (&b""[..], bytes),
    };
    if scheme.eq_ignore_ascii_case(b"basic") {
        return basic_carries_own_key(rest);
    }
    begins_like_own_key(rest)
}

fn basic_carries_own_key(encoded: &[u8]) -> bool {
    let mut pair = Zeroizing::new(vec![0; encoded.len()]);
    let Ok(length) = BASE64.decode_slice(encoded, &mut pair) else {
        return false;
    };
    pair[..length]
        .splitn(2, |b| *b == b':')
        .any(begins_like_own_key)
}

fn begins_like_own_key(text: &[u8]) -> bool {
    OWN_KEY_PREFIXES
        .iter()
        .any(|prefix| text.starts_with(prefix.as_bytes()))
}

/// Whether a value is one of our keys and nothing else. SDKs put their key into headers of
/// their own (`api-key`, `x-goog-api-key`), and ours must not travel on in any of them.
pub(crate) fn is_bare_own_key(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let whole = bytes.len() >= OWN_KEY_BYTES_MIN && bytes.iter().all(is_key_byte);
    whole && begins_like_own_key(bytes)
}

/// Whether one of our keys or secrets stands anywhere in a text, as a word of its own.
pub fn holds_own_key(text: &[u8]) -> bool {
    let mut rest = text;
    while rest.len() >= OWN_SECRET_BYTES_MIN {
        let word = rest.iter().position(|b| !is_key_byte(b));
        let word_bytes = word.unwrap_or(rest.len());
        if is_own_secret(&rest[..word_bytes]) {
            return true;
        }
        // Behind the byte that ended the word.
        rest = rest.get(word_bytes + 1..).unwrap_or_default();
    }
    false
}

fn is_own_secret(word: &[u8]) -> bool {
    let mut prefixes = OWN_SECRET_PREFIXES.iter();
    word.len() >= OWN_SECRET_BYTES_MIN && prefixes.any(|own| word.starts_with(own.as_bytes()))
}

/// Whether a request would carry one of our keys or secrets to its upstream in a place where
/// nothing strips it: in the target's path or query, however it is percent-encoded, or inside the
/// value of a header.
pub fn leaks_own_key(headers: &HeaderMap, target: &Target) -> bool {
    let path_and_query = target.path_and_query().as_bytes();
    if holds_own_key(path_and_query) || holds_own_key(&percent_decoded(path_and_query)) {
        return true;
    }
    headers.iter().any(|(name, value)| {
        let stripped = is_control_header(name)
            || is_hop_by_hop(name)
            || is_bare_own_key(value)
            || (name == AUTHORIZATION && carries_own_key(value));
        !stripped && holds_own_key(value.as_bytes())
    })
}

/// A stray `%` stands for itself. Nothing is copied of what has none.
fn percent_decoded(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut decoded = Zeroizing::new(Vec::new());
    if !text.contains(&b'%') {
        return decoded;
    }
    decoded.reserve_exact(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        let pair = digit(0).zip(digit(1));
        let byte = pair.and_then(|(high, low)| u8::try_from(16 * high + low).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = &behind[2..];
            }
            None => {
                decoded.push(*first);
                rest = behind;
            }
        }
    }
    decoded
}

fn is_key_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SchemePolicy;
    use http::header::HeaderName;

    const TOKEN: &str = "sgt_AbCdEfGh0123456789012345678901234567890123456789-_abcdefg";
    const SECRET: &str = "sgs_0123456789012345678901234567890123456789012abcdef";

    fn check(url: &str, headers: &[(&'static str, String)], expected: bool) {
        let target = Target::parse(url, &SchemePolicy::https_only()).unwrap();
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        let headers: HeaderMap = headers.collect();
        assert_eq!(
            leaks_own_key(&headers, &target),
            expected,
            "{url} {headers:?}"
        );
    }

    #[test]
    fn a_key_is_found_in_path_and_query_however_it_is_spelt() {
        for key in [TOKEN, SECRET, &TOKEN.replace("sgt_", "sgk_")] {
            let escaped: String = key.bytes().map(|b| format!("%{b:02x}")).collect();
            let half = key.replace('_', "%5F");
            for text in [
                key,
                &escaped,
                &half,
                &format!("x={key}"),
                &format!("%3D{key}"),
            ] {
                for url in ["/?", "/?a=1&key=", "/bot/", "/a;b="] {
                    check(&format!("https://a.example{url}{text}"), &[], true);
                }
            }
        }
        for harmless in [
            "/?sgt_",
            "/?key=sgt_short",
            "/?100%",
            "/?%",
            "/?%zz%5",
            "/sgt_%",
            &format!("/?x{TOKEN}"),
            &format!("/?a={}", &TOKEN[4..]),
        ] {
            check(&format!("https://a.example{harmless}"), &[], false);
        }
    }

    #[test]
    fn a_key_is_found_inside_of_headers_and_left_to_stripping_where_it_stands_alone() {
        let url = "https://a.example/";
        for value in [
            format!("session={TOKEN}"),
            format!("a=b; key={SECRET}; c=d"),
            format!("Token token=\"{TOKEN}\""),
            format!("{TOKEN},x"),
            SECRET.to_owned(),
        ] {
            check(url, &[("cookie", value.clone())], true);
            check(url, &[("x-any", value)], true);
        }
        for (name, value) in [
            ("authorization", format!("Bearer {TOKEN}")),
            ("x-goog-api-key", TOKEN.to_owned()),
            ("x-api-key", TOKEN.to_owned()),
            ("x-user-secret", SECRET.to_owned()),
            ("proxy-authorization", format!("Bearer {TOKEN}")),
            ("cookie", "session=sgt_short; msgs_0123456789=1".to_owned()),
        ] {
            check(url, &[(name, value)], false);
        }
    }
}
