#![no_main]
use hardened_crypto::{
    credential::{self, CredentialContext, CredentialValue},
    ids::CredentialId,
};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{OWNER, PERSON, edited};

const PLACE: CredentialContext<'static> = CredentialContext {
    org: OWNER.org,
    owner: OWNER.user,
    credential: CredentialId([5; 16]),
    version: 1,
    host_pattern: "api.example.com:443",
    header: "authorization",
    template: "Bearer {{secret}}",
};

fuzz_target!(|data: &[u8]| {
    let key = &PERSON.data_key;
    assert!(credential::open(key, 0, &PLACE, data).is_err());
    let Ok(value) = CredentialValue::new(data) else {
        return;
    };
    let sealed = credential::seal(key, 0, &PLACE, &value).expect("randomness");
    let opened = credential::open(key, 0, &PLACE, &sealed).expect("just sealed");
    assert_eq!(opened.expose(), data);
    if let Some(edited) = edited(&sealed, data) {
        assert!(credential::open(key, 0, &PLACE, &edited).is_err());
    }
});
