#![no_main]
use libfuzzer_sys::fuzz_target;
use vault_server::vault::scope::KeyScope;

// A scope comes back from what it is stored as, and lies within itself.
fuzz_target!(|data: &[u8]| {
    if let Ok(scope) = KeyScope::parse(data) {
        let again = KeyScope::parse(&scope.to_bytes()).expect("its own bytes");
        assert_eq!(again, scope);
        assert!(scope.is_within(&again));
    }
});
