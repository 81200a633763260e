//! The places of the golden objects of format version 1. Never edited: what was sealed in
//! them must open for ever. Shared by the test that opens and `examples/make_golden.rs`.

use hardened_crypto::{
    Result,
    audit_chain::{Actor, AuditEvent, LogText},
    context::Context,
    credential::{CredentialContext, CredentialPlace},
    ids::{CredentialId, OrgId, RecordId, RecoverySetId, ShareId, TokenId, UserId},
    payload::PayloadContext,
    recovery::{RecoverySet, TrusteeContext},
    row_mac,
    suite::ObjectKind,
    token::{GrantedDataKey, ScopeHash, TokenContext},
    user_secret::SecretOwner,
    wrap::{AliasContext, Grant, Permission, WrapContext},
};

pub(crate) const ORG: OrgId = OrgId(*b"golden org 00001");
pub(crate) const OWNER: UserId = UserId(*b"golden owner 001");
pub(crate) const FRIEND: UserId = UserId(*b"golden friend 01");
pub(crate) const PASSPHRASE: &[u8] = "golden passphrase \u{fc}".as_bytes();
pub(crate) const LABEL: &[u8] = b"golden label: report.pdf, application/pdf";
pub(crate) const ALIAS: &str = "golden alias";
/// Lengths of the payloads; each is sealed as a value and as a file.
pub(crate) const LENGTHS: [usize; 6] = [0, 1, 16_383, 16_384, 16_385, 40_000];

/// The plaintext of `length` bytes.
pub(crate) fn message(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

pub(crate) fn secret_owner() -> SecretOwner {
    SecretOwner {
        org: ORG,
        user: OWNER,
    }
}

pub(crate) fn payload(length: usize) -> PayloadContext {
    let kind = if length.is_multiple_of(2) {
        ObjectKind::Value
    } else {
        ObjectKind::File
    };
    PayloadContext {
        org: ORG,
        owner: OWNER,
        kind,
        record: RecordId(*b"golden record 01"),
        record_version: length as u64,
        data_key_generation: 2,
    }
}

pub(crate) fn owner_wrap(length: usize) -> WrapContext {
    let payload = payload(length);
    WrapContext {
        org: ORG,
        owner: OWNER,
        kind: payload.kind,
        record: payload.record,
        record_version: payload.record_version,
        data_key_generation: payload.data_key_generation,
        recipient: OWNER,
        recipient_generation: 1,
        grant: Grant::Owner,
    }
}

/// The share of the payload of one byte.
pub(crate) fn share_wrap() -> WrapContext {
    WrapContext {
        recipient: FRIEND,
        recipient_generation: 1,
        grant: Grant::Share {
            share: share(),
            permission: Permission::Read,
            expires_utc_ms: Some(4_102_444_800_000),
        },
        ..owner_wrap(1)
    }
}

fn share() -> ShareId {
    ShareId(*b"golden share 001")
}

pub(crate) fn alias() -> AliasContext {
    AliasContext {
        org: ORG,
        owner: OWNER,
        recipient: FRIEND,
        share: share(),
        recipient_generation: 1,
    }
}

pub(crate) fn row() -> Context {
    row_mac::row("users")
        .bytes(&OWNER.0)
        .u64(7)
        .text("golden owner")
        .optional_i64(None)
}

pub(crate) const CREDENTIAL_VALUE: &[u8] = b"golden upstream credential";

pub(crate) fn credential() -> CredentialContext<'static> {
    CredentialContext {
        org: ORG,
        owner: OWNER,
        credential: CredentialId(*b"golden cred 0001"),
        version: 3,
        host_pattern: "api.golden.example:443",
        header: "authorization",
        template: "Bearer {{secret}}",
    }
}

pub(crate) fn credential_place() -> CredentialPlace {
    CredentialPlace {
        org: ORG,
        owner: OWNER,
        credential: credential().credential,
    }
}

pub(crate) fn token() -> TokenContext {
    TokenContext {
        org: ORG,
        user: OWNER,
        token: TokenId(*b"golden token 001"),
        scope: ScopeHash::of(b"golden scope"),
        expires_utc_ms: Some(4_102_444_800_000),
    }
}

pub(crate) fn granted() -> GrantedDataKey {
    GrantedDataKey {
        place: credential_place(),
        version: 3,
        data_key_generation: 0,
    }
}

pub(crate) const ANSWER: &str = "Golden Retriever";

pub(crate) fn recovery_set() -> RecoverySet {
    RecoverySet {
        org: ORG,
        owner: OWNER,
        set: RecoverySetId(*b"golden set 00001"),
        version: 1,
    }
}

/// The friend is trustee of the first and the third share; the first is masked.
pub(crate) fn trustee() -> TrusteeContext {
    TrusteeContext {
        set: recovery_set(),
        trustee: FRIEND,
        trustee_generation: 1,
    }
}

/// The events of the golden chain.
pub(crate) fn events() -> Result<Vec<AuditEvent>> {
    let actors = [
        Actor::Anonymous,
        Actor::Root,
        Actor::System,
        Actor::User(OWNER),
    ];
    let event = |(at, actor): (i64, Actor)| {
        Ok(AuditEvent {
            time_utc_ms: 1_790_000_000_000 + at,
            actor,
            action: LogText::new("kv.write")?,
            target: LogText::new("kv golden/\u{fc}mlaut")?,
            outcome: LogText::new("ok")?,
            new_version: (at % 2 == 1).then_some(7),
            request_id: LogText::new("golden-request")?,
            note: LogText::default(),
        })
    };
    (0..).zip(actors).map(event).collect()
}
