//! A table of hostile targets, generated from the ways in which URLs have been misread.
//!
//! Each row is refused, or it names exactly the host that is then resolved, dialled and
//! written into `Host`; no row reaches a forbidden address, and no row matches a pattern of
//! the name it imitates. Nothing here ever leaves the machine: names resolve to a private
//! address, which the policy must refuse.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use credential_injector::egress::{AddressPolicy, EgressConnector, EgressError};
use credential_injector::{
    Host, HostPattern, Injection, Outbound, SchemePolicy, Selection, SubstringPatterns, Target,
    select,
};

use crate::support::{ScriptedResolver, parse_https, pattern};

/// The least number of different rows.
const ROWS_MIN: usize = 500;

/// What may become of a row.
#[derive(Debug, Clone)]
enum Expected {
    /// Never a target.
    Refused,
    /// A target of this host, which is not the imitated one.
    Names(String),
}

struct Row {
    text: String,
    expected: Expected,
}

fn refused(text: impl Into<String>) -> Row {
    Row {
        text: text.into(),
        expected: Expected::Refused,
    }
}

fn names(text: impl Into<String>, host: impl ToString) -> Row {
    Row {
        text: text.into(),
        expected: Expected::Names(host.to_string()),
    }
}

/// Addresses that nobody may reach through us.
const FORBIDDEN_IPV4: [&str; 14] = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "198.18.0.1",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
];

const FORBIDDEN_IPV6: [&str; 14] = [
    "::",
    "::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "5f00::1",
    "64:ff9b:1::1",
    "2001::1",
    "4000::1",
];

/// Names that a credential may belong to, and their imitations.
const IMITATED: [&str; 4] = [
    "api.stripe.com",
    "api.openai.com",
    "hooks.slack.com",
    "management.azure.com",
];

fn ipv4_spellings(rows: &mut Vec<Row>, ip: Ipv4Addr) {
    let [a, b, c, d] = ip.octets();
    let bits = ip.to_bits();
    let (low24, low16) = (bits & 0x00ff_ffff, bits & 0xffff);
    rows.push(names(format!("https://{ip}/"), ip));
    rows.push(names(format!("https://{ip}:8443/?{ip}"), ip));
    for spelling in [
        format!("{bits}"),
        format!("0x{bits:x}"),
        format!("0X{bits:08X}"),
        format!("0{bits:o}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0x{a:02X}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.0x{d:x}"),
        format!("{a}.{low24}"),
        format!("{a}.{b}.{low16}"),
        format!("0{a:o}.{low24}"),
        format!("{a:04}.{b:04}.{c:04}.{d:04}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{a}.{b}.{c}.{d}.."),
        format!("{a}.{b}.{c}"),
        format!("{a}.{b}.{c}.{d}.0"),
        format!("{}.{b}.{c}.{d}", u32::from(a) + 256),
        format!("{a}。{b}。{c}。{d}"),
        format!("{a}.{b}.{c}%2e{d}"),
        format!("%3{}.{b}.{c}.{d}", a % 10),
        format!("[{a}.{b}.{c}.{d}]"),
        format!("user@{a}.{b}.{c}.{d}"),
        format!("api.stripe.com@{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}\\.stripe.com"),
        format!("{a}.{b}.{c}.{d}#.stripe.com"),
        format!("{a}.{b}.{c}.{d}\u{200b}"),
        format!("{a}.{b}.{c}.{d} "),
        // Digits of other scripts map to ASCII ones.
        ip.to_string().chars().map(full_width).collect(),
        ip.to_string().chars().map(circled).collect(),
    ] {
        let text = format!("https://{spelling}/");
        rows.push(refused(text));
    }
    let mapped = ip.to_ipv6_mapped();
    let compatible = Ipv6Addr::from_bits(u128::from(bits));
    let nat64 = Ipv6Addr::from_bits((0x0064_ff9b << 96) | u128::from(bits));
    let six_to_four = Ipv6Addr::from_bits((0x2002 << 112) | (u128::from(bits) << 80));
    for embedding in [mapped, compatible, nat64, six_to_four] {
        rows.push(names(format!("https://[{embedding}]/"), embedding));
        let full = embedding.segments().map(|s| format!("{s:04X}")).join(":");
        rows.push(names(format!("https://[{full}]:443/"), embedding));
    }
}

fn full_width(c: char) -> char {
    c.to_digit(10)
        .and_then(|d| char::from_u32(0xff10 + d))
        .unwrap_or(c)
}

