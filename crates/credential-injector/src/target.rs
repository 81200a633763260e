//! The one way from outside text to a connection.
//!
//! In: a URL as a client wrote it. Out: a [`Target`] that feeds matching, policy, name
//! resolution, dialling, TLS server name, `Host` and the request line.
//!
//! Promise: the text is read once, strictly, by our own reader, and the result is compared
//! with that of the `url` crate; where the two differ the text is refused, because a third
//! reader might side with the other. Path and query keep every byte that was sent. `Debug`
//! and `Display` leave the query out.
//! Not here: whether the address behind the host may be dialled ([`crate::egress`]).

use std::fmt;

use http::Uri;
use http::header::HeaderValue;
use http::uri::{Authority, PathAndQuery};

use crate::host::parse_host_port;
use crate::{Host, Scheme, SchemePolicy, TargetError};

/// The longest target URL in bytes.
pub const TARGET_BYTES_MAX: usize = 8 * 1024;

/// What a path of the base-URL door begins with.
pub const BASE_URL_PREFIX: &str = "/to/";

/// Where a request goes: scheme, host, port, path and query.
///
/// ```
/// use credential_injector::{SchemePolicy, Target};
///
/// let target = Target::parse("https://API.example.com:443/v1/a%2Fb?key=v", &SchemePolicy::https_only())?;
/// assert_eq!(target.authority(), "api.example.com");
/// assert_eq!(target.path_and_query(), "/v1/a%2Fb?key=v");
/// assert_eq!(target.to_string(), "https://api.example.com/v1/a%2Fb");
/// # Ok::<(), credential_injector::TargetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    scheme: Scheme,
    host: Host,
    port: u16,
    authority: Authority,
    path_and_query: PathAndQuery,
}

