#![no_main]
use hardened_crypto::audit_chain::{self, ChainLink};
use libfuzzer_sys::fuzz_target;

// One link has one line, and never more than one. No line that was made up is a chain.
fuzz_target!(|data: &[u8]| {
    if let Ok(link) = ChainLink::parse_line(data) {
        let line = link.to_line();
        assert_eq!(line.as_bytes(), data);
        assert!(line.chars().all(|c| c == '\t' || !c.is_control()));
        let _ = audit_chain::verify(link.entry.org, [link], &[]);
    }
});
