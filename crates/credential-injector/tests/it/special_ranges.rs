//! The tables: sorted, well-formed, and right at both edges of every block.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use credential_injector::Host;
use credential_injector::egress::{
    AddressPolicy, IPV4_BLOCKS, IPV6_BLOCKS, METADATA_ADDRESSES, SpecialBlock, Verdict,
    special_block,
};

fn verdict(ip: IpAddr) -> Verdict {
    AddressPolicy::deny_special().judge(&Host::Ip(ip), SocketAddr::new(ip, 443))
}

fn last(block: &SpecialBlock) -> IpAddr {
    match block.first {
        IpAddr::V4(first) => {
            let rest = u32::MAX.checked_shr(block.prefix.into()).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() | rest))
        }
        IpAddr::V6(first) => {
            let rest = u128::MAX.checked_shr(block.prefix.into()).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(first.to_bits() | rest))
        }
    }
}

#[test]
fn tables_are_sorted_and_aligned() {
    for table in [&IPV4_BLOCKS[..], &IPV6_BLOCKS, &METADATA_ADDRESSES] {
        assert!(table.is_sorted_by_key(|row| (row.first, row.prefix)));
        for row in table {
            assert!(!row.name.is_empty() && !row.source.is_empty());
            assert!(
                row.contains(row.first) && row.contains(last(row)),
                "{row:?}"
            );
            let aligned = match row.first {
                IpAddr::V4(ip) => ip.to_bits().checked_shl(row.prefix.into()).unwrap_or(0) == 0,
                IpAddr::V6(ip) => ip.to_bits().checked_shl(row.prefix.into()).unwrap_or(0) == 0,
            };
            assert!(aligned, "{row:?}");
        }
    }
}

#[test]
fn both_inner_edges_of_every_block_are_forbidden() {
    for row in IPV4_BLOCKS
        .iter()
        .chain(&IPV6_BLOCKS)
        .chain(&METADATA_ADDRESSES)
    {
        for edge in [row.first, last(row)] {
            let narrowest = special_block(edge).unwrap();
            assert!(narrowest.prefix >= row.prefix, "{edge}");
            let judged_as_ipv4 = row.name == "IPv4-mapped" || row.name == "IPv4/IPv6 translation";
            match verdict(edge) {
                Verdict::Forbidden(found) if !judged_as_ipv4 => assert_eq!(found, narrowest),
                // 0.0.0.0 and 255.255.255.255 are the embedded edges.
                Verdict::Forbidden(found) => assert!(found.first.is_ipv4(), "{edge}"),
                other => panic!("{edge}: {other:?}"),
            }
        }
    }
}

/// Written by hand from the registries, so that an error in the table shows.
#[test]
fn both_outer_edges_are_public_where_no_other_block_begins() {
    for ip in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.1.255",
        "192.0.3.0",
        "192.31.195.255",
        "192.31.197.0",
        "192.52.192.255",
        "192.52.194.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.175.47.255",
        "192.175.49.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "8.8.8.8",
        "2000::",
        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:200::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2003::",
        "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8001::",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2606:4700:4700::1111",
        "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(verdict(ip.parse().unwrap()), Verdict::Public, "{ip}");
    }
}

#[test]
fn blocks_have_the_names_operators_know() {
    for (ip, name) in [
        ("0.0.0.0", "this host on this network"),
        ("0.255.255.255", "this network"),
        ("10.255.255.255", "private use"),
        ("100.127.255.255", "shared address space (CGNAT)"),
        ("127.0.0.1", "loopback"),
        ("169.254.1.1", "link-local"),
        ("172.31.255.255", "private use"),
        ("192.0.0.255", "IETF protocol assignments"),
        ("192.0.0.7", "IPv4 service continuity prefix"),
        ("192.0.0.171", "NAT64/DNS64 discovery"),
        ("192.168.255.255", "private use"),
        ("198.19.255.255", "benchmarking"),
        ("203.0.113.255", "documentation (TEST-NET-3)"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.0", "reserved"),
        ("255.255.255.254", "reserved"),
        ("255.255.255.255", "limited broadcast"),
        ("169.254.169.254", "metadata service"),
        ("168.63.129.16", "metadata service"),
        ("100.100.100.200", "metadata service"),
        ("192.0.0.192", "metadata service"),
        ("fd00:ec2::254", "metadata service"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::2", "IPv4-compatible, deprecated"),
        ("::127.0.0.1", "IPv4-compatible, deprecated"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "metadata service"),
        ("64:ff9b::10.0.0.1", "private use"),
        ("64:ff9b::a9fe:a9fe", "metadata service"),
        ("64:ff9b:1::8.8.8.8", "local-use IPv4/IPv6 translation"),
        ("64:ff9b:0:0:0:1::", "outside global unicast"),
        ("100::", "discard only"),
        ("100:0:0:2::", "outside global unicast"),
        ("2001::1", "Teredo"),
        ("2001:1ff::", "IETF protocol assignments"),
        ("2002:7f00:1::", "6to4"),
        ("2002:808:808::", "6to4"),
        ("2001:db8::1", "documentation"),
        ("3fff:fff:ffff::", "documentation"),
        ("4000::", "outside global unicast"),
        ("5f00::1", "segment routing SIDs"),
        ("fbff::", "outside global unicast"),
        ("fc00::", "unique local"),
        ("fdff::1", "unique local"),
        ("fe00::", "outside global unicast"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "site-local, deprecated"),
        ("feff::1", "site-local, deprecated"),
        ("ff02::1", "multicast"),
    ] {
        match verdict(ip.parse().unwrap()) {
            Verdict::Forbidden(block) => assert_eq!(block.name, name, "{ip}"),
            other => panic!("{ip}: {other:?}"),
        }
    }
}
