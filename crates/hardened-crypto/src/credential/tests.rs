//! Both ways to seal, and every edit of a stored row.

use super::*;
use crate::{
    ids::ShareId,
    key_pair::PrivateKeys,
    user_secret::{PassphrasePolicy, SecretOwner},
    wrap::Wrapped,
};

const ORG: OrgId = OrgId([1; 16]);
const OWNER: UserId = UserId([2; 16]);
const FRIEND: UserId = UserId([3; 16]);
const ID: CredentialId = CredentialId([4; 16]);
const PLACE: CredentialPlace = CredentialPlace {
    org: ORG,
    owner: OWNER,
    credential: ID,
};
const CONTEXT: CredentialContext<'static> = CredentialContext {
    org: ORG,
    owner: OWNER,
    credential: ID,
    version: 3,
    host_pattern: "api.stripe.com:443",
    header: "authorization",
    template: "Bearer {{secret}}",
};

fn value() -> CredentialValue {
    CredentialValue::new(b"sk_live_51H").unwrap()
}

fn passphrase(text: &[u8]) -> UserSecret {
    UserSecret::for_new(text, &PassphrasePolicy::default()).unwrap()
}

/// The context with one thing edited, by name.
fn edits() -> Vec<(&'static str, CredentialContext<'static>)> {
    vec![
        (
            "version",
            CredentialContext {
                version: 2,
                ..CONTEXT
            },
        ),
        (
            "host",
            CredentialContext {
                host_pattern: "api.stripe.com.evil.example:443",
                ..CONTEXT
            },
        ),
        (
            "port",
            CredentialContext {
                host_pattern: "api.stripe.com:8443",
                ..CONTEXT
            },
        ),
        (
            "wildcard",
            CredentialContext {
                host_pattern: "*.stripe.com:443",
                ..CONTEXT
            },
        ),
        (
            "header",
            CredentialContext {
                header: "x-echo",
                ..CONTEXT
            },
        ),
        (
            "template",
            CredentialContext {
                template: "{{secret}}",
                ..CONTEXT
            },
        ),
        // The same letters, divided otherwise.
        (
            "border",
            CredentialContext {
                header: "authorizationB",
                template: "earer {{secret}}",
                ..CONTEXT
            },
        ),
    ]
}

fn other_places() -> Vec<(&'static str, CredentialContext<'static>)> {
    vec![
        (
            "org",
            CredentialContext {
                org: OrgId([9; 16]),
                ..CONTEXT
            },
        ),
        (
            "owner",
            CredentialContext {
                owner: FRIEND,
                ..CONTEXT
            },
        ),
        (
            "id",
            CredentialContext {
                credential: CredentialId([9; 16]),
                ..CONTEXT
            },
        ),
    ]
}

#[test]
fn a_data_key_opens_its_own_place_only() {
    let data_key = DataKey::make().unwrap();
    let sealed = seal(&data_key, 0, &CONTEXT, &value()).unwrap();
    let opened = open(&data_key, 0, &CONTEXT, &sealed).unwrap();
    assert_eq!(opened.expose(), value().expose());
    for (name, context) in edits().into_iter().chain(other_places()) {
        let error = open(&data_key, 0, &context, &sealed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tampered, "{name}");
    }
    let error = open(&data_key, 1, &CONTEXT, &sealed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tampered);
    let error = open(&DataKey::make().unwrap(), 0, &CONTEXT, &sealed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tampered);
}

#[test]
fn both_kinds_of_passphrase_open_their_own_place_only() {
    let arena = &mut Argon2Arena::default();
    let generated = UserSecret::make().unwrap().0;
    for secret in [generated, passphrase(b"correct horse battery")] {
        let cost = PassphraseCost::DEFAULT;
        let (stored, key) = CredentialKey::protect(&secret, PLACE, 1, cost, arena).unwrap();
        let sealed = key.seal(&CONTEXT, &value()).unwrap();

        let stored = Protection::parse(&stored.to_bytes()).unwrap();
        let key = CredentialKey::unlock(&secret, PLACE, &stored, arena).unwrap();
        let opened = key.open(&CONTEXT, &sealed).unwrap();
        assert_eq!(opened.expose(), value().expose());
        for (name, context) in edits() {
            let error = key.open(&context, &sealed).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tampered, "{name}");
        }
        for (name, context) in other_places() {
            let error = key.open(&context, &sealed).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Policy, "{name}");
        }
    }
}

