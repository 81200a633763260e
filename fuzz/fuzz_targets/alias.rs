#![no_main]
use hardened_crypto::wrap::{Alias, unwrap_alias};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{ALIAS, PERSON, edited};
use std::sync::LazyLock;

/// Stands for the alias wrap that a box is bound to.
const WRAP: &[u8] = b"wrap";

static BOXED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let alias = Alias::new("alias").expect("a short text");
    let boxed = PERSON.account_key.box_alias(&alias, &ALIAS, WRAP);
    boxed.expect("randomness")
});

fuzz_target!(|data: &[u8]| {
    assert!(unwrap_alias(&PERSON.private, &ALIAS, data).is_err());
    assert!(PERSON.account_key.open_alias(data, &ALIAS, WRAP).is_err());
    if let Some(boxed) = edited(&BOXED, data) {
        assert!(PERSON.account_key.open_alias(&boxed, &ALIAS, WRAP).is_err());
    }
    if let Ok(alias) = std::str::from_utf8(data).map_or(Alias::new(""), Alias::new) {
        let boxed = PERSON
            .account_key
            .box_alias(&alias, &ALIAS, WRAP)
            .expect("randomness");
        let opened = PERSON.account_key.open_alias(&boxed, &ALIAS, WRAP);
        assert_eq!(opened.expect("just boxed").expose().as_bytes(), data);
    }
});
