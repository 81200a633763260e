//! What targets keep, and why text is refused.

use credential_injector::{
    Host, HostError, Scheme, SchemePolicy, TARGET_BYTES_MAX, Target, TargetError,
};

use crate::support::{parse_https, pattern, target};

#[test]
fn path_and_query_keep_every_byte() {
    for path in [
        "/",
        "/a%2Fb",
        "/a%2fb",
        "/a/../b/./c",
        "//double",
        "/?",
        "/?a=1&a=2",
        "/p?x=%00%zz",
        "/p;v=1",
        "/a|b^c{e}\"f",
        "/p?u=https://other.example/@x:1",
        "/%E2%82%AC",
        "/a?b?c",
    ] {
        let target = target(&format!("https://example.com{path}"));
        assert_eq!(target.path_and_query(), path);
        assert_eq!(
            target.uri().path_and_query().map(|p| p.as_str()),
            Some(path)
        );
        assert_eq!(
            target.uri().to_string(),
            format!("https://example.com{path}")
        );
    }
}

#[test]
fn a_missing_path_is_the_root() {
    assert_eq!(target("https://example.com").path_and_query(), "/");
    assert_eq!(target("https://example.com?q=1").path_and_query(), "/?q=1");
    assert_eq!(target("https://example.com?").path_and_query(), "/?");
}

#[test]
fn one_value_feeds_every_reader() {
    for (text, host, port, authority, sni) in [
        (
            "https://api.example.com/x",
            "api.example.com",
            443,
            "api.example.com",
            true,
        ),
        (
            "HTTPS://API.Example.COM:443/",
            "api.example.com",
            443,
            "api.example.com",
            true,
        ),
        (
            "https://api.example.com:8443/",
            "api.example.com",
            8443,
            "api.example.com:8443",
            true,
        ),
        (
            "https://bücher.example/",
            "xn--bcher-kva.example",
            443,
            "xn--bcher-kva.example",
            true,
        ),
        (
            "https://BÜCHER.example/",
            "xn--bcher-kva.example",
            443,
            "xn--bcher-kva.example",
            true,
        ),
        (
            "https://xn--bcher-kva.example",
            "xn--bcher-kva.example",
            443,
            "xn--bcher-kva.example",
            true,
        ),
        (
            "https://my_service.internal",
            "my_service.internal",
            443,
            "my_service.internal",
            true,
        ),
        (
            "https://r3---sn-x.example.com",
            "r3---sn-x.example.com",
            443,
            "r3---sn-x.example.com",
            true,
        ),
        ("https://localhost", "localhost", 443, "localhost", true),
        (
            "https://192.0.2.1:80/",
            "192.0.2.1",
            80,
            "192.0.2.1:80",
            false,
        ),
        (
            "https://[2001:DB8:0::1]/",
            "2001:db8::1",
            443,
            "[2001:db8::1]",
            false,
        ),
        (
            "https://[2001:db8::1]:8443/",
            "2001:db8::1",
            8443,
            "[2001:db8::1]:8443",
            false,
        ),
        (
            "https://[::ffff:127.0.0.1]/",
            "::ffff:127.0.0.1",
            443,
            "[::ffff:127.0.0.1]",
            false,
        ),
    ] {
        let target = target(text);
        assert_eq!(target.host().to_string(), host, "{text}");
        assert_eq!(target.port(), port, "{text}");
        assert_eq!(target.authority(), authority, "{text}");
        assert_eq!(target.host_header(), authority, "{text}");
        assert_eq!(target.origin(), format!("https://{authority}"), "{text}");
        assert_eq!(target.sni_name(), sni.then_some(host), "{text}");
        assert_eq!(
            target.uri().authority().map(|a| a.as_str()),
            Some(authority),
            "{text}"
        );
    }
}

