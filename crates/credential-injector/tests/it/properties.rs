//! Properties over generated text.

use credential_injector::{
    DnsName, HostPattern, SchemePolicy, SubstringPatterns, Target, Template, strip_request,
    strip_response, strip_trailers,
};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use crate::support::{parse_https, target};

fn label() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,8}"
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 2..5).prop_map(|labels| labels.join("."))
}

/// Text made of the pieces that URLs are read and misread by.
fn url_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "https://",
            "http:",
            "//",
            "/",
            "\\",
            "@",
            ":",
            "?",
            "#",
            "[",
            "]",
            "%",
            "%2e",
            "%00",
            ".",
            "..",
            "127.0.0.1",
            "0x7f",
            "::1",
            "::ffff:",
            "xn--",
            "443",
            "*",
            "contains:",
            "\t",
            "{{secret}}",
            "{{",
            "}}",
            "|base64",
        ])
        .prop_map(str::to_owned),
        label(),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn parsers_never_panic_and_agree_with_themselves(text in url_like()) {
        let https = format!("https://{text}");
        for text in [&text, &https] {
            if let Ok(target) = parse_https(text) {
                let again = parse_https(&target.uri().to_string());
                prop_assert_eq!(again.as_ref(), Ok(&target));
                // As written, but for the one slash that stands for a missing path.
                let sent = target.path_and_query();
                prop_assert!(text.ends_with(sent) || text.ends_with(&sent[1..]));
            }
        }
        if let Ok(pattern) = HostPattern::parse_with(&text, SubstringPatterns::AllowedByOperator) {
            let canonical = pattern.to_string();
            let again = HostPattern::parse_with(&canonical, SubstringPatterns::AllowedByOperator);
            prop_assert_eq!(again.as_ref(), Ok(&pattern));
            prop_assert_eq!(again.map(|p| p.to_string()), Ok(canonical));
        }
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(template.to_string(), text);
        }
    }

    #[test]
    fn names_are_canonical(text in any::<String>()) {
        if let Ok(name) = DnsName::parse(&text) {
            prop_assert_eq!(DnsName::parse(name.as_str()), Ok(name.clone()));
            prop_assert_eq!(name.as_str().to_ascii_lowercase(), name.as_str());
        }
    }

    #[test]
    fn a_wildcard_ends_at_a_label(parent in name(), front in "[a-z0-9.-]{0,12}", back in "[a-z.-]{0,12}") {
        let wildcard = HostPattern::parse(&format!("*.{parent}")).unwrap();
        let host = format!("{front}{parent}{back}");
        if let Ok(target) = parse_https(&format!("https://{host}/")) {
            let below = back.is_empty() && front.ends_with('.') && front.len() > 1;
            // Text behind the name may repeat it, so the end is what counts.
            let below = below || host.ends_with(&format!(".{parent}"));
            prop_assert_eq!(wildcard.matches_target(&target), below);
        }
    }

    #[test]
    fn an_exact_pattern_matches_its_host_alone(own in name(), other in name(), port in 1..=u16::MAX) {
        let exact = HostPattern::parse(&own).unwrap();
        let pinned = HostPattern::parse(&format!("{own}:{port}")).unwrap();
        let own_target = target(&format!("https://{own}:{port}/{other}?{other}"));
        let other_target = target(&format!("https://{other}/{own}?{own}"));
        prop_assert!(exact.matches_target(&own_target) && pinned.matches_target(&own_target));
        prop_assert_eq!(exact.matches_target(&other_target), own == other);
        prop_assert_eq!(pinned.matches_target(&other_target), own == other && port == 443);
    }

    #[test]
    fn equal_canonical_texts_are_equal_patterns(a in url_like(), b in url_like()) {
        let read = |text: &str| HostPattern::parse_with(text, SubstringPatterns::AllowedByOperator);
        if let (Ok(a), Ok(b)) = (read(&a), read(&b)) {
            prop_assert_eq!(a.to_string() == b.to_string(), a == b);
        }
    }

    #[test]
    fn the_query_is_never_shown(query in "[a-z0-9=&%]{12,40}") {
        let target = target(&format!("https://example.com/p?{query}"));
        let shown = format!("{target} {target:?}");
        prop_assert!(!shown.contains(&query));
    }

    #[test]
    fn stripping_never_panics_and_is_done_once(
        lines in prop::collection::vec(
            (
                prop_oneof![
                    prop::sample::select(vec!["connection", "te", "trailer", "authorization", "x-api-key", "upgrade", "x-a", "x-b"])
                        .prop_map(str::to_owned),
                    "[a-z-]{1,10}",
                ],
                prop::collection::vec(any::<u8>(), 0..24),
            ),
            0..20,
        ),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value)) {
                headers.append(name, value);
            }
        }
        for strip in [strip_request, strip_response, strip_trailers] {
            let mut once = headers.clone();
            strip(&mut once);
            let mut twice = once.clone();
            strip(&mut twice);
            prop_assert_eq!(once.iter().collect::<Vec<_>>(), twice.iter().collect::<Vec<_>>());
            // What stays is a subsequence of what was there, `te` and `trailer` apart.
            let mut before = headers.iter();
            for line in once.iter().filter(|(n, _)| *n != "te" && *n != "trailer") {
                prop_assert!(before.any(|other| other == line));
            }
        }
    }

    #[test]
    fn the_http_policy_never_opens_https_text(text in url_like()) {
        let dev = SchemePolicy::https_only().permit_http_on_loopback();
        if let Ok(target) = Target::parse(&text, &dev) {
            let plain = target.scheme() == credential_injector::Scheme::Http;
            prop_assert_eq!(plain, parse_https(&text).is_err());
        }
    }
}