#[test]
fn wrong_passphrase_and_tampering_stay_apart() {
    let arena = &mut Argon2Arena::default();
    let cost = PassphraseCost::DEFAULT;
    let secret = passphrase(b"correct horse battery");
    let (stored, key) = CredentialKey::protect(&secret, PLACE, 1, cost, arena).unwrap();
    let sealed = key.seal(&CONTEXT, &value()).unwrap();

    let wrong = passphrase(b"correct horse stable!");
    let error = CredentialKey::unlock(&wrong, PLACE, &stored, arena).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongSecret);
    let generated = UserSecret::make().unwrap().0;
    let error = CredentialKey::unlock(&generated, PLACE, &stored, arena).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongSecret);

    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        let kind = key.open(&CONTEXT, &altered).unwrap_err().kind();
        assert!(
            matches!(kind, ErrorKind::Tampered | ErrorKind::Malformed),
            "byte {at}"
        );
        assert!(key.open(&CONTEXT, &sealed[..at]).is_err(), "length {at}");
    }
}

#[test]
fn a_credential_passphrase_is_no_user_secret() {
    let arena = &mut Argon2Arena::default();
    let (secret, _) = UserSecret::make().unwrap();
    let cost = PassphraseCost::DEFAULT;
    let (stored, _) = CredentialKey::protect(&secret, PLACE, 1, cost, arena).unwrap();
    let owner = SecretOwner {
        org: ORG,
        user: OWNER,
    };
    let error = secret.unlock(owner, &stored, arena).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongSecret);
    let other = CredentialPlace {
        credential: CredentialId([9; 16]),
        ..PLACE
    };
    let error = CredentialKey::unlock(&secret, other, &stored, arena).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongSecret);
}

#[test]
fn the_two_ways_do_not_open_each_other() {
    let data_key = DataKey::make().unwrap();
    let same_bits = SecretBox::new(Box::new(*data_key.expose()));
    let key = CredentialKey::from_secret(same_bits, PLACE, 0);
    let sealed = seal(&data_key, 0, &CONTEXT, &value()).unwrap();
    assert!(key.open(&CONTEXT, &sealed).is_err());
}

#[test]
fn a_shared_credential_opens_for_its_user() {
    let friend = PrivateKeys::make().unwrap();
    let data_key = DataKey::make().unwrap();
    let sealed = seal(&data_key, 0, &CONTEXT, &value()).unwrap();
    let grant = Grant::Share {
        share: ShareId([5; 16]),
        permission: Permission::Use,
        expires_utc_ms: None,
    };
    let place = CONTEXT.wrap_context(0, FRIEND, 1, grant).unwrap();
    let wrapped = Wrapped::wrap(&data_key, friend.public(), &place).unwrap();
    let data_key = wrapped.unwrap(&friend, &place).unwrap();
    let opened = open(&data_key, 0, &CONTEXT, &sealed).unwrap();
    assert_eq!(opened.expose(), value().expose());
}

#[test]
fn a_credential_is_never_shared_to_be_read() {
    for permission in [Permission::Own, Permission::Read] {
        let grant = Grant::Share {
            share: ShareId([5; 16]),
            permission,
            expires_utc_ms: None,
        };
        let error = CONTEXT.wrap_context(0, FRIEND, 1, grant).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy);
    }
    let error = CONTEXT
        .wrap_context(0, FRIEND, 1, Grant::Owner)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Policy);
    assert!(CONTEXT.wrap_context(0, OWNER, 1, Grant::Owner).is_ok());
}

#[test]
fn values_are_bounded() {
    assert!(CredentialValue::new(&[]).is_err());
    assert!(CredentialValue::new(&vec![0; CREDENTIAL_VALUE_BYTES_MAX + 1]).is_err());
    let longest = CredentialValue::new(&vec![7; CREDENTIAL_VALUE_BYTES_MAX]).unwrap();
    let data_key = DataKey::make().unwrap();
    let sealed = seal(&data_key, 0, &CONTEXT, &longest).unwrap();
    assert_eq!(sealed.len(), SEALED_BYTES_MAX);
    let opened = open(&data_key, 0, &CONTEXT, &sealed).unwrap();
    assert_eq!(opened.expose(), longest.expose());
    let error = open(&data_key, 0, &CONTEXT, &vec![0; SEALED_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[test]
fn debug_shows_nothing() {
    assert_eq!(format!("{:?}", value()), "CredentialValue { .. }");
}
