//! Which hosts a credential belongs to.
//!
//! In: text such as `api.example.com`, `api.example.com:8443`, `[2001:db8::1]`,
//! `*.example.com` or, if the operator permits it, `contains:example`. Out: a decision for
//! the host and port of a [`Target`].
//!
//! Promise: a pattern has one canonical text, so it can be bound to a sealed credential;
//! reading that text gives the same pattern back. Wildcards end at a label boundary: nothing
//! that merely looks like the name matches. A pattern without a port matches every port of
//! its host, since that is what "the credential of this host" says; `host:443` pins it.
//! Not here: public suffixes. `*.co.uk` has two labels and is the owner's own decision.

use std::fmt;

use crate::host::parse_host_port;
use crate::{DnsName, Host, HostPatternError, Scheme, Target};

/// The longest pattern text in bytes.
pub const HOST_PATTERN_BYTES_MAX: usize = 320;

/// The shortest text after `contains:` in bytes. Shorter ones match by accident.
pub const CONTAINS_BYTES_MIN: usize = 3;

const CONTAINS: &str = "contains:";

/// The operator's switch for `contains:` patterns, which match by accident as easily as on
/// purpose: `contains:stripe` also matches `stripe.attacker.example`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubstringPatterns {
    /// `contains:` is an error. The default of every installation.
    Refused,
    /// `contains:` is read. Whoever sets this has read the warning.
    AllowedByOperator,
}

/// A set of hosts, as narrow as its text says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Exact { host: Host, port: Option<u16> },
    Below { parent: DnsName, port: Option<u16> },
    Contains { text: Box<str> },
}

/// How narrow a pattern is; greater is narrower.
///
/// An exact host with a port, an exact host, the longest wildcard, any `contains:`. Two
/// `contains:` patterns are equal: a longer text is not a more precise one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    rank: u8,
    labels: usize,
    has_port: bool,
}

