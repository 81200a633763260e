//! Every column of every row counts.

use super::*;
use secrecy::ExposeSecret;
use vault_store::rows::{FileRow, Permission, RecordKind, RestoreState};
use vault_store::{
    BlobId, KeyId, OrgId, RecordId, RecoverySetId, RestoreId, ShareId, TokenId, UserId,
};

fn integrity() -> RowIntegrity {
    let text = RootKeyring::make_text().unwrap();
    RowIntegrity::new(Arc::new(RootKeyring::parse(text.expose_secret()).unwrap()))
}

/// The row as made passes; each change on its own does not.
fn check<R: GuardedRow + Clone>(row: R, changes: &[fn(&mut R)]) {
    let integrity = integrity();
    let signed = integrity.sign(row);
    assert!(integrity.check(&signed).is_ok());
    for (index, change) in changes.iter().enumerate() {
        let mut changed = signed.clone();
        change(&mut changed);
        assert_eq!(
            integrity.check(&changed),
            Err(VaultError::Tampered(R::TABLE)),
            "change {index} of {}",
            R::TABLE
        );
    }
    assert!(
        self::integrity().check(&signed).is_err(),
        "another root key"
    );
}

const ORG: OrgId = OrgId::from_bytes([1; 16]);
const OTHER: OrgId = OrgId::from_bytes([9; 16]);
const USER: UserId = UserId::from_bytes([2; 16]);

#[test]
fn every_column_of_orgs_and_users_counts() {
    let org = OrgRow {
        org_id: ORG,
        name: "o".into(),
        created: UtcMillis(1),
        version: 1,
        mac: UNSIGNED,
    };
    check(
        org,
        &[
            |row| row.org_id = OTHER,
            |row| row.name.push('x'),
            |row| row.created.0 = 2,
            |row| row.version = 2,
            |row| row.mac.key_id = 2,
            |row| row.mac.tag[31] ^= 1,
        ],
    );
    let user = UserRow {
        user_id: USER,
        org_id: ORG,
        name: "u".into(),
        is_admin: false,
        disabled: false,
        created: UtcMillis(1),
        version: 1,
        mac: UNSIGNED,
    };
    check(
        user,
        &[
            |row| row.user_id = UserId::from_bytes([3; 16]),
            |row| row.org_id = OTHER,
            |row| row.name.clear(),
            |row| row.is_admin = true,
            |row| row.disabled = true,
            |row| (row.is_admin, row.disabled) = (true, true),
            |row| row.created.0 = 2,
            |row| row.version = 2,
        ],
    );
}

#[test]
fn every_column_of_api_keys_counts() {
    let key = ApiKeyRow {
        key_id: KeyId::parse("abcdefgh").unwrap(),
        owner: ApiKeyOwner::User {
            org_id: ORG,
            user_id: USER,
        },
        key_hash: [7; 32],
        created: UtcMillis(1),
        expires: None,
        version: 1,
        mac: UNSIGNED,
    };
    check(
        key,
        &[
            |row| row.key_id = KeyId::parse("abcdefgi").unwrap(),
            |row| row.owner = ApiKeyOwner::Root,
            |row| row.key_hash[0] ^= 1,
            |row| row.created.0 = 2,
            |row| row.expires = Some(UtcMillis(0)),
            |row| row.version = 2,
        ],
    );
}

