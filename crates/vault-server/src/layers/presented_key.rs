//! Finds the API key or access token that a request presents.
//!
//! In: request headers. Out: at most one [`PresentedKey`]. The places are `X-Api-Key`, its alias
//! `X-MirApi-Key`, `Authorization: Bearer sgk_…`, and `Proxy-Authorization` as `Bearer sgk_…` or
//! `Basic` with the key as user name or password. An access token (`sgt_…`) is found in all of
//! them, and where the SDKs of upstreams put their key: `Authorization: Basic` as user name or
//! password, `api-key`, `x-goog-api-key`.
//!
//! Promise: two different keys in one request are refused, never ranked. An `Authorization` that
//! does not hold one of our keys is not looked at further: it belongs to the upstream.
//! Not here: whether the key is known (an [`Authenticator`](super::Authenticator)).

use std::fmt;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::problem::{Code, Problem};

/// The header that carries an API key.
pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Alias of [`X_API_KEY`].
pub const X_MIRAPI_KEY: HeaderName = HeaderName::from_static("x-mirapi-key");
/// How an API key begins. In `Authorization` it tells our keys from an upstream's.
pub const API_KEY_PREFIX: &str = "sgk_";
/// How an access token begins.
pub const TOKEN_PREFIX: &str = "sgt_";
/// Headers in which SDKs send the key of their upstream. A token is looked for there.
const SDK_KEY_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];
/// Longest text that is looked up as a key, in bytes. Longer text is an unknown key.
pub const PRESENTED_KEY_BYTES_MAX: usize = 256;

/// Every beginning of a key of ours.
const OWN_PREFIXES: [&str; 2] = [API_KEY_PREFIX, TOKEN_PREFIX];
/// Takes Basic credentials with or without padding, as they are stripped.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Text that claims to be an API key or an access token.
pub struct PresentedKey(SecretString);

impl PresentedKey {
    /// The key in `headers`, if there is one.
    ///
    /// # Errors
    /// `malformed_request` when different keys are presented.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut found: Option<Zeroizing<String>> = None;
        for candidate in candidates(headers) {
            match &found {
                Some(first) if *first != candidate => {
                    return Err(Problem::new(
                        Code::MalformedRequest,
                        "The request presents more than one API key.",
                    ));
                }
                Some(_) => {}
                None => found = Some(candidate),
            }
        }
        Ok(found.map(|text| Self(SecretString::from(text.as_str()))))
    }

    /// The text as it came, for the look-up alone.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedKey").finish_non_exhaustive()
    }
}

fn candidates(headers: &HeaderMap) -> impl Iterator<Item = Zeroizing<String>> {
    let own = [X_API_KEY, X_MIRAPI_KEY]
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .map(|value| readable(value.as_bytes()));
    let bearer = headers
        .get_all(header::AUTHORIZATION)
        .into_iter()
        .filter_map(|value| {
            let bytes = value.as_bytes();
            bearer_key(bytes).or_else(|| basic_key(bytes, &[TOKEN_PREFIX]))
        });
    let sdk = SDK_KEY_HEADERS
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .map(HeaderValue::as_bytes)
        .filter(|value| value.starts_with(TOKEN_PREFIX.as_bytes()))
        .map(readable);
    let proxy = headers
        .get_all(header::PROXY_AUTHORIZATION)
        .into_iter()
        .filter_map(|value| {
            let bytes = value.as_bytes();
            bearer_key(bytes).or_else(|| basic_key(bytes, &OWN_PREFIXES))
        });
    own.chain(bearer).chain(sdk).chain(proxy)
}

/// Bytes that cannot be a key become the empty text, which no key equals.
fn readable(bytes: &[u8]) -> Zeroizing<String> {
    let fits = bytes.len() <= PRESENTED_KEY_BYTES_MAX && bytes.iter().all(u8::is_ascii_graphic);
    let text = if fits {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        String::new()
    };
    Zeroizing::new(text)
}

/// The credentials after a scheme name, which is compared without case (RFC 9110 section 11.1).
fn after_scheme<'a>(value: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (name, rest) = value.split_at_checked(scheme.len())?;
    let rest = rest.strip_prefix(b" ")?.trim_ascii();
    name.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
}

fn bearer_key(value: &[u8]) -> Option<Zeroizing<String>> {
    let token = after_scheme(value, "Bearer")?;
    begins_with(token, &OWN_PREFIXES).then(|| readable(token))
}

