//! Makes golden objects of the format version that this crate writes, as JSON.
//!
//! `cargo run -p hardened-crypto --example make_golden -- core > core.json`, and `grants`,
//! `recovery` and `audit` likewise. What is committed under `tests/vectors/golden-v1` is never made again: a new
//! format version gets a folder of its own, and the old one must open for ever.

#[path = "../tests/it/golden_place.rs"]
mod place;

use hardened_crypto::{
    Result,
    account::NewAccount,
    account_key::AccountKey,
    audit_chain::{Chain, Checkpoint},
    credential::{self, CredentialKey, CredentialValue},
    data_key::DataKey,
    key_hash, payload,
    recovery::{self, Answer, RecoveryKey, Split, StagedRestore, WrappedShare},
    root_key::RootKeyring,
    row_mac,
    secret_format::{PresentedKey, SecretKind},
    token::TokenKey,
    user_secret::{Argon2Arena, Kek, PassphraseCost, SecretOwner, UserSecret},
    wrap::{Alias, Wrapped, wrap_alias},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{env, error::Error, io, io::Write};

fn main() -> Result<(), Box<dyn Error>> {
    let made = match env::args().nth(1).as_deref() {
        Some("core") => core()?,
        Some("grants") => grants()?,
        Some("recovery") => recovery_set()?,
        Some("audit") => audit()?,
        _ => return Err("name a part: core, grants, recovery or audit".into()),
    };
    let text = serde_json::to_string_pretty(&made)?;
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Users, their keys, payloads, a share, a row and an API key.
fn core() -> Result<Value> {
    let (owner, owner_json) = user(place::secret_owner())?;
    let friend = SecretOwner {
        user: place::FRIEND,
        ..place::secret_owner()
    };
    let (friend, friend_json) = user(friend)?;
    let payloads = place::LENGTHS.map(|length| one_payload(&owner, length));
    let payloads: Vec<Value> = payloads.into_iter().collect::<Result<_>>()?;
    Ok(json!({
        "formatVersion": 1,
        "owner": owner_json,
        "friend": friend_json,
        "passphrase": passphrase()?,
        "payloads": payloads,
        "share": share(&owner, &friend)?,
        "root": root()?,
    }))
}

struct User {
    account: NewAccount,
    kek: Kek,
}

fn user(owner: SecretOwner) -> Result<(User, Value)> {
    let (secret, text) = UserSecret::make()?;
    let cost = PassphraseCost::DEFAULT;
    let (protection, kek) = secret.protect(owner, 1, cost, &mut Argon2Arena::default())?;
    let account = NewAccount::make(&kek)?;
    let made = json!({
        "secret": text.expose_secret(),
        "protection": hex::encode(protection.to_bytes()),
        "publicKeys": hex::encode(account.public.as_bytes()),
        "p256": hex::encode(&account.private.p256),
        "mlKem": hex::encode(&account.private.ml_kem),
        "accountKey": hex::encode(&account.account_key),
    });
    Ok((User { account, kek }, made))
}

/// A second secret version of the owner, under a passphrase.
fn passphrase() -> Result<Value> {
    let secret = UserSecret::for_new(place::PASSPHRASE, &Default::default())?;
    let mut arena = Argon2Arena::default();
    let owner = place::secret_owner();
    let (protection, kek) = secret.protect(owner, 2, PassphraseCost::DEFAULT, &mut arena)?;
    let account_key = AccountKey::make()?.seal(&kek)?;
    Ok(json!({
        "protection": hex::encode(protection.to_bytes()),
        "accountKey": hex::encode(account_key),
    }))
}

fn one_payload(owner: &User, length: usize) -> Result<Value> {
    let data_key = DataKey::make()?;
    let context = place::payload(length);
    let wrapped = Wrapped::wrap(&data_key, &owner.account.public, &place::owner_wrap(length))?;
    let sealed = payload::seal(&data_key, &context, &place::message(length))?;
    let label = payload::seal_label(&data_key, &context, place::LABEL)?;
    Ok(json!({
        "bytes": length,
        "wrap": hex::encode(wrapped.as_bytes()),
        "sealed": hex::encode(sealed),
        "label": hex::encode(label),
    }))
}

fn share(owner: &User, friend: &User) -> Result<Value> {
    let data_key = DataKey::make()?;
    let context = place::share_wrap();
    let wrapped = Wrapped::wrap(&data_key, &friend.account.public, &context)?;
    let account_key = AccountKey::open(&friend.kek, &friend.account.account_key)?;
    let alias = Alias::new(place::ALIAS)?;
    let alias_wrap = wrap_alias(&alias, &friend.account.public, &place::alias())?;
    let owners_key = AccountKey::open(&owner.kek, &owner.account.account_key)?;
    Ok(json!({
        "wrap": hex::encode(wrapped.as_bytes()),
        "box": hex::encode(account_key.box_data_key(&data_key, &context, &wrapped)?),
        "sealed": hex::encode(payload::seal(&data_key, &place::payload(1), b"shared")?),
        "aliasWrap": hex::encode(&alias_wrap),
        "aliasBox": hex::encode(account_key.box_alias(&alias, &place::alias(), &alias_wrap)?),
        "ownersAliasBox": hex::encode(owners_key.box_alias(&alias, &place::alias(), &alias_wrap)?),
    }))
}

fn root() -> Result<Value> {
    let text = RootKeyring::make_text()?;
    let ring = RootKeyring::parse(text.expose_secret())?;
    let tag = row_mac::sign(&ring, place::row());
    let (key, key_text) = PresentedKey::make(SecretKind::ApiKey)?;
    let owner = Some(place::secret_owner());
    Ok(json!({
        "keyring": text.expose_secret(),
        "rowKeyId": tag.key_id,
        "rowTag": hex::encode(tag.tag),
        "apiKey": key_text.expose_secret(),
        "apiKeyHash": hex::encode(key_hash::hash(&ring, &key, owner)),
    }))
}

/// A credential both ways, and a token that may use it.
fn grants() -> Result<Value> {
    let value = CredentialValue::new(place::CREDENTIAL_VALUE)?;
    let passphrase = UserSecret::for_new(place::PASSPHRASE, &Default::default())?;
    let cost = PassphraseCost::DEFAULT;
    let (protection, credential_key) = CredentialKey::protect(
        &passphrase,
        place::credential_place(),
        1,
        cost,
        &mut Argon2Arena::default(),
    )?;
    let data_key = DataKey::make()?;
    let sealed = credential::seal(&data_key, 0, &place::credential(), &value)?;
    let (token, text) = PresentedKey::make(SecretKind::AccessToken)?;
    let token = TokenKey::derive(&token, &place::token())?;
    Ok(json!({
        "formatVersion": 1,
        "protection": hex::encode(protection.to_bytes()),
        "underPassphrase": hex::encode(credential_key.seal(&place::credential(), &value)?),
        "underDataKey": hex::encode(sealed),
        "token": text.expose_secret(),
        "tokenDataKey": hex::encode(token.box_data_key(&data_key, place::granted())?),
        "tokenCredentialKey": hex::encode(token.box_credential_key(&credential_key)?),
        "tokenAccountKey": hex::encode(token.box_account_key(&AccountKey::make()?)?),
    }))
}

/// Envelopes of an owner's keys, and two of three shares wrapped to a friend.
fn recovery_set() -> Result<Value> {
    let (owner, owner_json) = user(place::secret_owner())?;
    let friend = SecretOwner {
        user: place::FRIEND,
        ..place::secret_owner()
    };
    let (friend, friend_json) = user(friend)?;
    let (set, trustee) = (place::recovery_set(), place::trustee());
    let keys = owner
        .account
        .private
        .open(&owner.kek, 1, &owner.account.public)?;
    let account_key = AccountKey::open(&owner.kek, &owner.account.account_key)?;
    let key = RecoveryKey::make()?;
    let mut shares = key.split(&set, Split::new(2, 3)?)?;
    let third = shares.remove(2);
    let (answer, mut arena) = (Answer::new(place::ANSWER)?, Argon2Arena::default());
    let first = shares.remove(0);
    let (first, salt) = first.mask(&answer, &set, place::FRIEND, &mut arena)?;
    let wrap = |share| WrappedShare::wrap(share, &friend.account.public, &trustee);

    let (secret, secret_text) = UserSecret::make()?;
    let cost = PassphraseCost::DEFAULT;
    let (protection, kek) = secret.protect(place::secret_owner(), 2, cost, &mut arena)?;
    let staged = StagedRestore::make(&kek, protection, &[(1, keys)], Some(&account_key))?;
    let (first_blob, second_blob) = staged.to_blobs();
    let keys = owner
        .account
        .private
        .open(&owner.kek, 1, &owner.account.public)?;
    Ok(json!({
        "formatVersion": 1,
        "owner": owner_json,
        "friend": friend_json,
        "keyEnvelope": hex::encode(recovery::seal_private_keys(&key, &set, 1, &keys)?),
        "accountEnvelope": hex::encode(recovery::seal_account_key(&key, &set, &account_key)?),
        "maskedShare": hex::encode(wrap(&first)?.as_bytes()),
        "maskSalt": hex::encode(salt.0),
        "share": hex::encode(wrap(&third)?.as_bytes()),
        "shareText": third.to_text().expose_secret(),
        "restoreSecret": secret_text.expose_secret(),
        "restoreFirst": hex::encode(first_blob),
        "restoreSecond": hex::encode(second_blob),
    }))
}

/// A chain of four links as lines, and its checkpoint.
fn audit() -> Result<Value> {
    let mut chain = Chain::empty(place::ORG);
    let links = place::events()?
        .into_iter()
        .map(|event| chain.append(event));
    let lines: Vec<String> = links
        .map(|link| Ok(link?.to_line()))
        .collect::<Result<_>>()?;
    let text = RootKeyring::make_text()?;
    let ring = RootKeyring::parse(text.expose_secret())?;
    let checkpoint = Checkpoint::of(&chain, 1_790_000_001_000).sign(&ring);
    Ok(json!({
        "formatVersion": 1,
        "lines": lines,
        "keyring": text.expose_secret(),
        "checkpoint": checkpoint.to_text(),
    }))
}
