//! Every block of addresses that is not an ordinary public host.
//!
//! Source: the IANA IPv4 and IPv6 Special-Purpose Address Registries with the multicast and
//! deprecated blocks beside them, and the metadata addresses that cloud providers document.
//! Ready-made "is this address global" calls miss several of these, so the table is ours.
//!
//! In: an address. Out: the narrowest block it lies in. Promise: both tables are sorted and
//! each row names its source. Not here: exceptions ([`super::AddressPolicy`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A row of the tables.
#[derive(Debug, PartialEq, Eq)]
pub struct SpecialBlock {
    /// The first address of the block.
    pub first: IpAddr,
    /// The prefix length in bits.
    pub prefix: u8,
    /// What the block is for.
    pub name: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

impl SpecialBlock {
    /// Whether an address lies in the block. Families are never mixed.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                let bits = first.to_bits() ^ address.to_bits();
                bits.checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                let bits = first.to_bits() ^ address.to_bits();
                bits.checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

const fn v4(parts: [u8; 4], prefix: u8, name: &'static str, source: &'static str) -> SpecialBlock {
    let [a, b, c, d] = parts;
    SpecialBlock {
        first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        prefix,
        name,
        source,
    }
}

const fn v6(parts: [u16; 8], prefix: u8, name: &'static str, source: &'static str) -> SpecialBlock {
    let [a, b, c, d, e, f, g, h] = parts;
    SpecialBlock {
        first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)),
        prefix,
        name,
        source,
    }
}

/// IPv4, sorted by first address and prefix.
#[rustfmt::skip] // One row, one line.
pub static IPV4_BLOCKS: [SpecialBlock; 27] = [
    v4([0, 0, 0, 0], 8, "this network", "RFC 791, section 3.2"),
    v4([0, 0, 0, 0], 32, "this host on this network", "RFC 1122, section 3.2.1.3"),
    v4([10, 0, 0, 0], 8, "private use", "RFC 1918"),
    v4([100, 64, 0, 0], 10, "shared address space (CGNAT)", "RFC 6598"),
    v4([127, 0, 0, 0], 8, "loopback", "RFC 1122, section 3.2.1.3"),
    v4([169, 254, 0, 0], 16, "link-local", "RFC 3927"),
    v4([172, 16, 0, 0], 12, "private use", "RFC 1918"),
    v4([192, 0, 0, 0], 24, "IETF protocol assignments", "RFC 6890, section 2.1"),
    v4([192, 0, 0, 0], 29, "IPv4 service continuity prefix", "RFC 7335"),
    v4([192, 0, 0, 8], 32, "IPv4 dummy address", "RFC 7600"),
    v4([192, 0, 0, 9], 32, "port control protocol anycast", "RFC 7723"),
    v4([192, 0, 0, 10], 32, "TURN anycast", "RFC 8155"),
    v4([192, 0, 0, 170], 31, "NAT64/DNS64 discovery", "RFC 7050, section 2.2"),
    v4([192, 0, 2, 0], 24, "documentation (TEST-NET-1)", "RFC 5737"),
    v4([192, 31, 196, 0], 24, "AS112-v4", "RFC 7535"),
    v4([192, 52, 193, 0], 24, "automatic multicast tunnelling", "RFC 7450"),
    v4([192, 88, 99, 0], 24, "6to4 relay anycast, deprecated", "RFC 7526"),
    v4([192, 88, 99, 2], 32, "6a44 relay anycast", "RFC 6751"),
    v4([192, 168, 0, 0], 16, "private use", "RFC 1918"),
    v4([192, 175, 48, 0], 24, "direct delegation AS112 service", "RFC 7534"),
    v4([198, 18, 0, 0], 15, "benchmarking", "RFC 2544"),
    v4([198, 51, 100, 0], 24, "documentation (TEST-NET-2)", "RFC 5737"),
    v4([203, 0, 113, 0], 24, "documentation (TEST-NET-3)", "RFC 5737"),
    v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    v4([233, 252, 0, 0], 24, "documentation (MCAST-TEST-NET)", "RFC 6676"),
    v4([240, 0, 0, 0], 4, "reserved", "RFC 1112, section 4"),
    v4([255, 255, 255, 255], 32, "limited broadcast", "RFC 919, section 7"),
];

