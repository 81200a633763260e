#![no_main]
use hardened_crypto::{root_key::RootKeyring, row_mac};
use libfuzzer_sys::fuzz_target;

// What parses signs, and verifies what it signed.
fuzz_target!(|text: &str| {
    if let Ok(ring) = RootKeyring::parse(text) {
        let tag = row_mac::sign(&ring, row_mac::row("rows").text(text));
        assert!(row_mac::verify(&ring, row_mac::row("rows").text(text), &tag).is_ok());
    }
});
