//! Name and type of a file, as they are sealed together.
//!
//! Form: two lengths of 2 bytes each, big-endian, the name, the type, and zeros up to a multiple
//! of [`PADDED_BYTES`], so that the sealed length tells little.

use zeroize::{Zeroize, Zeroizing};

use crate::vault::error::{Invalid, VaultError};
use crate::vault::value_name::is_printable;

/// Bytes of a file's name at most.
pub const FILE_NAME_BYTES_MAX: usize = 1_024;
/// Bytes of a file's media type at most.
pub const CONTENT_TYPE_BYTES_MAX: usize = 255;
/// A label has a multiple of so many bytes.
const PADDED_BYTES: usize = 256;
const LENGTHS_BYTES: usize = 4;

/// A checked name and a checked media type. Wiped when dropped.
#[derive(PartialEq, Eq)]
pub struct FileLabel {
    name: String,
    content_type: String,
}

impl FileLabel {
    /// Checks both. The name is 1 to [`FILE_NAME_BYTES_MAX`] bytes of printable UTF-8 and one
    /// path segment: no slash, no backslash, not `.` or `..`. The type is `type/subtype`, with
    /// parameters if need be, in visible ASCII and spaces.
    ///
    /// # Errors
    /// [`Invalid::FileName`], [`Invalid::ContentType`].
    pub fn new(name: &str, content_type: &str) -> Result<Self, VaultError> {
        let segment = !name.contains(['/', '\\']) && !matches!(name, "." | "..");
        let fits = (1..=FILE_NAME_BYTES_MAX).contains(&name.len());
        if !fits || !segment || !name.chars().all(is_printable) {
            return Err(Invalid::FileName.into());
        }
        if content_type.len() > CONTENT_TYPE_BYTES_MAX || !is_media_type(content_type) {
            return Err(Invalid::ContentType.into());
        }
        Ok(Self {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The media type; fit for a header.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The form that is sealed.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let bytes = LENGTHS_BYTES + self.name.len() + self.content_type.len();
        let padded = bytes.next_multiple_of(PADDED_BYTES);
        let mut form = Zeroizing::new(Vec::with_capacity(padded));
        for text in [&self.name, &self.content_type] {
            let length = u16::try_from(text.len()).expect("both lengths were checked");
            form.extend_from_slice(&length.to_be_bytes());
        }
        form.extend_from_slice(self.name.as_bytes());
        form.extend_from_slice(self.content_type.as_bytes());
        form.resize(padded, 0);
        form
    }

    /// Reads the sealed form; `None` if it is not exactly one that this module writes.
    #[must_use]
    pub fn parse(form: &[u8]) -> Option<Self> {
        let (lengths, texts) = form.split_at_checked(LENGTHS_BYTES)?;
        let name_bytes = usize::from(u16::from_be_bytes([lengths[0], lengths[1]]));
        let type_bytes = usize::from(u16::from_be_bytes([lengths[2], lengths[3]]));
        let (name, rest) = texts.split_at_checked(name_bytes)?;
        let (content_type, _padding) = rest.split_at_checked(type_bytes)?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let label = Self::new(text(name)?, text(content_type)?).ok()?;
        (*label.to_bytes() == form).then_some(label)
    }
}

impl Drop for FileLabel {
    fn drop(&mut self) {
        self.name.zeroize();
        self.content_type.zeroize();
    }
}

/// `type/subtype` of token characters (RFC 9110 section 8.3.1), then anything visible.
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+*'`|~%".contains(&b);
        !part.is_empty() && part.bytes().all(allowed)
    };
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let parts = essence.trim_end().split_once('/');
    parts.is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
        && parameters.bytes().all(|b| matches!(b, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_they_were_written_and_tell_little_of_their_length() {
        for (name, content_type) in [
            ("a", "text/plain"),
            ("Vertrag \u{fc}ber \u{1f511}.pdf", "application/pdf"),
            ("...", "text/plain; charset=\"utf-8\""),
            (&"n".repeat(FILE_NAME_BYTES_MAX), "x/y"),
        ] {
            let label = FileLabel::new(name, content_type).unwrap();
            let form = label.to_bytes();
            assert_eq!(form.len() % PADDED_BYTES, 0);
            let read = FileLabel::parse(&form).unwrap();
            assert_eq!((read.name(), read.content_type()), (name, content_type));
            for end in 0..form.len() {
                assert!(FileLabel::parse(&form[..end]).is_none(), "{end}");
            }
            let mut longer = form.to_vec();
            longer.push(0);
            assert!(FileLabel::parse(&longer).is_none());
        }
    }

    #[test]
    fn what_is_no_name_or_no_type_is_refused() {
        let long = "n".repeat(FILE_NAME_BYTES_MAX + 1);
        for name in ["", ".", "..", "a/b", "a\\b", "a\nb", "\u{202e}x", &long] {
            assert!(FileLabel::new(name, "text/plain").is_err(), "{name:?}");
        }
        let long = format!("text/{}", "x".repeat(CONTENT_TYPE_BYTES_MAX));
        for content_type in [
            "",
            "text",
            "/",
            "text/",
            "/plain",
            "te xt/plain",
            "text/plain\r\nX: y",
            "text/pl\u{e4}in",
            "text/plain; a=\u{7f}",
            &long,
        ] {
            assert!(
                FileLabel::new("a", content_type).is_err(),
                "{content_type:?}"
            );
        }
    }
}
