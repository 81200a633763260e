#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_server::vault::tokens::{TokenBoxes, TokenScope};

// One scope has one encoding, and so have boxes.
fuzz_target!(|data: &[u8]| {
    if let Ok(scope) = TokenScope::parse(data) {
        assert_eq!(scope.to_bytes(), data);
    }
    if let Ok(boxes) = TokenBoxes::parse(data) {
        assert_eq!(boxes.to_bytes(), data);
    }
});
