#![no_main]
use hardened_crypto::payload::{self, CHUNK_BYTES, PayloadReader, RandomAccess};
use libfuzzer_sys::fuzz_target;
use sealgate_fuzz::{PERSON, VALUE, edited};
use std::{
    io::{Cursor, Read},
    sync::LazyLock,
};

// Sealed payloads of several lengths, to be edited.
static SEALED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let lengths = [
        0,
        1,
        100,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        40_000,
    ];
    let seal = |length| payload::seal(&PERSON.data_key, &VALUE, &vec![7; length]);
    lengths
        .map(|length| seal(length).expect("randomness"))
        .to_vec()
});

// Memory, stream and random access agree, and an edited payload opens in none of them.
fuzz_target!(|data: &[u8]| {
    check(data);
    if let [which, data @ ..] = data {
        let sealed = &SEALED[usize::from(*which) % SEALED.len()];
        if let Some(edited) = edited(sealed, data) {
            check(&edited);
        }
    }
});

fn check(bytes: &[u8]) {
    let key = &PERSON.data_key;
    assert!(payload::open(key, &VALUE, bytes).is_err());
    let mut released = Vec::new();
    let streamed = PayloadReader::new(bytes, key, &VALUE)
        .and_then(|mut reader| reader.read_to_end(&mut released));
    assert!(streamed.is_err());
    assert!(released.len() % CHUNK_BYTES == 0 && released.iter().all(|byte| *byte == 7));
    if let Ok(mut access) = RandomAccess::new(Cursor::new(bytes), key, &VALUE) {
        let mut buffer = vec![0; 3 * CHUNK_BYTES];
        let whole = access.read_at(0, &mut buffer);
        assert!(whole.is_err(), "the last chunk alone may be as it was");
    }
}
