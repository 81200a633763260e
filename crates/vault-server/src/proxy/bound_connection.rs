//! Tells when an upstream authenticates a connection instead of a request.
//!
//! In: the headers of a request and of its answer. Out: whether the connection may belong to
//! whoever sent the request from now on.
//!
//! NTLM, and `Negotiate` as many servers do it, authenticate the connection (RFC 4559, section 6):
//! whatever comes next on it counts as the same user's. Connections are kept per organisation and
//! origin, so such a one must not carry a colleague's request. A handshake of several steps, which
//! would need its connection kept for one user, is thereby not carried.

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};

/// Schemes that authenticate connections.
const BOUND_SCHEMES: [&str; 2] = ["ntlm", "negotiate"];
/// By which a server says that a connection stays authenticated.
const PERSISTENT_AUTH: HeaderName = HeaderName::from_static("persistent-auth");

/// Whether a request authenticates its connection.
pub(crate) fn is_bound_by_request(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    values.any(|value| names_bound_scheme(value.as_bytes()))
}

/// Whether an answer says that its connection is, or is to be, authenticated.
pub(crate) fn is_bound_by_answer(headers: &HeaderMap) -> bool {
    let challenges = [WWW_AUTHENTICATE, PROXY_AUTHENTICATE];
    headers.contains_key(PERSISTENT_AUTH)
        || challenges.iter().any(|name| {
            let mut values = headers.get_all(name).iter();
            // Several challenges may stand in one value.
            values.any(|value| {
                value
                    .as_bytes()
                    .split(|b| *b == b',')
                    .any(names_bound_scheme)
            })
        })
}

fn names_bound_scheme(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let end = value.iter().position(u8::is_ascii_whitespace);
    let scheme = &value[..end.unwrap_or(value.len())];
    BOUND_SCHEMES
        .iter()
        .any(|bound| scheme.eq_ignore_ascii_case(bound.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn schemes_of_connections_are_known_in_every_spelling() {
        let headers = |name: HeaderName, value: &'static str| {
            HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
        };
        for (value, expected) in [
            ("NTLM TlRMTVNTUAAB", true),
            ("negotiate YII=", true),
            ("Negotiate", true),
            ("Bearer negotiate", false),
            ("NTLMv9 x", false),
            ("", false),
        ] {
            let sent = headers(AUTHORIZATION, value);
            assert_eq!(is_bound_by_request(&sent), expected, "{value}");
            let asked = headers(WWW_AUTHENTICATE, value);
            assert_eq!(is_bound_by_answer(&asked), expected, "{value}");
        }
        let several = headers(WWW_AUTHENTICATE, "Basic realm=\"a\", Negotiate, NTLM");
        assert!(is_bound_by_answer(&several));
        assert!(is_bound_by_answer(&headers(PERSISTENT_AUTH, "true")));
        assert!(!is_bound_by_answer(&HeaderMap::new()));
    }
}