fn circled(c: char) -> char {
    match c.to_digit(10) {
        Some(0) => '⓪',
        Some(d) => char::from_u32(0x2460 + d - 1).unwrap_or(c),
        None => c,
    }
}

fn ipv6_spellings(rows: &mut Vec<Row>, ip: Ipv6Addr) {
    let full = ip.segments().map(|s| format!("{s:04x}")).join(":");
    rows.push(names(format!("https://[{ip}]/"), ip));
    rows.push(names(format!("https://[{full}]:8443/"), ip));
    for spelling in [
        full.clone(),
        format!("[{ip}%eth0]"),
        format!("[{ip}%25eth0]"),
        format!("[{ip}%1]"),
        format!("[[{ip}]]"),
        format!("[{ip}"),
        format!("[{ip}]]"),
        format!("[{ip}].stripe.com"),
        format!("[{ip}]."),
        format!("user@[{ip}]"),
        format!("[{full}:0]"),
        format!("[ {ip}]"),
        format!("%5b{ip}%5d"),
    ] {
        rows.push(refused(format!("https://{spelling}/")));
    }
}

/// The name somewhere other than in the place of the host.
fn misplaced_names(rows: &mut Vec<Row>, name: &str) {
    let evil = "evil.example";
    for (text, host) in [
        (format!("https://{evil}/{name}"), evil.to_owned()),
        (format!("https://{evil}/https://{name}/"), evil.to_owned()),
        (format!("https://{evil}//{name}/"), evil.to_owned()),
        (format!("https://{evil}/@{name}/"), evil.to_owned()),
        (format!("https://{evil}?{name}"), evil.to_owned()),
        (format!("https://{evil}?@{name}/"), evil.to_owned()),
        (
            format!("https://{evil}/?url=https://{name}/"),
            evil.to_owned(),
        ),
        (format!("https://{evil}:443/.{name}"), evil.to_owned()),
        (format!("https://{name}.{evil}/"), format!("{name}.{evil}")),
        (format!("https://{name}-{evil}/"), format!("{name}-{evil}")),
        (
            format!(
                "https://evil{}/",
                name.replacen("api", "", 1).trim_start_matches('.')
            ),
            format!(
                "evil{}",
                name.replacen("api", "", 1).trim_start_matches('.')
            ),
        ),
        (
            format!("https://{}/", name.replace('.', "-")),
            name.replace('.', "-"),
        ),
        (format!("https://{name}m/"), format!("{name}m")),
        (
            format!("https://{}/", &name[..name.len() - 1]),
            name[..name.len() - 1].to_owned(),
        ),
        (
            format!("https://{}.example/", name.replace('.', "_")),
            format!("{}.example", name.replace('.', "_")),
        ),
    ] {
        rows.push(names(text, host));
    }
    for text in [
        format!("https://{name}@{evil}/"),
        format!("https://{name}:443@{evil}/"),
        format!("https://{name}%40{evil}/"),
        format!("https://{evil}@{name}/"),
        format!("https://{evil}:pw@{name}/"),
        format!("https://@{name}/"),
        format!("https://a@b@{name}/"),
        format!("https://{evil}#{name}"),
        format!("https://{evil}#@{name}/"),
        format!("https://{evil}/#/{name}"),
        format!("https://{evil}\\@{name}/"),
        format!("https://{evil}\\{name}/"),
        format!("https://{name}\\@{evil}/"),
        format!("https://{name}\\.{evil}/"),
        format!("https:\\\\{name}/"),
        format!("https:/\\{name}/"),
        format!("https:{name}/"),
        format!("https:/{name}/"),
        format!("https:///{name}/"),
        format!("//{name}/"),
        name.to_owned(),
        format!("{name}:443"),
        format!("https://{name}./"),
        format!("https://{name}../"),
        format!("https://.{name}/"),
        format!("https://*.{name}/"),
        format!("https://{name}%00.{evil}/"),
        format!("https://{name}%2e{evil}/"),
        format!("https://{name}%2f.{evil}/"),
        format!("https://{name}%23.{evil}/"),
        format!("https://{name};.{evil}/"),
        format!("https://{name}&.{evil}/"),
        format!("https://{name},{evil}/"),
        format!("https://{name}:443:80/"),
        format!("https://{name}:443.{evil}/"),
        format!("https://{name}:/"),
        format!("https://{name}:0/"),
        format!("https://{name}:65536/"),
        format!("https://{name}:4294967739/"),
        format!("https://{name}:+443/"),
        format!("https://{name}:-443/"),
        format!("https://{name}:0443/"),
        format!("https://{name}:0x1bb/"),
        format!("https://{name}:443x/"),
        format!("https://{name}:４４３/"),
        format!("https://{name}:443@{evil}:80/"),
        format!("http://{name}/"),
        format!("ftp://{name}/"),
        format!("ws://{name}/"),
        format!("gopher://{name}/"),
        format!("file://{name}/"),
        format!("javascript://{name}/%0aalert(1)"),
        format!("https+x://{name}/"),
        format!("hｔtps://{name}/"),
        format!("view-source:https://{name}/"),
        format!("blob:https://{name}/"),
        format!("https://https://{name}/"),
        format!("https://{}/", name.replace('.', "。")),
        format!("https://{}/", name.replace('.', "．")),
        format!("https://{}/", name.replace('.', "｡")),
        format!("https://{}/", name.replacen('.', "..", 1)),
        format!("https://xn--{}-/", name.replace('.', "-.xn--")),
    ] {
        rows.push(refused(text));
    }
}

