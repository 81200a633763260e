//! Tries against aliases, API keys, access tokens and stored credentials.

use crate::world::{
    ALICE, ALICES, BOBS, ORG, alias_place, cheap, error_of, owner_place, refusal, share_place,
};
use hardened_crypto::{
    ErrorKind,
    credential::{self, CredentialContext, CredentialKey, CredentialPlace, CredentialValue},
    data_key::DataKey,
    ids::{CredentialId, ShareId, TokenId},
    key_hash,
    root_key::RootKeyring,
    secret_format::{PresentedKey, SecretKind},
    token::{GrantedDataKey, ScopeHash, TokenContext, TokenKey},
    user_secret::{Argon2Arena, UserSecret},
    wrap::{Alias, AliasContext, WrapContext, Wrapped, unwrap_alias, wrap_alias},
};
use secrecy::ExposeSecret;

const CREDENTIAL: CredentialContext<'static> = CredentialContext {
    org: ORG,
    owner: ALICE,
    credential: CredentialId([0xc4; 16]),
    version: 1,
    host_pattern: "api.stripe.com:443",
    header: "authorization",
    template: "Bearer {{secret}}",
};
const PLACE: CredentialPlace = CredentialPlace {
    org: ORG,
    owner: ALICE,
    credential: CREDENTIAL.credential,
};

pub(super) fn alias_lengths() {
    let length = |text_bytes: usize| {
        let alias = Alias::new(&"a".repeat(text_bytes)).unwrap();
        let wrapped = wrap_alias(&alias, &BOBS.account.public, &alias_place()).unwrap();
        let boxed = BOBS
            .account_key
            .box_alias(&alias, &alias_place(), &wrapped)
            .unwrap();
        (wrapped.len(), boxed.len())
    };
    let mut lengths: Vec<_> = [1, 5, 62, 63, 100, 126, 127, 254].map(length).to_vec();
    lengths.dedup();
    assert_eq!(lengths.len(), 3);
}

pub(super) fn moved_alias() -> Vec<ErrorKind> {
    let alias = Alias::new("harmless").unwrap();
    let other = AliasContext {
        share: ShareId([0x99; 16]),
        ..alias_place()
    };
    let wrapped = wrap_alias(&alias, &BOBS.account.public, &alias_place()).unwrap();
    let boxed = BOBS
        .account_key
        .box_alias(&alias, &alias_place(), &wrapped)
        .unwrap();
    vec![
        refusal(unwrap_alias(&BOBS.private, &other, &wrapped)),
        refusal(BOBS.account_key.open_alias(&boxed, &other, &wrapped)),
    ]
}

pub(super) fn stale_boxes() -> Vec<ErrorKind> {
    let data_key = DataKey::make().unwrap();
    let place = share_place();
    let wrap = |place: &WrapContext| Wrapped::wrap(&data_key, &BOBS.account.public, place).unwrap();
    let wrapped = wrap(&place);
    let boxed = BOBS
        .account_key
        .box_data_key(&data_key, &place, &wrapped)
        .unwrap();
    let open = |place: &WrapContext, wrapped: &Wrapped| {
        refusal(BOBS.account_key.open_data_key(&boxed, place, wrapped))
    };
    // Revoked and shared again, and moved to the next generation of his keys.
    let rotated = WrapContext {
        recipient_generation: 2,
        ..place
    };
    let mut refused = vec![open(&place, &wrap(&place)), open(&rotated, &wrap(&rotated))];
    refused.push(stale_alias_box());
    refused
}

/// The box of an alias that the owner has changed since.
fn stale_alias_box() -> ErrorKind {
    let wrap = |alias: &Alias| wrap_alias(alias, &BOBS.account.public, &alias_place()).unwrap();
    let (old, new) = (Alias::new("old").unwrap(), Alias::new("new").unwrap());
    let key = &BOBS.account_key;
    let boxed = key.box_alias(&old, &alias_place(), &wrap(&old)).unwrap();
    refusal(key.open_alias(&boxed, &alias_place(), &wrap(&new)))
}

fn ring() -> RootKeyring {
    RootKeyring::parse(RootKeyring::make_text().unwrap().expose_secret()).unwrap()
}

