#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_server::vault::credentials::InjectionPlace;

// Pattern, slot and template on a line each. Names of headers count in no case.
fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let (pattern, slot, template) = (part(), part(), part());
    let Ok(place) = InjectionPlace::parse(pattern, slot, template) else {
        return;
    };
    if !slot.starts_with('?') {
        let lower = InjectionPlace::parse(pattern, &slot.to_ascii_lowercase(), template);
        assert_eq!(lower.ok(), Some(place));
    }
});
