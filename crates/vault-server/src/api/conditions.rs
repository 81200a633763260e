//! `If-Match`, `If-None-Match` and `ETag` (RFC 9110 sections 8.8.3 and 13.1).
//!
//! The entity tag of a value is its version in quotes. `If-Match` compares strongly, so a weak
//! tag matches nothing; `If-None-Match` compares weakly.

use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

use crate::problem::{Code, Problem};
use crate::vault::values::{Precondition, VersionSet};

/// Reads both conditions of a request.
///
/// # Errors
/// `malformed_request` for a header that is not a list of entity tags.
pub fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    Ok(Precondition {
        matches: versions(headers, &header::IF_MATCH, false)?,
        matches_none: versions(headers, &header::IF_NONE_MATCH, true)?,
    })
}

/// The entity tag of a version.
#[must_use]
pub fn entity_tag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header value")
}

fn versions(
    headers: &HeaderMap,
    name: &HeaderName,
    weak: bool,
) -> Result<Option<VersionSet>, Problem> {
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let mut listed = Vec::new();
    let (mut stars, mut tags) = (0_usize, 0_usize);
    for line in lines {
        let mut rest = line.as_bytes().trim_ascii();
        if rest == b"*" {
            stars += 1;
            continue;
        }
        while !rest.is_empty() {
            let tag;
            (tag, rest) = one_tag(rest).ok_or_else(unreadable)?;
            tags += 1;
            listed.extend(version_of(tag, weak));
        }
    }
    match (stars, tags) {
        (1, 0) => Ok(Some(VersionSet::Any)),
        (0, 1..) => Ok(Some(VersionSet::Listed(listed))),
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Problem {
    Problem::new(
        Code::MalformedRequest,
        "If-Match and If-None-Match hold * or versions in double quotes.",
    )
}

/// An entity tag as it stands in a header.
struct Tag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

/// The first entity tag of a list, and what follows its comma.
fn one_tag(list: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let (weak, quoted) = match list.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, list),
    };
    let opaque = quoted.strip_prefix(b"\"")?;
    let end = opaque.iter().position(|byte| *byte == b'"')?;
    let (opaque, rest) = (&opaque[..end], opaque[end + 1..].trim_ascii_start());
    // etagc of RFC 9110 section 8.8.3.
    if !opaque
        .iter()
        .all(|b| matches!(b, 0x21 | 0x23..=0x7e | 0x80..))
    {
        return None;
    }
    let rest = match rest.strip_prefix(b",") {
        Some(more) => {
            let more = more.trim_ascii_start();
            (!more.is_empty()).then_some(more)?
        }
        None => rest.is_empty().then_some(rest)?,
    };
    Some((Tag { weak, opaque }, rest))
}

/// The version that a tag names, if it can be the tag of one.
fn version_of(tag: Tag<'_>, weak_allowed: bool) -> Option<u64> {
    if tag.weak && !weak_allowed {
        return None;
    }
    let text = std::str::from_utf8(tag.opaque).ok()?;
    let version: u64 = text.parse().ok()?;
    // Exactly one text names one version.
    (version.to_string() == text).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], if_match: Option<VersionSet>, if_none_match: Option<VersionSet>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_str(line).unwrap();
            headers.append(header::IF_MATCH, value.clone());
            headers.append(header::IF_NONE_MATCH, value);
        }
        let read = precondition(&headers).unwrap();
        assert_eq!(read.matches, if_match, "{lines:?}");
        assert_eq!(read.matches_none, if_none_match, "{lines:?}");
    }

    #[test]
    fn lists_of_tags_are_read() {
        use VersionSet::{Any, Listed};
        let both = |versions: &[u64]| Some(Listed(versions.to_vec()));
        check(&[], None, None);
        check(&["*"], Some(Any), Some(Any));
        check(&["\"7\""], both(&[7]), both(&[7]));
        check(&["\"1\", \"2\" ,\"3\""], both(&[1, 2, 3]), both(&[1, 2, 3]));
        check(&["\"1\"", "\"2\""], both(&[1, 2]), both(&[1, 2]));
        check(&["W/\"7\""], both(&[]), both(&[7]));
        check(&["\"other\", \"07\", \"+7\", \"\""], both(&[]), both(&[]));
        check(&["\"a,b\", \"5\""], both(&[5]), both(&[5]));
    }

    #[test]
    fn everything_else_is_refused() {
        for line in [
            "",
            "7",
            "\"7",
            "7\"",
            "w/\"7\"",
            "\"7\" \"8\"",
            "\"7\",",
            ",",
            "*, \"7\"",
            "\"7\", *",
            "\"a b\"",
        ] {
            let value = HeaderValue::from_str(line).unwrap();
            let headers = HeaderMap::from_iter([(header::IF_MATCH, value)]);
            assert!(precondition(&headers).is_err(), "{line:?}");
        }
        let mut headers = HeaderMap::new();
        for line in ["*", "\"7\""] {
            headers.append(header::IF_MATCH, HeaderValue::from_static(line));
        }
        assert!(precondition(&headers).is_err());
        headers.clear();
        headers.append(header::IF_MATCH, HeaderValue::from_static("\"7\""));
        headers.append(header::IF_MATCH, HeaderValue::from_static("*"));
        assert!(precondition(&headers).is_err());
    }

    #[test]
    fn a_tag_that_was_given_out_is_read_again() {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, entity_tag(u64::MAX))]);
        let read = precondition(&headers).unwrap().matches;
        assert_eq!(read, Some(VersionSet::Listed(vec![u64::MAX])));
    }
}
