//! Promises about change sets as such.

use super::{SharedStore, assert_conflict, assert_invalid, assert_too_large, sample};
use crate::change_set::{Change, ChangeSet};
use crate::error::conflict;
use crate::limits;

/// A failed precondition anywhere undoes the changes before it and keeps out those after it.
pub async fn nothing_of_a_failed_change_set_stays(store: SharedStore) {
    store
        .commit(sample::people().into_iter().collect())
        .await
        .expect("people");
    let put = || Change::PutValue(sample::put(1, 1, 1, "a", 1));
    let fails = || Change::InsertOrg(sample::org(1));
    for position in 0..3 {
        let mut changes = vec![
            Change::InsertOrg(sample::org(9)),
            put(),
            Change::InsertApiKey(sample::api_key(9, Some((1, 1)))),
        ];
        changes.insert(position, fails());
        assert_conflict(
            store.commit(changes.into_iter().collect()).await,
            conflict::ORG,
        );
        assert_eq!(store.org(sample::org_id(9)).await, Ok(None));
        assert_eq!(store.value(sample::name(1, 1, "a")).await, Ok(None));
        assert_eq!(store.api_key(sample::key_id(9)).await, Ok(None));
        assert_eq!(store.wraps(sample::record_id(1), 1).await, Ok(Vec::new()));
    }
    store
        .commit(put().into())
        .await
        .expect("the name is still free");
}

/// Changes apply in order; a later one may build on an earlier one.
pub async fn changes_see_the_ones_before_them(store: SharedStore) {
    let mut changes: ChangeSet = sample::people().into_iter().collect();
    changes.push(Change::PutValue(sample::put(1, 1, 1, "a", 1)));
    changes.push(Change::PutValue(sample::put(1, 1, 1, "a", 2)));
    store.commit(changes).await.expect("both versions at once");
    let stored = store
        .value(sample::name(1, 1, "a"))
        .await
        .expect("readable");
    assert_eq!(stored, Some(sample::value(1, 1, 1, "a", 2)));

    let backwards = ChangeSet::new()
        .with(Change::InsertUser(sample::user(7, 7)))
        .with(Change::InsertOrg(sample::org(7)));
    assert_conflict(store.commit(backwards).await, conflict::PARENT);
}

/// Bounds hold before anything is written.
pub async fn empty_and_oversized_change_sets_are_refused(store: SharedStore) {
    assert_invalid(store.commit(ChangeSet::new()).await);

    let many = (0..=limits::CHANGES_MAX as u32).map(|n| Change::InsertOrg(sample::org(n)));
    assert_too_large(store.commit(many.collect()).await);

    let mut org = sample::org(1);
    org.name = "x".repeat(limits::DISPLAY_NAME_BYTES_MAX + 1);
    assert_too_large(store.commit(Change::InsertOrg(org.clone()).into()).await);
    org.name.clear();
    assert_invalid(store.commit(Change::InsertOrg(org.clone()).into()).await);
    // The bound itself is within it, counted in bytes and not in characters.
    org.name = "é".repeat(limits::DISPLAY_NAME_BYTES_MAX / 2);
    store
        .commit(Change::InsertOrg(org.clone()).into())
        .await
        .expect("the largest name");
    assert_eq!(store.org(org.org_id).await, Ok(Some(org)));

    store
        .commit(sample::people()[2].clone().into())
        .await
        .expect("a user");
    let mut put = sample::put(1, 1, 1, "a", 1);
    put.version_row.payload = vec![7; limits::PAYLOAD_BYTES_MAX + 1];
    assert_too_large(store.commit(Change::PutValue(put.clone()).into()).await);
    put.version_row.payload.pop();
    store
        .commit(Change::PutValue(put.clone()).into())
        .await
        .expect("the largest payload");
    let two = (0..2).map(|n| {
        let mut next = put.clone();
        next.row.name = format!("b{n}");
        Change::PutValue(next)
    });
    assert_too_large(store.commit(two.collect()).await);
    let name = sample::name(1, 1, "a");
    let read = store
        .read_value(name, None, sample::user_id(1))
        .await
        .expect("readable");
    assert_eq!(read.expect("stored").version, put.version_row);
}

/// New rows start at version 1, replacing rows are one higher, and no version leaves its range.
pub async fn wrong_versions_are_refused(store: SharedStore) {
    let mut org = sample::org(1);
    org.version = 2;
    assert_invalid(store.commit(Change::InsertOrg(org.clone()).into()).await);
    for expected_version in [0, 2, 3, u64::MAX] {
        let change = Change::ReplaceOrg {
            expected_version,
            row: org.clone(),
        };
        assert_invalid(store.commit(change.into()).await);
    }
    org.version = u64::MAX;
    let change = Change::ReplaceOrg {
        expected_version: u64::MAX - 1,
        row: org,
    };
    assert_invalid(store.commit(change.into()).await);
    assert_eq!(store.org(sample::org_id(1)).await, Ok(None));
}

/// Health of an open store.
pub async fn a_check_of_an_open_store_succeeds(store: SharedStore) {
    assert_eq!(store.check().await, Ok(()));
}
