use credential_injector::SchemePolicy;
use proptest::prelude::*;

use super::*;

const ID: RecordId = RecordId::from_bytes([7; 16]);

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn scope(hosts: &[&str], methods: &[&str], paths: &[&str]) -> TokenScope {
    TokenScope::new(ScopeTexts {
        credentials: &[ID],
        kv: &strings(&["app/"]),
        hosts: &strings(hosts),
        methods: &strings(methods),
        paths: &strings(paths),
    })
    .unwrap()
}

fn target(url: &str) -> Target {
    Target::parse(url, &SchemePolicy::https_only()).unwrap()
}

#[test]
fn a_scope_names_what_is_open_and_nothing_else_is() {
    let narrow = scope(&["api.example.com"], &["GET", "POST"], &["/v1/charges"]);
    let check = |method: Method, url: &str, expected| {
        let permitted = narrow.permits_target(&method, &target(url));
        assert_eq!(permitted, expected, "{method} {url}");
    };
    check(Method::GET, "https://api.example.com/v1/charges", true);
    check(
        Method::POST,
        "https://API.example.com/v1/charges/ch?x=../..",
        true,
    );
    for refused in [
        "https://api.example.com/v1/payouts",
        "https://api.example.com/v1/charges/%2e%2e/payouts",
        "https://api.example.com/v1/charges/..%2Fpayouts",
        "https://api.example.com.evil.example/v1/charges",
        "https://evil-api.example.com/v1/charges",
        "https://www.api.example.com/v1/charges",
        "https://example.com/v1/charges",
    ] {
        check(Method::GET, refused, false);
    }
    for method in [
        Method::DELETE,
        Method::HEAD,
        Method::from_bytes(b"get").unwrap(),
    ] {
        check(method, "https://api.example.com/v1/charges", false);
    }
    assert!(narrow.permits_name("app/db") && narrow.permits_name("app/"));
    assert!(!narrow.permits_name("app") && !narrow.permits_name("xapp/db"));
    let hostless = scope(&[], &[], &[]);
    assert!(!hostless.permits_target(&Method::GET, &target("https://api.example.com/")));
    let pattern = HostPattern::parse("api.example.com").unwrap();
    let kept = hostless.with_default_hosts(vec![pattern]).unwrap();
    assert!(kept.permits_target(
        &Method::GET,
        &target("https://api.example.com/any//../thing")
    ));
}

#[test]
fn stored_scopes_are_read_again_and_nothing_else_is() {
    for scope in [
        scope(&[], &[], &[]),
        scope(
            &["*.example.com:8443", "a.example"],
            &["GET"],
            &["/v1", "/"],
        ),
    ] {
        let bytes = scope.to_bytes();
        assert_eq!(TokenScope::parse(&bytes).unwrap(), scope);
        for length in 0..bytes.len() {
            assert!(TokenScope::parse(&bytes[..length]).is_err(), "{length}");
        }
        assert!(TokenScope::parse(&[&bytes[..], &[0]].concat()).is_err());
    }
    let mut twice = vec![FORM];
    put_list(&mut twice, std::iter::empty());
    put_list(&mut twice, [&b"a"[..], b"a"].into_iter());
    (0..3).for_each(|_| put_list(&mut twice, std::iter::empty()));
    assert!(TokenScope::parse(&twice).is_err(), "an entry twice");
}

#[test]
fn unusable_scopes_are_refused() {
    let many: Vec<String> = (0..=TOKEN_LIST_MAX).map(|n| format!("p{n}")).collect();
    let some = ScopeTexts {
        credentials: &[ID],
        ..ScopeTexts::default()
    };
    let ids = vec![ID; TOKEN_CREDENTIALS_MAX + 1];
    for refused in [
        ScopeTexts::default(),
        ScopeTexts { kv: &many, ..some },
        ScopeTexts {
            credentials: &ids,
            ..some
        },
        ScopeTexts {
            kv: &strings(&[""]),
            ..some
        },
        ScopeTexts {
            kv: &strings(&["a\n"]),
            ..some
        },
        ScopeTexts {
            hosts: &strings(&["*"]),
            ..some
        },
        ScopeTexts {
            hosts: &strings(&["contains:example"]),
            ..some
        },
        ScopeTexts {
            hosts: &strings(&["https://a.example"]),
            ..some
        },
        ScopeTexts {
            methods: &strings(&["get"]),
            ..some
        },
        ScopeTexts {
            methods: &strings(&["G T"]),
            ..some
        },
        ScopeTexts {
            paths: &strings(&["v1"]),
            ..some
        },
        ScopeTexts {
            paths: &strings(&["/v1/../v2"]),
            ..some
        },
        ScopeTexts {
            credentials: &[],
            kv: &strings(&["a"]),
            hosts: &strings(&["a.example"]),
            ..some
        },
        ScopeTexts {
            credentials: &[],
            kv: &strings(&["a"]),
            paths: &strings(&["/"]),
            ..some
        },
    ] {
        assert!(TokenScope::new(refused).is_err(), "{refused:?}");
    }
}

proptest! {
    /// Whatever the patterns of scope and credential are: where the credential of a token goes,
    /// one of the scope's own patterns matches, and it is the host itself or below it.
    #[test]
    fn a_token_goes_nowhere_beyond_its_hosts(
        own in prop::collection::vec("(\\*\\.)?(a|b|api)\\.(example|example\\.com)(:8443)?", 1..4),
        credential in "(\\*\\.)?(a|b|api)\\.(example|example\\.com)(:8443)?",
        host in "([ab]|api|xapi)?\\.?(a|b|api|aapi)\\.(example|example\\.com)(\\.evil\\.test)?(:8443)?",
    ) {
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let (Ok(target), Ok(pattern)) = (
            Target::parse(&format!("https://{host}/"), &SchemePolicy::https_only()),
            HostPattern::parse(&credential),
        ) else {
            return Ok(());
        };
        let scope = scope(&own, &[], &[]);
        let goes = scope.permits_target(&Method::GET, &target) && pattern.matches_target(&target);
        if goes {
            let name = target.host().to_string();
            let within = own.iter().any(|own| {
                let (own, port) = own.split_once(':').unwrap_or((own, ""));
                let named = port.is_empty() || target.port().to_string() == port;
                named && match own.strip_prefix('*') {
                    Some(below) => name.ends_with(below) && name.len() > below.len(),
                    None => name == own,
                }
            });
            prop_assert!(within, "{name} is not in {own:?}");
        }
    }
}
