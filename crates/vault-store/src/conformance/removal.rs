//! Promises about the removal of users.

use super::shares::{a_value, commit};
use super::{SharedStore, assert_conflict, sample};
use crate::change_set::{ApiKeyChange, Change, ChangeSet, RecoveryChange, TokenChange};
use crate::error::conflict;
use crate::rows::{Grant, RecordKind};
use crate::store::ListCandidates;

/// The guard looks at the organisation as the change set leaves it so far.
pub async fn the_last_administrator_stays(store: SharedStore) {
    a_value(&store).await;
    let expect = |user| Change::ExpectOtherAdmin {
        org_id: sample::org_id(1),
        user_id: sample::user_id(user),
    };
    // User 1 is the only administrator.
    assert_conflict(store.commit(expect(1).into()).await, conflict::LAST_ADMIN);
    commit(&store, expect(2)).await;
    let promote = |disabled| {
        let mut row = sample::user(1, 2);
        (row.is_admin, row.disabled, row.version) = (true, disabled, 2);
        Change::ReplaceUser {
            expected_version: 1,
            row,
        }
    };
    let remove = Change::RemoveUser {
        org_id: sample::org_id(1),
        user_id: sample::user_id(1),
        expected_version: 1,
    };
    for (first, holds) in [(promote(true), false), (promote(false), true)] {
        let set = ChangeSet::from(first).with(remove.clone()).with(expect(1));
        assert_eq!(store.commit(set).await.is_ok(), holds);
    }
    assert_eq!(
        store.user(sample::org_id(1), sample::user_id(1)).await,
        Ok(None)
    );
}

/// Two administrators who remove each other at the same moment: one of them stays.
pub async fn administrators_do_not_remove_each_other(store: SharedStore) {
    a_value(&store).await;
    let mut second = sample::user(1, 2);
    (second.is_admin, second.version) = (true, 2);
    commit(
        &store,
        Change::ReplaceUser {
            expected_version: 1,
            row: second,
        },
    )
    .await;
    let remove = |user: u32| {
        let (org_id, user_id) = (sample::org_id(1), sample::user_id(user));
        let store = store.clone();
        tokio::spawn(async move {
            let set = ChangeSet::from(Change::ExpectOtherAdmin { org_id, user_id });
            let expected_version = user.into();
            let set = set.with(Change::RemoveUser {
                org_id,
                user_id,
                expected_version,
            });
            store.commit(set).await
        })
    };
    let (one, other) = (remove(1), remove(2));
    let outcomes = [
        one.await.expect("the task ends"),
        other.await.expect("the task ends"),
    ];
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        1,
        "{outcomes:?}"
    );
}

/// Whatever a user had is gone, whatever others had stays, and bodies are left to be removed.
pub async fn a_removed_user_leaves_nothing(store: SharedStore) {
    a_value(&store).await;
    everything_of(&store, 1, 2).await;
    commit(&store, Change::PutValue(sample::put(1, 2, 50, "b", 1))).await;
    let inbound = sample::share(60, 50, 2, 1, 1);
    commit(&store, sample::insert_share(inbound.clone(), 1, 1)).await;
    let box_of_removed = sample::account_box(50, 1, 1, 7);
    commit(&store, Change::PutAccountBox(box_of_removed)).await;
    let remove = |expected_version| Change::RemoveUser {
        org_id: sample::org_id(1),
        user_id: sample::user_id(1),
        expected_version,
    };
    assert_conflict(store.commit(remove(2).into()).await, conflict::USER);
    commit(&store, remove(1)).await;
    assert_conflict(store.commit(remove(1).into()).await, conflict::USER);

    nothing_of(&store, 1, 2).await;
    let body = sample::file(1, 1, 20, 1).body;
    assert_eq!(
        store.erased_bodies(None, 9).await.expect("a page").rows,
        [body]
    );
    let kept = store.value(sample::name(1, 2, "b")).await;
    assert!(kept.expect("readable").is_some());
    assert_eq!(store.share(inbound.share_id).await, Ok(None));
    let wraps = store.wraps(sample::record_id(50), 1).await;
    assert_eq!(wraps, Ok(vec![sample::wrap(50, 1, 2, Grant::Owner)]));
    let found = store
        .recipients(sample::value_record(50), sample::NOW)
        .await;
    assert_eq!(
        found.expect("readable").expect("a record").share_revision,
        2
    );
    // The same id again: nothing of the old user shines through.
    commit(&store, Change::InsertUser(sample::user(1, 1))).await;
    nothing_of(&store, 1, 2).await;
    everything_of_but_value(&store, 1, 2, 40).await;
}

