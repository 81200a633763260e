//! The name of a value, checked once.

use std::fmt;

use super::error::{Invalid, VaultError};

/// Bytes of a name at most.
pub const VALUE_NAME_BYTES_MAX: usize = vault_store::limits::VALUE_NAME_BYTES_MAX;
/// Names that are addresses of their own.
pub const RESERVED: [&str; 2] = ["shared", "batch-get"];

/// A checked name: 1 to [`VALUE_NAME_BYTES_MAX`] bytes of printable UTF-8, not reserved.
///
/// A slash and dots are just characters: a name is never taken apart. Names are compared byte
/// by byte, without Unicode normalisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueName(String);

impl ValueName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Invalid::ValueName`].
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let fits = (1..=VALUE_NAME_BYTES_MAX).contains(&text.len());
        if fits && text.chars().all(is_printable) && !RESERVED.contains(&text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VaultError::Invalid(Invalid::ValueName))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ValueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks the display name of an organisation or a user: 1 to 512 bytes of printable UTF-8.
pub(crate) fn check_display_name(text: &str) -> Result<(), VaultError> {
    let fits = (1..=vault_store::limits::DISPLAY_NAME_BYTES_MAX).contains(&text.len());
    if fits && text.chars().all(is_printable) {
        Ok(())
    } else {
        Err(VaultError::Invalid(Invalid::DisplayName))
    }
}

/// Whether a character may stand in a name: no control characters, line separators, marks that
/// reorder what a reader sees (Unicode TR 36 section 3.5), or code points that are no characters.
#[must_use]
pub fn is_printable(character: char) -> bool {
    let code = u32::from(character);
    !(character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(character, '\u{fdd0}'..='\u{fdef}')
        || code & 0xfffe == 0xfffe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_nothing_is_taken_apart() {
        let longest = "x".repeat(VALUE_NAME_BYTES_MAX);
        for name in [
            "a",
            "app/db",
            ".",
            "..",
            "../../etc",
            "%2e",
            " ",
            "ключ",
            "🔑",
            "Shared",
            "shared/",
            "batch-get2",
            "versions",
            &longest,
        ] {
            assert_eq!(ValueName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let too_long = "x".repeat(VALUE_NAME_BYTES_MAX + 1);
        for name in [
            "",
            "shared",
            "batch-get",
            "a\nb",
            "a\u{0}",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "\u{202e}gpj",
            "\u{feff}a",
            "\u{fffe}",
            "\u{10ffff}",
            &too_long,
        ] {
            assert_eq!(
                ValueName::parse(name),
                Err(VaultError::Invalid(Invalid::ValueName)),
                "{name:?}"
            );
        }
    }
}
