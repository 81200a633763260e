//! Random change sets on SQLite and on the reference: same answers, same contents.

use proptest::prelude::*;
use proptest::sample::select;
use vault_store::conformance::sample;
use vault_store::rows::{Grant, KeyPairRow, UserKeysRow};
use vault_store::{
    Change, ChangeSet, Expect, KeyStore, ListValues, MemoryStore, OrgStore, ShareId, Store,
    UserStore, UtcMillis, ValueStore,
};

use crate::support::{create, new_path};

const ORGS: [u32; 2] = [1, 2];
const USERS: [u32; 3] = [1, 2, 3];
const API_KEYS: [u32; 4] = [0, 1, 2, 3];
const RECORDS: std::ops::Range<u32> = 0..12;
const NAMES: [&str; 4] = ["a", "a/b", "a%", "é"];

/// Reading everything takes longer than one change set.
const SETS_PER_COMPARISON: usize = 8;

/// One intended change. With a `skew` of 0 it is bent to fit what is stored, so that most succeed;
/// otherwise it is tried as it came, with the skew added to the version it expects.
#[derive(Clone, Debug)]
struct Op {
    kind: Kind,
    skew: u64,
    org: u32,
    user: u32,
    record: u32,
    name: &'static str,
    seed: u8,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    InsertOrg,
    ReplaceOrg,
    InsertUser,
    ReplaceUser,
    InsertApiKey,
    ReplaceApiKey,
    DeleteApiKey,
    InsertUserKeys,
    Rekey,
    Rotate,
    ForgetPair,
    PutNew,
    PutNext,
    SoftDelete,
    Undelete,
    Destroy,
    PutAccountBox,
}

const KINDS: [Kind; 20] = [
    Kind::InsertOrg,
    Kind::ReplaceOrg,
    Kind::InsertUser,
    Kind::InsertUser,
    Kind::ReplaceUser,
    Kind::InsertApiKey,
    Kind::ReplaceApiKey,
    Kind::DeleteApiKey,
    Kind::InsertUserKeys,
    Kind::Rekey,
    Kind::Rotate,
    Kind::ForgetPair,
    Kind::PutNew,
    Kind::PutNew,
    Kind::PutNext,
    Kind::PutNext,
    Kind::SoftDelete,
    Kind::Undelete,
    Kind::Destroy,
    Kind::PutAccountBox,
];

