//! Where a credential may go: host pattern, header and template, checked once.

use credential_injector::{HostPattern, INJECTED_SECRET_BYTES_MAX, Injection, Template};
use http::HeaderName;

use crate::vault::error::{Invalid, VaultError};

/// A checked place for a value, with the canonical texts that are sealed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectionPlace {
    pattern: HostPattern,
    injection: Injection,
    template: String,
}

impl InjectionPlace {
    /// Checks the three texts.
    ///
    /// # Errors
    /// `Invalid` with what is wrong.
    pub fn parse(host_pattern: &str, header: &str, template: &str) -> Result<Self, VaultError> {
        let pattern = HostPattern::parse(host_pattern).map_err(|_| Invalid::HostPattern)?;
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| Invalid::Header)?;
        let parsed = Template::parse(template).map_err(|_| Invalid::Template)?;
        let injection = Injection::new(header, parsed).map_err(|_| Invalid::Header)?;
        Ok(Self {
            pattern,
            injection,
            template: template.to_owned(),
        })
    }

    pub(super) fn pattern(&self) -> &HostPattern {
        &self.pattern
    }

    pub(super) fn injection(&self) -> &Injection {
        &self.injection
    }

    /// The canonical texts: host pattern, header in lower case, template.
    pub(super) fn texts(&self) -> (String, String, String) {
        let header = self.injection.header().as_str().to_owned();
        (self.pattern.to_string(), header, self.template.clone())
    }
}

/// Checks that a value can stand in a header: printable, no space at an end, not too long.
pub(super) fn check_value(value: &[u8]) -> Result<(), VaultError> {
    let edge_space = value.first() == Some(&b' ') || value.last() == Some(&b' ');
    let control = value.iter().any(u8::is_ascii_control);
    let fits = (1..=INJECTED_SECRET_BYTES_MAX).contains(&value.len());
    if fits && !edge_space && !control {
        Ok(())
    } else {
        Err(VaultError::Invalid(Invalid::CredentialValue))
    }
}
