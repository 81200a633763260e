//! Host patterns: what they match, what they do not, and which one wins.

use credential_injector::{
    HostError, HostPattern, HostPatternError, Selection, SubstringPatterns, select,
};

use crate::support::{pattern, target};

fn contains(text: &str) -> HostPattern {
    HostPattern::parse_with(text, SubstringPatterns::AllowedByOperator).unwrap()
}

#[test]
fn patterns_match_their_hosts_and_no_look_alike() {
    let check = |text: &str, host: &str, expected: bool| {
        let matched = pattern(text).matches_target(&target(&format!("https://{host}/")));
        assert_eq!(matched, expected, "{text} on {host}");
    };
    for (text, host, expected) in [
        ("api.stripe.com", "api.stripe.com", true),
        ("API.Stripe.com", "api.stripe.COM", true),
        ("api.stripe.com", "api.stripe.com:8443", true),
        ("api.stripe.com", "x.api.stripe.com", false),
        ("api.stripe.com", "api.stripe.com.evil.example", false),
        ("api.stripe.com", "api-stripe.com", false),
        ("api.stripe.com", "apixstripe.com", false),
        ("api.stripe.com", "stripe.com", false),
        ("api.stripe.com:443", "api.stripe.com", true),
        ("api.stripe.com:443", "api.stripe.com:8443", false),
        ("api.stripe.com:8443", "api.stripe.com", false),
        ("*.stripe.com", "api.stripe.com", true),
        ("*.stripe.com", "a.b.c.stripe.com", true),
        ("*.stripe.com", "stripe.com", false),
        ("*.stripe.com", "evilstripe.com", false),
        ("*.stripe.com", "stripe.com.evil.example", false),
        ("*.stripe.com", "api.stripe.com.evil.example", false),
        ("*.stripe.com", "api.stripe.co", false),
        ("*.stripe.com:8443", "api.stripe.com:8443", true),
        ("*.stripe.com:8443", "api.stripe.com", false),
        ("bücher.example", "xn--bcher-kva.example", true),
        ("xn--bcher-kva.example", "bücher.example", true),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.10", false),
        ("192.0.2.1", "[::ffff:192.0.2.1]", false),
        ("[2001:db8::1]", "[2001:db8:0:0::1]:444", true),
        ("[2001:db8::1]:443", "[2001:db8::1]", true),
    ] {
        check(text, host, expected);
    }
}

#[test]
fn contains_needs_the_switch_and_speaks_of_names_alone() {
    assert_eq!(
        HostPattern::parse("contains:stripe"),
        Err(HostPatternError::ContainsNotEnabled)
    );
    let wide = contains("contains:STRIPE");
    assert_eq!(wide.to_string(), "contains:stripe");
    assert!(wide.matches_target(&target("https://api.stripe.com/")));
    assert!(!wide.matches_target(&target("https://api.example.com/stripe?stripe")));
    assert!(!contains("contains:192.0").matches_target(&target("https://192.0.2.1/")));
    for bad in [
        "contains:",
        "contains:ab",
        "contains:---",
        "contains:a*b",
        "contains:a b",
        "contains:*.com",
    ] {
        let outcome = HostPattern::parse_with(bad, SubstringPatterns::AllowedByOperator);
        assert_eq!(outcome, Err(HostPatternError::BadContains), "{bad}");
    }
}

