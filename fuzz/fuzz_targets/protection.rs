#![no_main]
use hardened_crypto::user_secret::{Argon2Arena, Protection, ProtectionKind};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{OWNER, PERSON, edited};

// One record has one encoding, and an edited one does not unlock. Passphrases are only
// parsed: each hash would take longer than a thousand runs.
fuzz_target!(|data: &[u8]| {
    let edits = edited(&PERSON.protection.to_bytes(), data);
    for bytes in [Some(data.to_vec()), edits].into_iter().flatten() {
        let Ok(protection) = Protection::parse(&bytes) else {
            continue;
        };
        assert_eq!(protection.to_bytes().as_slice(), bytes);
        if protection.kind() == ProtectionKind::Generated {
            let mut arena = Argon2Arena::default();
            assert!(
                PERSON
                    .secret
                    .unlock(OWNER, &protection, &mut arena)
                    .is_err()
            );
        }
    }
});