#[test]
fn every_column_of_keys_counts() {
    let keys = UserKeysRow {
        user_id: USER,
        org_id: ORG,
        protection: vec![1],
        secret_version: 1,
        account_key_box: vec![2],
        current_generation: 1,
        version: 1,
        mac: UNSIGNED,
    };
    check(
        keys,
        &[
            |row| row.user_id = UserId::from_bytes([3; 16]),
            |row| row.org_id = OTHER,
            |row| row.protection[0] = 9,
            |row| row.secret_version = 2,
            |row| row.account_key_box[0] = 9,
            |row| row.current_generation = 2,
            |row| row.version = 2,
            |row| std::mem::swap(&mut row.protection, &mut row.account_key_box),
        ],
    );
    let pair = KeyPairRow {
        user_id: USER,
        org_id: ORG,
        generation: 1,
        public_key: vec![1],
        ecc_box: vec![2],
        kyber_box: vec![3],
        created: UtcMillis(1),
        version: 1,
        mac: UNSIGNED,
    };
    check(
        pair,
        &[
            |row| row.user_id = UserId::from_bytes([3; 16]),
            |row| row.org_id = OTHER,
            |row| row.generation = 2,
            |row| row.public_key[0] = 9,
            |row| std::mem::swap(&mut row.ecc_box, &mut row.kyber_box),
            |row| row.kyber_box.clear(),
            |row| row.created.0 = 2,
            |row| row.version = 2,
        ],
    );
}

#[test]
fn every_column_of_values_counts() {
    let value = ValueRow {
        record_id: RecordId::from_bytes([4; 16]),
        org_id: ORG,
        owner: USER,
        name: "n".into(),
        current_version: 1,
        created: UtcMillis(1),
        updated: UtcMillis(1),
        deleted: None,
        expires: None,
        version: 1,
        mac: UNSIGNED,
    };
    check(
        value,
        &[
            |row| row.record_id = RecordId::from_bytes([5; 16]),
            |row| row.org_id = OTHER,
            |row| row.owner = UserId::from_bytes([3; 16]),
            |row| row.name.push('x'),
            |row| row.current_version = 2,
            |row| row.created.0 = 2,
            |row| row.updated.0 = 2,
            |row| row.deleted = Some(UtcMillis(1)),
            |row| row.expires = Some(UtcMillis(1)),
            |row| row.version = 2,
        ],
    );
    let version = ValueVersionRow {
        record_id: RecordId::from_bytes([4; 16]),
        value_version: 1,
        header: vec![1],
        payload: vec![2],
        metadata_box: None,
        created: UtcMillis(1),
        expires: None,
        mac: UNSIGNED,
    };
    check(
        version,
        &[
            |row| row.record_id = RecordId::from_bytes([5; 16]),
            |row| row.value_version = 2,
            |row| row.header.clear(),
            |row| row.payload.push(0),
            |row| row.metadata_box = Some(Vec::new()),
            |row| row.created.0 = 2,
            |row| row.expires = Some(UtcMillis(1)),
            |row| std::mem::swap(&mut row.header, &mut row.payload),
        ],
    );
}

#[test]
fn every_column_of_shares_counts() {
    let share = ShareRow {
        share_id: ShareId::from_bytes([6; 16]),
        org_id: ORG,
        kind: RecordKind::Value,
        record_id: RecordId::from_bytes([4; 16]),
        owner: USER,
        recipient: UserId::from_bytes([3; 16]),
        permission: Permission::Read,
        created: UtcMillis(1),
        expires: None,
        alias_wrap: Some(vec![1]),
        owner_alias_box: None,
        version: 1,
        mac: UNSIGNED,
    };
    check(
        share,
        &[
            |row| row.share_id = ShareId::from_bytes([7; 16]),
            |row| row.org_id = OTHER,
            |row| row.kind = RecordKind::File,
            |row| row.record_id = RecordId::from_bytes([5; 16]),
            |row| row.owner = UserId::from_bytes([8; 16]),
            |row| row.recipient = UserId::from_bytes([8; 16]),
            |row| std::mem::swap(&mut row.owner, &mut row.recipient),
            |row| row.permission = Permission::Use,
            |row| row.created.0 = 2,
            |row| row.expires = Some(UtcMillis(1)),
            |row| row.alias_wrap = None,
            |row| row.owner_alias_box = Some(Vec::new()),
            |row| std::mem::swap(&mut row.alias_wrap, &mut row.owner_alias_box),
            |row| row.version = 2,
        ],
    );
}

