//! Promises about access tokens and about scopes of API keys.

use super::shares::{a_value, commit};
use super::{SharedStore, assert_conflict, assert_invalid, assert_too_large, sample};
use crate::change_set::{ApiKeyChange, Change, ChangeSet, Standing, TokenChange};
use crate::error::conflict;
use crate::ids::UtcMillis;
use crate::limits::{SCOPE_BYTES_MAX, TOKEN_BOXES_BYTES_MAX};
use crate::store::{ApiKeyDetail, TokenAndUser};

async fn numbers(store: &SharedStore, org: u32, user: u32) -> Vec<crate::KeyId> {
    let (org, user) = (sample::org_id(org), sample::user_id(user));
    let page = store.tokens(org, user, None, 100).await.expect("a page");
    page.rows.iter().map(|row| row.key_id).collect()
}

/// One read answers who is calling; ids are given once.
pub async fn tokens_come_with_their_user(store: SharedStore) {
    a_value(&store).await;
    let token = sample::token(1, 2, 5);
    commit(&store, TokenChange::Insert(token.clone())).await;
    let user = sample::user(1, 2);
    let expected = TokenAndUser { token, user };
    assert_eq!(store.token(sample::key_id(5)).await, Ok(Some(expected)));
    assert_eq!(store.token(sample::key_id(6)).await, Ok(None));

    let insert = |row| TokenChange::Insert(row).into();
    assert_conflict(
        store.commit(insert(sample::token(1, 1, 5))).await,
        conflict::TOKEN,
    );
    let mut same_box = sample::token(1, 1, 6);
    same_box.token_id = sample::token(1, 2, 5).token_id;
    assert_conflict(store.commit(insert(same_box)).await, conflict::TOKEN);
    assert_conflict(
        store.commit(insert(sample::token(1, 3, 7))).await,
        conflict::PARENT,
    );
    let mut later = sample::token(1, 1, 8);
    later.version = 2;
    assert_invalid(store.commit(insert(later)).await);
    let mut largest = sample::token(1, 1, 9);
    largest.scope = vec![1; SCOPE_BYTES_MAX];
    largest.boxes = vec![1; TOKEN_BOXES_BYTES_MAX];
    let (mut wide, mut heavy) = (largest.clone(), largest.clone());
    wide.scope.push(1);
    heavy.boxes.push(1);
    assert_too_large(store.commit(insert(wide)).await);
    assert_too_large(store.commit(insert(heavy)).await);
    commit(&store, TokenChange::Insert(largest)).await;
}

/// Listed, deleted and swept within their owner's fence.
pub async fn tokens_are_listed_deleted_and_swept(store: SharedStore) {
    a_value(&store).await;
    for (user, number) in [(1, 3), (2, 2), (1, 1), (1, 4)] {
        commit(&store, TokenChange::Insert(sample::token(1, user, number))).await;
    }
    let keys = [1, 3, 4].map(sample::key_id);
    assert_eq!(numbers(&store, 1, 1).await, keys);
    assert_eq!(numbers(&store, 2, 1).await, []);
    let (org_id, user_id) = (sample::org_id(1), sample::user_id(1));
    let page = store
        .tokens(org_id, user_id, Some(keys[0]), 1)
        .await
        .expect("a page");
    assert_eq!((page.rows, page.more), (vec![sample::token(1, 1, 3)], true));

    let delete = |user, number| TokenChange::Delete {
        org_id,
        user_id: sample::user_id(user),
        key_id: sample::key_id(number),
    };
    assert_conflict(store.commit(delete(2, 1).into()).await, conflict::TOKEN);
    commit(&store, delete(1, 1)).await;
    assert_conflict(store.commit(delete(1, 1).into()).await, conflict::TOKEN);

    let sweep = |now, limit| TokenChange::SweepExpired { now, limit };
    // Expiry is to the millisecond: token n lives until n.
    let now = UtcMillis(sample::NOW.0 + 3);
    let swept = store.commit(sweep(now, 1).into()).await.expect("a sweep");
    assert_eq!(swept.tokens_erased, 1);
    assert_eq!(
        numbers(&store, 1, 2).await,
        [],
        "the oldest expiry goes first"
    );
    let swept = store.commit(sweep(now, 9).into()).await.expect("a sweep");
    assert_eq!(swept.tokens_erased, 1);
    assert_eq!(numbers(&store, 1, 1).await, [keys[2]]);
    let all = TokenChange::DeleteAll { org_id, user_id };
    for erased in [1, 0] {
        let done = store
            .commit(all.clone().into())
            .await
            .expect("no condition");
        assert_eq!(done.tokens_erased, erased);
    }
    assert_eq!(store.token(keys[2]).await, Ok(None));
}

