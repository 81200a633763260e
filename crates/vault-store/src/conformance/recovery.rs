//! Promises about trustees, staged restores and the removal of users.

use super::shares::{a_value, commit};
use super::{SharedStore, assert_conflict, assert_invalid, assert_too_large, sample};
use crate::change_set::{ApiKeyChange, Change, ChangeSet, RecoveryChange, TokenChange};
use crate::error::conflict;
use crate::limits::RESTORES_MAX;
use crate::rows::{Grant, RecordKind, RestoreState, StagedRestoreRow, TrusteeRow};
use crate::store::ListCandidates;

fn decided(state: RestoreState) -> StagedRestoreRow {
    let row = sample::restore(1, 1, 2);
    StagedRestoreRow {
        state,
        version: 2,
        mac: sample::mac(2),
        ..row
    }
}

fn decide(row: StagedRestoreRow) -> RecoveryChange {
    RecoveryChange::ReplaceRestore {
        expected_version: row.version - 1,
        row,
    }
}

async fn with_trustee(store: &SharedStore) {
    a_value(store).await;
    commit(
        store,
        RecoveryChange::InsertTrustee(sample::trustee(1, 2, 1)),
    )
    .await;
}

/// Both sides see the share; version and identity guard it.
pub async fn trustees_are_kept_for_both_sides(store: SharedStore) {
    with_trustee(&store).await;
    commit(
        &store,
        RecoveryChange::InsertTrustee(sample::trustee(1, 4, 1)),
    )
    .await;
    commit(
        &store,
        RecoveryChange::InsertTrustee(sample::trustee(4, 2, 1)),
    )
    .await;
    let insert = |row: TrusteeRow| RecoveryChange::InsertTrustee(row).into();
    assert_conflict(
        store.commit(insert(sample::trustee(1, 2, 1))).await,
        conflict::TRUSTEE,
    );
    assert_conflict(
        store.commit(insert(sample::trustee(1, 3, 1))).await,
        conflict::PARENT,
    );
    assert_invalid(store.commit(insert(sample::trustee(1, 1, 1))).await);
    let replace = RecoveryChange::ReplaceTrustee {
        expected_version: 1,
        row: sample::trustee(1, 2, 2),
    };
    commit(&store, replace.clone()).await;
    assert_conflict(store.commit(replace.into()).await, conflict::TRUSTEE);

    let (org, user) = (sample::org_id(1), sample::user_id);
    let one = store.trustee(org, user(1), user(2)).await;
    assert_eq!(one, Ok(Some(sample::trustee(1, 2, 2))));
    assert_eq!(store.trustee(org, user(2), user(1)).await, Ok(None));
    assert_eq!(
        store.trustee(sample::org_id(2), user(1), user(2)).await,
        Ok(None)
    );
    let page = store.trustees(org, user(1), None, 1).await.expect("a page");
    assert_eq!(
        (page.rows, page.more),
        (vec![sample::trustee(1, 2, 2)], true)
    );
    let page = store
        .trustees(org, user(1), Some(user(2)), 9)
        .await
        .expect("a page");
    assert_eq!(
        (page.rows, page.more),
        (vec![sample::trustee(1, 4, 1)], false)
    );
    let page = store
        .trusting_owners(org, user(2), None, 9)
        .await
        .expect("a page");
    let both = vec![sample::trustee(1, 2, 2), sample::trustee(4, 2, 1)];
    assert_eq!((page.rows, page.more), (both.clone(), false));
    let page = store.trusting_owners(org, user(2), Some(user(1)), 9).await;
    assert_eq!(page.expect("a page").rows, both[1..]);
}

