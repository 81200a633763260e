//! Which paths of an upstream a rule lets through.
//!
//! In: prefixes such as `/v1/charges`, and the path of a [`Target`](crate::Target) as it will be
//! sent. Out: whether the path is the prefix itself or lies below it.
//!
//! Promise: a path passes only if every reader of it, however it decodes and tidies up, comes to
//! the same place below the prefix. So dot segments in any spelling, empty segments, escapes of
//! escapes, broken escapes and control characters never pass a rule; nor do spellings with
//! characters that compatibility normalisation (Unicode Standard Annex 15, form KC) or a best-fit
//! code page turns into a dot, a separator or a percent sign. Nothing is repaired: the
//! path that passed is sent byte for byte. Letters count in their case.
//! Not here: the query, and targets without a rule, whose paths are the caller's own matter.

use std::fmt;

use crate::PathPrefixError;

/// The longest prefix in bytes.
pub const PATH_PREFIX_BYTES_MAX: usize = 1024;

/// A path that can be read in one way only, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSegments(Vec<String>);

impl PathSegments {
    /// Reads a path. `None` for one that two readers could understand differently.
    pub fn read(path: &str) -> Option<Self> {
        let mut segments: Vec<String> = path
            .strip_prefix('/')?
            .split('/')
            .map(read_segment)
            .collect::<Option<_>>()?;
        // What stands behind the last slash may be empty, nothing else.
        if segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        let whole = segments.iter().all(|segment| !segment.is_empty());
        whole.then_some(Self(segments))
    }
}

/// A path and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPrefix {
    text: Box<str>,
    segments: Vec<String>,
}

impl PathPrefix {
    /// Reads a prefix: a path that begins with `/`. A slash at its end means nothing.
    ///
    /// # Errors
    /// [`PathPrefixError`] for a text that is none, and for one that could be read in two ways.
    pub fn parse(text: &str) -> Result<Self, PathPrefixError> {
        if text.len() > PATH_PREFIX_BYTES_MAX {
            return Err(PathPrefixError::TooLong);
        }
        let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'\\');
        if !text.starts_with('/') || !text.bytes().all(plain) {
            return Err(PathPrefixError::NotAPath);
        }
        let PathSegments(segments) = PathSegments::read(text).ok_or(PathPrefixError::Ambiguous)?;
        Ok(Self {
            text: text.into(),
            segments,
        })
    }

    /// Whether a path is this one or lies below it.
    pub fn covers(&self, path: &PathSegments) -> bool {
        path.0.starts_with(&self.segments)
    }
}

/// The text as it was written.
impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn read_segment(segment: &str) -> Option<String> {
    if segment.contains('\\') {
        return None;
    }
    let decoded = String::from_utf8(decode(segment.as_bytes())?).ok()?;
    let folded: String = decoded.chars().filter_map(fold).collect();
    let vanishes = folded.is_empty() && !decoded.is_empty();
    let unclear = vanishes
        || decoded.chars().any(char::is_control)
        || has_escape(&folded)
        || folded.split(['/', '\\']).any(is_dots);
    (!unclear).then_some(decoded)
}

/// What some readers make of a character; `None` for one that they drop. Others stand for
/// themselves: they cannot become part of a dot segment.
fn fold(c: char) -> Option<char> {
    let folded = match c {
        // One to three dots, and stops of other scripts: each is dots to somebody.
        '\u{2024}'..='\u{2026}'
        | '\u{3002}'
        | '\u{fe12}'
        | '\u{fe19}'
        | '\u{fe30}'
        | '\u{fe52}'
        | '\u{ff0e}'
        | '\u{ff61}' => '.',
        // Full-width, fraction, division, big, and the account-of signs with a solidus in them.
        '\u{ff0f}' | '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{2100}' | '\u{2101}'
        | '\u{2105}' | '\u{2106}' => '/',
        '\u{ff3c}' | '\u{fe68}' | '\u{2216}' | '\u{29f5}' | '\u{29f9}' => '\\',
        '\u{ff05}' | '\u{fe6a}' | '\u{2052}' | '\u{66a}' => '%',
        '\u{ff1b}' | '\u{fe54}' | '\u{fe14}' | '\u{37e}' => ';',
        '\u{ff1f}' | '\u{fe56}' | '\u{fe16}' | '\u{2047}'..='\u{2049}' => '?',
        '\u{ff03}' | '\u{fe5f}' => '#',
        // Default-ignorable and format characters.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => return None,
        c if c.is_whitespace() => ' ',
        c => c,
    };
    Some(folded)
}