/// One character of the name replaced by one that looks like it.
fn homographs(rows: &mut Vec<Row>, name: &str) {
    for (at, c) in name.char_indices() {
        let twins: &[char] = match c {
            'a' => &['а', 'ɑ', 'α', 'ａ'],
            'c' => &['с', 'ϲ', 'ｃ', 'ⅽ'],
            'e' => &['е', 'ｅ', 'ℯ'],
            'i' => &['і', 'ı', 'ⅰ'],
            'k' => &['κ', '\u{212a}'],
            'm' => &['ⅿ', 'ｍ'],
            'o' => &['о', 'ο', 'օ', 'ℴ'],
            'p' => &['р', 'ρ', 'ｐ'],
            's' => &['ѕ', 'ſ', 'ｓ'],
            _ => &[],
        };
        for twin in twins {
            let text = format!("https://{}{twin}{}/", &name[..at], &name[at + 1..]);
            // Either refused or, if the character is a letter of its own, some other name.
            let other = parse_https(&text).map(|t| t.host().to_string());
            rows.push(match other {
                Ok(other) => {
                    assert!(other.contains("xn--"), "{text} became {other}");
                    names(text, other)
                }
                Err(_) => refused(text),
            });
        }
    }
}

/// Characters that a reader does not see, or cuts out, at every place of the name.
fn unseen_characters(rows: &mut Vec<Row>, name: &str) {
    for unseen in [
        '\u{ad}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{fe0f}', '\t', '\n', '\r',
        '\0', ' ', '\u{a0}', '\u{7f}',
    ] {
        for at in 0..=name.len() {
            rows.push(refused(format!(
                "https://{}{unseen}{}/",
                &name[..at],
                &name[at..]
            )));
        }
    }
}

fn all_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for ip in FORBIDDEN_IPV4 {
        ipv4_spellings(&mut rows, ip.parse().unwrap());
    }
    for ip in FORBIDDEN_IPV6 {
        ipv6_spellings(&mut rows, ip.parse().unwrap());
    }
    for name in IMITATED {
        misplaced_names(&mut rows, name);
        homographs(&mut rows, name);
    }
    unseen_characters(&mut rows, IMITATED[0]);
    rows
}

fn check(row: &Row) -> Option<Target> {
    let parsed = parse_https(&row.text);
    match (&row.expected, parsed) {
        (Expected::Refused, Err(_)) => None,
        (Expected::Names(host), Ok(target)) => {
            assert_eq!(target.host().to_string(), *host, "{:?}", row.text);
            Some(target)
        }
        (expected, parsed) => panic!("{:?}: {parsed:?}, expected {expected:?}", row.text),
    }
}

#[test]
fn the_table_is_large_enough() {
    let distinct: BTreeSet<_> = all_rows().into_iter().map(|row| row.text).collect();
    assert!(distinct.len() >= ROWS_MIN, "{}", distinct.len());
}

#[test]
fn no_row_matches_a_pattern_of_the_name_it_imitates() {
    let secret = b"secret".to_vec().into();
    let rows = all_rows();
    for name in IMITATED {
        let (_, parent) = name.split_once('.').unwrap();
        let below = format!(".{parent}");
        for text in [name.to_owned(), format!("{name}:443"), format!("*{below}")] {
            let pattern = pattern(&text);
            for row in &rows {
                let Some(target) = check(row) else { continue };
                // A look-alike of the first label is still a host of the same owner, and
                // the wildcard says: every host of that owner.
                let belongs = text.starts_with('*') && target.host().to_string().ends_with(&below);
                assert_eq!(
                    pattern.matches_target(&target),
                    belongs,
                    "{text} on {:?}",
                    row.text
                );
                let injected =
                    Outbound::with_credential(target, &pattern, &Injection::bearer(), &secret);
                assert_eq!(injected.is_ok(), belongs, "{text} on {:?}", row.text);
            }
        }
    }
}

