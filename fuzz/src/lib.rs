//! Keys and places for the targets. Keys are made anew in each process: no target depends
//! on their values, so every finding repeats.

use hardened_crypto::{
    account::NewAccount,
    account_key::AccountKey,
    data_key::DataKey,
    ids::{OrgId, RecordId, ShareId, UserId},
    key_pair::PrivateKeys,
    payload::PayloadContext,
    suite::ObjectKind,
    user_secret::{Argon2Arena, Kek, PassphraseCost, Protection, SecretOwner, UserSecret},
    wrap::{AliasContext, Grant, Permission, WrapContext, Wrapped},
};
use std::sync::LazyLock;

/// Everything one user has.
pub struct Person {
    pub secret: UserSecret,
    pub protection: Protection,
    pub kek: Kek,
    pub account: NewAccount,
    pub private: PrivateKeys,
    pub account_key: AccountKey,
    pub data_key: DataKey,
    pub wrapped: Wrapped,
}

const ORG: OrgId = OrgId([1; 16]);
const USER: UserId = UserId([2; 16]);
pub const OWNER: SecretOwner = SecretOwner {
    org: ORG,
    user: USER,
};
pub const VALUE: PayloadContext = PayloadContext {
    org: ORG,
    owner: USER,
    kind: ObjectKind::Value,
    record: RecordId([3; 16]),
    record_version: 1,
    data_key_generation: 0,
};
pub const WRAP: WrapContext = WrapContext {
    org: ORG,
    owner: USER,
    kind: ObjectKind::Value,
    record: RecordId([3; 16]),
    record_version: 1,
    data_key_generation: 0,
    recipient: USER,
    recipient_generation: 1,
    grant: Grant::Share {
        share: ShareId([4; 16]),
        permission: Permission::Read,
        expires_utc_ms: None,
    },
};
pub const ALIAS: AliasContext = AliasContext {
    org: ORG,
    owner: USER,
    recipient: USER,
    share: ShareId([4; 16]),
    recipient_generation: 1,
};

pub static PERSON: LazyLock<Person> = LazyLock::new(|| {
    let (secret, _) = UserSecret::make().expect("randomness");
    let mut arena = Argon2Arena::default();
    let protected = secret.protect(OWNER, 1, PassphraseCost::DEFAULT, &mut arena);
    let (protection, kek) = protected.expect("a generated secret");
    let account = NewAccount::make(&kek).expect("randomness");
    let private = account.private.open(&kek, 1, &account.public);
    let data_key = DataKey::make().expect("randomness");
    Person {
        private: private.expect("just boxed"),
        account_key: AccountKey::open(&kek, &account.account_key).expect("just boxed"),
        wrapped: Wrapped::wrap(&data_key, &account.public, &WRAP).expect("randomness"),
        secret,
        protection,
        kek,
        account,
        data_key,
    }
});

/// Reads `data` as edits of `original`: (position, new byte) pairs and, by the first byte,
/// a new length. So a target gets behind the checks that no random bytes pass.
/// `None` when nothing was changed.
pub fn edited(original: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (how, data) = data.split_first()?;
    let mut bytes = original.to_vec();
    for edit in data.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]]));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = edit[2];
        }
    }
    match how % 4 {
        0 => {}
        1 => bytes.truncate(usize::from(*how) * 7),
        2 => bytes.extend_from_slice(data),
        _ => bytes.extend_from_within(..bytes.len().min(usize::from(*how))),
    }
    (bytes != original).then_some(bytes)
}
