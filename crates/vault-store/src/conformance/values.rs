//! Promises about values.

use super::{SharedStore, assert_conflict, assert_invalid, sample};
use crate::change_set::{Change, ChangeSet, Expect, PutValue};
use crate::error::conflict;
use crate::ids::ShareId;
use crate::limits::{VALUE_NAME_BYTES_MAX, VERSIONS_KEPT_MAX};
use crate::rows::{Grant, ValueRow};
use crate::store::{ListValues, ValueRead};

async fn people(store: &SharedStore) {
    store
        .commit(sample::people().into_iter().collect())
        .await
        .expect("people");
}

async fn put(store: &SharedStore, put: PutValue) {
    store
        .commit(Change::PutValue(put).into())
        .await
        .expect("a put");
}

async fn read(store: &SharedStore, name: &str, version: Option<u64>) -> Option<ValueRead> {
    let found = store
        .read_value(sample::name(1, 1, name), version, sample::user_id(1))
        .await;
    found.expect("readable")
}

async fn names(store: &SharedStore, list: ListValues<'_>) -> Vec<String> {
    let page = store.values(list).await.expect("a page");
    page.rows.into_iter().map(|row| row.name).collect()
}

fn destroy(row: &ValueRow, expected_version: u64) -> ChangeSet {
    let (org_id, owner, record_id) = (row.org_id, row.owner, row.record_id);
    Change::DestroyValue {
        org_id,
        owner,
        record_id,
        expected_version,
    }
    .into()
}

/// Value, wanted version, wrap and box in one read, and nothing of anybody else.
pub async fn a_read_brings_all_that_opening_needs(store: SharedStore) {
    people(&store).await;
    let share = Grant::Share(ShareId::from_bytes([9; 16]));
    for version in 1..=2 {
        let mut write = sample::put(1, 1, 1, "a/b", version);
        write.wraps.push(sample::wrap(1, version, 2, share));
        put(&store, write).await;
    }
    let account_box = sample::account_box(1, 2, 2, 7);
    store
        .commit(Change::PutAccountBox(account_box.clone()).into())
        .await
        .expect("a box");

    let expected = |version, recipient, grant| ValueRead {
        value: sample::value(1, 1, 1, "a/b", 2),
        version: sample::value_version(1, version),
        wrap: Some(sample::wrap(1, version, recipient, grant)),
        account_box: (recipient == 2 && version == 2).then(|| account_box.clone()),
    };
    let name = sample::name(1, 1, "a/b");
    for (version, wanted) in [(2, None), (2, Some(2)), (1, Some(1))] {
        for (recipient, grant) in [(1, Grant::Owner), (2, share)] {
            let found = store
                .read_value(name, wanted, sample::user_id(recipient))
                .await;
            assert_eq!(found, Ok(Some(expected(version, recipient, grant))));
        }
    }
    let stranger = store.read_value(name, None, sample::user_id(3)).await;
    let stranger = stranger.expect("readable").expect("stored");
    assert_eq!((stranger.wrap, stranger.account_box), (None, None));
    for absent in [0, 3, u64::MAX] {
        let found = store
            .read_value(name, Some(absent), sample::user_id(1))
            .await;
        assert_eq!(found, Ok(None), "version {absent}");
    }
    for (org, owner, other) in [(1, 2, "a/b"), (2, 1, "a/b"), (1, 1, "A/b"), (1, 1, "a/b/")] {
        let other = sample::name(org, owner, other);
        assert_eq!(
            store.read_value(other, None, sample::user_id(1)).await,
            Ok(None)
        );
        assert_eq!(store.value(other).await, Ok(None));
    }
    let wraps = vec![
        sample::wrap(1, 1, 1, Grant::Owner),
        sample::wrap(1, 1, 2, share),
    ];
    assert_eq!(store.wraps(sample::record_id(1), 1).await, Ok(wraps));
    assert_eq!(
        store.wraps(sample::record_id(1), u64::MAX).await,
        Ok(Vec::new())
    );
}

/// Two owners may use one name, one owner may not use it twice.
pub async fn names_are_unique_for_one_owner(store: SharedStore) {
    people(&store).await;
    put(&store, sample::put(1, 1, 1, "a", 1)).await;
    put(&store, sample::put(1, 2, 2, "a", 1)).await;
    put(&store, sample::put(2, 3, 3, "a", 1)).await;
    let again =
        |owner, record, name| Change::PutValue(sample::put(1, owner, record, name, 1)).into();
    assert_conflict(store.commit(again(1, 4, "a")).await, conflict::VALUE);
    // One record is one value.
    assert_conflict(store.commit(again(1, 2, "b")).await, conflict::VALUE);
    assert_conflict(store.commit(again(3, 5, "a")).await, conflict::PARENT);
    let longest = "é".repeat(VALUE_NAME_BYTES_MAX / 2);
    put(&store, sample::put(1, 1, 6, &longest, 1)).await;
    assert!(read(&store, &longest, None).await.is_some());
}

