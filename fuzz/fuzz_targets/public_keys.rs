#![no_main]
use hardened_crypto::key_pair::PublicKeys;
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{PERSON, WRAP, edited};

// What parses is kept as it is, and can be wrapped to.
fuzz_target!(|data: &[u8]| {
    let edits = edited(PERSON.account.public.as_bytes(), data);
    for bytes in [Some(data.to_vec()), edits].into_iter().flatten() {
        if let Ok(keys) = PublicKeys::parse(&bytes) {
            assert_eq!(keys.as_bytes().as_slice(), bytes);
            let wrapped = hardened_crypto::wrap::Wrapped::wrap(&PERSON.data_key, &keys, &WRAP);
            assert!(wrapped.is_ok());
        }
    }
});
