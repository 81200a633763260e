#![no_main]
use hardened_crypto::{audit_chain::SignedCheckpoint, root_key::RootKeyring};
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;
use std::sync::LazyLock;

static RING: LazyLock<RootKeyring> = LazyLock::new(|| {
    let text = RootKeyring::make_text().expect("randomness");
    RootKeyring::parse(text.expose_secret()).expect("just made")
});

// One checkpoint has one text, and none that was made up verifies.
fuzz_target!(|data: &[u8]| {
    if let Ok(signed) = SignedCheckpoint::parse(data) {
        assert_eq!(signed.to_text().as_bytes(), data);
        assert!(signed.verify(&RING).is_err());
    }
});
