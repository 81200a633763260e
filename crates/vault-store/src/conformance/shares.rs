//! Promises about shares.

use super::{SharedStore, assert_conflict, assert_invalid, sample};
use crate::change_set::{Change, ShareChange};
use crate::error::conflict;
use crate::ids::UtcMillis;
use crate::rows::{Grant, RecordKind, ShareRow};
use crate::store::{InboundShare, ListInbound, SharedValueRead, ValueRead};

/// Users 1, 2 and 4 of organisation 1, user 3 of another; value 1 ("a") of user 1 at version 1.
pub(super) async fn a_value(store: &SharedStore) {
    let mut changes: crate::ChangeSet = sample::people().into_iter().collect();
    changes.push(Change::InsertUser(sample::user(1, 4)));
    changes.push(Change::PutValue(sample::put(1, 1, 1, "a", 1)));
    store.commit(changes).await.expect("a value");
}

pub(super) async fn commit(store: &SharedStore, change: impl Into<Change>) {
    store.commit(change.into().into()).await.expect("applied");
}

/// Share `number` of value 1 with a user, its first version, seen at record version 1.
pub(super) async fn share_with(store: &SharedStore, number: u32, recipient: u32) -> ShareRow {
    let row = sample::share(number, 1, 1, recipient, 1);
    commit(store, sample::insert_share(row.clone(), 1, 1)).await;
    row
}

pub(super) fn delete(number: u32, expected_version: u64) -> crate::ChangeSet {
    ShareChange::Delete {
        share_id: sample::share_id(number),
        expected_version,
    }
    .into()
}

pub(super) fn inbound(recipient: u32) -> ListInbound {
    ListInbound {
        org_id: sample::org_id(1),
        recipient: sample::user_id(recipient),
        kind: RecordKind::Value,
        after: None,
        limit: 100,
        now: sample::NOW,
    }
}

pub(super) async fn inbound_ids(store: &SharedStore, list: ListInbound) -> Vec<crate::ShareId> {
    let page = store.inbound_shares(list).await.expect("a page");
    page.rows.iter().map(|row| row.share.share_id).collect()
}

/// A share and its wraps arrive together, once per recipient, under the owner's name alone.
pub async fn a_share_comes_with_its_wraps(store: SharedStore) {
    a_value(&store).await;
    let row = share_with(&store, 1, 2).await;
    let record = sample::value_record(1);
    assert_eq!(store.share(row.share_id).await, Ok(Some(row.clone())));
    let found = store.share_with(record, row.recipient).await;
    assert_eq!(found, Ok(Some(row.clone())));
    let found = store.share_with(record, sample::user_id(4)).await;
    assert_eq!(found, Ok(None));
    let wraps = vec![
        sample::wrap(1, 1, 1, Grant::Owner),
        sample::share_wrap(&row, 1),
    ];
    assert_eq!(store.wraps(row.record_id, 1).await, Ok(wraps));

    let again = sample::insert_share(sample::share(2, 1, 1, 2, 1), 1, 1);
    assert_conflict(store.commit(again.into()).await, conflict::SHARE);
    let same_id = sample::insert_share(sample::share(1, 1, 1, 4, 1), 1, 1);
    assert_conflict(store.commit(same_id.into()).await, conflict::SHARE);
    let foreigner = sample::insert_share(sample::share(3, 1, 1, 3, 1), 1, 1);
    assert_conflict(store.commit(foreigner.into()).await, conflict::PARENT);
    for (what, owner, record, record_version) in [
        ("not the owner", 4, 1, 1),
        ("no such record", 1, 9, 1),
        ("an older state", 1, 1, 2),
    ] {
        let share = sample::share(4, record, owner, 2, 1);
        let outcome = store
            .commit(sample::insert_share(share, 1, record_version).into())
            .await;
        let conflicts = matches!(outcome, Err(crate::StoreError::Conflict { what: "value" }));
        assert!(conflicts, "{what}: {outcome:?}");
    }
    let no_version = sample::insert_share(sample::share(5, 1, 1, 4, 1), 7, 1);
    assert_conflict(store.commit(no_version.into()).await, conflict::VALUE);
    assert_eq!(store.share(sample::share_id(5)).await, Ok(None));
}

/// Contradictions are refused before anything is looked up.
pub async fn malformed_shares_are_refused(store: SharedStore) {
    a_value(&store).await;
    let malformed: [fn(&mut ShareRow, &mut Vec<crate::rows::WrapRow>); 7] = [
        |row, _| row.recipient = row.owner,
        |row, _| row.version = 2,
        |row, _| row.alias_wrap = Some(Vec::new()),
        |_, wraps| wraps[0].grant = Grant::Owner,
        |_, wraps| wraps[0].recipient = sample::user_id(4),
        |_, wraps| wraps[0].record_id = sample::record_id(9),
        |_, wraps| wraps.push(wraps[0].clone()),
    ];
    for change in malformed {
        let mut row = sample::share(1, 1, 1, 2, 1);
        let mut wraps = vec![sample::share_wrap(&row, 1)];
        change(&mut row, &mut wraps);
        let insert = ShareChange::Insert {
            row,
            record_version: 1,
            wraps,
        };
        assert_invalid(store.commit(insert.into()).await);
    }
}

