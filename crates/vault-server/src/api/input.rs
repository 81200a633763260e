//! Reads what a request brings: body, query, names and ids in the path.
//!
//! Promise: every text that is refused is refused with a fixed sentence; the words of the
//! parsers, which may quote input, are dropped here. Unknown fields and parameters, and fields
//! given twice, are refused. Bodies are wiped when they are dropped; what the connection held
//! before is out of reach.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::layers::{CollectedBody, read_body};
use crate::problem::{Code, Problem};
use crate::vault::limits::{LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX};
use crate::vault::value_name::ValueName;

/// A collected body, wiped when dropped.
pub struct SecretBody(CollectedBody);

impl SecretBody {
    /// Collects at most `bytes_max` bytes.
    ///
    /// # Errors
    /// `too_large`, `overloaded`, `request_timeout`, or `malformed_request` for a body that broke off.
    pub async fn read(body: Body, bytes_max: usize) -> Result<Self, Problem> {
        read_body(body, bytes_max).await.map(Self)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Reads a JSON object of one known shape. Nesting is bounded by the parser (128 levels).
///
/// # Errors
/// `malformed_request`.
pub fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    let refused = || {
        Problem::new(
            Code::MalformedRequest,
            "The body is not a JSON document of the fields that this call knows.",
        )
    };
    // The derived readers would take an array for the fields in their order.
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    if bytes.iter().find(|byte| !is_blank(byte)) != Some(&b'{') {
        return Err(refused());
    }
    serde_json::from_slice(bytes).map_err(|_| refused())
}

/// The query parameters of a call.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = || {
            Problem::new(
                Code::MalformedRequest,
                "The query holds a parameter that this call does not know or cannot read.",
            )
        };
        // The library would put replacement characters in place of what is not UTF-8.
        percent_decode(parts.uri.query().unwrap_or_default()).ok_or_else(refused)?;
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(_) => Err(refused()),
        }
    }
}

/// For calls without query parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// How many rows a page of a list shall have.
///
/// # Errors
/// `malformed_request` for 0 and for more than the bound.
pub fn page_limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(LIST_LIMIT_DEFAULT);
    if (1..=LIST_LIMIT_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::new(
            Code::MalformedRequest,
            "limit must be between 1 and 1000.",
        ))
    }
}

/// The name of a value in `/v1/kv/{key}`.
#[derive(Debug)]
pub struct KeyInPath(pub ValueName);

/// What stands in front of a name.
const KV_PREFIX: &str = "/v1/kv/";

impl<S: Sync> FromRequestParts<S> for KeyInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        name_in_path(parts.uri.path()).map(Self)
    }
}

/// The name of a value in a path `/v1/kv/{key}` or below it, decoded once.
///
/// # Errors
/// `malformed_request`.
pub fn name_in_path(path: &str) -> Result<ValueName, Problem> {
    let refused = || Problem::from(crate::vault::error::Invalid::ValueName);
    let path = path.strip_prefix(KV_PREFIX);
    let segment = path.and_then(|rest| rest.split('/').next());
    let name = percent_decode(segment.ok_or_else(refused)?).ok_or_else(refused)?;
    Ok(ValueName::parse(&name)?)
}

/// Decodes a path segment, once (RFC 3986 section 2.1). `None` for a `%` without two
/// hexadecimal digits, and for bytes that are not UTF-8.
#[must_use]
pub fn percent_decode(segment: &str) -> Option<String> {
    let mut escapes = segment.split('%');
    let _before_the_first = escapes.next();
    let whole = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(whole) {
        return None;
    }
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8();
    decoded.ok().map(|text| text.into_owned())
}

/// The id in a path segment, in its usual form with dashes.
///
/// # Errors
/// `malformed_request`.
pub fn id(text: &str) -> Result<Uuid, Problem> {
    const DASHED_CHARS: usize = 36;
    Uuid::try_parse(text)
        .ok()
        .filter(|_| text.len() == DASHED_CHARS)
        .ok_or_else(|| Problem::new(Code::MalformedRequest, "An id must be a UUID."))
}

/// The id in a path segment, decoded once.
///
/// # Errors
/// `malformed_request`.
pub fn id_in_segment(segment: Option<&str>) -> Result<Uuid, Problem> {
    let decoded = segment.and_then(percent_decode);
    id(decoded.as_deref().unwrap_or_default())
}

/// The only variable segment of a path.
#[derive(Debug)]
pub struct IdInPath(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for IdInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        id(text.as_deref().map_or("", |text| text.as_str())).map(Self)
    }
}

/// The two variable segments of a path, both ids.
#[derive(Debug)]
pub struct TwoIdsInPath(pub Uuid, pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for TwoIdsInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let texts = axum::extract::Path::<(String, String)>::from_request_parts(parts, state).await;
        let texts = texts.map(|path| path.0).unwrap_or_default();
        Ok(Self(id(&texts.0)?, id(&texts.1)?))
    }
}

/// For calls that take no body: one that was meant for another call must not go unnoticed.
#[derive(Debug)]
pub struct NoBody;

/// A body that is not wanted is read so far, so that the connection can go on.
const UNWANTED_BODY_BYTES_MAX: usize = 16 * 1024;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let body = read_body(request.into_body(), UNWANTED_BODY_BYTES_MAX).await?;
        if body.as_bytes().is_empty() {
            return Ok(Self);
        }
        Err(Problem::new(
            Code::MalformedRequest,
            "This call takes no body.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_exactly_once() {
        for (segment, name) in [
            ("app%2Fdb", Some("app/db")),
            ("app%2fdb", Some("app/db")),
            ("a%252Fb", Some("a%2Fb")),
            ("..", Some("..")),
            ("%2e%2E", Some("..")),
            ("a+b%20c", Some("a+b c")),
            ("%C3%A9", Some("é")),
            ("%", None),
            ("%2", None),
            ("a%zzb", None),
            ("%%41", None),
            ("%ff", None),
            ("%C3", None),
        ] {
            assert_eq!(percent_decode(segment).as_deref(), name, "{segment}");
        }
    }

    #[test]
    fn parser_words_never_reach_a_problem() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Known {
            #[serde(rename = "a")]
            _a: u8,
        }
        for body in [
            r#"{"canary":1}"#,
            r#"{"a":"canary"}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1} canary"#,
            "[1]",
            " \r\n\t[1]",
            "canary",
            "",
            "\u{feff}{\"a\":1}",
            "{\"a\":1,\"a\\u0000\":1}",
        ] {
            let problem = json::<Known>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::MalformedRequest, "{body}");
            assert!(!format!("{problem:?} {problem}").contains("canary"));
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(json::<serde_json::Value>(deep.as_bytes()).is_err());
        assert!(json::<Known>(b"{\"a\":1}").is_ok());
        assert!(json::<Known>(b" \r\n\t{\"a\":1}").is_ok());
    }

    #[test]
    fn ids_have_one_form() {
        let text = "0190f5fe-7c00-7a00-8000-000000000001";
        assert_eq!(id(text).unwrap().to_string(), text);
        for refused in [
            "",
            "0190f5fe7c007a008000000000000001",
            "{0190f5fe-7c00-7a00-8000-000000000001}",
            "urn:uuid:0190f5fe-7c00-7a00-8000-000000000001",
            "0190f5fe-7c00-7a00-8000-00000000000g",
        ] {
            assert!(id(refused).is_err(), "{refused}");
        }
    }
}
