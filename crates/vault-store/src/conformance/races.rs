//! Promises under concurrency.

use super::{SharedStore, sample};
use crate::change_set::{Change, ChangeSet, Committed, Expect};
use crate::error::{StoreError, conflict};
use crate::rows::ValueRow;

/// Tasks that race with each other.
const TASKS: u32 = 64;

async fn people(store: &SharedStore) {
    store
        .commit(sample::people().into_iter().collect())
        .await
        .expect("people");
}

/// Commits what `make` makes for each task, all at once; the outcomes in task order.
async fn race(
    store: &SharedStore,
    make: impl Fn(u32) -> ChangeSet,
) -> Vec<Result<Committed, StoreError>> {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, changes) = (store.clone(), make(task));
            tokio::spawn(async move { store.commit(changes).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("the task ends"));
    }
    outcomes
}

/// The one task that succeeded; all the others got a conflict on `what`.
fn the_winner(outcomes: &[Result<Committed, StoreError>], what: &'static str) -> u32 {
    let mut winners = Vec::new();
    for (task, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(_) => winners.push(task as u32),
            Err(error) => assert_eq!(*error, StoreError::Conflict { what }),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    winners[0]
}

/// Of many who create one name exactly one does, and it is the one that is stored.
pub async fn one_of_many_creators_wins(store: SharedStore) {
    people(&store).await;
    let create = |task| Change::PutValue(sample::put(1, 1, task, "a", 1)).into();
    let winner = the_winner(&race(&store, create).await, conflict::VALUE);
    let name = sample::name(1, 1, "a");
    let stored = store
        .read_value(name, None, sample::user_id(1))
        .await
        .expect("readable");
    let stored = stored.expect("stored");
    assert_eq!(stored.value, sample::value(1, 1, winner, "a", 1));
    assert!(stored.wrap.is_some());
    for task in (0..TASKS).filter(|task| *task != winner) {
        assert_eq!(
            store.wraps(sample::record_id(task), 1).await,
            Ok(Vec::new())
        );
    }
}

/// Of many who replace one state exactly one does: rekeys, for one.
pub async fn one_of_many_replacers_wins(store: SharedStore) {
    people(&store).await;
    let first = Change::InsertUserKeys {
        keys: sample::user_keys(1, 1, 1, 1),
        pairs: vec![sample::key_pair(1, 1, 1, 1)],
    };
    store.commit(first.into()).await.expect("keys");
    let rekey = |task: u32| {
        let (mut keys, mut pair) = (sample::user_keys(1, 1, 2, 1), sample::key_pair(1, 1, 1, 2));
        keys.protection = vec![task as u8; 40];
        (pair.ecc_box, pair.kyber_box) = (vec![task as u8; 40], vec![task as u8; 40]);
        Change::ReplaceUserKeys {
            expected_version: 1,
            keys,
            pairs: vec![pair],
        }
        .into()
    };
    let winner = the_winner(&race(&store, rekey).await, conflict::USER_KEYS);
    let ring = store.key_ring(sample::org_id(1), sample::user_id(1)).await;
    let ring = ring.expect("readable").expect("stored");
    let boxes = [
        &ring.keys.protection,
        &ring.pairs[0].ecc_box,
        &ring.pairs[0].kyber_box,
    ];
    assert!(boxes.iter().all(|bytes| **bytes == vec![winner as u8; 40]));
}

/// Writers that read, write and retry on conflict each get their turn: versions have no gap.
pub async fn no_increment_is_lost(store: SharedStore) {
    people(&store).await;
    store
        .commit(Change::PutValue(sample::put(1, 1, 1, "a", 1)).into())
        .await
        .expect("a put");
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| tokio::spawn(write_once(store.clone())))
        .collect();
    for task in tasks {
        task.await.expect("the task ends");
    }
    let last = u64::from(TASKS) + 1;
    let stored = store
        .value(sample::name(1, 1, "a"))
        .await
        .expect("readable")
        .expect("stored");
    assert_eq!((stored.version, stored.current_version), (last, last));
    for version in 1..=last {
        let name = sample::name(1, 1, "a");
        let read = store
            .read_value(name, Some(version), sample::user_id(1))
            .await;
        assert!(read.expect("readable").is_some(), "version {version}");
    }
}

async fn write_once(store: SharedStore) {
    loop {
        let stored = store
            .value(sample::name(1, 1, "a"))
            .await
            .expect("readable");
        let version = stored.expect("stored").version;
        let mut put = sample::put(1, 1, 1, "a", version + 1);
        put.expected = Expect::Version(version);
        match store.commit(Change::PutValue(put).into()).await {
            Ok(_) => return,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => assert_eq!(
                error,
                StoreError::Conflict {
                    what: conflict::VALUE
                }
            ),
        }
    }
}

/// Two values change together; no reader sees one without the other, and a read after a commit
/// sees that commit.
pub async fn reads_never_see_half_a_change_set(store: SharedStore) {
    people(&store).await;
    let both = |version| {
        ChangeSet::new()
            .with(Change::PutValue(sample::put(1, 1, 1, "a", version)))
            .with(Change::PutValue(sample::put(1, 1, 2, "b", version)))
    };
    store.commit(both(1)).await.expect("both");
    let reader = tokio::spawn(watch_both(store.clone()));
    for version in 2..=u64::from(TASKS) {
        store.commit(both(version)).await.expect("both");
        let stored = store
            .value(sample::name(1, 1, "b"))
            .await
            .expect("readable");
        assert_eq!(stored.expect("stored").version, version);
    }
    reader.await.expect("the reader ends");
}

async fn watch_both(store: SharedStore) {
    let mut seen = 0;
    while seen < u64::from(TASKS) {
        let page = store.values(sample::list(1, 1)).await.expect("a page");
        let versions: Vec<u64> = page.rows.iter().map(|row: &ValueRow| row.version).collect();
        assert_eq!(versions.len(), 2);
        assert_eq!(versions[0], versions[1]);
        assert!(versions[0] >= seen, "a later read saw an older state");
        seen = versions[0];
        tokio::task::yield_now().await;
    }
}
