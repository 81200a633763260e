#![no_main]
use credential_injector::{PathPrefix, PathSegments};
use libfuzzer_sys::fuzz_target;

const PREFIX: &str = "/v1/charges";

// A path that passes a rule is below it for the URL standard's reader too, also when that reads
// what it decoded.
fuzz_target!(|text: &str| {
    if let Ok(prefix) = PathPrefix::parse(text) {
        let own = PathSegments::read(text).expect("a prefix is a path");
        assert!(prefix.covers(&own));
    }
    let prefix = PathPrefix::parse(PREFIX).expect("a prefix");
    let path = format!("{PREFIX}{text}");
    if path.contains(['?', '#']) {
        return;
    }
    if PathSegments::read(&path).is_some_and(|path| prefix.covers(&path)) {
        let url = url::Url::parse(&format!("https://a.example{path}")).expect("a path");
        assert!(url.path().starts_with(PREFIX), "{}", url.path());
        let decoded = percent_encoding::percent_decode_str(&path).decode_utf8_lossy();
        if !decoded.contains(['?', '#']) {
            let url = url::Url::parse(&format!("https://a.example{decoded}")).expect("a path");
            assert!(url.path().starts_with(PREFIX), "{}", url.path());
        }
    }
});
