//! The shape of an injected header value.
//!
//! In: text with one placeholder, `Bearer {{secret}}` or `Basic {{secret|base64}}`. Out: the
//! value with the secret in its place, in a buffer that is wiped when the last user lets go.
//!
//! Promise: exactly one placeholder, printable ASCII around it, and no control character of
//! a secret gets through. Not here: which header it goes into ([`crate::Injection`]).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretSlice};
use zeroize::Zeroizing;

use crate::{INJECTED_SECRET_BYTES_MAX, InjectError, TemplateError};

/// The longest template in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 256;

const RAW: &str = "{{secret}}";
const BASE64: &str = "{{secret|base64}}";

/// A header value with a gap for the secret.
///
/// Its text is canonical, so it can be bound to a sealed credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    before: Box<str>,
    encoding: Encoding,
    after: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Encoding {
    Raw,
    Base64,
}

impl Encoding {
    const fn placeholder(self) -> &'static str {
        match self {
            Self::Raw => RAW,
            Self::Base64 => BASE64,
        }
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// [`TemplateError`]: not exactly one placeholder, characters outside printable ASCII,
    /// or space at an end.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError::TooLong);
        }
        if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(TemplateError::ForbiddenCharacter);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(TemplateError::EdgeSpace);
        }
        let found = [Encoding::Raw, Encoding::Base64]
            .into_iter()
            .find_map(|encoding| Some((encoding, text.split_once(encoding.placeholder())?)));
        let Some((encoding, (before, after))) = found else {
            return Err(match text.contains("{{") {
                true => TemplateError::BadPlaceholder,
                false => TemplateError::NoPlaceholder,
            });
        };
        if [before, after]
            .iter()
            .any(|part| part.contains("{{") || part.contains("}}"))
        {
            return Err(TemplateError::BadPlaceholder);
        }
        Ok(Self {
            before: before.into(),
            encoding,
            after: after.into(),
        })
    }

    /// `Bearer {{secret}}` (RFC 6750).
    pub fn bearer() -> Self {
        Self {
            before: "Bearer ".into(),
            encoding: Encoding::Raw,
            after: "".into(),
        }
    }

    /// `Basic {{secret|base64}}`, where the secret is `user:password` (RFC 7617).
    pub fn basic() -> Self {
        Self {
            before: "Basic ".into(),
            encoding: Encoding::Base64,
            after: "".into(),
        }
    }

    /// `{{secret}}`: the secret is the whole value.
    pub fn verbatim() -> Self {
        Self {
            before: "".into(),
            encoding: Encoding::Raw,
            after: "".into(),
        }
    }

    /// Puts the secret in its place and marks the value as sensitive.
    pub(crate) fn render(&self, secret: &SecretSlice<u8>) -> Result<HeaderValue, InjectError> {
        // Expose: the header takes plain bytes; every copy made below is wiped on drop.
        self.render_bytes(secret.expose_secret())
    }

    /// As [`Template::render`], for bytes that another header already holds.
    pub(crate) fn render_bytes(&self, secret: &[u8]) -> Result<HeaderValue, InjectError> {
        check_secret(secret)?;
        if self.encoding == Encoding::Raw && self.exposes_edge_space(secret) {
            return Err(InjectError::EdgeSpace);
        }
        let encoded_len = 4 * secret.len().div_ceil(3);
        // Sized beforehand: a buffer that grows leaves its old, unwiped bytes behind.
        let mut value = Zeroizing::new(Vec::with_capacity(
            self.before.len() + encoded_len + self.after.len(),
        ));
        value.extend_from_slice(self.before.as_bytes());
        match self.encoding {
            Encoding::Raw => value.extend_from_slice(secret),
            Encoding::Base64 => {
                let start = value.len();
                value.resize(start + encoded_len, 0);
                let written = STANDARD.encode_slice(secret, &mut value[start..]);
                debug_assert_eq!(written.ok(), Some(encoded_len));
            }
        }
        value.extend_from_slice(self.after.as_bytes());
        // `Bytes` keeps the wiping buffer itself instead of a copy of it.
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value))
            .map_err(|_| InjectError::ControlCharacter)?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn exposes_edge_space(&self, secret: &[u8]) -> bool {
        (self.before.is_empty() && secret.first() == Some(&b' '))
            || (self.after.is_empty() && secret.last() == Some(&b' '))
    }
}

/// The text that was parsed.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}",
            self.before,
            self.encoding.placeholder(),
            self.after
        )
    }
}

fn check_secret(secret: &[u8]) -> Result<(), InjectError> {
    if secret.is_empty() {
        return Err(InjectError::EmptyValue);
    }
    if secret.len() > INJECTED_SECRET_BYTES_MAX {
        return Err(InjectError::ValueTooLong);
    }
    // Basic credentials have no control characters either (RFC 7617, section 2).
    if secret.iter().any(u8::is_ascii_control) {
        return Err(InjectError::ControlCharacter);
    }
    Ok(())
}
