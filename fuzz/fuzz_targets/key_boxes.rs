#![no_main]
use hardened_crypto::{account_key::AccountKey, key_pair::PrivateKeyBoxes};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{PERSON, WRAP, edited};
use std::sync::LazyLock;

static DATA_KEY_BOX: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let boxed = PERSON
        .account_key
        .box_data_key(&PERSON.data_key, &WRAP, &PERSON.wrapped);
    boxed.expect("randomness")
});

fuzz_target!(|data: &[u8]| {
    let (account, kek) = (&PERSON.account, &PERSON.kek);
    let edits = [
        &account.account_key,
        &DATA_KEY_BOX,
        &account.private.p256,
        &account.private.ml_kem,
    ]
    .map(|original| edited(original, data));
    for bytes in [Some(data.to_vec())].into_iter().chain(edits).flatten() {
        assert!(AccountKey::open(kek, &bytes).is_err());
        assert!(
            PERSON
                .account_key
                .open_data_key(&bytes, &WRAP, &PERSON.wrapped)
                .is_err()
        );
        let (p256, ml_kem) = (account.private.p256.clone(), account.private.ml_kem.clone());
        let boxes = [
            PrivateKeyBoxes {
                p256: bytes.clone(),
                ml_kem,
            },
            PrivateKeyBoxes {
                p256,
                ml_kem: bytes,
            },
        ];
        for boxes in boxes {
            assert!(boxes.open(kek, 1, &account.public).is_err());
        }
    }
});