pub(super) fn unknown_id() -> Vec<ErrorKind> {
    let ring = ring();
    let (key, _) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let (other, _) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let owner = Some(ALICES.owner);
    let stored = key_hash::hash(&ring, &key, owner);
    let unknown = error_of(key_hash::verify(&ring, &key, owner, None));
    let wrong = error_of(key_hash::verify(&ring, &other, owner, Some(&stored)));
    // One answer for both, and an absent hash is not a hash of zeros.
    assert_eq!(unknown, wrong);
    let zeros = key_hash::verify(&ring, &key, owner, Some(&[0; 32]));
    vec![unknown.kind(), wrong.kind(), refusal(zeros)]
}

pub(super) fn mistyped_key() -> Vec<ErrorKind> {
    let (_, text) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let text = text.expose_secret();
    let parse = |text: &str| PresentedKey::parse(SecretKind::ApiKey, text.as_bytes());
    assert!(parse(text).is_ok());
    let mut tries: Vec<ErrorKind> = (0..text.len())
        .map(|to| refusal(parse(&text[..to])))
        .collect();
    let mistyped = [
        text.to_uppercase(),
        text.to_lowercase(),
        format!(" {text}"),
        format!("{text}\n"),
        text.replace("sgk_", "sgt_"),
        text.replace("sgk_", "SGK_"),
    ];
    tries.extend(mistyped.iter().map(|text| refusal(parse(text))));
    tries
}