#[test]
fn origins_are_scheme_host_and_port() {
    let key = |text| target(text).origin_key();
    assert_eq!(
        key("https://Example.com/a"),
        key("https://example.com:443/b?c")
    );
    assert_ne!(
        key("https://example.com/"),
        key("https://example.com:8443/")
    );
    assert_ne!(key("https://example.com/"), key("https://a.example.com/"));
    let plain = crate::support::loopback_target("http://localhost:443/").origin_key();
    assert_ne!(plain, key("https://localhost/"));
}

#[test]
fn a_mapped_address_stays_ipv6() {
    let mapped = target("https://[::ffff:127.0.0.1]/");
    assert!(matches!(mapped.host(), Host::Ip(ip) if ip.is_ipv6()));
}

#[test]
fn refusals_have_their_reason() {
    use TargetError as E;
    let host = |reason| E::Host(reason);
    let long_label = format!("https://{}.example/", "a".repeat(64));
    let long_name = format!("https://{}example/", "abcdefg.".repeat(32));
    let long_url = format!("https://example.com/{}", "a".repeat(TARGET_BYTES_MAX));
    for (text, reason) in [
        ("", E::NotAbsolute),
        ("example.com", E::NotAbsolute),
        ("//example.com/", E::NotAbsolute),
        ("https:/example.com", E::NotAbsolute),
        ("https:example.com", E::NotAbsolute),
        ("ftp://example.com", E::UnknownScheme),
        ("file:///etc/passwd", E::UnknownScheme),
        ("wss://example.com", E::UnknownScheme),
        ("://example.com", E::UnknownScheme),
        ("http://example.com", E::HttpNotPermitted),
        ("https://user@example.com", E::UserInfo),
        ("https://user:pw@example.com", E::UserInfo),
        ("https://@example.com", E::UserInfo),
        ("https://example.com\\a", E::Backslash),
        ("https:\\\\example.com", E::Backslash),
        ("https://example.com/a\\b", E::Backslash),
        (" https://example.com", E::WhitespaceOrControl),
        ("https://example.com ", E::WhitespaceOrControl),
        ("https://example.com/\r\nx: y", E::WhitespaceOrControl),
        ("https://example.com/\0", E::WhitespaceOrControl),
        ("https://example.com/\u{7f}", E::WhitespaceOrControl),
        ("https://exam\tple.com/", E::WhitespaceOrControl),
        ("https://example.com/#", E::Fragment),
        ("https://example.com#a", E::Fragment),
        ("https://example.com/ü", E::PathCharacter),
        ("https://example.com/<", E::PathCharacter),
        ("https://example.com/`", E::PathCharacter),
        ("https://", host(HostError::Missing)),
        ("https:///path", host(HostError::Missing)),
        ("https://:443/", host(HostError::Missing)),
        ("https://?", host(HostError::Missing)),
        ("https://.", host(HostError::EmptyLabel)),
        ("https://a..b/", host(HostError::EmptyLabel)),
        ("https://.example.com/", host(HostError::EmptyLabel)),
        ("https://example.com../", host(HostError::EmptyLabel)),
        ("https://example.com./", host(HostError::TrailingDot)),
        ("https://example%2ecom/", host(HostError::Percent)),
        ("https://[fe80::1%25eth0]/", host(HostError::Percent)),
        ("https://exa!mple.com/", host(HostError::ForbiddenCharacter)),
        (
            "https://*.example.com/",
            host(HostError::ForbiddenCharacter),
        ),
        ("https://[::1]x/", host(HostError::ForbiddenCharacter)),
        ("https://127.1/", host(HostError::UnusualIpv4)),
        ("https://0x7f000001/", host(HostError::UnusualIpv4)),
        ("https://2130706433/", host(HostError::UnusualIpv4)),
        ("https://0177.0.0.1/", host(HostError::UnusualIpv4)),
        ("https://1.2.3.4.5/", host(HostError::UnusualIpv4)),
        ("https://example.256/", host(HostError::UnusualIpv4)),
        ("https://[::1/", host(HostError::BadIpv6)),
        ("https://[]/", host(HostError::BadIpv6)),
        ("https://[127.0.0.1]/", host(HostError::BadIpv6)),
        ("https://[v1.x]/", host(HostError::BadIpv6)),
        ("https://-a.example/", host(HostError::BadIdna)),
        ("https://xn--a.example/", host(HostError::BadIdna)),
        ("https://exa\u{ad}mple.com/", host(HostError::BadIdna)),
        ("https://ｅxample.com/", host(HostError::BadIdna)),
        ("https://example。com/", host(HostError::BadIdna)),
        ("https://example.com:/", host(HostError::BadPort)),
        ("https://example.com:0/", host(HostError::BadPort)),
        ("https://example.com:00443/", host(HostError::BadPort)),
        ("https://example.com:+443/", host(HostError::BadPort)),
        ("https://example.com:65536/", host(HostError::BadPort)),
        ("https://example.com:443:443/", host(HostError::BadPort)),
        ("https://::1/", host(HostError::Missing)),
        (long_label.as_str(), host(HostError::TooLong)),
        (long_name.as_str(), host(HostError::TooLong)),
        (long_url.as_str(), E::TooLong),
    ] {
        let found = parse_https(text).err();
        let bad_port_either_way = text == "https://::1/" && found == Some(host(HostError::BadPort));
        assert!(
            found == Some(reason) || bad_port_either_way,
            "{text:.80}: {found:?} for {reason:?}"
        );
    }
}

