//! Promises about wraps and their rotation, and about batches and versions of values.

use super::shares::{a_value, commit};
use super::{SharedStore, assert_conflict, assert_invalid, assert_too_large, sample};
use crate::change_set::{Change, ReplaceWraps, WrapChange};
use crate::error::conflict;
use crate::limits::BATCH_MAX;
use crate::rows::{Grant, RecordKind, WrapRow};
use crate::store::{StoredWrap, WrapPlace};

fn rotate(old: &WrapRow, generation: u32, fill: u8) -> (WrapRow, WrapChange) {
    let row = WrapRow {
        recipient_generation: generation,
        wrap: vec![fill; 1200],
        ..old.clone()
    };
    let change = WrapChange::Rotate {
        kind: RecordKind::Value,
        old_wrap: old.wrap.clone(),
        row: row.clone(),
    };
    (row, change)
}

/// A rotation replaces the very wrap it opened, or none; the box of the old one goes.
pub async fn a_wrap_is_rotated_once(store: SharedStore) {
    a_value(&store).await;
    commit(
        &store,
        Change::PutAccountBox(sample::account_box(1, 1, 1, 5)),
    )
    .await;
    let old = sample::wrap(1, 1, 1, Grant::Owner);
    let (new, change) = rotate(&old, 2, 0xCC);
    commit(&store, change.clone()).await;
    assert_conflict(store.commit(change.into()).await, conflict::WRAP);
    assert_eq!(store.wraps(old.record_id, 1).await, Ok(vec![new.clone()]));
    let read = store
        .read_value(sample::name(1, 1, "a"), None, sample::user_id(1))
        .await;
    assert_eq!(read.expect("readable").expect("stored").account_box, None);

    let elsewhere: [fn(&mut WrapRow); 4] = [
        |row| row.value_version = 2,
        |row| row.recipient = sample::user_id(2),
        |row| row.record_id = sample::record_id(2),
        |row| row.grant = Grant::Share(sample::share_id(1)),
    ];
    for change in elsewhere {
        let mut from = new.clone();
        change(&mut from);
        let (_, change) = rotate(&from, 3, 0xDD);
        assert_conflict(store.commit(change.into()).await, conflict::WRAP);
    }
}

/// What is left of a generation, over all versions, in pages that survive the rotation itself.
pub async fn what_is_left_of_a_generation_is_listed(store: SharedStore) {
    a_value(&store).await;
    for version in 2..=3 {
        commit(&store, Change::PutValue(sample::put(1, 1, 1, "a", version))).await;
    }
    commit(&store, Change::PutValue(sample::put(1, 2, 2, "b", 1))).await;
    let share = sample::share(1, 2, 2, 1, 1);
    commit(&store, sample::insert_share(share.clone(), 1, 1)).await;
    let user = sample::user_id(1);
    assert_eq!(store.count_wraps_of_generation(user, 1).await, Ok(4));
    let (mut after, mut seen): (Option<WrapPlace>, Vec<StoredWrap>) = (None, Vec::new());
    loop {
        let page = store
            .wraps_of_generation(user, 1, after, 2)
            .await
            .expect("a page");
        for found in &page.rows {
            commit(&store, rotate(&found.wrap, 2, 0xEE).1).await;
        }
        after = page.rows.last().map(StoredWrap::place);
        seen.extend(page.rows);
        if !page.more {
            break;
        }
    }
    let places: Vec<_> = seen.iter().map(StoredWrap::place).collect();
    let place = |record, value_version| WrapPlace {
        kind: RecordKind::Value,
        record_id: sample::record_id(record),
        value_version,
    };
    assert_eq!(places, [place(1, 1), place(1, 2), place(1, 3), place(2, 1)]);
    assert_eq!((seen[0].owner, &seen[0].share), (user, &None));
    assert_eq!(
        (seen[3].owner, &seen[3].share),
        (sample::user_id(2), &Some(share))
    );
    assert_eq!(store.count_wraps_of_generation(user, 1).await, Ok(0));
    assert_eq!(store.count_wraps_of_generation(user, 2).await, Ok(4));
}

