#![no_main]
use hardened_crypto::recovery::{RecoveryKey, RecoverySet, RecoveryShare, WrappedShare};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::OWNER;
use secrecy::ExposeSecret;

// One share has one text, one wrapped share has one encoding; joining never panics.
fuzz_target!(|data: &[u8]| {
    if let Ok(share) = RecoveryShare::parse_text(data) {
        assert_eq!(share.to_text().expose_secret().as_bytes(), data);
        assert!((1..=share.count()).contains(&share.x()));
        let set = RecoverySet {
            org: OWNER.org,
            owner: OWNER.user,
            set: share.set(),
            version: 1,
        };
        let _ = RecoveryKey::combine(&set, &[share]);
    }
    if let Ok(wrapped) = WrappedShare::parse(data) {
        assert_eq!(wrapped.as_bytes(), data);
    }
});
