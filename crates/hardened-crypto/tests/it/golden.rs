//! Objects of format version 1, made once: they open for ever, and wherever they are altered
//! they do not.

use crate::{
    golden_place as place,
    vector_files::{array, bytes, json},
    world::{flipped, refusal},
};
use hardened_crypto::{
    ErrorKind,
    account_key::AccountKey,
    audit_chain::{self, ChainLink, SignedCheckpoint},
    credential::{self, CredentialKey},
    data_key::DataKey,
    key_hash,
    key_pair::{PrivateKeyBoxes, PrivateKeys, PublicKeys},
    payload::{self, PayloadReader, RandomAccess},
    recovery::{
        self, Answer, MaskSalt, RecoveryKey, RecoveryShare, StagedRestore, StoredIdentity,
        WrappedShare,
    },
    root_key::RootKeyring,
    row_mac::{self, RowTag},
    secret_format::{PresentedKey, SecretKind},
    token::TokenKey,
    user_secret::{Argon2Arena, Kek, Protection, SecretOwner, UserSecret},
    wrap::{Wrapped, unwrap_alias},
};
use serde_json::Value;
use std::io::{Cursor, Read};

fn string<'a>(stored: &'a Value, field: &str) -> &'a str {
    stored[field].as_str().unwrap()
}

fn core() -> Value {
    let file = json("golden-v1/core.json");
    assert_eq!(file["formatVersion"], 1);
    file
}

fn unlock(owner: SecretOwner, secret: &[u8], user: &Value) -> Kek {
    let protection = Protection::parse(&bytes(user, "protection")).unwrap();
    let secret = UserSecret::for_unlock(secret).unwrap();
    let mut arena = Argon2Arena::default();
    secret.unlock(owner, &protection, &mut arena).unwrap()
}

struct User {
    kek: Kek,
    keys: PrivateKeys,
    account_key: AccountKey,
}

fn user(owner: SecretOwner, stored: &Value) -> User {
    let kek = unlock(owner, string(stored, "secret").as_bytes(), stored);
    let public = PublicKeys::parse(&bytes(stored, "publicKeys")).unwrap();
    let boxes = PrivateKeyBoxes {
        p256: bytes(stored, "p256"),
        ml_kem: bytes(stored, "mlKem"),
    };
    User {
        keys: boxes.open(&kek, 1, &public).unwrap(),
        account_key: AccountKey::open(&kek, &bytes(stored, "accountKey")).unwrap(),
        kek,
    }
}

fn owner(file: &Value) -> User {
    user(place::secret_owner(), &file["owner"])
}

fn friend(file: &Value) -> User {
    let owner = SecretOwner {
        user: place::FRIEND,
        ..place::secret_owner()
    };
    user(owner, &file["friend"])
}

#[test]
fn protections_and_key_boxes_open() {
    let file = core();
    assert_eq!(owner(&file).kek.secret_version(), 1);
    assert_eq!(friend(&file).kek.owner().user, place::FRIEND);
    let stored = &file["passphrase"];
    let kek = unlock(place::secret_owner(), place::PASSPHRASE, stored);
    assert_eq!(kek.secret_version(), 2);
    assert!(AccountKey::open(&kek, &bytes(stored, "accountKey")).is_ok());
}

#[test]
fn payloads_and_labels_open() {
    let file = core();
    let owner = owner(&file);
    let payloads = file["payloads"].as_array().unwrap();
    assert_eq!(payloads.len(), place::LENGTHS.len());
    for (stored, length) in payloads.iter().zip(place::LENGTHS) {
        assert_eq!(stored["bytes"], length);
        let context = place::payload(length);
        let wrapped = Wrapped::parse(&bytes(stored, "wrap")).unwrap();
        let data_key = wrapped
            .unwrap(&owner.keys, &place::owner_wrap(length))
            .unwrap();
        let sealed = bytes(stored, "sealed");
        check_payload(&data_key, &context, &sealed, &place::message(length));
        let label = bytes(stored, "label");
        let label = payload::open_label(&data_key, &context, &label).unwrap();
        assert_eq!(*label, place::LABEL);
    }
}