/// Wraps come and go under the record's row version, and a share's only with the share.
pub async fn wraps_are_replaced_under_the_version_of_their_record(store: SharedStore) {
    a_value(&store).await;
    let record = sample::value_record(1);
    let replace = |expected_version, removed: &[(u64, u32)], wraps| {
        WrapChange::Replace(ReplaceWraps {
            record,
            expected_version,
            removed: removed
                .iter()
                .map(|(v, u)| (*v, sample::user_id(*u)))
                .collect(),
            wraps,
        })
    };
    let share = sample::share(1, 1, 1, 2, 1);
    let given = sample::share_wrap(&share, 1);
    let orphan = replace(1, &[], vec![given.clone()]);
    assert_conflict(store.commit(orphan.into()).await, conflict::SHARE);
    commit(&store, sample::insert_share(share, 1, 1)).await;
    let mut other = given.clone();
    other.recipient = sample::user_id(4);
    let foreign = replace(1, &[], vec![other]);
    assert_conflict(store.commit(foreign.into()).await, conflict::SHARE);
    let stale = replace(2, &[], vec![given.clone()]);
    assert_conflict(store.commit(stale.into()).await, conflict::VALUE);
    let mut no_version = given.clone();
    no_version.value_version = 5;
    let no_version = replace(1, &[], vec![no_version]);
    assert_conflict(store.commit(no_version.into()).await, conflict::PARENT);

    commit(&store, replace(1, &[(1, 2), (7, 2)], Vec::new())).await;
    let owners = sample::wrap(1, 1, 1, Grant::Owner);
    assert_eq!(
        store.wraps(record.record_id, 1).await,
        Ok(vec![owners.clone()])
    );
    commit(&store, replace(1, &[], vec![given.clone()])).await;
    assert_eq!(
        store.wraps(record.record_id, 1).await,
        Ok(vec![owners, given.clone()])
    );
    assert_invalid(store.commit(replace(1, &[], Vec::new()).into()).await);
    let twice = replace(1, &[], vec![given.clone(), given]);
    assert_invalid(store.commit(twice.into()).await);
}

/// Many values at one moment, in the order asked for, absent ones too.
pub async fn a_batch_reads_values_in_order(store: SharedStore) {
    a_value(&store).await;
    commit(&store, Change::PutValue(sample::put(1, 1, 2, "b", 1))).await;
    let names = ["b", "none", "a", "b"].map(|name| sample::name(1, 1, name));
    let found = store
        .read_values(&names, sample::user_id(1))
        .await
        .expect("a batch");
    for (name, found) in names.iter().zip(&found) {
        let one = store.read_value(*name, None, sample::user_id(1)).await;
        assert_eq!(one.as_ref(), Ok(found));
    }
    assert_eq!(found.iter().filter(|one| one.is_none()).count(), 1);
    assert_eq!(
        store.read_values(&[], sample::user_id(1)).await,
        Ok(Vec::new())
    );
    let many = vec![names[0]; BATCH_MAX + 1];
    assert_too_large(store.read_values(&many, sample::user_id(1)).await);

    let mut large = sample::put(1, 1, 3, "large", 1);
    large.version_row.payload = vec![7; crate::limits::BATCH_BYTES_MAX / 2 + 1];
    commit(&store, Change::PutValue(large)).await;
    let large = sample::name(1, 1, "large");
    assert_too_large(store.read_values(&[large; 2], sample::user_id(1)).await);
    assert!(
        store
            .read_values(&[large], sample::user_id(1))
            .await
            .is_ok()
    );
}

/// The versions that are kept, ascending, without their contents.
pub async fn versions_are_listed_without_contents(store: SharedStore) {
    a_value(&store).await;
    for version in 2..=4 {
        let mut put = sample::put(1, 1, 1, "a", version);
        put.versions_kept = 3;
        commit(&store, Change::PutValue(put)).await;
    }
    let name = sample::name(1, 1, "a");
    let page = store.versions(name, None, 2).await.expect("a page");
    let numbers = |rows: &[crate::ValueVersionInfo]| -> Vec<u64> {
        rows.iter().map(|row| row.value_version).collect()
    };
    assert_eq!((numbers(&page.rows), page.more), (vec![2, 3], true));
    let row = sample::value_version(1, 2);
    let found = page.rows[0];
    assert_eq!(
        (found.record_id, found.created),
        (row.record_id, row.created)
    );
    assert_eq!(found.payload_bytes, row.payload.len() as u64);
    let page = store.versions(name, Some(3), 9).await.expect("a page");
    assert_eq!((numbers(&page.rows), page.more), (vec![4], false));
    let page = store
        .versions(name, Some(u64::MAX), 9)
        .await
        .expect("a page");
    assert_eq!(numbers(&page.rows), Vec::<u64>::new());
    let absent = store.versions(sample::name(1, 2, "a"), None, 9).await;
    assert_eq!(absent.expect("a page").rows, Vec::new());
}
