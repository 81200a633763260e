#![no_main]
use credential_injector::{BASE_URL_PREFIX, SchemePolicy, Target};
use libfuzzer_sys::fuzz_target;

// What the base-URL door reads is what the explicit door reads of the same text, byte for byte.
fuzz_target!(|text: &str| {
    let policy = SchemePolicy::https_only();
    let based = Target::parse_base_url(text, &policy);
    let rest = text.strip_prefix(BASE_URL_PREFIX);
    match (based, rest) {
        (Ok(based), Some(rest)) => {
            let explicit = Target::parse(&format!("https://{rest}"), &policy);
            assert_eq!(Some(&based), explicit.as_ref().ok());
            let sent = based.path_and_query();
            let after_host = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
            assert!(sent == after_host || sent.strip_prefix('/') == Some(after_host));
        }
        (Ok(_), None) => panic!("a path of another door"),
        (Err(_), _) => {}
    }
});
