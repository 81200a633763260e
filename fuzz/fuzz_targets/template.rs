#![no_main]
use credential_injector::Template;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if Template::parse(text).is_ok() {
        assert_eq!(text.matches("{{").count(), 1);
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
});