/// Row version, record and value version all have to fit.
pub async fn a_put_expects_what_it_replaces(store: SharedStore) {
    people(&store).await;
    let second = || sample::put(1, 1, 1, "a", 2);
    assert_conflict(
        store.commit(Change::PutValue(second()).into()).await,
        conflict::VALUE,
    );
    put(&store, sample::put(1, 1, 1, "a", 1)).await;

    let mut other_record = sample::put(1, 1, 2, "a", 2);
    other_record.expected = Expect::Version(1);
    let mut renamed = second();
    renamed.row.name = "b".into();
    let mut reborn = second();
    reborn.row.created.0 += 1;
    let mut gap = sample::put(1, 1, 1, "a", 3);
    (gap.expected, gap.row.version) = (Expect::Version(1), 2);
    for (attempt, refused) in [
        ("record", other_record),
        ("name", renamed),
        ("created", reborn),
        ("gap", gap),
    ] {
        let outcome = store.commit(Change::PutValue(refused).into()).await;
        let conflicts = matches!(outcome, Err(crate::StoreError::Conflict { .. }));
        assert!(conflicts, "{attempt}: {outcome:?}");
    }
    put(&store, second()).await;
    assert_conflict(
        store.commit(Change::PutValue(second()).into()).await,
        conflict::VALUE,
    );

    let malformed: [fn(&mut PutValue); 9] = [
        |put| put.version_row.value_version = 9,
        |put| put.version_row.record_id = sample::record_id(9),
        |put| put.version_row.expires = Some(sample::NOW),
        |put| put.version_row.payload.clear(),
        |put| put.wraps[0].value_version = 9,
        |put| put.wraps[0].record_id = sample::record_id(9),
        |put| put.wraps.push(put.wraps[0].clone()),
        |put| put.versions_kept = 0,
        |put| put.expected = Expect::Absent,
    ];
    for change in malformed {
        let mut refused = sample::put(1, 1, 1, "a", 3);
        change(&mut refused);
        assert_invalid(store.commit(Change::PutValue(refused).into()).await);
    }
    let stored = read(&store, "a", None).await.expect("stored");
    assert_eq!(stored.value, sample::value(1, 1, 1, "a", 2));
}

/// The newest stay, older ones go with their wraps and boxes.
pub async fn old_versions_are_erased_beyond_those_kept(store: SharedStore) {
    people(&store).await;
    put(&store, sample::put(1, 1, 7, "other", 1)).await;
    for version in 1..=4 {
        put(&store, sample::put(1, 1, 1, "a", version)).await;
        let account_box = sample::account_box(1, version, 1, 1);
        store
            .commit(Change::PutAccountBox(account_box).into())
            .await
            .expect("a box");
    }
    let mut fifth = sample::put(1, 1, 1, "a", 5);
    fifth.versions_kept = 2;
    let committed = store
        .commit(Change::PutValue(fifth).into())
        .await
        .expect("a put");
    assert_eq!(committed.versions_erased, 3);
    for version in 1..=3 {
        assert_eq!(read(&store, "a", Some(version)).await, None);
        assert_eq!(
            store.wraps(sample::record_id(1), version).await,
            Ok(Vec::new())
        );
        let late = Change::PutAccountBox(sample::account_box(1, version, 1, 2));
        let committed = store.commit(late.into()).await.expect("best effort");
        assert_eq!(committed.account_boxes_stored, 0);
    }
    let fourth = read(&store, "a", Some(4)).await.expect("kept");
    assert_eq!(fourth.account_box, Some(sample::account_box(1, 4, 1, 1)));
    assert!(read(&store, "a", None).await.is_some());
    assert!(read(&store, "other", Some(1)).await.is_some());
    let mut sixth = sample::put(1, 1, 1, "a", 6);
    sixth.versions_kept = VERSIONS_KEPT_MAX;
    let committed = store
        .commit(Change::PutValue(sixth).into())
        .await
        .expect("a put");
    assert_eq!(committed.versions_erased, 0);
}

