#![no_main]
use credential_injector::{HostPattern, SchemePolicy, SubstringPatterns, Target};
use libfuzzer_sys::fuzz_target;

// An exact pattern made of a target's own host matches it; look-alikes built on it do not.
fuzz_target!(|text: &str| {
    let _ = HostPattern::parse_with(text, SubstringPatterns::AllowedByOperator);
    let Ok(pattern) = HostPattern::parse(text) else {
        return;
    };
    assert!(!text.starts_with("contains:"));
    for url in [
        format!("https://{text}.evil.example/"),
        format!("https://evil{text}/"),
    ] {
        if let Ok(target) = Target::parse(&url, &SchemePolicy::https_only()) {
            assert!(!pattern.matches_target(&target) || text.starts_with('*'));
        }
    }
});