fn check_payload(
    data_key: &DataKey,
    context: &payload::PayloadContext,
    sealed: &[u8],
    message: &[u8],
) {
    assert_eq!(*payload::open(data_key, context, sealed).unwrap(), message);
    let mut streamed = Vec::new();
    let mut reader = PayloadReader::new(sealed, data_key, context).unwrap();
    reader.read_to_end(&mut streamed).unwrap();
    assert_eq!(streamed, message);
    let access = RandomAccess::new(Cursor::new(sealed), data_key, context).unwrap();
    assert_eq!(access.len(), message.len() as u64);
    for at in [0, 2, 3, 17, 41, sealed.len() - 1] {
        assert!(payload::open(data_key, context, &flipped(sealed, at, 3)).is_err());
    }
}

#[test]
fn shares_and_aliases_open() {
    let file = core();
    let (owner, friend) = (owner(&file), friend(&file));
    let stored = &file["share"];
    let context = place::share_wrap();
    let wrapped = Wrapped::parse(&bytes(stored, "wrap")).unwrap();
    let unwrapped = wrapped.unwrap(&friend.keys, &context).unwrap();
    let boxed = bytes(stored, "box");
    let unboxed = friend.account_key.open_data_key(&boxed, &context, &wrapped);
    for data_key in [unwrapped, unboxed.unwrap()] {
        let sealed = bytes(stored, "sealed");
        let opened = payload::open(&data_key, &place::payload(1), &sealed).unwrap();
        assert_eq!(*opened, b"shared");
    }
    let wrap = bytes(stored, "aliasWrap");
    let aliases = [
        unwrap_alias(&friend.keys, &place::alias(), &wrap),
        friend
            .account_key
            .open_alias(&bytes(stored, "aliasBox"), &place::alias(), &wrap),
        owner
            .account_key
            .open_alias(&bytes(stored, "ownersAliasBox"), &place::alias(), &wrap),
    ];
    for alias in aliases {
        assert_eq!(alias.unwrap().expose(), place::ALIAS);
    }
}

#[test]
fn rows_and_api_keys_verify() {
    let file = core();
    let stored = &file["root"];
    let ring = RootKeyring::parse(string(stored, "keyring")).unwrap();
    let tag = RowTag {
        key_id: stored["rowKeyId"].as_u64().unwrap().try_into().unwrap(),
        tag: array(stored, "rowTag"),
    };
    assert_eq!(row_mac::verify(&ring, place::row(), &tag), Ok(()));
    let other = row_mac::verify(&ring, place::row().u8(0), &tag);
    assert_eq!(refusal(other), ErrorKind::Tampered);
    let key = string(stored, "apiKey").as_bytes();
    let key = PresentedKey::parse(SecretKind::ApiKey, key).unwrap();
    let hash = array(stored, "apiKeyHash");
    let owner = Some(place::secret_owner());
    assert_eq!(key_hash::verify(&ring, &key, owner, Some(&hash)), Ok(()));
}

