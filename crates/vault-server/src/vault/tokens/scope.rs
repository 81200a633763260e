//! What a token may do.
//!
//! In: the texts of a request, or stored bytes. Out: a [`TokenScope`] that answers for names,
//! credentials, and targets with their method. What it does not name stays shut.
//!
//! Hosts, methods and paths are asked together, before anything is decrypted. The credential's
//! own host pattern is asked as well: a token narrows where a credential goes, and never widens
//! it. Without hosts of its own a token keeps to the patterns that its credentials had when it
//! was made.

use credential_injector::{HostPattern, PathPrefix, PathSegments, SubstringPatterns, Target};
use hardened_crypto::token::ScopeHash;
use http::Method;
use vault_store::RecordId;
use vault_store::limits::SCOPE_BYTES_MAX;

use super::fields::{Fields, put_list};
use super::{TOKEN_CREDENTIALS_MAX, TOKEN_LIST_MAX};
use crate::vault::error::{Invalid, VaultError};
use crate::vault::value_name::{VALUE_NAME_BYTES_MAX, is_printable};

/// The stored form that is read and written.
const FORM: u8 = 1;
/// Bytes of the name of a method.
const METHOD_BYTES_MAX: usize = 32;

/// A scope as a request says it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScopeTexts<'a> {
    /// Which credentials may be injected.
    pub credentials: &'a [RecordId],
    /// Prefixes of the names of values that may be read.
    pub kv: &'a [String],
    /// Patterns of targets; empty for those of the credentials.
    pub hosts: &'a [String],
    /// Methods of requests to targets; empty for all.
    pub methods: &'a [String],
    /// Prefixes of the paths of targets; empty for all.
    pub paths: &'a [String],
}

/// A checked scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenScope {
    credentials: Vec<RecordId>,
    kv: Vec<String>,
    hosts: Vec<HostPattern>,
    methods: Vec<Method>,
    paths: Vec<PathPrefix>,
}

impl TokenScope {
    /// Checks what was asked for.
    ///
    /// # Errors
    /// `Invalid`: nothing granted, hosts, methods or paths without a credential, too many entries,
    /// or an entry that is none.
    pub fn new(texts: ScopeTexts<'_>) -> Result<Self, VaultError> {
        let hosts = Self::read_hosts(texts.hosts, SubstringPatterns::Refused)?;
        let scope = Self::checked(texts, hosts).ok_or(Invalid::TokenScope)?;
        let grants = !scope.credentials.is_empty() || !scope.kv.is_empty();
        let narrows =
            !(scope.hosts.is_empty() && scope.methods.is_empty() && scope.paths.is_empty());
        if grants && !(narrows && scope.credentials.is_empty()) {
            Ok(scope)
        } else {
            Err(Invalid::TokenScope.into())
        }
    }

    /// The same, kept to these hosts unless it has some of its own.
    ///
    /// # Errors
    /// `Invalid` when it is more than can be stored.
    pub(super) fn with_default_hosts(
        mut self,
        patterns: Vec<HostPattern>,
    ) -> Result<Self, VaultError> {
        if self.hosts.is_empty() {
            for pattern in patterns {
                push_new(&mut self.hosts, pattern);
            }
        }
        let fits = self.to_bytes().len() <= SCOPE_BYTES_MAX;
        fits.then_some(self).ok_or(Invalid::TokenScope.into())
    }

    /// Reads a stored scope.
    ///
    /// # Errors
    /// `Tampered` for everything that [`TokenScope::to_bytes`] does not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        const REFUSED: VaultError = VaultError::Tampered("the scope of a token");
        let scope = Self::read(bytes).ok_or(REFUSED)?;
        if scope.to_bytes() == bytes {
            Ok(scope)
        } else {
            Err(REFUSED)
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > SCOPE_BYTES_MAX {
            return None;
        }
        let mut fields = Fields(bytes);
        if fields.array()? != [FORM] {
            return None;
        }
        let count = fields.count().filter(|n| *n <= TOKEN_CREDENTIALS_MAX)?;
        let ids = (0..count).map(|_| fields.bytes()?.try_into().ok().map(RecordId::from_bytes));
        let credentials: Vec<RecordId> = ids.collect::<Option<_>>()?;
        let kv = fields.texts(TOKEN_LIST_MAX)?;
        let hosts = fields.texts(TOKEN_LIST_MAX)?;
        let methods = fields.texts(TOKEN_LIST_MAX)?;
        let paths = fields.texts(TOKEN_LIST_MAX)?;
        if !fields.0.is_empty() {
            return None;
        }
        // What a credential had with the operator's leave may stand in a stored scope.
        let allowed = SubstringPatterns::AllowedByOperator;
        let hosts = Self::read_hosts(&hosts, allowed).ok()?;
        let texts = ScopeTexts {
            credentials: &credentials,
            kv: &kv,
            hosts: &[],
            methods: &methods,
            paths: &paths,
        };
        Self::checked(texts, hosts)
    }

