//! Promises about trustees and staged restores.

use super::shares::{a_value, commit};
use super::{SharedStore, assert_conflict, assert_invalid, assert_too_large, sample};
use crate::change_set::{Change, ChangeSet, RecoveryChange};
use crate::error::conflict;
use crate::limits::RESTORES_MAX;
use crate::rows::{RestoreState, StagedRestoreRow, TrusteeRow};

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

/// A restore staged on terms that have changed is a conflict; erasing takes whatever there is, and
/// nothing of another owner or trustee.
pub async fn staging_holds_to_the_terms_and_owners_erase_what_there_is(store: SharedStore) {
    with_trustee(&store).await;
    for (owner, trustee) in [(1, 4), (4, 2)] {
        let row = sample::trustee(owner, trustee, 1);
        commit(&store, RecoveryChange::InsertTrustee(row)).await;
    }
    let (org_id, user) = (sample::org_id(1), sample::user_id);
    let stage = |restore: StagedRestoreRow, version: u64| {
        ChangeSet::from(RecoveryChange::ExpectTrustee {
            org_id,
            owner: restore.owner,
            trustee: restore.trustee,
            expected_version: version,
        })
        .with(RecoveryChange::InsertRestore(restore).into())
    };
    let put = RecoveryChange::ReplaceTrustee {
        expected_version: 1,
        row: sample::trustee(1, 2, 2),
    };
    commit(&store, put).await;
    let old_terms = stage(sample::restore(1, 1, 2), 1);
    assert_conflict(store.commit(old_terms).await, conflict::TRUSTEE);
    let stranger = stage(sample::restore(1, 2, 1), 1);
    assert_conflict(store.commit(stranger).await, conflict::TRUSTEE);
    for (restore, version) in [
        (sample::restore(1, 1, 2), 2),
        (sample::restore(2, 1, 4), 1),
        (sample::restore(3, 4, 2), 1),
    ] {
        let staged = store.commit(stage(restore, version)).await;
        staged.expect("the terms are those");
    }
    let left = async |owner| {
        let page = store.restores(org_id, user(owner), None, 9).await;
        page.expect("a page").rows.len()
    };
    let erase = |owner, trustee: Option<u32>| RecoveryChange::DeleteRestores {
        org_id,
        owner: user(owner),
        trustee: trustee.map(user),
    };
    commit(&store, erase(1, Some(4))).await;
    assert_eq!((left(1).await, left(4).await), (1, 1));
    // None is as good as any.
    commit(&store, erase(1, Some(4))).await;
    commit(&store, erase(1, None)).await;
    assert_eq!((left(1).await, left(4).await), (0, 1));
    let elsewhere = RecoveryChange::DeleteRestores {
        org_id: sample::org_id(2),
        owner: user(4),
        trustee: None,
    };
    commit(&store, elsewhere).await;
    assert_eq!(left(4).await, 1);
}
