#![no_main]
use hardened_crypto::secret_format::{PresentedKey, PublicId, SecretKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for kind in [
        SecretKind::ApiKey,
        SecretKind::AccessToken,
        SecretKind::UserSecret,
    ] {
        if let Ok(key) = PresentedKey::parse(kind, data) {
            assert!(data.starts_with(kind.prefix().as_bytes()));
            assert_eq!(key.id().as_str().as_bytes(), &data[4..12]);
        }
    }
    if let Ok(id) = PublicId::parse(data) {
        assert_eq!(id.as_str().as_bytes(), data);
    }
});
