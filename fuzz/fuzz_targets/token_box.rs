#![no_main]
use hardened_crypto::{
    ids::TokenId,
    secret_format::{PresentedKey, SecretKind},
    token::{ScopeHash, TokenContext, TokenKey},
};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{OWNER, PERSON, edited};
use std::sync::LazyLock;

static TOKEN: LazyLock<(TokenKey, Vec<u8>)> = LazyLock::new(|| {
    let (token, _) = PresentedKey::make(SecretKind::AccessToken).expect("randomness");
    let place = TokenContext {
        org: OWNER.org,
        user: OWNER.user,
        token: TokenId([6; 16]),
        scope: ScopeHash::of(b"scope"),
        expires_utc_ms: None,
    };
    let key = TokenKey::derive(&token, &place).expect("an access token");
    let boxed = key.box_account_key(&PERSON.account_key);
    (key, boxed.expect("randomness"))
});

fuzz_target!(|data: &[u8]| {
    let (key, boxed) = &*TOKEN;
    assert!(key.open_account_key(data).is_err());
    if let Some(edited) = edited(boxed, data) {
        assert!(key.open_account_key(&edited).is_err());
    }
});