fn op() -> impl Strategy<Value = Op> {
    let skew = prop_oneof![7 => Just(0_u64), 1 => Just(1_u64)];
    let place = (
        select(&ORGS[..]),
        select(&USERS[..]),
        RECORDS,
        select(&NAMES[..]),
    );
    (select(&KINDS[..]), skew, place, any::<u8>()).prop_map(
        |(kind, skew, (org, user, record, name), seed)| Op {
            kind,
            skew,
            org,
            user,
            record,
            name,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sqlite_does_what_the_reference_does(
        sets in prop::collection::vec(prop::collection::vec(op(), 1..4), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(compare(sets));
    }
}

async fn compare(sets: Vec<Vec<Op>>) {
    let (_directory, path) = new_path();
    let (reference, sqlite) = (MemoryStore::new(), create(&path));
    // Half of the people exist from the start, or little else would ever succeed.
    let start: ChangeSet = sample::people().into_iter().take(4).collect();
    for store in [&reference as &dyn Store, &sqlite] {
        store.commit(start.clone()).await.expect("people");
    }
    for (number, set) in sets.iter().enumerate() {
        let mut changes = ChangeSet::new();
        for op in set {
            changes.push(change(&reference, op).await);
        }
        let expected = reference.commit(changes.clone()).await;
        assert_eq!(
            sqlite.commit(changes.clone()).await,
            expected,
            "{changes:#?}"
        );
        if number % SETS_PER_COMPARISON == 0 {
            assert_eq!(
                contents(&sqlite).await,
                contents(&reference).await,
                "{changes:#?}"
            );
        }
    }
    assert_eq!(contents(&sqlite).await, contents(&reference).await);
    sqlite.verify().await.expect("a whole file");
}

/// Replaces what does not fit: another organisation than the user's, inserting what is there,
/// replacing what is not.
async fn bend(store: &MemoryStore, op: &Op) -> Op {
    let mut op = op.clone();
    op.org = if op.user == 3 { 2 } else { 1 };
    let (org_id, user_id) = (sample::org_id(op.org), sample::user_id(op.user));
    let has_user = store
        .user(org_id, user_id)
        .await
        .expect("readable")
        .is_some();
    let has_keys = store
        .key_ring(org_id, user_id)
        .await
        .expect("readable")
        .is_some();
    let api_key = sample::key_id(op.record % 4);
    let has_api_key = store.api_key(api_key).await.expect("readable").is_some();
    let name = sample::name(op.org, op.user, op.name);
    let has_value = store.value(name).await.expect("readable").is_some();
    op.kind = match op.kind {
        Kind::InsertOrg => Kind::ReplaceOrg,
        Kind::InsertUser if has_user => Kind::ReplaceUser,
        _ if !has_user => Kind::InsertUser,
        Kind::InsertApiKey if has_api_key => Kind::DeleteApiKey,
        Kind::ReplaceApiKey | Kind::DeleteApiKey if !has_api_key => Kind::InsertApiKey,
        Kind::InsertUserKeys if has_keys => Kind::Rotate,
        Kind::Rekey | Kind::Rotate if !has_keys => Kind::InsertUserKeys,
        Kind::PutNew if has_value => Kind::PutNext,
        Kind::PutNext | Kind::SoftDelete | Kind::Undelete | Kind::Destroy if !has_value => {
            Kind::PutNew
        }
        kind => kind,
    };
    if matches!(op.kind, Kind::PutNew) {
        let number = NAMES
            .iter()
            .position(|name| *name == op.name)
            .expect("a name") as u32;
        op.record = (op.user - 1) * NAMES.len() as u32 + number;
    }
    op
}

/// Makes the change out of what the reference holds now.
async fn change(store: &MemoryStore, op: &Op) -> Change {
    let op = &if op.skew == 0 {
        bend(store, op).await
    } else {
        op.clone()
    };
    let (org, user) = (op.org, op.user);
    match op.kind {
        Kind::InsertOrg => Change::InsertOrg(sample::org(org)),
        Kind::ReplaceOrg => {
            let stored = store.org(sample::org_id(org)).await.expect("readable");
            let mut row = stored.unwrap_or_else(|| sample::org(org));
            let expected_version = row.version + op.skew;
            (row.version, row.name) = (expected_version + 1, format!("renamed {}", op.seed));
            Change::ReplaceOrg {
                expected_version,
                row,
            }
        }
        Kind::InsertUser => Change::InsertUser(sample::user(org, user)),
        Kind::ReplaceUser => {
            let stored = store.user(sample::org_id(org), sample::user_id(user)).await;
            let mut row = stored
                .expect("readable")
                .unwrap_or_else(|| sample::user(org, user));
            let expected_version = row.version + op.skew;
            (row.version, row.disabled) = (expected_version + 1, op.seed.is_multiple_of(2));
            Change::ReplaceUser {
                expected_version,
                row,
            }
        }
        Kind::InsertApiKey | Kind::ReplaceApiKey | Kind::DeleteApiKey => api_key(store, op).await,
        Kind::InsertUserKeys => Change::InsertUserKeys {
            keys: sample::user_keys(org, user, 1, 1),
            pairs: vec![sample::key_pair(org, user, 1, 1)],
        },
        Kind::Rekey | Kind::Rotate | Kind::ForgetPair => user_keys(store, op).await,
        _ => value(store, op).await,
    }
}

async fn api_key(store: &MemoryStore, op: &Op) -> Change {
    let owner = (!op.seed.is_multiple_of(4)).then_some((op.org, op.user));
    let number = op.record % 4;
    let found = store
        .api_key(sample::key_id(number))
        .await
        .expect("readable");
    let mut row = found.map_or_else(|| sample::api_key(number, owner), |found| found.key);
    let expected_version = row.version + op.skew;
    match op.kind {
        Kind::InsertApiKey => Change::InsertApiKey(sample::api_key(number, owner)),
        Kind::DeleteApiKey => Change::DeleteApiKey {
            key_id: row.key_id,
            expected_version,
        },
        _ => {
            (row.version, row.expires) = (expected_version + 1, Some(UtcMillis(op.seed.into())));
            if op.seed == 9 {
                row.owner = sample::api_key(0, owner).owner;
            }
            Change::ReplaceApiKey {
                expected_version,
                row,
            }
        }
    }
}

async fn user_keys(store: &MemoryStore, op: &Op) -> Change {
    let (org, user) = (op.org, op.user);
    let ring = store
        .key_ring(sample::org_id(org), sample::user_id(user))
        .await;
    let (keys, stored): (UserKeysRow, Vec<KeyPairRow>) = match ring.expect("readable") {
        Some(ring) => (ring.keys, ring.pairs),
        None => (
            sample::user_keys(org, user, 1, 1),
            vec![sample::key_pair(org, user, 1, 1)],
        ),
    };
    let expected_version = keys.version + op.skew;
    let mut current = keys.current_generation;
    let next = |pair: &KeyPairRow| sample::key_pair(org, user, pair.generation, pair.version + 1);
    let mut pairs: Vec<_> = stored.iter().map(next).collect();
    match op.kind {
        Kind::Rotate => {
            current = stored.len() as u32 + 1;
            pairs.push(sample::key_pair(org, user, current, 1));
        }
        Kind::ForgetPair => {
            pairs.remove(0);
            pairs.push(sample::key_pair(org, user, current + 7, 1));
            current += 7;
        }
        _ => {}
    }
    let keys = sample::user_keys(org, user, expected_version + 1, current);
    Change::ReplaceUserKeys {
        expected_version,
        keys,
        pairs,
    }
}

async fn value(store: &MemoryStore, op: &Op) -> Change {
    let (org, user) = (op.org, op.user);
    let stored = store
        .value(sample::name(org, user, op.name))
        .await
        .expect("readable");
    let mut row = stored.unwrap_or_else(|| sample::value(org, user, op.record, op.name, 1));
    let expected_version = row.version + op.skew;
    let record = RECORDS
        .into_iter()
        .find(|number| sample::record_id(*number) == row.record_id);
    let record = record.expect("one of the records");
    match op.kind {
        Kind::PutNew => {
            let mut put = sample::put(org, user, op.record, op.name, 1);
            if op.seed.is_multiple_of(3) {
                let share = Grant::Share(ShareId::from_bytes([op.seed; 16]));
                put.wraps
                    .push(sample::wrap(op.record, 1, user % 3 + 1, share));
            }
            Change::PutValue(put)
        }
        Kind::PutNext => {
            let version = row.current_version + 1;
            let mut put = sample::put(org, user, record, op.name, version);
            put.expected = Expect::Version(expected_version);
            put.row.version = expected_version + 1;
            put.row.expires = op
                .seed
                .is_multiple_of(3)
                .then_some(UtcMillis(op.seed.into()));
            put.version_row.expires = put.row.expires;
            put.versions_kept = u32::from(op.seed % 3) + 1;
            Change::PutValue(put)
        }
        Kind::Destroy => Change::DestroyValue {
            org_id: row.org_id,
            owner: row.owner,
            record_id: row.record_id,
            expected_version,
        },
        Kind::PutAccountBox => {
            let version = row
                .current_version
                .saturating_sub((op.seed % 2).into())
                .max(1);
            Change::PutAccountBox(sample::account_box(record, version, user, op.seed))
        }
        _ => {
            row.deleted = matches!(op.kind, Kind::SoftDelete).then_some(sample::NOW);
            row.version = expected_version + 1;
            Change::ReplaceValue {
                expected_version,
                row,
            }
        }
    }
}

/// Everything that reads can show, as text.
async fn contents(store: &dyn Store) -> Vec<String> {
    let mut all = vec![format!("{:?}", store.orgs(None, 2).await)];
    for number in API_KEYS {
        all.push(format!("{:?}", store.api_key(sample::key_id(number)).await));
    }
    for record in RECORDS {
        for version in 1..=3 {
            all.push(format!(
                "{:?}",
                store.wraps(sample::record_id(record), version).await
            ));
        }
    }
    for org in ORGS {
        all.push(format!(
            "{:?}",
            store.users(sample::org_id(org), None, 2).await
        ));
        for user in USERS {
            contents_of_user(store, org, user, &mut all).await;
        }
    }
    all
}

async fn contents_of_user(store: &dyn Store, org: u32, user: u32, all: &mut Vec<String>) {
    let (org_id, user_id) = (sample::org_id(org), sample::user_id(user));
    all.push(format!("{:?}", store.key_ring(org_id, user_id).await));
    all.push(format!(
        "{:?}",
        store.current_key_pair(org_id, user_id).await
    ));
    all.push(format!(
        "{:?}",
        store.api_keys(org_id, user_id, None, 1).await
    ));
    for (prefix, now) in [("", 0), ("a", 100), ("a%", 0)] {
        let now = UtcMillis(now);
        let list = ListValues {
            prefix,
            now,
            limit: 3,
            ..sample::list(org, user)
        };
        all.push(format!("{:?}", store.values(list).await));
    }
    for name in NAMES {
        let name = sample::name(org, user, name);
        all.push(format!("{:?}", store.value(name).await));
        for version in [None, Some(1), Some(2)] {
            all.push(format!(
                "{:?}",
                store.read_value(name, version, user_id).await
            ));
        }
    }
}
