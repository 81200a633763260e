//! `Debug` of rows shows no stored bytes.

use super::*;
use crate::ids::{
    BlobId, KeyId, OrgId, RecordId, RecoverySetId, RestoreId, ShareId, TokenId, UserId, UtcMillis,
};

const MAC: RowMac = RowMac {
    key_id: 1,
    tag: [0xEE; 32],
};
const NOW: UtcMillis = UtcMillis(5);

fn check(row: &dyn fmt::Debug) {
    let text = format!("{row:?} {row:#?}");
    // 0xEE is 238 in a byte list.
    for canary in ["238", "EE, ", "ee, "] {
        assert!(!text.contains(canary), "{text}");
    }
}

#[test]
fn debug_prints_lengths_only() {
    let (user_id, org_id) = (UserId::from_bytes([1; 16]), OrgId::from_bytes([2; 16]));
    let record_id = RecordId::from_bytes([3; 16]);
    let bytes = || vec![0xEE; 40];
    check(&MAC);
    check(&ApiKeyRow {
        key_id: KeyId::parse("abcdefgh").expect("eight characters"),
        owner: ApiKeyOwner::User { org_id, user_id },
        key_hash: [0xEE; 32],
        created: NOW,
        expires: None,
        version: 1,
        mac: MAC,
    });
    check(&UserKeysRow {
        user_id,
        org_id,
        protection: bytes(),
        secret_version: 1,
        account_key_box: bytes(),
        current_generation: 1,
        version: 1,
        mac: MAC,
    });
    check(&KeyPairRow {
        user_id,
        org_id,
        generation: 1,
        public_key: bytes(),
        ecc_box: bytes(),
        kyber_box: bytes(),
        created: NOW,
        version: 1,
        mac: MAC,
    });
    check(&ValueVersionRow {
        record_id,
        value_version: 1,
        header: bytes(),
        payload: bytes(),
        metadata_box: Some(bytes()),
        created: NOW,
        expires: None,
        mac: MAC,
    });
    check(&WrapRow {
        record_id,
        value_version: 1,
        recipient: user_id,
        recipient_generation: 1,
        grant: Grant::Owner,
        wrap: bytes(),
    });
    check(&AccountBoxRow {
        record_id,
        value_version: 1,
        recipient: user_id,
        account_box: bytes(),
    });
    check_records(record_id, org_id, user_id);
    check_people(org_id, user_id);
}

fn check_records(record_id: RecordId, org_id: OrgId, user_id: UserId) {
    let bytes = || vec![0xEE; 40];
    check(&ShareRow {
        share_id: ShareId::from_bytes([4; 16]),
        org_id,
        kind: RecordKind::Value,
        record_id,
        owner: user_id,
        recipient: user_id,
        permission: Permission::Read,
        created: NOW,
        expires: None,
        alias_wrap: Some(bytes()),
        owner_alias_box: Some(bytes()),
        version: 1,
        mac: MAC,
    });
    check(&AliasBoxRow {
        share_id: ShareId::from_bytes([4; 16]),
        share_version: 1,
        alias_box: bytes(),
    });
    check(&FileRow {
        file_id: record_id,
        org_id,
        owner: user_id,
        body: BlobId::from_bytes([5; 16]),
        content_version: 1,
        sealed_bytes: 1,
        sha256: [0xEE; 32],
        label_box: bytes(),
        created: NOW,
        updated: NOW,
        version: 1,
        mac: MAC,
    });
    check(&CredentialRow {
        credential_id: record_id,
        org_id,
        owner: user_id,
        name: String::new(),
        host_pattern: String::new(),
        header: String::new(),
        template: String::new(),
        echo: 1,
        protection: Some(bytes()),
        current_version: 1,
        newest_version: 1,
        created: NOW,
        updated: NOW,
        expires: None,
        version: 1,
        mac: MAC,
    });
    check(&CredentialVersionRow {
        credential_id: record_id,
        credential_version: 1,
        host_pattern: String::new(),
        header: String::new(),
        template: String::new(),
        sealed: bytes(),
        created: NOW,
        mac: MAC,
    });
}

fn check_people(org_id: OrgId, user_id: UserId) {
    let bytes = || vec![0xEE; 40];
    let key_id = KeyId::parse("abcdefgh").expect("eight characters");
    check(&TokenRow {
        key_id,
        token_id: TokenId::from_bytes([6; 16]),
        org_id,
        user_id,
        key_hash: [0xEE; 32],
        scope: bytes(),
        boxes: bytes(),
        created: NOW,
        expires: NOW,
        version: 1,
        mac: MAC,
    });
    check(&ApiKeyScopeRow {
        key_id,
        scope: bytes(),
        version: 1,
        mac: MAC,
    });
    check(&TrusteeRow {
        org_id,
        owner: user_id,
        trustee: user_id,
        set_id: RecoverySetId::from_bytes([7; 16]),
        blobs: bytes(),
        xor_applied: true,
        hint: "EE, ".into(),
        secret_version: 1,
        waiting_seconds: 1,
        created: NOW,
        version: 1,
        mac: MAC,
    });
    check(&StagedRestoreRow {
        restore_id: RestoreId::from_bytes([8; 16]),
        org_id,
        owner: user_id,
        trustee: user_id,
        blobs: bytes(),
        submitted: NOW,
        not_before: NOW,
        state: RestoreState::Pending,
        version: 1,
        mac: MAC,
    });
    check(&AuditEntry {
        org_id,
        entry: bytes(),
    });
    check(&AuditBlockRow {
        org_id,
        first_seq: 1,
        last_seq: 1,
        previous_hash: [0xEE; 32],
        hash: [0xEE; 32],
        entries: bytes(),
    });
}
