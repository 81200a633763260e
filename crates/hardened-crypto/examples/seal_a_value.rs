//! Seals a value with public keys alone, and opens it with the user's secret.
//!
//! `cargo run -p hardened-crypto --example seal_a_value`

use hardened_crypto::{
    Result,
    account::{FIRST_GENERATION, NewAccount},
    data_key::DataKey,
    ids::{OrgId, RecordId, UserId},
    payload::{self, PayloadContext},
    suite::ObjectKind,
    user_secret::{Argon2Arena, PassphraseCost, PassphrasePolicy, SecretOwner, UserSecret},
    wrap::{Grant, WrapContext, Wrapped},
};
use std::io::{self, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let owner = SecretOwner {
        org: OrgId([1; 16]),
        user: UserId([2; 16]),
    };
    let place = PayloadContext {
        org: owner.org,
        owner: owner.user,
        kind: ObjectKind::Value,
        record: RecordId([3; 16]),
        record_version: 1,
        data_key_generation: 0,
    };
    let wrap_place = WrapContext {
        org: owner.org,
        owner: owner.user,
        kind: place.kind,
        record: place.record,
        record_version: place.record_version,
        data_key_generation: place.data_key_generation,
        recipient: owner.user,
        recipient_generation: FIRST_GENERATION,
        grant: Grant::Owner,
    };

    // Once: a passphrase, and keys under it. Everything but the passphrase is stored.
    let mut arena = Argon2Arena::default();
    let passphrase = b"correct horse battery staple";
    let secret = UserSecret::for_new(passphrase, &PassphrasePolicy::default())?;
    let (protection, kek) = secret.protect(owner, 1, PassphraseCost::DEFAULT, &mut arena)?;
    let account = NewAccount::make(&kek)?;

    // Write: public keys are enough.
    let data_key = DataKey::make()?;
    let sealed = payload::seal(&data_key, &place, b"postgres://app@db/main")?;
    let wrapped = Wrapped::wrap(&data_key, &account.public, &wrap_place)?;

    // Read: the passphrase opens the private keys, they the data key, it the value.
    let presented = UserSecret::for_unlock(passphrase)?;
    let kek = presented.unlock(owner, &protection, &mut arena)?;
    let keys = account
        .private
        .open(&kek, FIRST_GENERATION, &account.public)?;
    let data_key = wrapped.unwrap(&keys, &wrap_place)?;
    let opened = payload::open(&data_key, &place, &sealed)?;

    let mut out = io::stdout().lock();
    writeln!(out, "{} bytes sealed as {}", opened.len(), sealed.len())?;
    writeln!(out, "and {} for its wrapped key", wrapped.as_bytes().len())?;
    Ok(())
}
