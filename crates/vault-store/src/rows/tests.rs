//! `Debug` of rows shows no stored bytes.

use super::*;
use crate::ids::{KeyId, OrgId, RecordId, UserId, UtcMillis};

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
}
