//! A full disk refuses writes, keeps serving reads, and is over once there is room.

use std::sync::Arc;

use vault_store::conformance::sample;
use vault_store::{
    AuditStore, Cause, Change, OpenMode, SqliteOptions, SqliteStore, Store, StoreError, ValueStore,
};

use crate::support::{add_people, create, new_path, put, reopen};

/// `SQLITE_FULL` (<https://www.sqlite.org/rescode.html#full>).
const FULL: i32 = 13;

const LARGE: usize = 100_000;

#[tokio::test]
async fn a_full_database_refuses_writes_and_recovers() {
    let (_directory, path) = new_path();
    let store = create(&path);
    add_people(&store).await;
    store.commit(put(1, "a", LARGE).into()).await.expect("room");

    // Less than the pages in use: no page more.
    store.limit_pages(1);
    let refused = store.commit(put(2, "b", LARGE).into()).await;
    let full = matches!(
        refused,
        Err(StoreError::Unavailable {
            source: Some(Cause::Sqlite(FULL)),
            ..
        })
    );
    assert!(full, "{refused:?}");
    assert_eq!(
        store.check().await,
        Ok(()),
        "a full disk is not a broken one"
    );
    assert_eq!(store.value(sample::name(1, 1, "b")).await, Ok(None));
    let read = store
        .read_value(sample::name(1, 1, "a"), None, sample::user_id(1))
        .await;
    assert_eq!(
        read.expect("readable")
            .expect("stored")
            .version
            .payload
            .len(),
        LARGE
    );

    store.limit_pages(u32::MAX - 1);
    store
        .commit(put(2, "b", LARGE).into())
        .await
        .expect("room again");
    store.verify().await.expect("a whole file");
    drop(store);
    let page = reopen(&path)
        .values(sample::list(1, 1))
        .await
        .expect("a page");
    assert_eq!(page.rows.len(), 2);
}

/// What cannot be accounted for is not done, and the chain goes on where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_takes_no_audit_entry_and_breaks_no_chain() {
    let (_directory, path) = new_path();
    let store = SqliteStore::open_audited(
        &path,
        OpenMode::CreateIfMissing,
        SqliteOptions::default(),
        Arc::new(sample::SampleSealer),
    );
    let store = Arc::new(store.expect("a database"));
    let entry = |text: &str| vec![sample::audit_entry(1, text)];
    store.record(entry("before")).await.expect("room");
    let before = store.audit_head(sample::org_id(1)).await;
    store.limit_pages(1);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, large) = (store.clone(), entry(&"x".repeat(10_000)));
            tokio::spawn(async move { store.record(large).await })
        })
        .collect();
    for task in tasks {
        let refused = task.await.expect("the task ends");
        assert!(
            matches!(refused, Err(StoreError::Unavailable { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(store.audit_head(sample::org_id(1)).await, before);
    store.limit_pages(u32::MAX - 1);
    store.record(entry("after")).await.expect("room again");
    let page = store
        .audit_blocks(sample::org_id(1), 0, 9)
        .await
        .expect("a page");
    let [first, second] = &page.rows[..] else {
        panic!("two blocks: {page:?}");
    };
    let previous = (second.first_seq, second.previous_hash);
    assert_eq!(previous, (first.last_seq + 1, first.hash));
    assert_eq!(sample::sample_entries(&second.entries), [b"after"]);
}

/// Erasing is how an operator makes room, so it must work when there is none.
#[tokio::test]
async fn erasing_makes_room_in_a_full_database() {
    let (_directory, path) = new_path();
    let store = create(&path);
    add_people(&store).await;
    store.commit(put(1, "a", LARGE).into()).await.expect("room");
    store.limit_pages(1);
    assert!(store.commit(put(2, "b", LARGE).into()).await.is_err());
    let destroy = Change::DestroyValue {
        org_id: sample::org_id(1),
        owner: sample::user_id(1),
        record_id: sample::record_id(1),
        expected_version: 1,
    };
    store
        .commit(destroy.into())
        .await
        .expect("erasing needs no page");
    store
        .commit(put(2, "b", LARGE).into())
        .await
        .expect("the pages are free");
}

/// In one group, what fits is written although something else does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_change_set_too_many_does_not_take_the_group_with_it() {
    let (_directory, path) = new_path();
    let store = std::sync::Arc::new(create(&path));
    add_people(store.as_ref()).await;
    store.commit(put(1, "a", LARGE).into()).await.expect("room");
    let destroy = Change::DestroyValue {
        org_id: sample::org_id(1),
        owner: sample::user_id(1),
        record_id: sample::record_id(1),
        expected_version: 1,
    };
    store
        .commit(destroy.into())
        .await
        .expect("25 pages are free now");
    store.limit_pages(1);
    let commits: Vec<_> = (10..42)
        .map(|record| {
            let bytes = if record % 2 == 0 { 10 * LARGE } else { 100 };
            let (store, change) = (store.clone(), put(record, &format!("n{record}"), bytes));
            tokio::spawn(async move { (record, store.commit(change.into()).await) })
        })
        .collect();
    for commit in commits {
        let (record, outcome) = commit.await.expect("the task ends");
        assert_eq!(outcome.is_ok(), record % 2 == 1, "{record}: {outcome:?}");
        let stored = store.value(sample::name(1, 1, &format!("n{record}"))).await;
        assert_eq!(stored.expect("readable").is_some(), record % 2 == 1);
    }
    store.verify().await.expect("a whole file");
}
