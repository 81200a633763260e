#![no_main]
use credential_injector::egress::AllowEntry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = text.parse::<AllowEntry>();
});
