#![no_main]
use hardened_crypto::recovery::StagedRestore;
use libfuzzer_sys::fuzz_target;

// Two blobs, cut where the first two bytes say. One restore has one encoding.
fuzz_target!(|data: &[u8]| {
    let Some((cut, data)) = data.split_first_chunk::<2>() else {
        return;
    };
    let cut = usize::from(u16::from_be_bytes(*cut)).min(data.len());
    let (first, second) = data.split_at(cut);
    if let Ok(restore) = StagedRestore::parse(first, second) {
        assert_eq!(restore.to_blobs(), (first.to_vec(), second.to_vec()));
    }
});