/// Targets on a host that may be spoken to in the clear: pattern, target, whether a credential goes.
const IN_THE_CLEAR: [(&str, &str, bool); 14] = [
    ("legacy.example", "https://legacy.example/", true),
    ("legacy.example", "https://legacy.example:8081/", true),
    ("legacy.example", "http://legacy.example/", false),
    ("legacy.example", "HTTP://legacy.example:8081/", false),
    ("legacy.example", "http://legacy.example:443/", false),
    ("legacy.example:443", "http://legacy.example:443/", false),
    ("legacy.example:443", "https://legacy.example/", true),
    ("legacy.example:8081", "http://legacy.example:8081/", true),
    ("legacy.example:8081", "http://legacy.example/", false),
    ("legacy.example:80", "http://legacy.example/", true),
    ("*.legacy.example", "http://a.legacy.example/", false),
    ("*.legacy.example:80", "http://a.legacy.example/", true),
    (
        "*.legacy.example:443",
        "http://a.legacy.example:443/",
        false,
    ),
    ("contains:legacy", "http://legacy.example:8081/", false),
];

#[test]
fn in_the_clear_a_credential_goes_only_to_a_pinned_port_that_is_not_of_https() {
    let secret = b"secret".to_vec().into();
    let policy = ["legacy.example", "*.legacy.example"].map(pattern);
    let policy = policy
        .into_iter()
        .fold(SchemePolicy::https_only(), |all, one| all.permit_http(one));
    for (text, url, goes) in IN_THE_CLEAR {
        let own = HostPattern::parse_with(text, SubstringPatterns::AllowedByOperator).unwrap();
        let target = Target::parse(url, &policy).unwrap();
        let found = select([(0, &own)], &target);
        assert_eq!(found == Selection::One(0), goes, "{text} on {url}");
        let injected = Outbound::with_credential(target, &own, &Injection::bearer(), &secret);
        assert_eq!(injected.is_ok(), goes, "{text} on {url}");
    }
}

#[test]
fn even_contains_never_reads_path_or_query() {
    let switch = SubstringPatterns::AllowedByOperator;
    let wide = HostPattern::parse_with("contains:stripe", switch).unwrap();
    for row in all_rows() {
        let Some(target) = check(&row) else { continue };
        let expected = target.host().to_string().contains("stripe");
        assert_eq!(wide.matches_target(&target), expected, "{:?}", row.text);
    }
}

#[tokio::test]
async fn every_row_is_refused_or_dialled_by_the_host_it_names() {
    let resolver = Arc::new(ScriptedResolver::new(&[&["10.0.0.1"]]));
    let policy = Arc::new(AddressPolicy::deny_special());
    let connector = EgressConnector::new(resolver.clone(), policy);
    for row in all_rows() {
        let Some(target) = check(&row) else { continue };
        let outcome = connector.connect(&target).await;
        assert!(
            matches!(outcome, Err(EgressError::Forbidden { .. })),
            "{:?}: {outcome:?}",
            row.text
        );

        let asked = resolver.take_asked();
        match target.host() {
            Host::Dns(name) => {
                assert_eq!(asked, [name.as_str()], "{:?}", row.text);
                assert_eq!(target.sni_name(), Some(name.as_str()));
            }
            Host::Ip(_) => assert!(asked.is_empty(), "{:?}", row.text),
        }
        let sent = Outbound::pass_through(target.clone())
            .apply(http::Request::new(()))
            .unwrap();
        let host = sent.request().headers()["host"].to_str().unwrap();
        assert_eq!(
            sent.request().uri().authority().map(|a| a.as_str()),
            Some(host)
        );
        assert_eq!(
            without_port(host),
            target.host().to_string(),
            "{:?}",
            row.text
        );
    }
}

/// The host of a `Host` header, read in the simplest way.
fn without_port(host: &str) -> String {
    match host.strip_prefix('[') {
        Some(rest) => rest
            .split(']')
            .next()
            .unwrap_or(rest)
            .parse::<IpAddr>()
            .unwrap()
            .to_string(),
        None => host.split(':').next().unwrap_or(host).to_owned(),
    }
}