/// New terms come with new wraps, and the old wraps and boxes go.
pub async fn replacing_a_share_replaces_its_wraps(store: SharedStore) {
    a_value(&store).await;
    commit(&store, Change::PutValue(sample::put(1, 1, 1, "a", 2))).await;
    let row = sample::share(1, 1, 1, 2, 1);
    let both = ShareChange::Insert {
        wraps: vec![sample::share_wrap(&row, 1), sample::share_wrap(&row, 2)],
        row: row.clone(),
        record_version: 2,
    };
    commit(&store, both).await;
    commit(
        &store,
        Change::PutAccountBox(sample::account_box(1, 2, 2, 5)),
    )
    .await;
    commit(&store, ShareChange::PutAliasBox(sample::alias_box(1, 1, 5))).await;

    let mut next = sample::share(1, 1, 1, 2, 2);
    next.expires = Some(UtcMillis(sample::NOW.0 + 1000));
    let replace = |expected_version, row: ShareRow| ShareChange::Replace {
        expected_version,
        wraps: vec![sample::share_wrap(&row, 2)],
        row,
        record_version: 2,
    };
    let mut moved = next.clone();
    moved.recipient = sample::user_id(4);
    let moved = replace(1, moved);
    assert_conflict(store.commit(moved.into()).await, conflict::SHARE);
    commit(&store, replace(1, next.clone())).await;
    let stale = replace(1, next.clone());
    assert_conflict(store.commit(stale.into()).await, conflict::SHARE);

    let first = store.wraps(row.record_id, 1).await.expect("readable");
    assert_eq!(first, vec![sample::wrap(1, 1, 1, Grant::Owner)]);
    let found = store.shared_value(row.share_id, None).await;
    let expected = SharedValueRead {
        share: next.clone(),
        read: ValueRead {
            value: sample::value(1, 1, 1, "a", 2),
            version: sample::value_version(1, 2),
            wrap: Some(sample::share_wrap(&next, 2)),
            account_box: None,
        },
    };
    assert_eq!(found, Ok(Some(expected)));
    let listed = store.inbound_shares(inbound(2)).await.expect("a page");
    assert_eq!(listed.rows[0].alias_box, None);
}

/// After a revocation nothing of the recipient's is left, and nothing of others' is touched.
pub async fn revoking_takes_wraps_and_boxes_along(store: SharedStore) {
    a_value(&store).await;
    let (one, other) = (
        share_with(&store, 1, 2).await,
        share_with(&store, 2, 4).await,
    );
    for recipient in [1, 2, 4] {
        let account_box = sample::account_box(1, 1, recipient, 5);
        commit(&store, Change::PutAccountBox(account_box)).await;
    }
    commit(&store, ShareChange::PutAliasBox(sample::alias_box(1, 1, 5))).await;
    assert_conflict(store.commit(delete(1, 2)).await, conflict::SHARE);
    store.commit(delete(1, 1)).await.expect("a share");
    assert_conflict(store.commit(delete(1, 1)).await, conflict::SHARE);

    assert_eq!(store.share(one.share_id).await, Ok(None));
    assert_eq!(store.shared_value(one.share_id, None).await, Ok(None));
    let left = store.wraps(one.record_id, 1).await.expect("readable");
    assert_eq!(
        left,
        vec![
            sample::wrap(1, 1, 1, Grant::Owner),
            sample::share_wrap(&other, 1)
        ]
    );
    let kept = store.shared_value(other.share_id, None).await;
    let kept = kept.expect("readable").expect("a share");
    assert_eq!(kept.read.account_box, Some(sample::account_box(1, 1, 4, 5)));
    for late in [
        Change::PutAccountBox(sample::account_box(1, 1, 2, 6)),
        ShareChange::PutAliasBox(sample::alias_box(1, 1, 6)).into(),
    ] {
        let committed = store.commit(late.into()).await.expect("best effort");
        assert_eq!(committed.account_boxes_stored, 0);
        assert_eq!(committed.alias_boxes_stored, 0);
    }
    // The same recipient again: nothing of the old share shines through.
    let again = sample::share(3, 1, 1, 2, 1);
    commit(&store, sample::insert_share(again.clone(), 1, 1)).await;
    let found = store.shared_value(again.share_id, None).await;
    assert_eq!(
        found.expect("readable").expect("a share").read.account_box,
        None
    );
}