/// Decodes escapes once (RFC 3986, section 2.1).
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2)?;
        decoded.push(hex(digits[0])? << 4 | hex(digits[1])?);
        rest = behind;
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Whether somebody who decodes once more would find something. Digits of other scripts are digits
/// to those who normalise first.
fn has_escape(text: &str) -> bool {
    let mut pieces = text.split('%').skip(1);
    pieces.any(|behind| {
        let digit = |c: char| c.is_ascii_hexdigit() || !c.is_ascii();
        let mut next = behind.chars();
        let pair = [next.next(), next.next()];
        pair.iter().all(|c| c.is_some_and(digit))
    })
}

/// Whether a piece is a dot segment to somebody: parameters behind `;` are cut off by servlet
/// containers, what is behind `?` and `#` by those who decode first, dots and spaces at the end by
/// file systems.
fn is_dots(piece: &str) -> bool {
    let name = piece.split([';', '?', '#']).next().unwrap_or(piece);
    !name.is_empty() && name.chars().all(|c| c == ' ' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prefix: &str, path: &str, expected: bool) {
        let prefix = PathPrefix::parse(prefix).unwrap();
        let covered = PathSegments::read(path).is_some_and(|path| prefix.covers(&path));
        assert_eq!(covered, expected, "{path} below {prefix}");
    }

    #[test]
    fn the_path_itself_and_what_is_below_it_pass() {
        for path in [
            "/v1/charges",
            "/v1/charges/",
            "/v1/charges/ch_1",
            "/v1/%63harges/ch_1",
            "/v1/charges/a%2Fb",
            "/v1/charges/a;b=1",
            "/v1/charges/a.b/..c/d..",
            "/v1/charges/%C3%A9",
            "/v1/charges/100%25",
        ] {
            check("/v1/charges", path, true);
            check("/v1/charges/", path, true);
        }
        check("/", "/", true);
        check("/", "/anything", true);
        check("/a%2Fb", "/a%2fb/c", true);
    }

    #[test]
    fn nothing_that_leads_elsewhere_passes() {
        for path in [
            "/",
            "/v1",
            "/v1/",
            "/v1/chargesX",
            "/v1/charge",
            "/V1/charges",
            "/v1%2Fcharges",
            "/v1/charges%2Fx",
            "/v1;x/charges",
            "/v1/charges;x",
            "/v1/charges/../payouts",
            "/v1/charges/..",
            "/v1/charges/.",
            "/v1/./charges",
            "/x/../v1/charges",
            "/v1/charges/%2e%2e/payouts",
            "/v1/charges/.%2E/payouts",
            "/v1/charges/%2e/x",
            "/v1/charges/..%2Fpayouts",
            "/v1/charges/a%2F..%2F..%2Fpayouts",
            "/v1/charges/a%5C..%5C..%5Cpayouts",
            "/v1/charges/..\\payouts",
            "/v1/charges/..;/payouts",
            "/v1/charges/..;a=b/payouts",
            "/v1/charges/..%3Ba/payouts",
            "/v1/charges/..%20/payouts",
            "/v1/charges/...",
            "/v1/charges/%252e%252e/payouts",
            "/v1/charges/%25%32%65/payouts",
            "/v1/charges//x",
            "//v1/charges",
            "/v1//charges",
            "/v1/charges/%",
            "/v1/charges/%2",
            "/v1/charges/%zz",
            "/v1/charges/%+2",
            "/v1/charges/%00",
            "/v1/charges/%0d%0aX",
            "/v1/charges/%7f",
            "/v1/charges/%c0%ae%c0%ae/payouts",
            "/v1/charges/%ff",
            "/v1/charges/%EF%BC%8E%EF%BC%8E/payouts",
            "/v1/charges/a%EF%BC%8F..%EF%BC%8Fpayouts",
            "",
            "v1/charges",
        ] {
            check("/v1/charges", path, false);
        }
    }

    /// Every character with dots alone, a separator or a percent sign in its form KC, and those that
    /// code pages or readers of names take for one.
    #[test]
    fn no_character_that_becomes_a_dot_a_separator_or_an_escape_passes() {
        let escaped = |c: char| -> String {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).bytes();
            bytes.map(|b| format!("%{b:02X}")).collect()
        };
        let refused = |path: String| check("/v1/charges", &path, false);
        let dots =
            "\u{2024}\u{2025}\u{2026}\u{3002}\u{fe12}\u{fe19}\u{fe30}\u{fe52}\u{ff0e}\u{ff61}";
        for dot in dots.chars().map(escaped) {
            refused(format!("/v1/charges/{dot}/payouts"));
            refused(format!("/v1/charges/{dot}{dot}/payouts"));
            refused(format!("/v1/charges/.{dot}/payouts"));
            refused(format!("/v1/charges/%2E{dot}%EF%BC%9Bx/payouts"));
            check("/v1/charges", &format!("/v1/charges/a{dot}b"), true);
        }
        let separators = "\u{ff0f}\u{2044}\u{2215}\u{29f8}\u{ff3c}\u{fe68}\u{2216}\u{29f5}\u{29f9}";
        for separator in separators.chars().map(escaped) {
            refused(format!("/v1/charges/a{separator}..{separator}payouts"));
            refused(format!("/v1/charges/..{separator}payouts"));
            refused(format!("/v1/charges/a{separator}%EF%BC%8E."));
            refused(format!("/v1{separator}charges"));
        }
        // a/c, a/s, c/o, c/u.
        for sign in "\u{2100}\u{2101}\u{2105}\u{2106}".chars().map(escaped) {
            refused(format!("/v1/charges/{sign}/../x"));
            check("/v1/charges", &format!("/v1/charges/{sign}"), true);
        }
        for percent in "%\u{ff05}\u{fe6a}".chars().map(escaped) {
            refused(format!("/v1/charges/{percent}2e{percent}2e/payouts"));
            let two = escaped('\u{ff12}');
            refused(format!("/v1/charges/{percent}{two}e{percent}2E/payouts"));
            check("/v1/charges", &format!("/v1/charges/100{percent}"), true);
        }
        for cut in ";?#\u{ff1b}\u{fe54}\u{37e}\u{ff1f}\u{fe56}\u{2047}\u{ff03}\u{fe5f}".chars() {
            refused(format!("/v1/charges/..{}x/payouts", escaped(cut)));
        }
        for dropped in "\u{ad}\u{200b}\u{200d}\u{2060}\u{feff}\u{fe0f}\u{180e}\u{e0001}".chars() {
            let dropped = escaped(dropped);
            refused(format!("/v1/charges/.{dropped}./payouts"));
            refused(format!("/v1/charges/{dropped}../payouts"));
            check("/v1/charges", &format!("/v1/charges/a{dropped}b"), true);
        }
        for space in "\u{a0}\u{2003}\u{3000}".chars().map(escaped) {
            refused(format!("/v1/charges/..{space}/payouts"));
        }
    }

    #[test]
    fn prefixes_that_could_be_read_in_two_ways_are_refused() {
        for text in [
            "", "v1", "/a/../b", "/a//b", "/a?b", "/a#b", "/a\\b", "/a b", "/%2e", "/%", "/é",
        ] {
            assert!(PathPrefix::parse(text).is_err(), "{text}");
        }
        let long = format!("/{}", "a".repeat(PATH_PREFIX_BYTES_MAX));
        assert!(PathPrefix::parse(&long).is_err());
        assert!(PathPrefix::parse(&long[1..]).is_err());
        assert!(PathPrefix::parse(&long[..PATH_PREFIX_BYTES_MAX]).is_ok());
    }
}