    fn read_hosts(
        texts: &[String],
        switch: SubstringPatterns,
    ) -> Result<Vec<HostPattern>, VaultError> {
        if texts.len() > TOKEN_LIST_MAX {
            return Err(Invalid::TokenScope.into());
        }
        let mut hosts = Vec::with_capacity(texts.len());
        for text in texts {
            let pattern = HostPattern::parse_with(text, switch);
            push_new(&mut hosts, pattern.map_err(|_| Invalid::HostPattern)?);
        }
        Ok(hosts)
    }

    /// Every list but the hosts, checked.
    fn checked(texts: ScopeTexts<'_>, hosts: Vec<HostPattern>) -> Option<Self> {
        if texts.credentials.len() > TOKEN_CREDENTIALS_MAX {
            return None;
        }
        let mut credentials = Vec::with_capacity(texts.credentials.len());
        for id in texts.credentials {
            push_new(&mut credentials, *id);
        }
        Some(Self {
            credentials,
            kv: list(texts.kv, |text| is_prefix(text).then(|| text.to_owned()))?,
            hosts,
            methods: list(texts.methods, read_method)?,
            paths: list(texts.paths, |text| PathPrefix::parse(text).ok())?,
        })
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![FORM];
        let texts = |texts: Vec<String>, out: &mut Vec<u8>| {
            put_list(out, texts.iter().map(String::as_bytes));
        };
        let ids = self.credentials.iter();
        put_list(&mut out, ids.map(|id| id.as_bytes().as_slice()));
        put_list(&mut out, self.kv.iter().map(String::as_bytes));
        texts(self.host_texts(), &mut out);
        texts(self.method_texts(), &mut out);
        texts(self.path_texts(), &mut out);
        out
    }

    /// What the boxes of the token are bound to.
    pub(super) fn hash(&self) -> ScopeHash {
        ScopeHash::of(&self.to_bytes())
    }

    /// Which credentials may be injected.
    #[must_use]
    pub fn credentials(&self) -> &[RecordId] {
        &self.credentials
    }

    /// Prefixes of the names of values that may be read.
    #[must_use]
    pub fn kv(&self) -> &[String] {
        &self.kv
    }

    /// Canonical texts of the patterns of targets.
    #[must_use]
    pub fn host_texts(&self) -> Vec<String> {
        self.hosts.iter().map(ToString::to_string).collect()
    }

    /// Methods of requests to targets; empty for all.
    #[must_use]
    pub fn method_texts(&self) -> Vec<String> {
        self.methods.iter().map(ToString::to_string).collect()
    }

    /// Prefixes of the paths of targets; empty for all.
    #[must_use]
    pub fn path_texts(&self) -> Vec<String> {
        self.paths.iter().map(ToString::to_string).collect()
    }

    /// Whether the value of this name may be read.
    #[must_use]
    pub fn permits_name(&self, name: &str) -> bool {
        self.kv
            .iter()
            .any(|prefix| name.starts_with(prefix.as_str()))
    }

    /// Whether a request with this method may be sent to this target.
    #[must_use]
    pub fn permits_target(&self, method: &Method, target: &Target) -> bool {
        let hosts = self.hosts.iter();
        let host = hosts.into_iter().any(|own| own.matches_target(target));
        host && self.permits_method(method) && self.permits_path(target.path())
    }

    fn permits_method(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    fn permits_path(&self, path: &str) -> bool {
        if self.paths.is_empty() {
            return true;
        }
        let path = PathSegments::read(path);
        path.is_some_and(|path| self.paths.iter().any(|prefix| prefix.covers(&path)))
    }
}

/// A bounded list without repetitions; `None` if an entry is none.
fn list<T: PartialEq>(texts: &[String], read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    if texts.len() > TOKEN_LIST_MAX {
        return None;
    }
    let mut entries = Vec::with_capacity(texts.len());
    for text in texts {
        push_new(&mut entries, read(text)?);
    }
    Some(entries)
}

fn push_new<T: PartialEq>(entries: &mut Vec<T>, entry: T) {
    if !entries.contains(&entry) {
        entries.push(entry);
    }
}

fn is_prefix(text: &str) -> bool {
    (1..=VALUE_NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(is_printable)
}

/// A method in capitals, as the registered ones are: methods are compared in their case.
fn read_method(text: &str) -> Option<Method> {
    let capitals = text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    let fits = (1..=METHOD_BYTES_MAX).contains(&text.len());
    Method::from_bytes(text.as_bytes())
        .ok()
        .filter(|_| capitals && fits)
}

#[cfg(test)]
mod tests;
