//! Two users of one organisation with keys, made once; and the places they keep things in.

use hardened_crypto::{
    Error, ErrorKind, Result,
    account::{FIRST_GENERATION, NewAccount},
    account_key::AccountKey,
    data_key::DataKey,
    ids::{OrgId, RecordId, ShareId, UserId},
    key_pair::PrivateKeys,
    payload::{self, PayloadContext},
    suite::ObjectKind,
    user_secret::{Argon2Arena, Kek, PassphraseCost, Protection, SecretOwner, UserSecret},
    wrap::{AliasContext, Grant, Permission, WrapContext},
};
use std::sync::LazyLock;

pub(crate) const ORG: OrgId = OrgId([0x0a; 16]);
pub(crate) const OTHER_ORG: OrgId = OrgId([0x0b; 16]);
pub(crate) const ALICE: UserId = UserId([0xa1; 16]);
pub(crate) const BOB: UserId = UserId([0xb0; 16]);
pub(crate) const RECORD: RecordId = RecordId([0x11; 16]);
pub(crate) const OTHER_RECORD: RecordId = RecordId([0x12; 16]);
pub(crate) const SHARE: ShareId = ShareId([0x51; 16]);
/// The cheapest accepted Argon2id.
pub(crate) const CHEAP: (u32, u32, u32) = (12 * 1024, 2, 1);

/// Everything one user has, stored and opened.
pub(crate) struct Person {
    pub(crate) secret: UserSecret,
    pub(crate) owner: SecretOwner,
    pub(crate) protection: Protection,
    pub(crate) kek: Kek,
    pub(crate) account: NewAccount,
    pub(crate) private: PrivateKeys,
    pub(crate) account_key: AccountKey,
}

impl Person {
    pub(crate) fn make(user: UserId) -> Self {
        let (secret, _) = UserSecret::make().unwrap();
        let owner = SecretOwner { org: ORG, user };
        let mut arena = Argon2Arena::default();
        let (protection, kek) = secret
            .protect(owner, 1, PassphraseCost::DEFAULT, &mut arena)
            .unwrap();
        let account = NewAccount::make(&kek).unwrap();
        let private = account
            .private
            .open(&kek, FIRST_GENERATION, &account.public);
        Self {
            private: private.unwrap(),
            account_key: AccountKey::open(&kek, &account.account_key).unwrap(),
            secret,
            owner,
            protection,
            kek,
            account,
        }
    }

    /// A key encryption key of the same user under a new secret.
    pub(crate) fn kek_of_version(&self, secret_version: u32) -> Kek {
        let (secret, _) = UserSecret::make().unwrap();
        let mut arena = Argon2Arena::default();
        let cost = PassphraseCost::DEFAULT;
        let protected = secret.protect(self.owner, secret_version, cost, &mut arena);
        protected.unwrap().1
    }
}

pub(crate) static ALICES: LazyLock<Person> = LazyLock::new(|| Person::make(ALICE));
pub(crate) static BOBS: LazyLock<Person> = LazyLock::new(|| Person::make(BOB));

pub(crate) fn value_place() -> PayloadContext {
    PayloadContext {
        org: ORG,
        owner: ALICE,
        kind: ObjectKind::Value,
        record: RECORD,
        record_version: 3,
        data_key_generation: 1,
    }
}

/// Alice's own wrap of the data key of [`value_place`].
pub(crate) fn owner_place() -> WrapContext {
    WrapContext {
        org: ORG,
        owner: ALICE,
        kind: ObjectKind::Value,
        record: RECORD,
        record_version: 3,
        data_key_generation: 1,
        recipient: ALICE,
        recipient_generation: FIRST_GENERATION,
        grant: Grant::Owner,
    }
}

/// Bob's wrap of the same data key, shared until some time.
pub(crate) fn share_place() -> WrapContext {
    WrapContext {
        recipient: BOB,
        grant: Grant::Share {
            share: SHARE,
            permission: Permission::Read,
            expires_utc_ms: Some(1_800_000_000_000),
        },
        ..owner_place()
    }
}

pub(crate) fn alias_place() -> AliasContext {
    AliasContext {
        org: ORG,
        owner: ALICE,
        recipient: BOB,
        share: SHARE,
        recipient_generation: FIRST_GENERATION,
    }
}

pub(crate) fn cheap() -> PassphraseCost {
    let (memory, passes, lanes) = CHEAP;
    PassphraseCost::new(memory, passes, lanes).unwrap()
}

/// Data keys cannot be looked at: two are the same when one opens what the other sealed.
pub(crate) fn same_key(one: &DataKey, other: &DataKey) -> bool {
    let sealed = payload::seal(one, &value_place(), b"probe").unwrap();
    payload::open(other, &value_place(), &sealed).is_ok()
}

/// Why it was refused; a success is a failed test.
pub(crate) fn refusal<T>(result: Result<T>) -> ErrorKind {
    error_of(result).kind()
}

pub(crate) fn error_of<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("opened what must stay closed"),
        Err(error) => error,
    }
}

/// The same bytes with one bit changed.
pub(crate) fn flipped(bytes: &[u8], at: usize, bit: u32) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    altered[at] ^= 1 << bit;
    altered
}