/// A scope comes with its key, is replaced at its version and goes with the key.
pub async fn scopes_live_with_their_key(store: SharedStore) {
    a_value(&store).await;
    for number in [1, 2] {
        commit(
            &store,
            Change::InsertApiKey(sample::api_key(number, Some((1, 1)))),
        )
        .await;
    }
    let insert = |number| ApiKeyChange::InsertScope(sample::api_key_scope(number, 1));
    assert_conflict(store.commit(insert(9).into()).await, conflict::PARENT);
    commit(&store, insert(1)).await;
    assert_conflict(
        store.commit(insert(1).into()).await,
        conflict::API_KEY_SCOPE,
    );
    let row = sample::api_key_scope(1, 2);
    let replace = ApiKeyChange::ReplaceScope {
        expected_version: 1,
        row: row.clone(),
    };
    commit(&store, replace.clone()).await;
    assert_conflict(store.commit(replace.into()).await, conflict::API_KEY_SCOPE);
    let found = store
        .scoped_api_key(sample::key_id(1))
        .await
        .expect("readable");
    let found = found.expect("stored");
    assert_eq!(found.scope, Some(row.clone()));
    assert_eq!(
        Some(found.key),
        store.api_key(sample::key_id(1)).await.expect("readable")
    );
    let bare = store
        .scoped_api_key(sample::key_id(2))
        .await
        .expect("readable");
    assert_eq!(bare.expect("stored").scope, None);
    assert_eq!(store.scoped_api_key(sample::key_id(3)).await, Ok(None));

    for used in [5, 9, 7] {
        let used = UtcMillis(used);
        for number in [1, 8] {
            let key_id = sample::key_id(number);
            commit(&store, ApiKeyChange::NoteUse { key_id, used }).await;
        }
    }
    let detail = |number, scope, last_used| ApiKeyDetail {
        key: sample::api_key(number, Some((1, 1))),
        scope,
        last_used,
    };
    let (org, user) = (sample::org_id(1), sample::user_id(1));
    let page = store
        .api_key_details(org, user, None, 9)
        .await
        .expect("a page");
    let expected = vec![
        detail(1, Some(row), Some(UtcMillis(9))),
        detail(2, None, None),
    ];
    assert_eq!((page.rows, page.more), (expected.clone(), false));
    let after = Some(sample::key_id(1));
    let page = store
        .api_key_details(org, user, after, 1)
        .await
        .expect("a page");
    assert_eq!((page.rows.as_slice(), page.more), (&expected[1..], false));

    let key_id = sample::key_id(1);
    commit(
        &store,
        Change::DeleteApiKey {
            key_id,
            expected_version: 1,
        },
    )
    .await;
    commit(
        &store,
        Change::InsertApiKey(sample::api_key(1, Some((1, 1)))),
    )
    .await;
    let page = store
        .api_key_details(org, user, None, 1)
        .await
        .expect("a page");
    assert_eq!(
        page.rows,
        [detail(1, None, None)],
        "nothing of the old key shines through"
    );
}

/// Who is given a token is who asked for it: each part is expected, and only for the user's own key.
pub async fn a_standing_is_expected_as_it_was_read(store: SharedStore) {
    a_value(&store).await;
    commit(
        &store,
        Change::InsertApiKey(sample::api_key(5, Some((1, 1)))),
    )
    .await;
    commit(
        &store,
        Change::InsertApiKey(sample::api_key(7, Some((1, 2)))),
    )
    .await;
    let standing = Standing {
        org_id: sample::org_id(1),
        user_id: sample::user_id(1),
        user_version: 1,
        keys: None,
        key_id: sample::key_id(5),
        key_version: 1,
    };
    let expect = async |standing| store.commit(Change::ExpectStanding(standing).into()).await;
    assert!(expect(standing).await.is_ok());
    let keys = Change::InsertUserKeys {
        keys: sample::user_keys(1, 1, 1, 1),
        pairs: vec![sample::key_pair(1, 1, 1, 1)],
    };
    commit(&store, keys).await;
    assert_conflict(expect(standing).await, conflict::USER_KEYS);
    let standing = Standing {
        keys: Some((1, 1)),
        ..standing
    };
    assert!(expect(standing).await.is_ok());
    for (other, what) in [
        (
            Standing {
                user_version: 2,
                ..standing
            },
            conflict::USER,
        ),
        (
            Standing {
                user_id: sample::user_id(9),
                ..standing
            },
            conflict::USER,
        ),
        (
            Standing {
                keys: Some((2, 1)),
                ..standing
            },
            conflict::USER_KEYS,
        ),
        (
            Standing {
                keys: Some((1, 2)),
                ..standing
            },
            conflict::USER_KEYS,
        ),
        (
            Standing {
                key_version: 2,
                ..standing
            },
            conflict::API_KEY,
        ),
        (
            Standing {
                key_id: sample::key_id(6),
                ..standing
            },
            conflict::API_KEY,
        ),
        (
            Standing {
                key_id: sample::key_id(7),
                ..standing
            },
            conflict::API_KEY,
        ),
    ] {
        let insert = TokenChange::Insert(sample::token(1, 1, 8));
        let set = ChangeSet::from(Change::ExpectStanding(other)).with(insert.into());
        assert_conflict(store.commit(set).await, what);
    }
    assert_eq!(numbers(&store, 1, 1).await, []);
    // It sees what comes before it.
    let erase = Change::DeleteApiKey {
        key_id: sample::key_id(5),
        expected_version: 1,
    };
    let set = ChangeSet::from(erase).with(Change::ExpectStanding(standing));
    assert_conflict(store.commit(set).await, conflict::API_KEY);
    assert!(expect(standing).await.is_ok());
}
