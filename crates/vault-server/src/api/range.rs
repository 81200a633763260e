//! One byte range of an answer (RFC 9110 section 14).
//!
//! In: `Range` and `If-Range`, the length and the entity tag of what would be sent. Out: which
//! part to send. What is malformed, of another unit, several ranges or a tag that does not match
//! asks for the whole, as the standard allows; a range outside is refused.

use http::HeaderMap;
use http::header::{self, HeaderValue};

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranged {
    /// All of it.
    Whole,
    /// The bytes from `first` up to `end`, which is not among them.
    Part {
        /// The first byte.
        first: u64,
        /// One behind the last byte.
        end: u64,
    },
    /// The range is not within the length.
    Unsatisfiable,
}

/// The part that a request asks for of something with `length` bytes and the strong tag `tag`.
#[must_use]
pub fn asked(headers: &HeaderMap, length: u64, tag: &HeaderValue) -> Ranged {
    let mut lines = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (lines.next(), lines.next()) else {
        return Ranged::Whole;
    };
    let mut conditions = headers.get_all(header::IF_RANGE).iter();
    match (conditions.next(), conditions.next()) {
        (None, _) => {}
        // Compared strongly: a weak tag and a date are never equal to it.
        (Some(condition), None) if condition == tag => {}
        _ => return Ranged::Whole,
    }
    range
        .to_str()
        .ok()
        .and_then(|text| one_range(text, length))
        .unwrap_or(Ranged::Whole)
}

/// `bytes=first-last`, `bytes=first-` or `bytes=-suffix`; `None` for anything else.
fn one_range(text: &str, length: u64) -> Option<Ranged> {
    let (unit, set) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim_matches([' ', '\t']).split_once('-')?;
    if first.is_empty() {
        let wanted = position(last)?.min(length);
        return Some(if wanted == 0 {
            Ranged::Unsatisfiable
        } else {
            Ranged::Part {
                first: length - wanted,
                end: length,
            }
        });
    }
    let first = position(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        position(last)?
    };
    if last < first {
        return None;
    }
    if first >= length {
        return Some(Ranged::Unsatisfiable);
    }
    let end = last.saturating_add(1).min(length);
    Some(Ranged::Part { first, end })
}

/// Digits alone; what is larger than any length counts as the largest.
fn position(digits: &str) -> Option<u64> {
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ranged::{Part, Unsatisfiable, Whole};

    fn of(range: &'static str, length: u64) -> Ranged {
        let range = HeaderValue::from_static(range);
        let headers = HeaderMap::from_iter([(header::RANGE, range)]);
        asked(&headers, length, &HeaderValue::from_static("\"1\""))
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (range, length, expected) in [
            ("bytes=0-0", 10, Part { first: 0, end: 1 }),
            ("bytes=0-499", 10, Part { first: 0, end: 10 }),
            ("bytes=9-", 10, Part { first: 9, end: 10 }),
            ("Bytes= 2-3 ", 10, Part { first: 2, end: 4 }),
            ("bytes=-3", 10, Part { first: 7, end: 10 }),
            ("bytes=-30", 10, Part { first: 0, end: 10 }),
            (
                "bytes=0-18446744073709551615",
                10,
                Part { first: 0, end: 10 },
            ),
            (
                "bytes=0-99999999999999999999999",
                10,
                Part { first: 0, end: 10 },
            ),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-1", 0, Unsatisfiable),
            ("bytes=3-2", 10, Whole),
            ("bytes=0-1,3-4", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=1-2x", 10, Whole),
            ("lines=1-2", 10, Whole),
            ("1-2", 10, Whole),
        ] {
            assert_eq!(of(range, length), expected, "{range} of {length}");
        }
    }

    #[test]
    fn a_condition_that_does_not_match_asks_for_the_whole() {
        let tag = HeaderValue::from_static("\"7\"");
        for (condition, part) in [
            ("\"7\"", true),
            ("W/\"7\"", false),
            ("\"8\"", false),
            ("7", false),
            ("Fri, 15 Jan 2027 08:00:00 GMT", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
            headers.insert(header::IF_RANGE, HeaderValue::from_static(condition));
            let expected = if part {
                Part { first: 0, end: 2 }
            } else {
                Whole
            };
            assert_eq!(asked(&headers, 10, &tag), expected, "{condition}");
        }
        let lines = ["bytes=0-1", "bytes=2-3"].map(HeaderValue::from_static);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::RANGE, line);
        }
        assert_eq!(asked(&headers, 10, &tag), Whole);
    }
}