fn begins_with(text: &[u8], prefixes: &[&str]) -> bool {
    prefixes
        .iter()
        .any(|prefix| text.starts_with(prefix.as_bytes()))
}

fn basic_key(value: &[u8], prefixes: &[&str]) -> Option<Zeroizing<String>> {
    let encoded = after_scheme(value, "Basic")?;
    if encoded.len() > 2 * PRESENTED_KEY_BYTES_MAX {
        return None;
    }
    let decoded = BASE64.decode(encoded).ok()?;
    let decoded = Zeroizing::new(decoded);
    decoded
        .splitn(2, |b| *b == b':')
        .find(|part| begins_with(part, prefixes))
        .map(readable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: Result<Option<&str>, Code>) {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        let found = PresentedKey::from_headers(&map)
            .map(|key| key.map(|key| key.expose_secret().to_owned()))
            .map_err(|problem| problem.code());
        assert_eq!(
            found,
            expected.map(|key| key.map(str::to_owned)),
            "{headers:?}"
        );
    }

    #[test]
    fn keys_are_found_in_every_place() {
        // printf 'sgk_a:' | base64, and printf 'u:sgk_a' | base64
        check(&[], Ok(None));
        check(&[("x-api-key", "sgk_a")], Ok(Some("sgk_a")));
        check(&[("x-mirapi-key", "sgk_a")], Ok(Some("sgk_a")));
        check(&[("authorization", "bearer sgk_a")], Ok(Some("sgk_a")));
        check(
            &[("proxy-authorization", "Bearer sgk_a")],
            Ok(Some("sgk_a")),
        );
        check(
            &[("proxy-authorization", "Basic c2drX2E6")],
            Ok(Some("sgk_a")),
        );
        check(
            &[("proxy-authorization", "Basic dTpzZ2tfYQ==")],
            Ok(Some("sgk_a")),
        );
    }

    #[test]
    fn tokens_are_found_where_sdks_put_their_key() {
        // printf 'sgt_a:' | base64, and printf 'u:sgt_a' | base64
        for (name, value) in [
            ("x-api-key", "sgt_a"),
            ("authorization", "Bearer sgt_a"),
            ("authorization", "Basic c2d0X2E6"),
            ("authorization", "basic dTpzZ3RfYQ"),
            ("proxy-authorization", "Basic c2d0X2E6"),
            ("api-key", "sgt_a"),
            ("x-goog-api-key", "sgt_a"),
        ] {
            check(&[(name, value)], Ok(Some("sgt_a")));
            check(
                &[(name, value), ("x-mirapi-key", "sgk_a")],
                Err(Code::MalformedRequest),
            );
        }
        check(
            &[("api-key", "an upstream's"), ("x-goog-api-key", "sgk_a")],
            Ok(None),
        );
    }

    #[test]
    fn an_upstream_authorization_is_not_a_key() {
        check(&[("authorization", "Bearer sk_live")], Ok(None));
        check(&[("authorization", "Basic c2drX2E6")], Ok(None));
        check(&[("authorization", "Bearersgk_a")], Ok(None));
        check(
            &[("x-api-key", "sgk_a"), ("authorization", "Bearer other")],
            Ok(Some("sgk_a")),
        );
    }

    #[test]
    fn different_keys_are_refused_and_equal_ones_are_one() {
        check(
            &[("x-api-key", "sgk_a"), ("x-mirapi-key", "sgk_b")],
            Err(Code::MalformedRequest),
        );
        check(
            &[("x-api-key", "sgk_a"), ("authorization", "Bearer sgk_b")],
            Err(Code::MalformedRequest),
        );
        check(
            &[("x-api-key", "sgk_a"), ("x-mirapi-key", "sgk_a")],
            Ok(Some("sgk_a")),
        );
    }

    #[test]
    fn text_that_cannot_be_a_key_is_an_unknown_key() {
        check(&[("x-api-key", "")], Ok(Some("")));
        check(&[("x-api-key", "sgk a")], Ok(Some("")));
        let long = "s".repeat(PRESENTED_KEY_BYTES_MAX + 1);
        check(&[("x-api-key", &long)], Ok(Some("")));
    }

    #[test]
    fn debug_shows_nothing() {
        let map = HeaderMap::from_iter([(X_API_KEY, HeaderValue::from_static("sgk_canary"))]);
        let key = PresentedKey::from_headers(&map).unwrap();
        assert!(!format!("{key:?}").contains("canary"));
    }
}
