//! The host of a target: a DNS name or an address, in one spelling only.
//!
//! In: the host part of an authority. Out: a [`Host`] whose text is exactly what is
//! resolved, dialled, sent as TLS server name and written into `Host`.
//!
//! Promise: names are lower-case ASCII without a trailing dot; international names are
//! taken only if their mapping changes nothing but case, so a full-width or dotted-circle
//! look-alike is refused instead of being mapped to another name; a number in the place of
//! a top-level domain is four plain decimal parts or refused. An IPv4-mapped IPv6 address
//! stays IPv6 here, the address policy judges what it embeds.
//! Not here: ports and schemes ([`crate::Target`]).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::HostError;

/// The longest DNS name in bytes, without a trailing dot (RFC 1035, section 2.3.4).
pub const DNS_NAME_BYTES_MAX: usize = 253;

/// The longest host text that is looked at, in bytes: a name in Unicode can be longer than
/// its ASCII form, but not by more than this.
const HOST_TEXT_BYTES_MAX: usize = 4 * DNS_NAME_BYTES_MAX;

/// A DNS name: lower-case ASCII, no trailing dot, at most [`DNS_NAME_BYTES_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsName(Box<str>);

impl DnsName {
    /// Reads a name in ASCII or Unicode.
    ///
    /// # Errors
    ///
    /// [`HostError`] for everything that is not one unmistakable name; a number in the last
    /// label is refused as [`HostError::UnusualIpv4`].
    pub fn parse(text: &str) -> Result<Self, HostError> {
        check_shape(text)?;
        let ascii = Uts46::new()
            .to_ascii(
                text.as_bytes(),
                AsciiDenyList::URL,
                Hyphens::CheckFirstLast,
                DnsLength::Verify,
            )
            .map_err(|_| HostError::BadIdna)?;
        if !ascii.bytes().all(is_name_byte) {
            return Err(HostError::ForbiddenCharacter);
        }
        if !mapping_keeps(text, &ascii) {
            return Err(HostError::BadIdna);
        }
        if ends_in_number(&ascii) {
            return Err(HostError::UnusualIpv4);
        }
        Ok(Self(ascii.into()))
    }

    /// The name, for example `api.example.com`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many labels the name has, at least one.
    pub fn label_count(&self) -> usize {
        self.0.split('.').count()
    }

    /// Whether this name lies below `parent`, at any depth, and is not `parent` itself.
    pub fn is_below(&self, parent: &Self) -> bool {
        self.0
            .strip_suffix(parent.as_str())
            .is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses, with a reason, what the IDNA mapping would refuse or silently repair.
fn check_shape(text: &str) -> Result<(), HostError> {
    if text.is_empty() {
        return Err(HostError::Missing);
    }
    if text.len() > HOST_TEXT_BYTES_MAX || (text.is_ascii() && text.len() > DNS_NAME_BYTES_MAX) {
        return Err(HostError::TooLong);
    }
    if text.contains('%') {
        return Err(HostError::Percent);
    }
    if text
        .bytes()
        .any(|b| b.is_ascii() && !is_name_byte(b.to_ascii_lowercase()))
    {
        return Err(HostError::ForbiddenCharacter);
    }
    if text.len() > 1 && text.ends_with('.') && !text.ends_with("..") {
        return Err(HostError::TrailingDot);
    }
    if text.split('.').any(str::is_empty) {
        return Err(HostError::EmptyLabel);
    }
    if text.is_ascii() && text.split('.').any(|label| label.len() > LABEL_BYTES_MAX) {
        return Err(HostError::TooLong);
    }
    Ok(())
}

/// The longest label in bytes (RFC 1035, section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Letters, digits, hyphen and dot, and the underscore that container networks use.
fn is_name_byte(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_')
}

/// Whether going to ASCII and back gives what was written, case apart.
fn mapping_keeps(text: &str, ascii: &str) -> bool {
    if text.is_ascii() {
        return text.eq_ignore_ascii_case(ascii);
    }
    let (unicode, outcome) = Uts46::new().to_unicode(
        ascii.as_bytes(),
        AsciiDenyList::URL,
        Hyphens::CheckFirstLast,
    );
    // A label written in ASCII comes back in Unicode if it was punycode, so labels are
    // compared one by one with either form.
    outcome.is_ok()
        && text.split('.').count() == ascii.split('.').count()
        && text
            .split('.')
            .zip(ascii.split('.').zip(unicode.split('.')))
            .all(|(written, (ascii, unicode))| {
                if written.is_ascii() {
                    written.eq_ignore_ascii_case(ascii)
                } else {
                    ascii.starts_with("xn--") && written.to_lowercase() == unicode
                }
            })
}

/// Whether readers of URLs take the name for an IPv4 address (WHATWG URL, "ends in a number").
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let hex = last.strip_prefix("0x");
    last.bytes().all(|b| b.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A host: a name to be resolved, or an address to be judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name.
    Dns(DnsName),
    /// An address written as such.
    Ip(IpAddr),
}

impl Host {
    /// Reads the host part of an authority: a name, `192.0.2.1` or `[2001:db8::1]`.
    ///
    /// # Errors
    ///
    /// [`HostError`], see [`DnsName::parse`]; IPv6 needs its brackets and has no zone.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(rest) = text.strip_prefix('[') {
            let inner = rest.strip_suffix(']').ok_or(HostError::BadIpv6)?;
            return parse_ipv6(inner).map(|ip| Self::Ip(IpAddr::V6(ip)));
        }
        // The standard library reads four plain decimal parts and nothing else.
        if let Ok(ip) = Ipv4Addr::from_str(text) {
            return Ok(Self::Ip(IpAddr::V4(ip)));
        }
        DnsName::parse(text).map(Self::Dns)
    }

    /// The name, if it is one.
    pub fn dns_name(&self) -> Option<&DnsName> {
        match self {
            Self::Dns(name) => Some(name),
            Self::Ip(_) => None,
        }
    }

    /// The host as it stands in an authority, IPv6 in one pair of brackets.
    pub(crate) fn to_authority(&self) -> String {
        match self {
            Self::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
            other => other.to_string(),
        }
    }

    /// `localhost` or a loopback address, by name alone.
    pub(crate) fn is_loopback_name(&self) -> bool {
        match self {
            Self::Dns(name) => name.as_str() == "localhost",
            Self::Ip(ip) => ip.to_canonical().is_loopback(),
        }
    }
}

/// The host without brackets, as TLS and resolvers take it.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

fn parse_ipv6(text: &str) -> Result<Ipv6Addr, HostError> {
    if text.contains('%') {
        return Err(HostError::Percent);
    }
    Ipv6Addr::from_str(text).map_err(|_| HostError::BadIpv6)
}

/// Splits `host[:port]` and reads both. The port is `None` when there is no colon.
pub(crate) fn parse_host_port(text: &str) -> Result<(Host, Option<u16>), HostError> {
    let host_end = if text.starts_with('[') {
        text.find(']').map_or(text.len(), |at| at + 1)
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(host_end);
    let port = match rest.strip_prefix(':') {
        Some(digits) => Some(parse_port(digits)?),
        None if rest.is_empty() => None,
        None => return Err(HostError::ForbiddenCharacter),
    };
    Ok((Host::parse(host)?, port))
}

/// Reads 1 to 65535 in decimal digits without sign or leading zero.
fn parse_port(digits: &str) -> Result<u16, HostError> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if !plain {
        return Err(HostError::BadPort);
    }
    digits.parse().map_err(|_| HostError::BadPort)
}
