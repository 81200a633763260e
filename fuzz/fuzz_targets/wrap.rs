#![no_main]
use hardened_crypto::wrap::Wrapped;
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{PERSON, WRAP, edited};

// What parses is kept as it is, and nothing but the original opens.
fuzz_target!(|data: &[u8]| {
    let edits = edited(PERSON.wrapped.as_bytes(), data);
    for bytes in [Some(data.to_vec()), edits].into_iter().flatten() {
        if let Ok(wrapped) = Wrapped::parse(&bytes) {
            assert_eq!(wrapped.as_bytes(), bytes);
            assert!(wrapped.unwrap(&PERSON.private, &WRAP).is_err());
        }
    }
});
