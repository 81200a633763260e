//! What an API key may do, if that is less than its user may.
//!
//! In: the texts of a request, or the bytes of a stored scope. Out: a [`KeyScope`] that answers
//! for methods, names and targets, and whether one scope lies within another.
//!
//! As soon as names or hosts are given, a key reaches those and nothing else. What a scope does
//! not speak of stays shut: a new kind of call is closed to scoped keys until it is placed here.
//! Names are compared as the text that they are, never taken apart.
//! Not here: which call is of which kind (`api/authorise`), and storing (`api_keys`).

mod methods;

use credential_injector::{HostPattern, Target};
use http::Method;
use serde::{Deserialize, Serialize};

pub use self::methods::Access;
use self::methods::Methods;
use super::error::{Invalid, VaultError};
use super::value_name::{VALUE_NAME_BYTES_MAX, is_printable};

/// Prefixes of names in one scope.
pub const SCOPE_PREFIXES_MAX: usize = 32;
/// Host patterns in one scope.
pub const SCOPE_HOSTS_MAX: usize = 32;
/// Bytes of a stored scope.
pub const SCOPE_BYTES_MAX: usize = vault_store::limits::SCOPE_BYTES_MAX;

/// The stored form that is read and written.
const FORM: u8 = 1;

/// A scope as its texts say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeTexts {
    /// `read`, `write` and methods of HTTP; `None` for all.
    pub methods: Option<Vec<String>>,
    /// Prefixes of the names of values; `None` for all, unless there are hosts.
    pub kv: Option<Vec<String>>,
    /// Patterns of the proxy's targets; `None` for all, unless there are prefixes.
    pub hosts: Option<Vec<String>>,
    /// The proxy and nothing else.
    pub use_only: bool,
}

impl ScopeTexts {
    /// The scope that these texts say; `None` where nothing is kept from the key.
    ///
    /// # Errors
    /// As [`KeyScope::new`].
    pub fn into_scope(self) -> Result<Option<KeyScope>, VaultError> {
        if self == Self::default() {
            Ok(None)
        } else {
            KeyScope::new(self).map(Some)
        }
    }
}

/// A checked scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyScope {
    texts: ScopeTexts,
    methods: Methods,
    hosts: Option<Vec<HostPattern>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    form: u8,
    scope: ScopeTexts,
}

impl KeyScope {
    /// Checks a scope. Host patterns get their canonical text.
    ///
    /// # Errors
    /// `Invalid`: an empty or too long list, a method or pattern that is none, an empty or
    /// unprintable prefix, prefixes together with `use_only`, or more than fits into a row.
    pub fn new(mut texts: ScopeTexts) -> Result<Self, VaultError> {
        const REFUSED: VaultError = VaultError::Invalid(Invalid::Scope);
        let methods = Methods::parse(texts.methods.as_deref()).ok_or(REFUSED)?;
        if let Some(prefixes) = &texts.kv {
            let bounded = (1..=SCOPE_PREFIXES_MAX).contains(&prefixes.len());
            if !bounded || texts.use_only || !prefixes.iter().all(|text| is_prefix(text)) {
                return Err(REFUSED);
            }
        }
        let hosts = texts.hosts.as_deref().map(patterns).transpose()?;
        if let Some(patterns) = &hosts {
            texts.hosts = Some(patterns.iter().map(ToString::to_string).collect());
        }
        let scope = Self {
            texts,
            methods,
            hosts,
        };
        let fits = scope.to_bytes().len() <= SCOPE_BYTES_MAX;
        fits.then_some(scope).ok_or(REFUSED)
    }