/// Other texts that a lax decoder reads as the same bits.
pub(super) fn base64_variants() -> Vec<ErrorKind> {
    let (_, text) = PresentedKey::make(SecretKind::AccessToken).unwrap();
    let text = text.expose_secret();
    let parse = |text: &str| {
        refusal(PresentedKey::parse(
            SecretKind::AccessToken,
            text.as_bytes(),
        ))
    };
    let (secret, checksum) = text.split_at(text.len() - 6);
    let (front, last) = secret.split_at(secret.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    let mut variants = vec![
        format!("{secret}={checksum}"),
        format!("{text}=="),
        format!("{front}{next}{checksum}"),
        format!("{front}\n{last}{checksum}"),
    ];
    // The standard alphabet, wherever it differs.
    let standard = text[4..].replace('-', "+").replace('_', "/");
    if standard != text[4..] {
        variants.push(format!("sgt_{standard}"));
    }
    variants.iter().map(|text| parse(text)).collect()
}

pub(super) fn keys_in_texts() {
    let (key, text) = PresentedKey::make(SecretKind::ApiKey).unwrap();
    let text = text.expose_secret();
    let (secret, _) = UserSecret::make().unwrap();
    let value = CredentialValue::new(b"canary-value").unwrap();
    let errors = [
        error_of(PresentedKey::parse(
            SecretKind::ApiKey,
            b"sgk_canary-canary",
        )),
        error_of(PresentedKey::parse(
            SecretKind::AccessToken,
            text.as_bytes(),
        )),
        error_of(RootKeyring::parse("1:canary-canary")),
        error_of(key_hash::verify(&ring(), &key, None, None)),
        error_of(UserSecret::for_new(b"canary", &Default::default())),
        error_of(Alias::new(&"canary".repeat(100))),
    ];
    let shown = format!(
        "{key:?} {secret:?} {value:?} {errors:?} {}",
        errors.map(|e| e.to_string()).join(" ")
    );
    assert!(!shown.contains("canary"), "{shown}");
    // The public id may be shown; nothing behind it.
    assert!(!shown.contains(&text[12..20]) && !shown.contains(&text[text.len() - 6..]));
    assert!(text.starts_with("sgk_"));
}

pub(super) fn edited_scope() -> Vec<ErrorKind> {
    let (token, _) = PresentedKey::make(SecretKind::AccessToken).unwrap();
    let place = TokenContext {
        org: ORG,
        user: ALICE,
        token: TokenId([0x70; 16]),
        scope: ScopeHash::of(b"credentials: one"),
        expires_utc_ms: Some(1_800_000_000_000),
    };
    let granted = GrantedDataKey {
        place: PLACE,
        version: 1,
        data_key_generation: 0,
    };
    let data_key = DataKey::make().unwrap();
    let key = TokenKey::derive(&token, &place).unwrap();
    let boxed = key.box_data_key(&data_key, granted).unwrap();
    assert!(key.open_data_key(&boxed, granted).is_ok());
    let edited = [
        TokenContext {
            scope: ScopeHash::of(b"credentials: one, two"),
            ..place
        },
        TokenContext {
            expires_utc_ms: Some(1_900_000_000_000),
            ..place
        },
        TokenContext {
            expires_utc_ms: None,
            ..place
        },
    ];
    let open = |place| {
        let key = TokenKey::derive(&token, &place).unwrap();
        refusal(key.open_data_key(&boxed, granted))
    };
    let mut refusals: Vec<ErrorKind> = edited.into_iter().map(open).collect();
    // A box copied in from a wider token of the same user.
    let (wider, _) = PresentedKey::make(SecretKind::AccessToken).unwrap();
    let copied = TokenKey::derive(&wider, &place)
        .unwrap()
        .box_account_key(&ALICES.account_key)
        .unwrap();
    refusals.push(refusal(key.open_account_key(&copied)));
    refusals
}

/// Opens Alice's credential as if its row said something else, both ways of sealing.
fn opened_as(edits: &[CredentialContext<'_>]) -> Vec<ErrorKind> {
    let value = CredentialValue::new(b"sk_live").unwrap();
    let data_key = DataKey::make().unwrap();
    let passphrase = UserSecret::for_unlock(b"correct horse battery staple").unwrap();
    let mut arena = Argon2Arena::default();
    let protected = CredentialKey::protect(&passphrase, PLACE, 1, cheap(), &mut arena);
    let (_, key) = protected.unwrap();
    let by_data_key = credential::seal(&data_key, 0, &CREDENTIAL, &value).unwrap();
    let by_passphrase = key.seal(&CREDENTIAL, &value).unwrap();
    assert!(credential::open(&data_key, 0, &CREDENTIAL, &by_data_key).is_ok());
    assert!(key.open(&CREDENTIAL, &by_passphrase).is_ok());
    let open = |edit: &CredentialContext<'_>| {
        [
            refusal(credential::open(&data_key, 0, edit, &by_data_key)),
            refusal(key.open(edit, &by_passphrase)),
        ]
    };
    edits.iter().flat_map(open).collect()
}

pub(super) fn host_confusion() -> Vec<ErrorKind> {
    let hosts = [
        "api.stripe.com:8443",
        "api.stripe.com",
        "api.stripe.com.:443",
        "API.stripe.com:443",
        "user@api.stripe.com:443",
        "api.stripe.com:443@evil.example:443",
        "api.stripe.com.evil.example:443",
        "xn--api.stripe.com:443",
        "\u{430}pi.stripe.com:443",
        "*.stripe.com:443",
        "contains:stripe",
        "",
    ];
    let edit = |host_pattern| CredentialContext {
        host_pattern,
        ..CREDENTIAL
    };
    opened_as(&hosts.map(edit))
}

pub(super) fn other_pattern() -> Vec<ErrorKind> {
    opened_as(&[
        CredentialContext {
            host_pattern: "evil.example:443",
            ..CREDENTIAL
        },
        CredentialContext {
            header: "x-debug",
            ..CREDENTIAL
        },
        CredentialContext {
            template: "{{secret}}",
            ..CREDENTIAL
        },
        CredentialContext {
            version: 2,
            ..CREDENTIAL
        },
        CredentialContext {
            header: "authorizationB",
            template: "earer {{secret}}",
            ..CREDENTIAL
        },
    ])
}

/// A credential is owned, or shared to be used; never shared to be read.
#[test]
fn a_credential_is_never_shared_to_be_read() {
    let place = CREDENTIAL.wrap_context(0, ALICE, 1, owner_place().grant);
    assert_eq!(place.unwrap().recipient, ALICE);
    let read = CREDENTIAL.wrap_context(0, BOBS.owner.user, 1, share_place().grant);
    assert_eq!(refusal(read), ErrorKind::Policy);
}