#[test]
fn every_column_of_files_counts() {
    let file = FileRow {
        file_id: RecordId::from_bytes([4; 16]),
        org_id: ORG,
        owner: USER,
        body: BlobId::from_bytes([5; 16]),
        content_version: 1,
        sealed_bytes: 89,
        sha256: [6; 32],
        label_box: vec![7],
        created: UtcMillis(1),
        updated: UtcMillis(2),
        version: 1,
        mac: UNSIGNED,
    };
    check(
        file,
        &[
            |row| row.file_id = RecordId::from_bytes([5; 16]),
            |row| row.org_id = OTHER,
            |row| row.owner = UserId::from_bytes([8; 16]),
            |row| row.body = BlobId::from_bytes([4; 16]),
            |row| row.content_version = 2,
            |row| row.sealed_bytes = 90,
            |row| row.sha256[31] ^= 1,
            |row| row.label_box.push(0),
            |row| row.created.0 = 2,
            |row| row.updated.0 = 1,
            |row| std::mem::swap(&mut row.created, &mut row.updated),
            |row| row.version = 2,
        ],
    );
}

#[test]
fn every_column_of_recovery_counts() {
    let trustee = TrusteeRow {
        org_id: ORG,
        owner: USER,
        trustee: UserId::from_bytes([3; 16]),
        set_id: RecoverySetId::from_bytes([6; 16]),
        blobs: vec![1],
        xor_applied: false,
        hint: "h".into(),
        secret_version: 1,
        waiting_seconds: 60,
        created: UtcMillis(1),
        version: 1,
        mac: UNSIGNED,
    };
    check(
        trustee,
        &[
            |row| row.org_id = OTHER,
            |row| row.owner = UserId::from_bytes([8; 16]),
            |row| row.trustee = UserId::from_bytes([8; 16]),
            |row| std::mem::swap(&mut row.owner, &mut row.trustee),
            |row| row.set_id = RecoverySetId::from_bytes([7; 16]),
            |row| row.blobs[0] ^= 1,
            |row| row.xor_applied = true,
            |row| row.hint.clear(),
            |row| row.secret_version = 2,
            |row| row.waiting_seconds = 0,
            |row| row.created.0 = 2,
            |row| row.version = 2,
        ],
    );
    let restore = StagedRestoreRow {
        restore_id: RestoreId::from_bytes([6; 16]),
        org_id: ORG,
        owner: USER,
        trustee: UserId::from_bytes([3; 16]),
        blobs: vec![1],
        submitted: UtcMillis(1),
        not_before: UtcMillis(2),
        state: RestoreState::Vetoed,
        version: 1,
        mac: UNSIGNED,
    };
    check(
        restore,
        &[
            |row| row.restore_id = RestoreId::from_bytes([7; 16]),
            |row| row.org_id = OTHER,
            |row| row.owner = UserId::from_bytes([8; 16]),
            |row| row.trustee = UserId::from_bytes([8; 16]),
            |row| row.blobs.push(0),
            |row| row.submitted.0 = 2,
            |row| row.not_before.0 = 1,
            |row| row.state = RestoreState::Pending,
            |row| row.version = 2,
        ],
    );
}

#[test]
fn every_column_of_tokens_counts() {
    let token = TokenRow {
        key_id: KeyId::parse("token-01").unwrap(),
        token_id: TokenId::from_bytes([6; 16]),
        org_id: ORG,
        user_id: USER,
        key_hash: [7; 32],
        scope: vec![1],
        boxes: vec![2],
        created: UtcMillis(1),
        expires: UtcMillis(2),
        version: 1,
        mac: UNSIGNED,
    };
    check(
        token,
        &[
            |row| row.key_id = KeyId::parse("token-02").unwrap(),
            |row| row.token_id = TokenId::from_bytes([7; 16]),
            |row| row.org_id = OTHER,
            |row| row.user_id = UserId::from_bytes([8; 16]),
            |row| row.key_hash[31] ^= 1,
            |row| row.scope.push(1),
            |row| row.boxes.clear(),
            |row| std::mem::swap(&mut row.scope, &mut row.boxes),
            |row| row.created.0 = 2,
            |row| row.expires.0 = 3,
            |row| std::mem::swap(&mut row.created, &mut row.expires),
            |row| row.version = 2,
        ],
    );
}