async fn everything_of(store: &SharedStore, user: u32, other: u32) {
    let share = sample::share(1, 1, user, other, 1);
    commit(store, sample::insert_share(share, 1, 1)).await;
    everything_of_but_value(store, user, other, 20).await;
}

async fn everything_of_but_value(store: &SharedStore, user: u32, other: u32, number: u32) {
    let keys = Change::InsertUserKeys {
        keys: sample::user_keys(1, user, 1, 1),
        pairs: vec![sample::key_pair(1, user, 1, 1)],
    };
    commit(store, keys).await;
    commit(store, sample::insert_file(user, number)).await;
    commit(store, sample::put_credential(user, number + 1, 1)).await;
    for (id, kind, record) in [
        (2, RecordKind::File, number),
        (3, RecordKind::Credential, number + 1),
    ] {
        let share = sample::share_of(kind, sample::share(id, record, user, other, 1));
        commit(store, sample::insert_share(share, 1, 1)).await;
    }
    commit(store, TokenChange::Insert(sample::token(1, user, 5))).await;
    commit(
        store,
        Change::InsertApiKey(sample::api_key(6, Some((1, user)))),
    )
    .await;
    commit(
        store,
        ApiKeyChange::InsertScope(sample::api_key_scope(6, 1)),
    )
    .await;
    commit(
        store,
        RecoveryChange::InsertTrustee(sample::trustee(user, other, 1)),
    )
    .await;
    commit(
        store,
        RecoveryChange::InsertTrustee(sample::trustee(other, user, 1)),
    )
    .await;
    for (restore, owner, trustee) in [(1, user, other), (2, other, user)] {
        let row = sample::restore(restore, owner, trustee);
        commit(store, RecoveryChange::InsertRestore(row)).await;
    }
}

async fn nothing_of(store: &SharedStore, user: u32, other: u32) {
    let (org, user, other) = (
        sample::org_id(1),
        sample::user_id(user),
        sample::user_id(other),
    );
    assert_eq!(store.key_ring(org, user).await, Ok(None));
    assert_eq!(store.value(sample::name(1, 1, "a")).await, Ok(None));
    assert_eq!(store.wraps(sample::record_id(1), 1).await, Ok(Vec::new()));
    assert_eq!(
        store.files(org, user, None, 9).await.expect("a page").rows,
        []
    );
    assert_eq!(
        store
            .credentials(org, user, None, 9)
            .await
            .expect("a page")
            .rows,
        []
    );
    for number in 1..=3 {
        assert_eq!(store.share(sample::share_id(number)).await, Ok(None));
    }
    let list = ListCandidates {
        org_id: org,
        user_id: other,
        after: None,
        limit: 9,
        now: sample::NOW,
    };
    assert_eq!(store.candidates(list).await.expect("a page").rows, []);
    assert_eq!(store.token(sample::key_id(5)).await, Ok(None));
    assert_eq!(store.api_key(sample::key_id(6)).await, Ok(None));
    assert_eq!(store.trustee(org, user, other).await, Ok(None));
    assert_eq!(store.trustee(org, other, user).await, Ok(None));
    for number in [1, 2] {
        assert_eq!(store.restore(sample::restore_id(number)).await, Ok(None));
    }
    assert_eq!(store.count_wraps_of_generation(user, 1).await, Ok(0));
}
