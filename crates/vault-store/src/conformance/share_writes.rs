//! Promises about writes to shared records.

use super::shares::{a_value, commit, delete, inbound, inbound_ids, share_with};
use super::{SharedStore, assert_conflict, sample};
use crate::change_set::{Change, ShareChange};
use crate::error::conflict;

async fn revision(store: &SharedStore) -> u64 {
    let found = store.recipients(sample::value_record(1), sample::NOW).await;
    found.expect("readable").expect("a record").share_revision
}

/// A write that does not know every share, on its present terms, is refused.
pub async fn a_write_knows_its_recipients(store: SharedStore) {
    a_value(&store).await;
    let pair = sample::key_pair(1, 2, 2, 1);
    let keys = Change::InsertUserKeys {
        keys: sample::user_keys(1, 2, 1, 2),
        pairs: vec![sample::key_pair(1, 2, 1, 1), pair.clone()],
    };
    commit(&store, keys).await;
    let record = sample::value_record(1);
    assert_eq!(revision(&store).await, 0);
    let row = share_with(&store, 1, 2).await;
    let found = store.recipients(record, sample::NOW).await;
    let found = found.expect("readable").expect("a record");
    assert_eq!((found.share_revision, found.recipients.len()), (1, 1));
    assert_eq!(found.recipients[0].share, row);
    assert_eq!(found.recipients[0].pair, Some(pair));
    assert_eq!(
        store.recipients(sample::value_record(9), sample::NOW).await,
        Ok(None)
    );

    let put = || sample::put(1, 1, 1, "a", 2);
    let blind = Change::PutValue(put());
    assert_conflict(store.commit(blind.into()).await, conflict::SHARE_REVISION);
    for stale in [0, 2] {
        let write = sample::put_shared(put(), std::slice::from_ref(&row), stale);
        assert_conflict(store.commit(write.into()).await, conflict::SHARE_REVISION);
    }
    commit(
        &store,
        sample::put_shared(put(), std::slice::from_ref(&row), 1),
    )
    .await;
    let read = store.shared_value(row.share_id, None).await;
    let read = read.expect("readable").expect("a share").read;
    assert_eq!(read.wrap, Some(sample::share_wrap(&row, 2)));
    assert_eq!(read.value.current_version, 2);

    // New terms, and the end of the last share, count too: no state comes back.
    let next = sample::share(1, 1, 1, 2, 2);
    let replace = ShareChange::Replace {
        expected_version: 1,
        wraps: vec![sample::share_wrap(&next, 2)],
        row: next,
        record_version: 2,
    };
    commit(&store, replace).await;
    assert_eq!(revision(&store).await, 2);
    store.commit(delete(1, 2)).await.expect("a share");
    assert_eq!(revision(&store).await, 3);
    commit(&store, Change::PutValue(sample::put(1, 1, 1, "a", 3))).await;
    let first = Change::PutSharedValue {
        put: sample::put(1, 1, 2, "b", 1),
        share_revision: 0,
    };
    commit(&store, first).await;
}

/// Destroying a record ends its shares; a later record of the same id has none.
pub async fn shares_go_with_their_record(store: SharedStore) {
    a_value(&store).await;
    let row = share_with(&store, 1, 2).await;
    commit(&store, ShareChange::PutAliasBox(sample::alias_box(1, 1, 5))).await;
    let destroy = Change::DestroyValue {
        org_id: row.org_id,
        owner: row.owner,
        record_id: row.record_id,
        expected_version: 1,
    };
    commit(&store, destroy).await;
    assert_eq!(store.share(row.share_id).await, Ok(None));
    assert_eq!(inbound_ids(&store, inbound(2)).await, Vec::new());
    let record = sample::value_record(1);
    assert_eq!(store.recipients(record, sample::NOW).await, Ok(None));
    commit(&store, Change::PutValue(sample::put(1, 1, 1, "a", 1))).await;
    assert_eq!(revision(&store).await, 0);
    share_with(&store, 1, 2).await;
    let page = store.inbound_shares(inbound(2)).await.expect("a page");
    assert_eq!(page.rows[0].alias_box, None);
}
