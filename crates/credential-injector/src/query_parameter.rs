//! A query parameter that carries a credential.
//!
//! In: a name, a rendered value, the query of a target. Out: the query with the value in it.
//!
//! Promise: the client's own parameters of that name are gone, in every percent-encoded
//! spelling; all other bytes of path and query stay as they were; the value is percent-encoded,
//! in a buffer that is wiped. Not here: parameters behind `;`, which today's standards (URL,
//! section 5.1) do not read as a separator.

use std::fmt;

use bytes::Bytes;
use http::uri::PathAndQuery;
use zeroize::Zeroizing;

use crate::InjectError;

/// The longest name in bytes.
pub const QUERY_PARAMETER_BYTES_MAX: usize = 64;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The name of a query parameter: letters, digits and `-._~` (RFC 3986, section 2.3), so that
/// it has one spelling. Upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueryParameter(Box<str>);

impl QueryParameter {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`InjectError::ForbiddenParameter`] for an empty, a long or an unusual one.
    pub fn parse(name: &str) -> Result<Self, InjectError> {
        let fits = (1..=QUERY_PARAMETER_BYTES_MAX).contains(&name.len());
        if fits && name.bytes().all(is_unreserved) {
            Ok(Self(name.into()))
        } else {
            Err(InjectError::ForbiddenParameter)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Puts the encoded `value` in the place of the client's own parameter, or at the end.
    pub(crate) fn put(
        &self,
        path_and_query: &PathAndQuery,
        value: &[u8],
    ) -> Result<PathAndQuery, InjectError> {
        let own = path_and_query.as_str().len();
        // Sized beforehand: a buffer that grows leaves its old, unwiped bytes behind.
        let mut text = Zeroizing::new(Vec::with_capacity(own + self.0.len() + value.len() + 3));
        text.extend_from_slice(path_and_query.path().as_bytes());
        let pieces = path_and_query.query().filter(|query| !query.is_empty());
        let (mut separator, mut is_put) = (b'?', false);
        for piece in pieces.into_iter().flat_map(|query| query.split('&')) {
            let is_own = self.names(piece);
            if is_own && is_put {
                continue;
            }
            text.push(separator);
            separator = b'&';
            if is_own {
                self.write(&mut text, value);
                is_put = true;
            } else {
                text.extend_from_slice(piece.as_bytes());
            }
        }
        if !is_put {
            text.push(separator);
            self.write(&mut text, value);
        }
        // `Bytes` keeps the wiping buffer itself instead of a copy of it.
        PathAndQuery::from_maybe_shared(Bytes::from_owner(text))
            .map_err(|_| InjectError::ValueTooLong)
    }

    fn write(&self, text: &mut Vec<u8>, value: &[u8]) {
        text.extend_from_slice(self.0.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value);
    }

    /// Whether a query has this parameter, however its name is spelt. `;` separates as well: some
    /// servers read it so.
    pub fn stands_in(&self, query: &str) -> bool {
        query.split(['&', ';']).any(|piece| self.names(piece))
    }

    /// Whether a piece of a query is this parameter, however its name is spelt.
    fn names(&self, piece: &str) -> bool {
        let name = piece.split('=').next().unwrap_or_default();
        Decoded(name.as_bytes()).eq(self.0.bytes())
    }
}

/// The name.
impl fmt::Display for QueryParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Percent-encodes a value, in a buffer that is wiped.
pub(crate) fn encode(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut encoded = Zeroizing::new(Vec::with_capacity(3 * value.len()));
    for byte in value {
        if is_unreserved(*byte) {
            encoded.push(*byte);
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            encoded.extend_from_slice(&[b'%', HEX[high], HEX[low]]);
        }
    }
    encoded
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The bytes of percent-encoded text; a stray `%` stands for itself.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let digit = |at: usize| (*self.0.get(at)? as char).to_digit(16);
        let (byte, used) = match (self.0.first()?, digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => (u8::try_from(16 * high + low).ok()?, 3),
            (byte, ..) => (*byte, 1),
        };
        self.0 = &self.0[used..];
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_takes_the_place_of_the_clients_own_and_nothing_else_changes() {
        let check = |before: &'static str, expected: &str| {
            let name = QueryParameter::parse("api_key").unwrap();
            let found = name.put(&PathAndQuery::from_static(before), &encode(b"a b&/"));
            assert_eq!(found.unwrap().as_str(), expected, "{before}");
        };
        check("/", "/?api_key=a%20b%26%2F");
        check("/x?", "/x?api_key=a%20b%26%2F");
        check("/x%2F?a=%2f&&b", "/x%2F?a=%2f&&b&api_key=a%20b%26%2F");
        check("/?a=1&api_key=own&b=2", "/?a=1&api_key=a%20b%26%2F&b=2");
        check("/?api_key&b&api%5Fkey=own", "/?api_key=a%20b%26%2F&b");
        check("/?%61pi_key=1", "/?api_key=a%20b%26%2F");
        check(
            "/?API_KEY=1&xapi_key=2&api_key2=3&%zzapi_key",
            "/?API_KEY=1&xapi_key=2&api_key2=3&%zzapi_key&api_key=a%20b%26%2F",
        );
    }

    #[test]
    fn names_have_one_spelling() {
        for refused in [
            "",
            "a b",
            "a&b",
            "a=b",
            "%61",
            "é",
            "a[]",
            "a#",
            &"x".repeat(65),
        ] {
            assert!(QueryParameter::parse(refused).is_err(), "{refused}");
        }
        assert!(QueryParameter::parse("api-key.v1_~").is_ok());
    }
}