#[test]
fn the_longest_target_is_taken_and_one_byte_more_is_not() {
    let head = "https://example.com/";
    let longest = format!("{head}{}", "a".repeat(TARGET_BYTES_MAX - head.len()));
    assert!(parse_https(&longest).is_ok());
    assert_eq!(
        parse_https(&format!("{longest}a")).err(),
        Some(TargetError::TooLong)
    );
}

#[test]
fn http_is_for_listed_hosts() {
    let policy = SchemePolicy::https_only().permit_http(pattern("plain.example:8080"));
    let parse = |text| Target::parse(text, &policy).map(|t| (t.scheme(), t.port()));
    assert_eq!(
        parse("http://plain.example:8080/"),
        Ok((Scheme::Http, 8080))
    );
    assert_eq!(
        parse("http://plain.example/"),
        Err(TargetError::HttpNotPermitted)
    );
    assert_eq!(
        parse("http://a.plain.example:8080/"),
        Err(TargetError::HttpNotPermitted)
    );
    assert_eq!(parse("https://a.plain.example/"), Ok((Scheme::Https, 443)));

    let dev = SchemePolicy::https_only().permit_http_on_loopback();
    for (text, permitted) in [
        ("http://localhost:1/", true),
        ("http://127.0.0.1/", true),
        ("http://127.9.9.9:81/", true),
        ("http://[::1]/", true),
        ("http://localhost.example/", false),
        ("http://10.0.0.1/", false),
        ("http://example.com/", false),
    ] {
        assert_eq!(Target::parse(text, &dev).is_ok(), permitted, "{text}");
    }
}

#[test]
fn a_door_of_parts_reads_as_strictly() {
    let policy = SchemePolicy::https_only();
    let read = |authority, path| Target::from_parts(Scheme::Https, authority, path, &policy);
    assert_eq!(
        read("api.example.com:8443", "/v1/x?y=%2F"),
        parse_https("https://api.example.com:8443/v1/x?y=%2F"),
    );
    let long_path = format!("/{}", "a".repeat(TARGET_BYTES_MAX - 10));
    assert_eq!(
        read("api.example.com", &long_path),
        Err(TargetError::TooLong)
    );
    for (authority, path) in [
        ("api.example.com@evil.example", "/"),
        ("api.example.com/evil", "/"),
        ("api.example.com?x", "/"),
        ("api.example.com", "@evil.example/"),
        ("api.example.com", ".evil.example/"),
        ("api.example.com", ":80/"),
        ("api.example.com", "/#"),
        ("", "/"),
        ("api.example.com:", "/"),
    ] {
        assert!(read(authority, path).is_err(), "{authority} {path}");
    }
}
