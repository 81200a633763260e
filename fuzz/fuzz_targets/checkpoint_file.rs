#![no_main]
use hardened_crypto::root_key::RootKeyring;
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;
use std::sync::LazyLock;
use vault_server::vault::audit::CheckpointFile;

static RING: LazyLock<RootKeyring> = LazyLock::new(|| {
    let text = RootKeyring::make_text().expect("randomness");
    RootKeyring::parse(text.expose_secret()).expect("just made")
});

// What is read stands in the file, once for each note, in its order; none that was made up
// verifies.
fuzz_target!(|text: &str| {
    let mut rest = text;
    for signed in CheckpointFile::parse(text) {
        let note = signed.to_text();
        let at = rest.find(&note).expect("a note of the file");
        rest = &rest[at + note.len()..];
        assert!(signed.verify(&RING).is_err());
    }
});