#[test]
fn refusals_have_their_reason() {
    use HostPatternError as E;
    let long = "a".repeat(400);
    for (text, reason) in [
        ("*", E::WildcardTooBroad),
        ("*.com", E::WildcardTooBroad),
        ("*.localhost", E::WildcardTooBroad),
        ("*.*.com", E::MisplacedWildcard),
        ("*.*", E::MisplacedWildcard),
        ("api.*.com", E::MisplacedWildcard),
        ("api*.stripe.com", E::MisplacedWildcard),
        ("*api.stripe.com", E::MisplacedWildcard),
        ("stripe.*", E::MisplacedWildcard),
        ("api.stripe.com:*", E::MisplacedWildcard),
        ("**.stripe.com", E::MisplacedWildcard),
        ("10.0.0.0/8", E::AddressRange),
        ("[fd00::]/8", E::AddressRange),
        ("fd00::/8", E::AddressRange),
        ("*.0.0.1", E::AddressRange),
        ("*.168.192.10.1", E::AddressRange),
        ("*.[::1]", E::AddressRange),
        ("https://api.stripe.com", E::NotAHost),
        ("api.stripe.com/v1", E::NotAHost),
        ("user@api.stripe.com", E::NotAHost),
        ("api.stripe.com?x", E::NotAHost),
        ("api.stripe.com\\x", E::NotAHost),
        ("", E::Host(HostError::Missing)),
        ("*.", E::Host(HostError::Missing)),
        (".stripe.com", E::Host(HostError::EmptyLabel)),
        ("*..stripe.com", E::Host(HostError::EmptyLabel)),
        ("api.stripe.com.", E::Host(HostError::TrailingDot)),
        ("api.stripe.com:", E::Host(HostError::BadPort)),
        ("api.stripe.com:0", E::Host(HostError::BadPort)),
        ("api stripe.com", E::Host(HostError::ForbiddenCharacter)),
        ("127.1", E::Host(HostError::UnusualIpv4)),
        (long.as_str(), E::TooLong),
    ] {
        assert_eq!(HostPattern::parse(text), Err(reason), "{text:.40}");
    }
}

#[test]
fn the_narrowest_pattern_wins_and_a_tie_is_told() {
    let patterns = [
        ("contains", contains("contains:stripe")),
        ("longer contains", contains("contains:api.stripe")),
        ("wildcard", pattern("*.stripe.com")),
        ("longer wildcard", pattern("*.eu.stripe.com")),
        ("exact", pattern("api.stripe.com")),
        ("port", pattern("api.stripe.com:8443")),
        ("twin", pattern("twin.stripe.com")),
        ("other twin", pattern("TWIN.stripe.com")),
    ];
    let check = |url: &str, expected: Selection<&str>| {
        let forward = patterns.iter().map(|(id, p)| (*id, p));
        assert_eq!(select(forward.clone(), &target(url)), expected, "{url}");
        // Order decides nothing but the order of the ids.
        let backward = match (select(forward.rev(), &target(url)), expected.clone()) {
            (Selection::Ambiguous(mut ids), Selection::Ambiguous(_)) => {
                ids.reverse();
                Selection::Ambiguous(ids)
            }
            (other, _) => other,
        };
        assert_eq!(backward, expected, "{url} backwards");
    };
    check("https://api.stripe.com:8443/", Selection::One("port"));
    check("https://api.stripe.com/", Selection::One("exact"));
    check(
        "https://a.eu.stripe.com/",
        Selection::One("longer wildcard"),
    );
    check("https://eu.stripe.com/", Selection::One("wildcard"));
    check(
        "https://twin.stripe.com/",
        Selection::Ambiguous(vec!["twin", "other twin"]),
    );
    check("https://stripe.com/", Selection::One("contains"));
    check(
        "https://api.stripe.com.evil.example/",
        Selection::Ambiguous(vec!["contains", "longer contains"]),
    );
    check("https://example.com/stripe", Selection::None);
}

#[test]
fn a_pattern_within_another_matches_nothing_more() {
    for (inner, outer, within) in [
        ("api.example.com", "api.example.com", true),
        ("api.example.com:443", "api.example.com", true),
        ("api.example.com", "api.example.com:443", false),
        ("api.example.com:443", "api.example.com:8443", false),
        ("api.example.com", "*.example.com", true),
        ("api.example.com", "*.example.com:443", false),
        ("example.com", "*.example.com", false),
        ("api.example.com.evil.test", "*.example.com", false),
        ("*.api.example.com", "*.example.com", true),
        ("*.example.com", "*.example.com", true),
        ("*.example.com", "*.api.example.com", false),
        ("*.example.com", "api.example.com", false),
        ("*.badexample.com", "*.example.com", false),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("[2001:db8::1]:1", "[2001:db8::1]", true),
    ] {
        let (inner, outer) = (
            HostPattern::parse(inner).unwrap(),
            HostPattern::parse(outer).unwrap(),
        );
        assert_eq!(inner.is_within(&outer), within, "{inner} in {outer}");
    }
}
