//! Takes user secrets out of headers.
//!
//! In: `X-User-Secret` and `X-New-User-Secret`. Out: [`UserSecret`] and [`NewUserSecret`], as
//! extractors for handlers. Any non-empty bytes are a secret; an absent or empty header is
//! `missing_header`, a repeated one `malformed_request`, since nobody can say which was meant.
//! Not here: what a secret opens.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::HeaderName;
use http::request::Parts;
use secrecy::SecretSlice;

use crate::problem::{Code, Problem};
use crate::proxy::control::X_PROXY_MASTER_KEY;

/// Opens a user's private keys.
pub const X_USER_SECRET: HeaderName = HeaderName::from_static("x-user-secret");
/// The secret that replaces it in a rekey.
pub const X_NEW_USER_SECRET: HeaderName = HeaderName::from_static("x-new-user-secret");

/// The value of `X-User-Secret`.
#[derive(Debug)]
pub struct UserSecret(pub SecretSlice<u8>);

/// The value of `X-New-User-Secret`.
#[derive(Debug)]
pub struct NewUserSecret(pub SecretSlice<u8>);

/// The secret in the header called `name`, if it is there.
///
/// # Errors
/// As [`one_secret`], but for an absent header.
pub fn optional_secret(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<SecretSlice<u8>>, Problem> {
    let given = headers.contains_key(name);
    given.then(|| one_secret(headers, name)).transpose()
}

/// The bytes of the one non-empty header called `name`.
///
/// # Errors
/// `missing_header` when absent or empty, `malformed_request` when repeated.
pub fn one_secret(headers: &HeaderMap, name: &HeaderName) -> Result<SecretSlice<u8>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Problem::new(
            Code::MalformedRequest,
            "A secret header stands in the request more than once.",
        )),
        (Some(value), None) if !value.is_empty() => {
            Ok(SecretSlice::from(value.as_bytes().to_vec()))
        }
        _ if *name == X_NEW_USER_SECRET => Err(Problem::new(
            Code::MissingHeader,
            "This call needs the X-New-User-Secret header.",
        )),
        _ if *name == X_PROXY_MASTER_KEY => Err(Problem::new(
            Code::MissingHeader,
            "This call needs the X-Proxy-Master-Key header.",
        )),
        _ => Err(Problem::new(
            Code::MissingHeader,
            "This call needs the X-User-Secret header.",
        )),
    }
}

impl<S: Sync> FromRequestParts<S> for UserSecret {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        one_secret(&parts.headers, &X_USER_SECRET).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for NewUserSecret {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        one_secret(&parts.headers, &X_NEW_USER_SECRET).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use secrecy::ExposeSecret;

    #[test]
    fn one_non_empty_header_is_a_secret_and_anything_else_is_not() {
        let mut headers = HeaderMap::new();
        let code = |headers: &HeaderMap| {
            one_secret(headers, &X_USER_SECRET)
                .map(drop)
                .map_err(|p| p.code())
        };
        assert_eq!(code(&headers), Err(Code::MissingHeader));
        headers.insert(X_USER_SECRET, HeaderValue::from_static(""));
        assert_eq!(code(&headers), Err(Code::MissingHeader));
        headers.insert(
            X_USER_SECRET,
            HeaderValue::from_bytes(b"\xc3\xa9 x").unwrap(),
        );
        let secret = one_secret(&headers, &X_USER_SECRET).unwrap();
        assert_eq!(secret.expose_secret(), b"\xc3\xa9 x");
        headers.append(X_USER_SECRET, HeaderValue::from_static("again"));
        assert_eq!(code(&headers), Err(Code::MalformedRequest));
    }

    #[test]
    fn debug_shows_nothing() {
        let headers = HeaderMap::from_iter([(X_USER_SECRET, HeaderValue::from_static("canary"))]);
        let secret = UserSecret(one_secret(&headers, &X_USER_SECRET).unwrap());
        let shown = format!("{secret:?}");
        assert!(
            !shown.contains("canary") && !shown.contains("99"),
            "{shown}"
        );
    }
}