/// The owner's list and the recipient's, each with what it needs, in pages.
pub async fn shares_are_listed_for_both_parties(store: SharedStore) {
    a_value(&store).await;
    commit(&store, Change::PutValue(sample::put(1, 1, 2, "b", 1))).await;
    let (first, second) = (
        share_with(&store, 5, 2).await,
        share_with(&store, 3, 4).await,
    );
    let other = sample::share(4, 2, 1, 2, 1);
    commit(&store, sample::insert_share(other.clone(), 1, 1)).await;
    let cached = sample::alias_box(5, 1, 9);
    commit(&store, ShareChange::PutAliasBox(cached.clone())).await;
    let stale = ShareChange::PutAliasBox(sample::alias_box(5, 2, 8));
    let committed = store.commit(stale.into()).await.expect("best effort");
    assert_eq!(committed.alias_boxes_stored, 0);

    let record = sample::value_record(1);
    let all = store.shares_of(record, None, 9, sample::NOW).await;
    let all = all.expect("a page");
    assert_eq!(
        (all.rows, all.more),
        (vec![first.clone(), second.clone()], false)
    );
    let page = store.shares_of(record, None, 1, sample::NOW).await;
    let page = page.expect("a page");
    assert_eq!((page.rows, page.more), (vec![first.clone()], true));
    let after = Some(first.recipient);
    let page = store.shares_of(record, after, 9, sample::NOW).await;
    assert_eq!(page.expect("a page").rows, vec![second]);

    let entry = |share: &ShareRow, alias_box| InboundShare {
        share: share.clone(),
        owner: sample::user(1, 1),
        alias_box,
    };
    let page = store.inbound_shares(inbound(2)).await.expect("a page");
    let expected = vec![entry(&other, None), entry(&first, Some(cached))];
    assert_eq!((page.rows, page.more), (expected.clone(), false));
    let limit = 1;
    let list = ListInbound {
        limit,
        ..inbound(2)
    };
    let page = store.inbound_shares(list).await.expect("a page");
    assert_eq!((page.rows.as_slice(), page.more), (&expected[..1], true));
    let after = Some(other.share_id);
    let page = store
        .inbound_shares(ListInbound {
            after,
            ..inbound(2)
        })
        .await;
    assert_eq!(page.expect("a page").rows, expected[1..]);
    for foreign in [
        ListInbound {
            org_id: sample::org_id(2),
            ..inbound(2)
        },
        ListInbound {
            kind: RecordKind::File,
            ..inbound(2)
        },
        inbound(1),
    ] {
        assert_eq!(inbound_ids(&store, foreign).await, Vec::new());
    }
}

/// Hidden from the very millisecond, and of interest to the sweeper from then on.
pub async fn expired_shares_are_hidden_and_swept(store: SharedStore) {
    a_value(&store).await;
    for (number, recipient, expires) in [(1, 2, Some(1000)), (2, 4, None)] {
        let mut row = sample::share(number, 1, 1, recipient, 1);
        row.expires = expires.map(UtcMillis);
        commit(&store, sample::insert_share(row, 1, 1)).await;
    }
    let record = sample::value_record(1);
    for (now, live) in [(999, 2), (1000, 1), (i64::MAX, 1)] {
        let now = UtcMillis(now);
        let owners = store.shares_of(record, None, 9, now).await;
        assert_eq!(owners.expect("a page").rows.len(), live, "{now:?}");
        let to_wrap = store.recipients(record, now).await;
        let to_wrap = to_wrap.expect("readable").expect("a record");
        assert_eq!(to_wrap.recipients.len(), live, "{now:?}");
        let list = ListInbound { now, ..inbound(2) };
        assert_eq!(inbound_ids(&store, list).await.len(), live - 1);
        let swept = store.expired_shares(now, None, 9).await.expect("a page");
        assert_eq!(swept.rows.len(), 2 - live, "{now:?}");
        for share in swept.rows {
            let of = |at: UtcMillis, id| store.expired_shares(now, Some((at, id)), 9);
            let expires = share.expires.expect("expired");
            let behind = of(expires, share.share_id).await.expect("a page");
            assert_eq!(behind.rows, []);
            let before = UtcMillis(expires.0 - 1);
            let again = of(before, sample::share_id(9)).await.expect("a page");
            assert_eq!(again.rows, [share]);
        }
    }
    let still = store.share_with(record, sample::user_id(2)).await;
    assert!(still.expect("readable").is_some(), "a re-share finds it");
}

/// A recipient's list shows what can be read: no deleted, no expired value.
pub async fn shares_of_hidden_values_are_hidden(store: SharedStore) {
    a_value(&store).await;
    let row = share_with(&store, 1, 2).await;
    let mut value = sample::value(1, 1, 1, "a", 1);
    let mut replace = |deleted, expires| {
        (value.deleted, value.expires) = (deleted, expires);
        value.version += 1;
        Change::ReplaceValue {
            expected_version: value.version - 1,
            row: value.clone(),
        }
    };
    commit(&store, replace(Some(sample::NOW), None)).await;
    assert_eq!(inbound_ids(&store, inbound(2)).await, Vec::new());
    commit(&store, replace(None, Some(sample::NOW))).await;
    assert_eq!(inbound_ids(&store, inbound(2)).await, Vec::new());
    commit(&store, replace(None, None)).await;
    assert_eq!(inbound_ids(&store, inbound(2)).await, vec![row.share_id]);
}
