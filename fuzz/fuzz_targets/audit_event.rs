#![no_main]
use hardened_crypto::audit_chain::AuditEvent;
use libfuzzer_sys::fuzz_target;

// One event has one encoding, and its texts stay on their line.
fuzz_target!(|data: &[u8]| {
    if let Ok(event) = AuditEvent::parse_bytes(data) {
        assert_eq!(event.to_bytes(), data);
        assert!(!event.target.as_str().chars().any(char::is_control));
    }
});
