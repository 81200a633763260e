#![no_main]
use hardened_crypto::user_secret::{PassphrasePolicy, UserSecret};
use libfuzzer_sys::fuzz_target;

// What may be set can be presented, as the same secret.
fuzz_target!(|data: &[u8]| {
    if let Ok(set) = UserSecret::for_new(data, &PassphrasePolicy::default()) {
        let presented = UserSecret::for_unlock(data).expect("it may be set");
        assert!(set.same_as(&presented));
        assert_eq!(set.is_generated(), presented.is_generated());
    }
});
