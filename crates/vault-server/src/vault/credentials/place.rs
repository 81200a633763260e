//! Where a credential may go: host pattern, header or query parameter, template; checked once.

use credential_injector::{
    HostPattern, HostPatternError, INJECTED_SECRET_BYTES_MAX, InjectError, Injection, Slot,
    SubstringPatterns, Template,
};

use crate::vault::Vault;
use crate::vault::error::{Invalid, VaultError};

/// A checked place for a value, with the canonical texts that are sealed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectionPlace {
    pattern: HostPattern,
    injection: Injection,
    template: String,
}

impl InjectionPlace {
    /// Checks the three texts; `slot` is a header name, or `?` and the name of a query parameter.
    /// Whether a `contains:` pattern may be used is not asked here.
    ///
    /// # Errors
    /// `Invalid` with what is wrong.
    pub fn parse(host_pattern: &str, slot: &str, template: &str) -> Result<Self, VaultError> {
        let pattern = parse_pattern(host_pattern).map_err(|_| Invalid::HostPattern)?;
        let parsed = Template::parse(template).map_err(|_| Invalid::Template)?;
        let injection = Slot::parse(slot)
            .and_then(|slot| Injection::into_slot(slot, parsed))
            .map_err(|error| match error {
                InjectError::ForbiddenParameter => Invalid::QueryParameter,
                _ => Invalid::Header,
            })?;
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

    /// The canonical texts: host pattern, slot, template.
    pub(super) fn texts(&self) -> (String, String, String) {
        let slot = self.injection.slot().to_string();
        (self.pattern.to_string(), slot, self.template.clone())
    }
}

/// Reads a stored or a given pattern, of every kind there is.
pub(super) fn parse_pattern(text: &str) -> Result<HostPattern, HostPatternError> {
    HostPattern::parse_with(text, SubstringPatterns::AllowedByOperator)
}

impl Vault {
    /// Whether the operator lets credentials have this pattern.
    pub(super) fn permits(&self, pattern: &HostPattern) -> bool {
        !pattern.is_substring()
            || self.limits.substring_patterns == SubstringPatterns::AllowedByOperator
    }

    /// Refuses a pattern that a new place must not have.
    pub(super) fn check_permitted(&self, place: &InjectionPlace) -> Result<(), VaultError> {
        if self.permits(&place.pattern) {
            Ok(())
        } else {
            Err(VaultError::Invalid(Invalid::ContainsPattern))
        }
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