/// A soft-deleted value is not listed, keeps its name and contents, and can come back.
pub async fn soft_delete_hides_from_lists_alone(store: SharedStore) {
    people(&store).await;
    put(&store, sample::put(1, 1, 1, "a", 1)).await;
    let mut row = sample::value(1, 1, 1, "a", 1);
    (row.deleted, row.version, row.mac) = (Some(sample::NOW), 2, sample::mac(2));
    let delete = Change::ReplaceValue {
        expected_version: 1,
        row: row.clone(),
    };
    store
        .commit(delete.clone().into())
        .await
        .expect("the stored version");
    assert_conflict(store.commit(delete.into()).await, conflict::VALUE);
    assert_eq!(
        names(&store, sample::list(1, 1)).await,
        Vec::<String>::new()
    );
    assert_eq!(
        store.value(sample::name(1, 1, "a")).await,
        Ok(Some(row.clone()))
    );
    assert!(read(&store, "a", None).await.is_some());
    let new = Change::PutValue(sample::put(1, 1, 2, "a", 1));
    assert_conflict(store.commit(new.into()).await, conflict::VALUE);

    (row.deleted, row.version) = (None, 3);
    let mut moved = row.clone();
    moved.current_version = 2;
    let replace = |row| Change::ReplaceValue {
        expected_version: 2,
        row,
    };
    assert_conflict(store.commit(replace(moved).into()).await, conflict::VALUE);
    store.commit(replace(row).into()).await.expect("undelete");
    assert_eq!(names(&store, sample::list(1, 1)).await, ["a"]);
}

/// Destroying leaves no version, wrap or box, and frees the name.
pub async fn destroy_erases_everything(store: SharedStore) {
    people(&store).await;
    put(&store, sample::put(1, 1, 1, "a", 1)).await;
    put(&store, sample::put(1, 1, 1, "a", 2)).await;
    put(&store, sample::put(1, 1, 2, "b", 1)).await;
    let account_box = || Change::PutAccountBox(sample::account_box(1, 2, 1, 1));
    store.commit(account_box().into()).await.expect("a box");

    let row = sample::value(1, 1, 1, "a", 2);
    assert_conflict(store.commit(destroy(&row, 1)).await, conflict::VALUE);
    for foreign in [
        sample::value(1, 2, 1, "a", 2),
        sample::value(2, 1, 1, "a", 2),
    ] {
        assert_conflict(store.commit(destroy(&foreign, 2)).await, conflict::VALUE);
    }
    store
        .commit(destroy(&row, 2))
        .await
        .expect("the stored version");
    assert_conflict(store.commit(destroy(&row, 2)).await, conflict::VALUE);
    assert_eq!(read(&store, "a", None).await, None);
    for version in 1..=2 {
        assert_eq!(store.wraps(row.record_id, version).await, Ok(Vec::new()));
    }
    let committed = store
        .commit(account_box().into())
        .await
        .expect("best effort");
    assert_eq!(committed.account_boxes_stored, 0);

    // The same record id again: nothing of the old record shines through.
    put(&store, sample::put(1, 1, 1, "a", 1)).await;
    let reborn = read(&store, "a", None).await.expect("stored");
    assert_eq!(reborn.account_box, None);
    assert_eq!(read(&store, "a", Some(2)).await, None);
    assert!(read(&store, "b", None).await.is_some());
}

/// A box is a cache: replaced freely, never without its wrap, never outliving it.
pub async fn account_boxes_live_only_beside_their_wrap(store: SharedStore) {
    people(&store).await;
    let orphans = [
        sample::account_box(1, 1, 1, 1),
        sample::account_box(1, 1, 2, 1),
    ];
    for orphan in orphans.clone() {
        let committed = store.commit(Change::PutAccountBox(orphan).into()).await;
        assert_eq!(committed.expect("best effort").account_boxes_stored, 0);
    }
    put(&store, sample::put(1, 1, 1, "a", 1)).await;
    assert_eq!(
        read(&store, "a", None).await.expect("stored").account_box,
        None
    );
    for fill in [1, 2] {
        let account_box = sample::account_box(1, 1, 1, fill);
        let change = Change::PutAccountBox(account_box.clone());
        let committed = store.commit(change.into()).await.expect("a box");
        assert_eq!(committed.account_boxes_stored, 1);
        let stored = read(&store, "a", None).await.expect("stored");
        assert_eq!(stored.account_box, Some(account_box));
    }
    let [_, stranger] = orphans;
    let committed = store.commit(Change::PutAccountBox(stranger).into()).await;
    assert_eq!(committed.expect("best effort").account_boxes_stored, 0);
}

/// A key wrapped to nobody known is a mistake that must not look like a share.
pub async fn wraps_need_known_recipients(store: SharedStore) {
    people(&store).await;
    let mut write = sample::put(1, 1, 1, "a", 1);
    write.wraps.push(sample::wrap(
        1,
        1,
        9,
        Grant::Share(ShareId::from_bytes([1; 16])),
    ));
    assert_conflict(
        store.commit(Change::PutValue(write).into()).await,
        conflict::PARENT,
    );
    assert_eq!(store.value(sample::name(1, 1, "a")).await, Ok(None));
}
