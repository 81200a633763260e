//! Exceptions to the address policy: what they let through, and nothing beside it.

use std::net::{IpAddr, SocketAddr};

use credential_injector::egress::{
    ALLOW_ENTRIES_MAX, AddressPolicy, AllowEntry, AllowEntryError, Verdict,
};

use crate::support::target;

fn policy(entries: &[&str]) -> AddressPolicy {
    entries
        .iter()
        .fold(AddressPolicy::deny_special(), |policy, entry| {
            policy.allow(entry.parse().unwrap()).unwrap()
        })
}

fn permits(policy: &AddressPolicy, url: &str, ip: &str) -> bool {
    let target = target(url);
    let ip: IpAddr = ip.parse().unwrap();
    policy
        .judge(target.host(), SocketAddr::new(ip, target.port()))
        .permits()
}

#[test]
fn entries_admit_their_block_and_host_alone() {
    for (entry, url, ip, expected) in [
        ("10.1.0.0/16", "https://any.example", "10.1.255.255", true),
        ("10.1.0.0/16", "https://any.example", "10.2.0.0", false),
        (
            "10.1.0.0/16",
            "https://any.example",
            "::ffff:10.1.0.1",
            true,
        ),
        (
            "10.1.0.0/16",
            "https://any.example",
            "::ffff:10.2.0.1",
            false,
        ),
        ("10.1.2.3", "https://any.example", "10.1.2.3", true),
        ("10.1.2.3", "https://any.example", "10.1.2.4", false),
        ("fd00::/8", "https://any.example", "fd12::1", true),
        ("fd00::/8", "https://any.example", "fc00::1", false),
        (
            "api.internal=10.0.0.0/8",
            "https://api.internal",
            "10.9.9.9",
            true,
        ),
        (
            "api.internal=10.0.0.0/8",
            "https://api.internal:8443",
            "10.9.9.9",
            true,
        ),
        (
            "api.internal=10.0.0.0/8",
            "https://other.internal",
            "10.9.9.9",
            false,
        ),
        (
            "api.internal:8443=10.0.0.0/8",
            "https://api.internal:8443",
            "10.9.9.9",
            true,
        ),
        (
            "api.internal:8443=10.0.0.0/8",
            "https://api.internal",
            "10.9.9.9",
            false,
        ),
        (
            "*.corp.example=10.0.0.0/8",
            "https://a.corp.example",
            "10.9.9.9",
            true,
        ),
        (
            "*.corp.example=10.0.0.0/8",
            "https://corp.example.evil.example",
            "10.9.9.9",
            false,
        ),
        ("10.1.2.3=10.0.0.0/8", "https://10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3=10.0.0.0/8", "https://10.1.2.4", "10.1.2.4", false),
        // A range never includes a metadata service, the address itself does.
        ("169.254.0.0/16", "https://any.example", "169.254.1.1", true),
        (
            "169.254.0.0/16",
            "https://any.example",
            "169.254.169.254",
            false,
        ),
        (
            "169.254.0.0/16",
            "https://any.example",
            "::ffff:169.254.169.254",
            false,
        ),
        ("0.0.0.0/0", "https://any.example", "168.63.129.16", false),
        ("fd00::/8", "https://any.example", "fd00:ec2::254", false),
        (
            "169.254.169.254/32",
            "https://any.example",
            "169.254.169.254",
            true,
        ),
        (
            "fd00:ec2::254",
            "https://any.example",
            "fd00:ec2::254",
            true,
        ),
    ] {
        assert_eq!(
            permits(&policy(&[entry]), url, ip),
            expected,
            "{entry} {url} {ip}"
        );
    }
}

#[test]
fn loopback_for_development_is_loopback_alone() {
    let policy = AddressPolicy::deny_special().allow_loopback();
    for (ip, expected) in [
        ("127.0.0.1", true),
        ("127.255.255.255", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("0.0.0.0", false),
        ("::", false),
        ("10.0.0.1", false),
        ("169.254.169.254", false),
        ("::127.0.0.1", false),
        ("2002:7f00:1::", false),
        ("fe80::1", false),
    ] {
        assert_eq!(
            permits(&policy, "https://any.example", ip),
            expected,
            "{ip}"
        );
    }
}

#[test]
fn a_public_address_needs_no_entry_and_says_so() {
    let ip = "8.8.8.8:443".parse().unwrap();
    let target = target("https://any.example");
    assert_eq!(
        policy(&["10.0.0.0/8"]).judge(target.host(), ip),
        Verdict::Public
    );
    let private = "10.0.0.1:443".parse().unwrap();
    assert_eq!(
        policy(&["10.0.0.0/8"]).judge(target.host(), private),
        Verdict::Allowed
    );
}

#[test]
fn entries_read_and_write_alike_or_are_refused() {
    for text in [
        "10.0.0.0/8",
        "fd00::/8",
        "api.internal:8443=10.1.2.3/32",
        "*.corp.example=::1/128",
    ] {
        assert_eq!(text.parse::<AllowEntry>().unwrap().to_string(), text);
    }
    use AllowEntryError as E;
    for (text, reason) in [
        ("", E::NotABlock),
        ("10.0.0.0/", E::NotABlock),
        ("10.0.0/8", E::NotABlock),
        ("10.0.0.0/+8", E::NotABlock),
        ("010.0.0.0/8", E::NotABlock),
        ("example.com", E::NotABlock),
        ("10.0.0.0/33", E::PrefixTooLong),
        ("10.0.0.0/999", E::PrefixTooLong),
        ("fd00::/129", E::PrefixTooLong),
        ("10.0.0.1/8", E::HostBitsSet),
        ("fd00::1/8", E::HostBitsSet),
        ("::ffff:10.0.0.0/104", E::EmbeddedIpv4),
        ("=10.0.0.0/8", E::BadHost),
        ("*=10.0.0.0/8", E::BadHost),
        ("https://a=10.0.0.0/8", E::BadHost),
    ] {
        assert_eq!(text.parse::<AllowEntry>(), Err(reason), "{text}");
    }
}

#[test]
fn the_list_is_bounded() {
    let entry: AllowEntry = "10.0.0.0/8".parse().unwrap();
    let mut policy = AddressPolicy::deny_special();
    for _ in 0..ALLOW_ENTRIES_MAX {
        policy = policy.allow(entry.clone()).unwrap();
    }
    assert_eq!(policy.allow(entry).err(), Some(AllowEntryError::TooMany));
}
