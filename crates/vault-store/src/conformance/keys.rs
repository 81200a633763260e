//! Promises about users' keys.

use super::{SharedStore, assert_conflict, assert_invalid, sample};
use crate::change_set::{Change, ChangeSet};
use crate::error::conflict;
use crate::rows::KeyPairRow;
use crate::store::KeyRing;

fn insert(generations: &[u32], current: u32) -> ChangeSet {
    let pairs = generations
        .iter()
        .map(|&number| sample::key_pair(1, 1, number, 1))
        .collect();
    Change::InsertUserKeys {
        keys: sample::user_keys(1, 1, 1, current),
        pairs,
    }
    .into()
}

fn replace(expected_version: u64, current: u32, pairs: Vec<KeyPairRow>) -> ChangeSet {
    let keys = sample::user_keys(1, 1, expected_version + 1, current);
    Change::ReplaceUserKeys {
        expected_version,
        keys,
        pairs,
    }
    .into()
}

async fn with_keys(store: &SharedStore) {
    store
        .commit(sample::people().into_iter().collect())
        .await
        .expect("people");
    store.commit(insert(&[1], 1)).await.expect("keys");
}

async fn ring(store: &SharedStore) -> KeyRing {
    let found = store.key_ring(sample::org_id(1), sample::user_id(1)).await;
    found.expect("readable").expect("stored")
}

/// A second generation of first keys would orphan everything sealed to the first.
pub async fn keys_are_inserted_once(store: SharedStore) {
    assert_conflict(store.commit(insert(&[1], 1)).await, conflict::PARENT);
    store
        .commit(sample::people().into_iter().collect())
        .await
        .expect("people");
    let (org, user) = (sample::org_id(1), sample::user_id(1));
    assert_eq!(store.key_ring(org, user).await, Ok(None));
    assert_eq!(store.current_key_pair(org, user).await, Ok(None));

    for malformed in [
        insert(&[1], 2),
        insert(&[], 1),
        insert(&[0], 0),
        insert(&[1, 1], 1),
    ] {
        assert_invalid(store.commit(malformed).await);
    }
    store.commit(insert(&[1], 1)).await.expect("first keys");
    assert_conflict(store.commit(insert(&[1], 1)).await, conflict::USER_KEYS);
    let keys = sample::user_keys(1, 1, 1, 1);
    assert_eq!(
        ring(&store).await,
        KeyRing {
            keys,
            pairs: vec![sample::key_pair(1, 1, 1, 1)]
        }
    );
    let pair = sample::key_pair(1, 1, 1, 1);
    assert_eq!(store.current_key_pair(org, user).await, Ok(Some(pair)));
    assert_eq!(store.key_ring(sample::org_id(2), user).await, Ok(None));
    assert_eq!(
        store.current_key_pair(sample::org_id(2), user).await,
        Ok(None)
    );
}

/// Rekey is one step, and of two only one can follow the same state.
pub async fn rekey_replaces_protection_and_every_pair(store: SharedStore) {
    with_keys(&store).await;
    let rekey = || replace(1, 1, vec![sample::key_pair(1, 1, 1, 2)]);
    store.commit(rekey()).await.expect("the stored version");
    let pairs = vec![sample::key_pair(1, 1, 1, 2)];
    assert_eq!(
        ring(&store).await,
        KeyRing {
            keys: sample::user_keys(1, 1, 2, 1),
            pairs
        }
    );
    assert_conflict(store.commit(rekey()).await, conflict::USER_KEYS);

    let keys = sample::user_keys(1, 2, 2, 1);
    let pairs = vec![sample::key_pair(1, 2, 1, 2)];
    let absent = Change::ReplaceUserKeys {
        expected_version: 1,
        keys,
        pairs,
    };
    assert_conflict(store.commit(absent.into()).await, conflict::USER_KEYS);
}

/// A rotation adds a generation and keeps the old ones.
pub async fn rotation_adds_a_generation(store: SharedStore) {
    with_keys(&store).await;
    let pairs = vec![sample::key_pair(1, 1, 1, 2), sample::key_pair(1, 1, 2, 1)];
    store
        .commit(replace(1, 2, pairs.clone()))
        .await
        .expect("the stored version");
    assert_eq!(
        ring(&store).await,
        KeyRing {
            keys: sample::user_keys(1, 1, 2, 2),
            pairs
        }
    );
    let current = store
        .current_key_pair(sample::org_id(1), sample::user_id(1))
        .await;
    assert_eq!(current, Ok(Some(sample::key_pair(1, 1, 2, 1))));
}

/// Whatever the caller gets wrong, a private key that was stored can still be opened.
pub async fn no_stored_key_pair_is_lost_or_altered(store: SharedStore) {
    with_keys(&store).await;
    let both = vec![sample::key_pair(1, 1, 1, 2), sample::key_pair(1, 1, 2, 1)];
    store.commit(replace(1, 2, both)).await.expect("a rotation");
    let before = ring(&store).await;
    let (one, two) = (sample::key_pair(1, 1, 1, 3), sample::key_pair(1, 1, 2, 2));
    let altered = |change: fn(&mut KeyPairRow)| {
        let mut pair = one.clone();
        change(&mut pair);
        vec![pair, two.clone()]
    };
    let attempts = [
        ("left out", vec![two.clone()]),
        ("other public key", altered(|pair| pair.public_key[0] ^= 1)),
        ("other creation time", altered(|pair| pair.created.0 += 1)),
        ("version kept", altered(|pair| pair.version = 2)),
        ("version skipped", altered(|pair| pair.version = 4)),
        ("version restarted", altered(|pair| pair.version = 1)),
        ("other generation", altered(|pair| pair.generation = 3)),
        (
            "other user",
            altered(|pair| pair.user_id = sample::user_id(2)),
        ),
    ];
    for (attempt, pairs) in attempts {
        let outcome = store.commit(replace(2, 2, pairs)).await;
        assert!(
            matches!(outcome, Err(crate::StoreError::Invalid(_))),
            "{attempt}: {outcome:?}"
        );
        assert_eq!(ring(&store).await, before, "{attempt}");
    }
    store
        .commit(replace(2, 2, vec![one, two]))
        .await
        .expect("all continued");
}
