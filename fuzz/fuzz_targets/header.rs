#![no_main]
use hardened_crypto::suite::Header;
use libfuzzer_sys::fuzz_target;

// One header has one encoding.
fuzz_target!(|data: &[u8]| {
    if let Ok(header) = Header::parse(data) {
        assert_eq!(header.to_bytes(), data);
    }
});