impl HostPattern {
    /// Reads an exact host, a host with a port or a wildcard. Never `contains:`.
    ///
    /// # Errors
    ///
    /// [`HostPatternError`] for everything else.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        Self::parse_with(text, SubstringPatterns::Refused)
    }

    /// As [`HostPattern::parse`], and `contains:text` if the operator's switch is on.
    ///
    /// # Errors
    ///
    /// [`HostPatternError`].
    pub fn parse_with(text: &str, switch: SubstringPatterns) -> Result<Self, HostPatternError> {
        if text.len() > HOST_PATTERN_BYTES_MAX {
            return Err(HostPatternError::TooLong);
        }
        if let Some(part) = text.strip_prefix(CONTAINS) {
            return match switch {
                SubstringPatterns::Refused => Err(HostPatternError::ContainsNotEnabled),
                SubstringPatterns::AllowedByOperator => parse_contains(part),
            };
        }
        if text.contains("://") || text.contains(['@', '?', '#', '\\']) {
            return Err(HostPatternError::NotAHost);
        }
        if let Some((front, _)) = text.split_once('/') {
            let range = parse_host_port(front).is_ok_and(|(h, _)| h.dns_name().is_none())
                || front.contains("::");
            return Err(if range {
                HostPatternError::AddressRange
            } else {
                HostPatternError::NotAHost
            });
        }
        match text.strip_prefix("*.") {
            Some(parent) => parse_wildcard(parent),
            None if text == "*" => Err(HostPatternError::WildcardTooBroad),
            None if text.contains('*') => Err(HostPatternError::MisplacedWildcard),
            None => {
                let (host, port) = parse_host_port(text)?;
                Ok(Self(Kind::Exact { host, port }))
            }
        }
    }

    /// Whether a host and port belong to the pattern.
    pub fn matches(&self, host: &Host, port: u16) -> bool {
        match (&self.0, host) {
            (
                Kind::Exact {
                    host: own,
                    port: pinned,
                },
                host,
            ) => own == host && pinned.is_none_or(|own| own == port),
            (
                Kind::Below {
                    parent,
                    port: pinned,
                },
                Host::Dns(name),
            ) => name.is_below(parent) && pinned.is_none_or(|own| own == port),
            (Kind::Contains { text }, Host::Dns(name)) => name.as_str().contains(&**text),
            // Wildcards and substrings speak of names. An address has no labels.
            (Kind::Below { .. } | Kind::Contains { .. }, Host::Ip(_)) => false,
        }
    }

    /// Whether a target belongs to the pattern.
    pub fn matches_target(&self, target: &Target) -> bool {
        self.matches(target.host(), target.port())
    }

    /// Whether a credential with this pattern may travel to a target: one that belongs to it, over
    /// TLS. In the clear only where the pattern pins a port that is not the one of HTTPS: who
    /// wrote that port down meant the service there, and not whatever listens on the host.
    pub fn lets_credentials_go_to(&self, target: &Target) -> bool {
        let permitted = match target.scheme() {
            Scheme::Https => true,
            Scheme::Http => self
                .port()
                .is_some_and(|pinned| pinned != Scheme::Https.default_port()),
        };
        permitted && self.matches_target(target)
    }

    fn port(&self) -> Option<u16> {
        match self.0 {
            Kind::Exact { port, .. } | Kind::Below { port, .. } => port,
            Kind::Contains { .. } => None,
        }
    }

    /// Whether every host and port of this pattern belongs to `wider` too.
    pub fn is_within(&self, wider: &Self) -> bool {
        let port_within = |own: &Option<u16>, wider: &Option<u16>| wider.is_none() || own == wider;
        match (&self.0, &wider.0) {
            (
                Kind::Exact { host, port },
                Kind::Exact {
                    host: other,
                    port: wide,
                },
            ) => host == other && port_within(port, wide),
            (
                Kind::Exact {
                    host: Host::Dns(name),
                    port,
                },
                Kind::Below { parent, port: wide },
            ) => name.is_below(parent) && port_within(port, wide),
            (
                Kind::Below { parent, port },
                Kind::Below {
                    parent: above,
                    port: wide,
                },
            ) => (parent == above || parent.is_below(above)) && port_within(port, wide),
            (
                Kind::Exact {
                    host: Host::Dns(name),
                    ..
                },
                Kind::Contains { text },
            ) => name.as_str().contains(&**text),
            (Kind::Below { parent, .. }, Kind::Contains { text }) => {
                parent.as_str().contains(&**text)
            }
            (Kind::Contains { text: own }, Kind::Contains { text }) => own.contains(&**text),
            _ => false,
        }
    }

    /// Whether this is a `contains:` pattern, which needs the operator's switch.
    pub fn is_substring(&self) -> bool {
        matches!(self.0, Kind::Contains { .. })
    }

    /// How narrow the pattern is.
    pub fn specificity(&self) -> Specificity {
        match &self.0 {
            Kind::Exact { port, .. } => Specificity {
                rank: 2,
                labels: 0,
                has_port: port.is_some(),
            },
            Kind::Below { parent, port } => Specificity {
                rank: 1,
                labels: parent.label_count(),
                has_port: port.is_some(),
            },
            Kind::Contains { .. } => Specificity {
                rank: 0,
                labels: 0,
                has_port: false,
            },
        }
    }
}

/// The canonical text, from which [`HostPattern::parse_with`] makes the same pattern again.
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = match &self.0 {
            Kind::Exact { host, port } => {
                f.write_str(&host.to_authority())?;
                port
            }
            Kind::Below { parent, port } => {
                write!(f, "*.{parent}")?;
                port
            }
            Kind::Contains { text } => return write!(f, "{CONTAINS}{text}"),
        };
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn parse_wildcard(parent: &str) -> Result<HostPattern, HostPatternError> {
    if parent.contains('*') {
        return Err(HostPatternError::MisplacedWildcard);
    }
    let numeric =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if numeric(parent.split(':').next().unwrap_or(parent)) {
        return Err(HostPatternError::AddressRange);
    }
    let (host, port) = parse_host_port(parent)?;
    match host {
        Host::Ip(_) => Err(HostPatternError::AddressRange),
        Host::Dns(name) if name.label_count() < 2 => Err(HostPatternError::WildcardTooBroad),
        Host::Dns(parent) => Ok(HostPattern(Kind::Below { parent, port })),
    }
}

fn parse_contains(text: &str) -> Result<HostPattern, HostPatternError> {
    let text = text.to_ascii_lowercase();
    let readable = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric).count();
    if letters < CONTAINS_BYTES_MIN || !text.bytes().all(readable) {
        return Err(HostPatternError::BadContains);
    }
    Ok(HostPattern(Kind::Contains { text: text.into() }))
}
