//! Which addresses may be dialled.
//!
//! In: an operator's exceptions, then a host with one of its addresses. Out: a [`Verdict`]
//! with the name of the block that speaks against it.
//!
//! Promise: without exceptions no address of a special-purpose block passes. An IPv4 address
//! embedded in IPv6 (mapped, NAT64) is judged as the IPv4 address that is reached through
//! it; 6to4, Teredo, IPv4-compatible and local-use NAT64 are refused as a whole. A metadata
//! service passes only by an entry for exactly its address.
//! Not here: ports beyond an entry's own. Any port of a public host may be dialled.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::SpecialBlock;
use super::special_ranges::{metadata_service, special_block};
use crate::{Host, HostPattern};

/// The most exceptions a policy holds.
pub const ALLOW_ENTRIES_MAX: usize = 1024;

/// What the policy says about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// An ordinary public address.
    Public,
    /// A special one that the operator allowed.
    Allowed,
    /// Not to be dialled.
    Forbidden(&'static SpecialBlock),
}

impl Verdict {
    /// Whether the address may be dialled.
    pub fn permits(self) -> bool {
        !matches!(self, Self::Forbidden(_))
    }
}

/// A reason why text is not an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllowEntryError {
    /// Not an address, or not `address/prefix`.
    #[error("not an address or a CIDR block")]
    NotABlock,
    /// A prefix longer than the address.
    #[error("the prefix is longer than the address")]
    PrefixTooLong,
    /// `10.0.0.1/8`: bits behind the prefix, so the writer meant something else.
    #[error("the address has bits set behind its prefix")]
    HostBitsSet,
    /// An IPv4 address in IPv6 clothes; it is judged as IPv4 and so must be written.
    #[error("write an embedded IPv4 address as IPv4")]
    EmbeddedIpv4,
    /// The host before `=` was refused.
    #[error("the host of the entry is not a host pattern")]
    BadHost,
    /// More than [`ALLOW_ENTRIES_MAX`] entries.
    #[error("too many allow-list entries")]
    TooMany,
}

/// A block of addresses, `10.1.0.0/16` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    first: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// A block from its first address and prefix length.
    ///
    /// # Errors
    ///
    /// [`AllowEntryError`] if the prefix does not fit the address.
    pub fn new(first: IpAddr, prefix: u8) -> Result<Self, AllowEntryError> {
        let (bits, width) = match first {
            IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 32),
            IpAddr::V6(ip) => (ip.to_bits(), 128),
        };
        if prefix > width {
            return Err(AllowEntryError::PrefixTooLong);
        }
        if bits.checked_shl(u32::from(prefix)).unwrap_or(0) != 0 {
            return Err(AllowEntryError::HostBitsSet);
        }
        if matches!(first, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some()) {
            return Err(AllowEntryError::EmbeddedIpv4);
        }
        Ok(Self { first, prefix })
    }

    /// Whether an address lies in the block. Families are never mixed.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.as_block().contains(address)
    }

    fn is_exactly(&self, address: IpAddr) -> bool {
        self.first == address && self.prefix == if address.is_ipv4() { 32 } else { 128 }
    }

    /// The arithmetic of the tables serves here too.
    const fn as_block(&self) -> SpecialBlock {
        SpecialBlock {
            first: self.first,
            prefix: self.prefix,
            name: "",
            source: "",
        }
    }
}

impl FromStr for Cidr {
    type Err = AllowEntryError;

    /// Reads `address/prefix` or a single address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| AllowEntryError::NotABlock)?;
        let prefix = match prefix {
            None if first.is_ipv4() => 32,
            None => 128,
            Some(p) if !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) => {
                p.parse().map_err(|_| AllowEntryError::PrefixTooLong)?
            }
            Some(_) => return Err(AllowEntryError::NotABlock),
        };
        Self::new(first, prefix)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// An operator's exception: a block for every host, or for the hosts of one pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowEntry {
    cidr: Cidr,
    host: Option<HostPattern>,
}

impl AllowEntry {
    /// A block for every target.
    pub fn for_any_host(cidr: Cidr) -> Self {
        Self { cidr, host: None }
    }

    /// A block for targets that match `host` alone, port included if the pattern has one.
    pub fn for_host(cidr: Cidr, host: HostPattern) -> Self {
        Self {
            cidr,
            host: Some(host),
        }
    }

    fn admits(&self, host: &Host, address: IpAddr, port: u16) -> bool {
        let block = match metadata_service(address) {
            Some(_) => self.cidr.is_exactly(address),
            None => self.cidr.contains(address),
        };
        block
            && self
                .host
                .as_ref()
                .is_none_or(|pattern| pattern.matches(host, port))
    }
}

impl FromStr for AllowEntry {
    type Err = AllowEntryError;

    /// Reads `10.0.0.0/8`, `api.internal=10.0.0.0/8` or `api.internal:8443=10.1.2.3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            None => text.parse().map(Self::for_any_host),
            Some((host, cidr)) => {
                let host = HostPattern::parse(host).map_err(|_| AllowEntryError::BadHost)?;
                cidr.parse().map(|cidr| Self::for_host(cidr, host))
            }
        }
    }
}

impl fmt::Display for AllowEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{host}={}", self.cidr),
            None => self.cidr.fmt(f),
        }
    }
}

/// The rules. The default forbids every special block.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    entries: Vec<AllowEntry>,
    loopback: bool,
}

impl AddressPolicy {
    /// Forbids every special block.
    pub fn deny_special() -> Self {
        Self::default()
    }

    /// Adds an exception.
    ///
    /// # Errors
    ///
    /// [`AllowEntryError::TooMany`] beyond [`ALLOW_ENTRIES_MAX`].
    pub fn allow(mut self, entry: AllowEntry) -> Result<Self, AllowEntryError> {
        if self.entries.len() >= ALLOW_ENTRIES_MAX {
            return Err(AllowEntryError::TooMany);
        }
        self.entries.push(entry);
        Ok(self)
    }

    /// Permits 127.0.0.0/8 and ::1, for development.
    #[must_use]
    pub fn allow_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Judges one address of a host.
    pub fn judge(&self, host: &Host, address: SocketAddr) -> Verdict {
        let ip = reached_address(address.ip());
        let Some(block) = special_block(ip) else {
            return Verdict::Public;
        };
        let listed = self
            .entries
            .iter()
            .any(|entry| entry.admits(host, ip, address.port()));
        if listed || (self.loopback && ip.is_loopback()) {
            return Verdict::Allowed;
        }
        Verdict::Forbidden(block)
    }
}

/// The address that is reached in the end: IPv4 behind a mapped or well-known NAT64 address
/// (RFC 4291, section 2.5.5.2; RFC 6052, section 2.1), otherwise the address itself.
fn reached_address(address: IpAddr) -> IpAddr {
    let IpAddr::V6(ip) = address else {
        return address;
    };
    let bits = ip.to_bits();
    let embedded = matches!(bits >> 32, 0xffff | NAT64_WELL_KNOWN);
    if embedded {
        let [.., a, b, c, d] = bits.to_be_bytes();
        return IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    }
    address
}

/// 64:ff9b::/96 without its last 32 bits.
const NAT64_WELL_KNOWN: u128 = 0x0064_ff9b << 64;