#[test]
fn credentials_and_tokens_open() {
    let file = json("golden-v1/grants.json");
    assert_eq!(file["formatVersion"], 1);
    let protection = Protection::parse(&bytes(&file, "protection")).unwrap();
    let passphrase = UserSecret::for_unlock(place::PASSPHRASE).unwrap();
    let place = place::credential_place();
    let mut arena = Argon2Arena::default();
    let by_passphrase = CredentialKey::unlock(&passphrase, place, &protection, &mut arena);

    let token = string(&file, "token").as_bytes();
    let token = PresentedKey::parse(SecretKind::AccessToken, token).unwrap();
    let token = TokenKey::derive(&token, &place::token()).unwrap();
    let boxed = bytes(&file, "tokenCredentialKey");
    let by_token = token.open_credential_key(&boxed, place, 1);
    let sealed = bytes(&file, "underPassphrase");
    for key in [by_passphrase, by_token] {
        let value = key.unwrap().open(&place::credential(), &sealed).unwrap();
        assert_eq!(value.expose(), place::CREDENTIAL_VALUE);
    }
    let boxed = bytes(&file, "tokenDataKey");
    let data_key = token.open_data_key(&boxed, place::granted()).unwrap();
    let sealed = bytes(&file, "underDataKey");
    let value = credential::open(&data_key, 0, &place::credential(), &sealed).unwrap();
    assert_eq!(value.expose(), place::CREDENTIAL_VALUE);
    assert!(
        token
            .open_account_key(&bytes(&file, "tokenAccountKey"))
            .is_ok()
    );
}

#[test]
fn recovery_sets_and_staged_restores_open() {
    let file = json("golden-v1/recovery.json");
    assert_eq!(file["formatVersion"], 1);
    let (owner, friend) = (owner(&file), friend(&file));
    let (set, trustee) = (place::recovery_set(), place::trustee());
    let share = |field| {
        let wrapped = WrappedShare::parse(&bytes(&file, field)).unwrap();
        wrapped.unwrap(&friend.keys, &trustee).unwrap()
    };
    let text = RecoveryShare::parse_text(string(&file, "shareText").as_bytes()).unwrap();
    assert_eq!((text.threshold(), text.count(), text.x()), (2, 3, 3));
    let (answer, mut arena) = (Answer::new(place::ANSWER).unwrap(), Argon2Arena::default());
    for third in [share("share"), text] {
        let first = share("maskedShare");
        let salt = MaskSalt(array(&file, "maskSalt"));
        let first = first.unmask(&answer, &salt, &set, place::FRIEND, &mut arena);
        let key = RecoveryKey::combine(&set, &[first.unwrap(), third]).unwrap();
        let envelope = bytes(&file, "keyEnvelope");
        let public = owner.keys.public();
        assert!(recovery::open_private_keys(&key, &set, 1, public, &envelope).is_ok());
        let envelope = bytes(&file, "accountEnvelope");
        assert!(recovery::open_account_key(&key, &set, &envelope).is_ok());
    }
    let blobs = (bytes(&file, "restoreFirst"), bytes(&file, "restoreSecond"));
    let staged = StagedRestore::parse(&blobs.0, &blobs.1).unwrap();
    assert_eq!(staged.to_blobs(), blobs);
    let secret = string(&file, "restoreSecret").as_bytes();
    let secret = UserSecret::for_unlock(secret).unwrap();
    let stored = StoredIdentity {
        owner: place::secret_owner(),
        secret_version: 1,
        public: &[(1, owner.keys.public().clone())],
    };
    let restored = staged.open(&secret, &stored, &mut arena).unwrap();
    assert!(restored.account_key.is_some());
}

#[test]
fn audit_lines_and_checkpoints_verify() {
    let file = json("golden-v1/audit.json");
    assert_eq!(file["formatVersion"], 1);
    let lines = file["lines"].as_array().unwrap().iter();
    let links = lines.map(|line| ChainLink::parse_line(line.as_str().unwrap().as_bytes()));
    let links: Vec<ChainLink> = links.collect::<Result<_, _>>().unwrap();
    let expected = place::events().unwrap();
    assert_eq!(links.len(), expected.len());
    for (link, event) in links.iter().zip(expected) {
        assert_eq!(link.entry.event, event);
    }
    let ring = RootKeyring::parse(string(&file, "keyring")).unwrap();
    let signed = SignedCheckpoint::parse(string(&file, "checkpoint").as_bytes()).unwrap();
    let checkpoint = signed.verify(&ring).unwrap();
    let verified = audit_chain::verify(place::ORG, &links, &[checkpoint]).unwrap();
    assert_eq!((verified.chain.size(), verified.checkpoints_met), (4, 1));
}