impl Target {
    /// Reads an absolute URL, for example the value of `X-Target-URL`.
    ///
    /// # Errors
    ///
    /// [`TargetError`] for everything that is not one unmistakable `https` URL (or `http`
    /// where `policy` permits it): user information, backslashes, white space, control
    /// characters, fragments, odd hosts and ports, and raw characters in path or query that
    /// RFC 3986 wants encoded. Nothing is repaired.
    pub fn parse(text: &str, policy: &SchemePolicy) -> Result<Self, TargetError> {
        check_text(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(TargetError::NotAbsolute)?;
        let scheme = Scheme::read(scheme).ok_or(TargetError::UnknownScheme)?;
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(authority_end);
        Self::from_parts(scheme, authority, path_and_query, policy)
    }

    /// Puts a target together from a door that names its parts, such as `/to/{host[:port]}/{path}`.
    ///
    /// `authority` is `host[:port]`; `path_and_query` is empty or begins with `/` or `?`.
    ///
    /// # Errors
    ///
    /// As [`Target::parse`].
    pub fn from_parts(
        scheme: Scheme,
        authority: &str,
        path_and_query: &str,
        policy: &SchemePolicy,
    ) -> Result<Self, TargetError> {
        check_text(authority)?;
        check_text(path_and_query)?;
        if authority.contains('@') {
            return Err(TargetError::UserInfo);
        }
        let (host, port) = parse_host_port(authority)?;
        let port = port.unwrap_or(scheme.default_port());
        let target = Self {
            authority: canonical_authority(scheme, &host, port)?,
            path_and_query: parse_path_and_query(path_and_query)?,
            scheme,
            host,
            port,
        };
        target.cross_check(authority, path_and_query)?;
        if !policy.permits(scheme, &target.host, port) {
            return Err(TargetError::HttpNotPermitted);
        }
        Ok(target)
    }

    /// Reads path and query of a request to the base-URL door: [`BASE_URL_PREFIX`], then
    /// `host[:port]`, then path and query as they are sent. Nobody wrote a scheme: the policy
    /// chooses it, see [`SchemePolicy::scheme_of`].
    ///
    /// # Errors
    ///
    /// As [`Target::parse`].
    pub fn parse_base_url(
        path_and_query: &str,
        policy: &SchemePolicy,
    ) -> Result<Self, TargetError> {
        let rest = path_and_query
            .strip_prefix(BASE_URL_PREFIX)
            .ok_or(TargetError::NotAbsolute)?;
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(authority_end);
        check_text(authority)?;
        let (host, port) = parse_host_port(authority)?;
        let scheme = policy.scheme_of(&host, port);
        Self::from_parts(scheme, authority, path_and_query, policy)
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host that is resolved, dialled and named to TLS.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port that is dialled, the scheme's default if none was written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host[:port]` as it stands in `Host` and `:authority`: the default port left out,
    /// IPv6 in one pair of brackets.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The value of `Host`.
    pub fn host_header(&self) -> HeaderValue {
        HeaderValue::from_str(self.authority.as_str())
            .expect("an authority is printable ASCII, checked when it was made")
    }

    /// `scheme://host[:port]`, which names the origin (RFC 6454) and nothing else.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Scheme and authority, cheap to clone and to hash: the key of whatever is kept per origin.
    pub fn origin_key(&self) -> (Scheme, Authority) {
        (self.scheme, self.authority.clone())
    }

    /// The name for TLS server name indication; `None` for an address (RFC 6066, section 3).
    pub fn sni_name(&self) -> Option<&str> {
        self.host.dns_name().map(crate::DnsName::as_str)
    }

    /// The path, beginning with `/`, byte for byte as it was sent.
    pub fn path(&self) -> &str {
        self.path_and_query.path()
    }

    /// Path and query, byte for byte as they were sent. The query may carry secrets: send it
    /// upstream, show it to nobody.
    pub fn path_and_query(&self) -> &str {
        self.path_and_query.as_str()
    }

    /// The absolute form, `https://host/path?query`.
    pub fn uri(&self) -> Uri {
        self.uri_at(self.path_and_query.clone())
    }

    /// The absolute form with another path and query, as [`crate::Outbound`] makes them.
    pub fn uri_at(&self, path_and_query: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(match self.scheme {
            Scheme::Https => http::uri::Scheme::HTTPS,
            Scheme::Http => http::uri::Scheme::HTTP,
        });
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path_and_query);
        Uri::from_parts(parts).expect("scheme, authority and path are all present")
    }

    pub(crate) fn parsed_path_and_query(&self) -> &PathAndQuery {
        &self.path_and_query
    }

    /// Refuses what the `url` crate reads differently. `authority` and `path_and_query` are
    /// the text as it came, so that this is a second reading and not a reading of our result.
    fn cross_check(&self, authority: &str, path_and_query: &str) -> Result<(), TargetError> {
        let text = format!("{}://{authority}{path_and_query}", self.scheme);
        if text.len() > TARGET_BYTES_MAX {
            return Err(TargetError::TooLong);
        }
        let theirs = url::Url::parse(&text).map_err(|_| TargetError::Ambiguous)?;
        let same_host = match (theirs.host(), &self.host) {
            (Some(url::Host::Domain(theirs)), Host::Dns(ours)) => theirs == ours.as_str(),
            (Some(url::Host::Ipv4(theirs)), Host::Ip(ours)) => *ours == theirs,
            (Some(url::Host::Ipv6(theirs)), Host::Ip(ours)) => *ours == theirs,
            _ => false,
        };
        let agreed = same_host
            && theirs.scheme() == self.scheme.as_str()
            && theirs.port_or_known_default() == Some(self.port)
            && theirs.username().is_empty()
            && theirs.password().is_none()
            && theirs.fragment().is_none()
            && self.authority.host() == self.host.to_authority()
            && self
                .authority
                .port_u16()
                .unwrap_or(self.scheme.default_port())
                == self.port;
        if agreed {
            Ok(())
        } else {
            Err(TargetError::Ambiguous)
        }
    }
}

/// Scheme, host, port and path. Never the query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path())
    }
}

/// As [`fmt::Display`].
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// Refuses what has no place anywhere in a URL.
fn check_text(text: &str) -> Result<(), TargetError> {
    if text.len() > TARGET_BYTES_MAX {
        return Err(TargetError::TooLong);
    }
    for c in text.chars() {
        match c {
            '\\' => return Err(TargetError::Backslash),
            '#' => return Err(TargetError::Fragment),
            c if c.is_whitespace() || c.is_control() => {
                return Err(TargetError::WhitespaceOrControl);
            }
            _ => {}
        }
    }
    Ok(())
}

fn canonical_authority(scheme: Scheme, host: &Host, port: u16) -> Result<Authority, TargetError> {
    let mut text = host.to_authority();
    if port != scheme.default_port() {
        text.push_str(&format!(":{port}"));
    }
    Authority::try_from(text).map_err(|_| TargetError::Ambiguous)
}

/// Takes path and query over unchanged; only a missing path becomes `/` (RFC 9110, section 4.2.3).
fn parse_path_and_query(text: &str) -> Result<PathAndQuery, TargetError> {
    if !text.is_ascii() {
        return Err(TargetError::PathCharacter);
    }
    let full = match text.as_bytes().first() {
        Some(b'/') => text.to_owned(),
        Some(b'?') | None => format!("/{text}"),
        Some(_) => return Err(TargetError::PathCharacter),
    };
    let parsed = PathAndQuery::try_from(full.as_str()).map_err(|_| TargetError::PathCharacter)?;
    if parsed.as_str() == full {
        Ok(parsed)
    } else {
        Err(TargetError::PathCharacter)
    }
}