    /// Reads a stored scope.
    ///
    /// # Errors
    /// `Tampered` for everything that [`KeyScope::to_bytes`] does not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        const REFUSED: VaultError = VaultError::Tampered("the scope of an API key");
        if bytes.len() > SCOPE_BYTES_MAX {
            return Err(REFUSED);
        }
        let stored: Stored = serde_json::from_slice(bytes).map_err(|_| REFUSED)?;
        if stored.form != FORM {
            return Err(REFUSED);
        }
        Self::new(stored.scope).map_err(|_| REFUSED)
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored {
            form: FORM,
            scope: self.texts.clone(),
        };
        serde_json::to_vec(&stored).expect("texts and numbers are written as JSON")
    }

    /// The canonical texts.
    #[must_use]
    pub fn texts(&self) -> &ScopeTexts {
        &self.texts
    }

    /// Whether a request with this method and effect is permitted, whatever it is about.
    #[must_use]
    pub fn permits_method(&self, access: Access, method: &Method) -> bool {
        self.methods.permits(access, method)
    }

    /// Whether what is neither a value nor a target is open: the key then reaches all that its
    /// user reaches, by the permitted methods.
    #[must_use]
    pub fn opens_account(&self) -> bool {
        !self.texts.use_only && self.texts.kv.is_none() && self.texts.hosts.is_none()
    }

    /// Whether calls that tell only who is calling are open.
    #[must_use]
    pub fn opens_self(&self) -> bool {
        !self.texts.use_only
    }

    /// Whether values of any name, also those that others share, are open.
    #[must_use]
    pub fn opens_every_name(&self) -> bool {
        self.opens_values() && self.texts.kv.is_none()
    }

    /// Whether the value of this name is open.
    #[must_use]
    pub fn permits_name(&self, name: &str) -> bool {
        self.permits_names_below(name)
    }

    /// Whether every value whose name starts with `prefix` is open.
    #[must_use]
    pub fn permits_names_below(&self, prefix: &str) -> bool {
        let within = |own: &Vec<String>| own.iter().any(|own| prefix.starts_with(own.as_str()));
        self.opens_values() && self.texts.kv.as_ref().is_none_or(within)
    }

    /// Whether values of some name are open.
    #[must_use]
    pub fn opens_values(&self) -> bool {
        !self.texts.use_only && (self.texts.kv.is_some() || self.texts.hosts.is_none())
    }

    /// Whether the proxy may send to this target.
    #[must_use]
    pub fn permits_target(&self, target: &Target) -> bool {
        let matches =
            |own: &Vec<HostPattern>| own.iter().any(|pattern| pattern.matches_target(target));
        self.opens_targets() && self.hosts.as_ref().is_none_or(matches)
    }

    fn opens_targets(&self) -> bool {
        self.texts.hosts.is_some() || self.texts.kv.is_none()
    }

    /// Whether this scope permits nothing that `wider` does not.
    #[must_use]
    pub fn is_within(&self, wider: &Self) -> bool {
        self.methods.is_within(&wider.methods)
            && (!self.opens_account() || wider.opens_account())
            && (!self.opens_self() || wider.opens_self())
            && (!self.opens_values() || self.values_within(wider))
            && (!self.opens_targets() || self.targets_within(wider))
    }

    fn values_within(&self, wider: &Self) -> bool {
        match &self.texts.kv {
            None => wider.opens_every_name(),
            Some(own) => own.iter().all(|prefix| wider.permits_names_below(prefix)),
        }
    }

    fn targets_within(&self, wider: &Self) -> bool {
        wider.opens_targets()
            && match (&self.hosts, &wider.hosts) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(own), Some(wider)) => own
                    .iter()
                    .all(|own| wider.iter().any(|wider| own.is_within(wider))),
            }
    }
}

fn is_prefix(text: &str) -> bool {
    (1..=VALUE_NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(is_printable)
}

fn patterns(texts: &[String]) -> Result<Vec<HostPattern>, VaultError> {
    if !(1..=SCOPE_HOSTS_MAX).contains(&texts.len()) {
        return Err(VaultError::Invalid(Invalid::Scope));
    }
    let parsed = texts.iter().map(|text| HostPattern::parse(text));
    parsed
        .collect::<Result<_, _>>()
        .map_err(|_| VaultError::Invalid(Invalid::HostPattern))
}

#[cfg(test)]
mod tests;
