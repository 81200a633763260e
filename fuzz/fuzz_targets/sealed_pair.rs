#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_server::vault::recovery::sealed_pair::{HALF_BYTES_MAX, SealedPair};

// One pair has one encoding, and neither half is empty or beyond its bound.
fuzz_target!(|data: &[u8]| {
    if let Some(pair) = SealedPair::parse(data) {
        assert_eq!(pair.to_bytes(), data);
        for half in [&pair.ecc, &pair.kyber] {
            assert!((1..=HALF_BYTES_MAX).contains(&half.len()));
        }
    }
});
