//! The two schemes of a target, and who may use the unprotected one.
//!
//! In: an operator's list of hosts. Out: a decision per host. Promise: without an entry,
//! only `https` passes. Not here: parsing ([`crate::Target`]).

use std::fmt;

use crate::{Host, HostPattern};

/// How the upstream is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// HTTP in the clear.
    Http,
}

impl Scheme {
    /// `https` or `http`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// 443 or 80.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }

    /// Reads a scheme in any case (RFC 3986, section 3.1); `None` if it is neither of ours.
    pub(crate) fn read(text: &str) -> Option<Self> {
        [Self::Https, Self::Http]
            .into_iter()
            .find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which hosts may be reached in the clear. The default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemePolicy {
    http_hosts: Vec<HostPattern>,
    http_on_loopback: bool,
}

impl SchemePolicy {
    /// `https` for every host, `http` for none.
    pub fn https_only() -> Self {
        Self::default()
    }

    /// Permits `http` for hosts that match `pattern`.
    #[must_use]
    pub fn permit_http(mut self, pattern: HostPattern) -> Self {
        self.http_hosts.push(pattern);
        self
    }

    /// Permits `http` to `localhost` and loopback addresses, for development.
    #[must_use]
    pub fn permit_http_on_loopback(mut self) -> Self {
        self.http_on_loopback = true;
        self
    }

    /// The scheme for a host that is named without one: `http` for the hosts of the list unless
    /// the port is that of `https`, which is the scheme of all others, loopback included.
    pub fn scheme_of(&self, host: &Host, port: Option<u16>) -> Scheme {
        let named = port.unwrap_or(Scheme::Http.default_port());
        let listed = self.http_hosts.iter().any(|p| p.matches(host, named));
        if listed && named != Scheme::Https.default_port() {
            Scheme::Http
        } else {
            Scheme::Https
        }
    }

    /// Whether a host may be spoken to in this scheme.
    pub fn permits(&self, scheme: Scheme, host: &Host, port: u16) -> bool {
        match scheme {
            Scheme::Https => true,
            Scheme::Http => {
                (self.http_on_loopback && host.is_loopback_name())
                    || self.http_hosts.iter().any(|p| p.matches(host, port))
            }
        }
    }
}
