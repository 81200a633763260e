#![no_main]
use hardened_crypto::payload;
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{PERSON, VALUE, edited};

fuzz_target!(|data: &[u8]| {
    let key = &PERSON.data_key;
    assert!(payload::open_label(key, &VALUE, data).is_err());
    let sealed = payload::seal_label(key, &VALUE, data).expect("randomness");
    let opened = payload::open_label(key, &VALUE, &sealed).expect("just sealed");
    assert_eq!(*opened, data);
    if let Some(edited) = edited(&sealed, data) {
        assert!(payload::open_label(key, &VALUE, &edited).is_err());
    }
});