/// Staged by a present trustee alone, decided once, and nothing but the state changes.
pub async fn a_restore_is_decided_once(store: SharedStore) {
    with_trustee(&store).await;
    let insert = |row| RecoveryChange::InsertRestore(row).into();
    let stranger = sample::restore(1, 1, 4);
    assert_conflict(store.commit(insert(stranger)).await, conflict::PARENT);
    commit(
        &store,
        RecoveryChange::InsertRestore(sample::restore(1, 1, 2)),
    )
    .await;
    let again = sample::restore(1, 1, 2);
    assert_conflict(store.commit(insert(again)).await, conflict::RESTORE);
    let mut active = sample::restore(2, 1, 2);
    active.state = RestoreState::Activated;
    assert_invalid(store.commit(insert(active)).await);

    let changes: [fn(&mut StagedRestoreRow); 4] = [
        |row| row.blobs[0] ^= 1,
        |row| row.not_before = sample::NOW,
        |row| row.submitted.0 += 1,
        |row| row.trustee = sample::user_id(4),
    ];
    for change in changes {
        let mut row = decided(RestoreState::Activated);
        change(&mut row);
        assert_conflict(store.commit(decide(row).into()).await, conflict::RESTORE);
    }
    let mut undecided = decided(RestoreState::Vetoed);
    undecided.state = RestoreState::Pending;
    assert_invalid(store.commit(decide(undecided).into()).await);
    commit(&store, decide(decided(RestoreState::Vetoed))).await;
    let mut late = decided(RestoreState::Activated);
    late.version = 3;
    assert_conflict(store.commit(decide(late).into()).await, conflict::RESTORE);
    let found = store.restore(sample::restore_id(1)).await;
    assert_eq!(found, Ok(Some(decided(RestoreState::Vetoed))));
    let (org, owner) = (sample::org_id(1), sample::user_id(1));
    let page = store.restores(org, owner, None, 9).await.expect("a page");
    assert_eq!(
        (page.rows, page.more),
        (vec![decided(RestoreState::Vetoed)], false)
    );
    let none = store
        .restores(org, owner, Some(sample::restore_id(1)), 9)
        .await;
    assert_eq!(none.expect("a page").rows, []);
    let delete = RecoveryChange::DeleteRestore {
        restore_id: sample::restore_id(1),
        expected_version: 2,
    };
    commit(&store, delete.clone()).await;
    assert_conflict(store.commit(delete.into()).await, conflict::RESTORE);
}

/// Activation and the new protection of the keys are one step, or none.
pub async fn activation_and_rekey_are_one_step(store: SharedStore) {
    with_trustee(&store).await;
    let keys = Change::InsertUserKeys {
        keys: sample::user_keys(1, 1, 1, 1),
        pairs: vec![sample::key_pair(1, 1, 1, 1)],
    };
    commit(&store, keys).await;
    commit(
        &store,
        RecoveryChange::InsertRestore(sample::restore(1, 1, 2)),
    )
    .await;
    let activate = |expected_version| {
        ChangeSet::from(decide(decided(RestoreState::Activated))).with(Change::ReplaceUserKeys {
            expected_version,
            keys: sample::user_keys(1, 1, expected_version + 1, 1),
            pairs: vec![sample::key_pair(1, 1, 1, expected_version + 1)],
        })
    };
    assert_conflict(store.commit(activate(2)).await, conflict::USER_KEYS);
    let found = store
        .restore(sample::restore_id(1))
        .await
        .expect("readable");
    assert_eq!(found.expect("stored").state, RestoreState::Pending);
    store.commit(activate(1)).await.expect("both");
    let found = store
        .restore(sample::restore_id(1))
        .await
        .expect("readable");
    assert_eq!(found.expect("stored").state, RestoreState::Activated);
}

/// A removed trustee leaves nothing that could still become active, and fills no disk before.
pub async fn a_removed_trustee_leaves_no_restore(store: SharedStore) {
    with_trustee(&store).await;
    let stage = |number| RecoveryChange::InsertRestore(sample::restore(number, 1, 2));
    for number in 0..RESTORES_MAX {
        commit(&store, stage(number)).await;
    }
    assert_too_large(store.commit(stage(RESTORES_MAX).into()).await);
    let delete = |expected_version| RecoveryChange::DeleteTrustee {
        org_id: sample::org_id(1),
        owner: sample::user_id(1),
        trustee: sample::user_id(2),
        expected_version,
    };
    assert_conflict(store.commit(delete(2).into()).await, conflict::TRUSTEE);
    commit(&store, delete(1)).await;
    assert_conflict(store.commit(delete(1).into()).await, conflict::TRUSTEE);
    assert_eq!(store.restore(sample::restore_id(0)).await, Ok(None));
    assert_conflict(store.commit(stage(1).into()).await, conflict::PARENT);
    commit(
        &store,
        RecoveryChange::InsertTrustee(sample::trustee(1, 2, 1)),
    )
    .await;
    let page = store
        .restores(sample::org_id(1), sample::user_id(1), None, 9)
        .await;
    assert_eq!(page.expect("a page").rows, []);
}

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
    assert_eq!(store.erased_bodies(9).await.expect("a page").rows, [body]);
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
