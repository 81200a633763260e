#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_client::recovery::SharePackage;

// One package has one encoding.
fuzz_target!(|data: &[u8]| {
    if let Ok(package) = SharePackage::parse(data) {
        assert_eq!(package.to_bytes(), data);
    }
});
