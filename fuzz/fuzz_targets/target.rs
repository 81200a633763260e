#![no_main]
use credential_injector::{SchemePolicy, Target};
use libfuzzer_sys::fuzz_target;

// Whatever parses is https, and nothing in it is a second reading of the text.
fuzz_target!(|text: &str| {
    let _ = Target::parse(text, &SchemePolicy::https_only().permit_http_on_loopback());
    if Target::parse(text, &SchemePolicy::https_only()).is_ok() {
        assert!(
            text.get(..8)
                .is_some_and(|front| front.eq_ignore_ascii_case("https://"))
        );
        let refused = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        assert!(!text.contains(refused));
    }
});