/// IPv6, sorted by first address and prefix. What the last row leaves over is
/// [`OUTSIDE_GLOBAL_UNICAST`].
#[rustfmt::skip] // One row, one line.
pub static IPV6_BLOCKS: [SpecialBlock; 28] = [
    v6([0; 8], 96, "IPv4-compatible, deprecated", "RFC 4291, section 2.5.5.1"),
    v6([0; 8], 128, "unspecified", "RFC 4291, section 2.5.2"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback", "RFC 4291, section 2.5.3"),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped", "RFC 4291, section 2.5.5.2"),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "IPv4/IPv6 translation", "RFC 6052"),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "local-use IPv4/IPv6 translation", "RFC 8215"),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only", "RFC 6666"),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy prefix", "RFC 9780"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF protocol assignments", "RFC 2928"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "Teredo", "RFC 4380"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, "port control protocol anycast", "RFC 7723"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, "TURN anycast", "RFC 8155"),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, "DNS-SD service registration anycast", "RFC 9665"),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "benchmarking", "RFC 5180"),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "automatic multicast tunnelling", "RFC 7450"),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112-v6", "RFC 7535"),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "ORCHID, deprecated", "RFC 4843"),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2", "RFC 7343"),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "drone remote identification", "RFC 9374"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation", "RFC 3849"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4", "RFC 3056"),
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "direct delegation AS112 service", "RFC 7534"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation", "RFC 9637"),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing SIDs", "RFC 9602"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local", "RFC 4193"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local", "RFC 4291, section 2.5.6"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local, deprecated", "RFC 3879"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast", "RFC 4291, section 2.7"),
];

/// IPv6 of no registry row and outside 2000::/3, which alone is global unicast.
pub static OUTSIDE_GLOBAL_UNICAST: SpecialBlock = v6(
    [0; 8],
    0,
    "outside global unicast",
    "IANA IPv6 Address Space (2000::/3)",
);

/// Metadata and credential services of cloud providers. Some look public; an operator's
/// range never includes them, only an entry for the exact address does.
#[rustfmt::skip] // One row, one line.
pub static METADATA_ADDRESSES: [SpecialBlock; 14] = [
    v4([100, 100, 100, 200], 32, "metadata service", "Alibaba Cloud"),
    v4([168, 63, 129, 16], 32, "metadata service", "Azure, virtual public IP"),
    v4([169, 254, 42, 42], 32, "metadata service", "Scaleway"),
    v4([169, 254, 169, 254], 32, "metadata service", "AWS, Azure, Google Cloud and others"),
    v4([169, 254, 170, 2], 32, "metadata service", "AWS ECS, task credentials"),
    v4([169, 254, 170, 23], 32, "metadata service", "AWS EKS, pod identity"),
    v4([192, 0, 0, 192], 32, "metadata service", "Oracle Cloud, classic instances"),
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128, "metadata service", "Scaleway"),
    v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128, "metadata service", "Oracle Cloud"),
    v6([0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200], 128, "metadata service", "Alibaba Cloud"),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], 128, "metadata service", "AWS EKS, pod identity"),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, "metadata service", "AWS, instance metadata"),
    v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1], 128, "metadata service", "Akamai (Linode)"),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, "metadata service", "Google Cloud"),
];

/// The metadata service at an address, if it is one.
pub(super) fn metadata_service(address: IpAddr) -> Option<&'static SpecialBlock> {
    METADATA_ADDRESSES.iter().find(|row| row.contains(address))
}

/// The narrowest special block an address lies in; `None` for an ordinary public address.
///
/// Metadata services come first. Addresses that embed an IPv4 address are reported as what
/// they are here; [`super::AddressPolicy`] looks inside.
pub fn special_block(address: IpAddr) -> Option<&'static SpecialBlock> {
    let (table, rest): (&[SpecialBlock], _) = match address {
        IpAddr::V4(_) => (&IPV4_BLOCKS, None),
        IpAddr::V6(ip) if ip.segments()[0] >> 13 == 1 => (&IPV6_BLOCKS, None),
        IpAddr::V6(_) => (&IPV6_BLOCKS, Some(&OUTSIDE_GLOBAL_UNICAST)),
    };
    let narrowest = table
        .iter()
        .filter(|row| row.contains(address))
        .max_by_key(|row| row.prefix);
    metadata_service(address).or(narrowest).or(rest)
}
