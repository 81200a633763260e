use credential_injector::SchemePolicy;

use super::*;

fn texts(methods: &[&str], kv: &[&str], hosts: &[&str], use_only: bool) -> ScopeTexts {
    let list = |texts: &[&str]| {
        (!texts.is_empty()).then(|| texts.iter().map(|text| (*text).to_owned()).collect())
    };
    ScopeTexts {
        methods: list(methods),
        kv: list(kv),
        hosts: list(hosts),
        use_only,
    }
}

fn scope(methods: &[&str], kv: &[&str], hosts: &[&str], use_only: bool) -> KeyScope {
    KeyScope::new(texts(methods, kv, hosts, use_only)).unwrap()
}

fn target(url: &str) -> Target {
    Target::parse(url, &SchemePolicy::https_only()).unwrap()
}

/// Scopes of every kind, the widest first.
fn samples() -> Vec<KeyScope> {
    let mut all = Vec::new();
    for methods in [
        &[][..],
        &["read"],
        &["write"],
        &["GET"],
        &["POST", "DELETE"],
    ] {
        for (kv, hosts, use_only) in [
            (&[][..], &[][..], false),
            (&["app/"], &[], false),
            (&["app/db/", "x"], &[], false),
            (&[], &["api.example.com"], false),
            (&[], &["*.example.com"], false),
            (&["app/"], &["api.example.com:443"], false),
            (&[], &[], true),
            (&[], &["api.example.com"], true),
        ] {
            all.push(scope(methods, kv, hosts, use_only));
        }
    }
    all
}

/// All that a scope can be asked, answered.
fn answers(scope: &KeyScope) -> Vec<bool> {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PURGE"];
    let methods = methods.map(|method| method.parse::<Method>().unwrap());
    let usual = methods
        .iter()
        .map(|method| scope.permits_method(Access::of(method), method));
    // A POST may read.
    let reading = scope.permits_method(Access::Read, &Method::POST);
    let by_method: Vec<bool> = usual.chain([reading]).collect();
    let names = ["app", "app/", "app/db/x", "application", "x", "xyz", "y"];
    let names = names.iter().map(|name| scope.permits_name(name));
    let targets = [
        "https://api.example.com/",
        "https://api.example.com:8443/",
        "https://www.example.com/",
        "https://example.com/",
        "https://api.example.com.evil.test/",
    ];
    let targets = targets.iter().map(|url| scope.permits_target(&target(url)));
    let areas = [
        scope.opens_account(),
        scope.opens_self(),
        scope.opens_every_name(),
    ];
    let places: Vec<bool> = names.chain(targets).chain(areas).collect();
    // A place counts with each method by which it can be reached.
    by_method
        .iter()
        .flat_map(|method| places.iter().map(|place| *method && *place))
        .collect()
}

#[test]
fn a_scope_within_another_permits_nothing_more() {
    let all = samples();
    let mut within = 0;
    for inner in &all {
        assert!(inner.is_within(inner), "{inner:?}");
        for outer in all.iter().filter(|outer| inner.is_within(outer)) {
            within += 1;
            let pairs = answers(inner).into_iter().zip(answers(outer));
            for (inside, outside) in pairs {
                assert!(!inside || outside, "{inner:?} in {outer:?}");
            }
        }
        for outer in all.iter().filter(|outer| !inner.is_within(outer)) {
            let pairs = answers(inner).into_iter().zip(answers(outer));
            let wider = pairs
                .into_iter()
                .any(|(inside, outside)| inside && !outside);
            assert!(wider, "{inner:?} is refused under {outer:?} for no reason");
        }
    }
    assert!(within > all.len(), "some lie in others");
}

#[test]
fn stored_scopes_are_read_again_and_nothing_else_is() {
    for scope in samples() {
        assert_eq!(KeyScope::parse(&scope.to_bytes()).unwrap(), scope);
    }
    for bytes in [
        &b""[..],
        b"{}",
        b"[1]",
        br#"{"form":2,"scope":{"methods":null,"kv":null,"hosts":null,"use_only":false}}"#,
        br#"{"form":1,"scope":{"methods":null,"kv":[],"hosts":null,"use_only":false}}"#,
        br#"{"form":1,"scope":{"methods":["PURGE"],"kv":null,"hosts":null,"use_only":false}}"#,
        br#"{"form":1,"scope":{"use_only":false,"more":1}}"#,
    ] {
        let refused = KeyScope::parse(bytes).unwrap_err();
        assert!(matches!(refused, VaultError::Tampered(_)), "{bytes:?}");
    }
}

#[test]
fn unusable_scopes_are_refused() {
    let long = "x".repeat(VALUE_NAME_BYTES_MAX + 1);
    let many: Vec<String> = (0..=SCOPE_PREFIXES_MAX).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for refused in [
        texts(&["get"], &[], &[], false),
        texts(&["PURGE"], &[], &[], false),
        texts(&["read", ""], &[], &[], false),
        texts(&[], &[""], &[], false),
        texts(&[], &["a\nb"], &[], false),
        texts(&[], &[&long], &[], false),
        texts(&[], &many, &[], false),
        texts(&[], &["app/"], &[], true),
        texts(&[], &[], &["*"], false),
        texts(&[], &[], &["contains:example"], false),
        texts(&[], &[], &["https://api.example.com"], false),
        ScopeTexts {
            kv: Some(Vec::new()),
            ..ScopeTexts::default()
        },
    ] {
        assert!(KeyScope::new(refused.clone()).is_err(), "{refused:?}");
    }
}
