//! Shares a value: one more wrap of its data key; the ciphertext stays as it is.
//!
//! `cargo run -p hardened-crypto --example share`

use hardened_crypto::{
    ErrorKind, Result,
    account::FIRST_GENERATION,
    data_key::DataKey,
    ids::{OrgId, RecordId, ShareId, UserId},
    key_pair::PrivateKeys,
    payload::{self, PayloadContext},
    share::rewrap,
    suite::ObjectKind,
    wrap::{Grant, Permission, WrapContext, Wrapped},
};
use std::io::{self, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (org, alice, bob) = (OrgId([1; 16]), UserId([2; 16]), UserId([3; 16]));
    let (alices, bobs) = (PrivateKeys::make()?, PrivateKeys::make()?);
    let place = PayloadContext {
        org,
        owner: alice,
        kind: ObjectKind::Value,
        record: RecordId([4; 16]),
        record_version: 1,
        data_key_generation: 0,
    };
    let own = WrapContext {
        org,
        owner: alice,
        kind: place.kind,
        record: place.record,
        record_version: place.record_version,
        data_key_generation: place.data_key_generation,
        recipient: alice,
        recipient_generation: FIRST_GENERATION,
        grant: Grant::Owner,
    };
    let data_key = DataKey::make()?;
    let sealed = payload::seal(&data_key, &place, b"for two")?;
    let wrapped = Wrapped::wrap(&data_key, alices.public(), &own)?;

    // Alice opens her wrap and makes one for Bob, to read until 2027.
    let for_bob = WrapContext {
        recipient: bob,
        grant: Grant::Share {
            share: ShareId([5; 16]),
            permission: Permission::Read,
            expires_utc_ms: Some(1_798_761_600_000),
        },
        ..own
    };
    let shared = rewrap(&wrapped, &alices, &own, bobs.public(), &for_bob)?;

    let data_key = shared.unwrap(&bobs, &for_bob)?;
    let opened = payload::open(&data_key, &place, &sealed)?;
    let mut out = io::stdout().lock();
    writeln!(out, "Bob reads {} bytes", opened.len())?;

    // The same wrap with another end does not open: expiry is part of its place.
    let for_ever = WrapContext {
        grant: Grant::Share {
            share: ShareId([5; 16]),
            permission: Permission::Read,
            expires_utc_ms: None,
        },
        ..for_bob
    };
    let refused = shared.unwrap(&bobs, &for_ever).map(|_| ());
    let kind = refused.map_err(|error| error.kind());
    writeln!(out, "with a later end: {kind:?}")?;
    assert_eq!(kind, Err(ErrorKind::Tampered));
    Ok(())
}
