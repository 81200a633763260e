//! Promises about shares under concurrency: shares follow updates, whoever comes first.

use super::shares::a_value;
use super::{SharedStore, sample};
use crate::change_set::{Change, Expect, ShareChange};
use crate::error::StoreError;
use crate::rows::{Grant, ShareRow};

/// Recipients that come and go while the value is written.
const RECIPIENTS: u32 = 8;
/// Writes of each kind that race.
const WRITES: u64 = 24;
/// Reads of a recipient between sharing and revoking.
const READS: u32 = 6;

/// While shares are made and revoked and the value is written, all at once, a live share opens the
/// current version at every moment, and nobody else holds a wrap of it in the end.
pub async fn every_version_reaches_every_share(store: SharedStore) {
    a_value(&store).await;
    for recipient in 0..RECIPIENTS {
        let user = Change::InsertUser(sample::user(1, 100 + recipient));
        store.commit(user.into()).await.expect("a user");
    }
    let mut tasks = vec![tokio::spawn(write_many(store.clone()))];
    for recipient in 0..RECIPIENTS {
        tasks.push(tokio::spawn(share_and_revoke(store.clone(), recipient)));
    }
    for task in tasks {
        task.await.expect("the task ends");
    }
    assert_whole(&store).await;
    let stored = value(&store).await;
    assert_eq!(stored.current_version, WRITES + 1);
    let found = store.recipients(sample::value_record(1), sample::NOW).await;
    let found = found.expect("readable").expect("a record");
    assert_eq!(found.recipients.len(), RECIPIENTS as usize);
    assert_eq!(
        found.share_revision,
        u64::from(RECIPIENTS) * (2 * WRITES + 1)
    );
}

async fn value(store: &SharedStore) -> crate::rows::ValueRow {
    let found = store.value(sample::name(1, 1, "a")).await;
    found.expect("readable").expect("stored")
}

/// The current version has a wrap for its owner and for every share, on its present terms.
async fn assert_whole(store: &SharedStore) {
    let (stored, record) = (value(store).await, sample::value_record(1));
    let wraps = store.wraps(record.record_id, stored.current_version).await;
    let shares = store.shares_of(record, None, 100, sample::NOW).await;
    let mut held: Vec<_> = wraps
        .expect("readable")
        .iter()
        .map(|wrap| wrap.grant)
        .collect();
    let mut granted: Vec<_> = shares
        .expect("a page")
        .rows
        .iter()
        .map(|share| Grant::Share(share.share_id))
        .chain([Grant::Owner])
        .collect();
    held.sort_by_key(|grant| format!("{grant:?}"));
    granted.sort_by_key(|grant| format!("{grant:?}"));
    assert_eq!(held, granted);
}

async fn write_many(store: SharedStore) {
    for _ in 0..WRITES {
        retry(|| async {
            let stored = value(&store).await;
            let found = store.recipients(sample::value_record(1), sample::NOW).await;
            let found = found.expect("readable").expect("a record");
            let mut put = sample::put(1, 1, 1, "a", stored.version + 1);
            put.expected = Expect::Version(stored.version);
            let shares: Vec<ShareRow> = found.recipients.into_iter().map(|one| one.share).collect();
            let write = sample::put_shared(put, &shares, found.share_revision);
            store.commit(write.into()).await
        })
        .await;
    }
}

/// Shares and revokes in turn; ends with a share.
async fn share_and_revoke(store: SharedStore, recipient: u32) {
    for round in 0..=WRITES as u32 {
        let share = sample::share(1000 * recipient + round, 1, 1, 100 + recipient, 1);
        retry(|| async {
            let stored = value(&store).await;
            let change =
                sample::insert_share(share.clone(), stored.current_version, stored.version);
            store.commit(change.into()).await
        })
        .await;
        // Whatever is written meanwhile, a live share opens the current version.
        for _ in 0..READS {
            let read = store.shared_value(share.share_id, None).await;
            let read = read.expect("readable").expect("a live share").read;
            let version = read.version.value_version;
            assert_eq!(read.wrap, Some(sample::share_wrap(&share, version)));
        }
        if u64::from(round) < WRITES {
            let revoke = ShareChange::Delete {
                share_id: share.share_id,
                expected_version: 1,
            };
            store
                .commit(revoke.into())
                .await
                .expect("nobody else revokes");
        }
    }
}

async fn retry<F>(attempt: impl Fn() -> F)
where
    F: Future<Output = Result<crate::Committed, StoreError>>,
{
    loop {
        match attempt().await {
            Ok(_) => return,
            Err(error) => assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}"),
        }
    }
}

/// Of many who share one record with one recipient exactly one does.
pub async fn one_of_many_sharers_wins(store: SharedStore) {
    a_value(&store).await;
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let (store, share) = (store.clone(), sample::share(number, 1, 1, 2, 1));
            tokio::spawn(
                async move { store.commit(sample::insert_share(share, 1, 1).into()).await },
            )
        })
        .collect();
    let mut won = Vec::new();
    for (number, task) in tasks.into_iter().enumerate() {
        if task.await.expect("the task ends").is_ok() {
            won.push(number as u32);
        }
    }
    assert_eq!(won.len(), 1, "{won:?}");
    let share = sample::share(won[0], 1, 1, 2, 1);
    let wraps = store.wraps(share.record_id, 1).await.expect("readable");
    assert_eq!(wraps[1], sample::share_wrap(&share, 1));
    assert_eq!(wraps.len(), 2);
}
