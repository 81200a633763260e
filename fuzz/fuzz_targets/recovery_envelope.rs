#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_client::recovery::Envelope;

// One envelope has one encoding, and its generations rise.
fuzz_target!(|data: &[u8]| {
    if let Ok(envelope) = Envelope::parse(data) {
        assert_eq!(envelope.to_bytes().expect("as many as were read"), data);
        let generations = envelope.key_pairs.iter().map(|(generation, _)| generation);
        assert!(generations.is_sorted());
    }
});
