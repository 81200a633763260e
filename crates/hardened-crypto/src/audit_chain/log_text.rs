//! Text that may stand in a log line: bounded, and unable to look like more than itself.

use crate::error::{Error, Result};
use std::fmt;

/// At most `BYTES_MAX` bytes of UTF-8 without control characters, line or paragraph
/// separators, and marks that change the direction of what follows.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct LogText<const BYTES_MAX: usize>(String);

impl<const BYTES_MAX: usize> LogText<BYTES_MAX> {
    /// Checks a text.
    ///
    /// # Errors
    /// `Policy` when it is too long or holds a character that is refused.
    pub fn new(text: &str) -> Result<Self> {
        if text.len() > BYTES_MAX {
            return Err(Error::policy("a text is too long for the audit log"));
        }
        if !is_plain(text) && text.chars().any(is_refused) {
            return Err(Error::policy("a text has control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes a text fit: refused characters become U+FFFD and what is too long is cut, so
    /// that no request escapes the log by a strange name.
    #[must_use]
    pub fn lossy(text: &str) -> Self {
        if text.len() <= BYTES_MAX && is_plain(text) {
            return Self(text.to_owned());
        }
        let mut fitting = String::with_capacity(text.len().min(BYTES_MAX));
        for character in text.chars() {
            let character = if is_refused(character) {
                char::REPLACEMENT_CHARACTER
            } else {
                character
            };
            if fitting.len() + character.len_utf8() > BYTES_MAX {
                break;
            }
            fitting.push(character);
        }
        Self(fitting)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The usual text of a log, which is looked at by bytes: none of them is refused.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn is_refused(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // Arabic letter mark, left-to-right and right-to-left marks.
            '\u{061c}' | '\u{200e}' | '\u{200f}'
            // Line and paragraph separators.
            | '\u{2028}' | '\u{2029}'
            // Embeddings, overrides and isolates (Unicode Standard Annex 9).
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Byte order mark.
            | '\u{feff}')
}

impl<const BYTES_MAX: usize> fmt::Debug for LogText<BYTES_MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const BYTES_MAX: usize> fmt::Display for LogText<BYTES_MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_line_is_refused() {
        for text in [
            "a\nb",
            "a\r",
            "\t",
            "\0",
            "\u{1b}[31m",
            "\u{7f}",
            "\u{85}",
            "\u{9b}",
            "\u{2028}",
            "\u{2029}",
            "\u{202e}gpj.exe",
            "\u{2066}",
            "\u{200f}",
            "\u{feff}",
        ] {
            assert!(LogText::<64>::new(text).is_err(), "{text:?}");
            let lossy = LogText::<64>::lossy(text);
            assert!(LogText::<64>::new(lossy.as_str()).is_ok(), "{text:?}");
            assert!(lossy.as_str().contains('\u{fffd}'), "{text:?}");
        }
        for text in ["", " ", "app/db", "naïve ключ 鍵 🔑", "a\u{300}"] {
            assert_eq!(LogText::<64>::new(text).unwrap().as_str(), text);
            assert_eq!(LogText::<64>::lossy(text).as_str(), text);
        }
    }

    #[test]
    fn lengths_are_bytes_and_cuts_keep_characters_whole() {
        assert!(LogText::<4>::new("äö").is_ok());
        assert!(LogText::<3>::new("äö").is_err());
        assert_eq!(LogText::<3>::lossy("äö").as_str(), "ä");
        assert_eq!(LogText::<3>::lossy("a\nb").as_str(), "a");
        assert_eq!(LogText::<0>::lossy("a").as_str(), "");
    }
}
