//! Promises about organisations, users and API keys.

use super::{SharedStore, assert_conflict, sample};
use crate::change_set::Change;
use crate::error::conflict;
use crate::limits::LIST_LIMIT_MAX;
use crate::store::{ApiKeyAndUser, UserAndPublicKey};

async fn people(store: &SharedStore) {
    store
        .commit(sample::people().into_iter().collect())
        .await
        .expect("people");
}

/// Every field of an organisation comes back, and lists go by id.
pub async fn organisations_are_kept_and_listed(store: SharedStore) {
    assert_eq!(store.org(sample::org_id(1)).await, Ok(None));
    for number in [3, 1, 2] {
        store
            .commit(Change::InsertOrg(sample::org(number)).into())
            .await
            .expect("new");
    }
    assert_eq!(store.org(sample::org_id(2)).await, Ok(Some(sample::org(2))));
    assert_conflict(
        store.commit(Change::InsertOrg(sample::org(2)).into()).await,
        conflict::ORG,
    );

    let page = store.orgs(None, 2).await.expect("a page");
    assert_eq!(
        (page.rows, page.more),
        (vec![sample::org(1), sample::org(2)], true)
    );
    let page = store
        .orgs(Some(sample::org_id(2)), u32::MAX)
        .await
        .expect("a page");
    assert_eq!((page.rows, page.more), (vec![sample::org(3)], false));
    let page = store
        .orgs(Some(sample::org_id(2)), 1)
        .await
        .expect("a page");
    assert_eq!((page.rows.len(), page.more), (1, false));
}

/// Users are found in their organisation alone.
pub async fn users_are_kept_and_listed_by_organisation(store: SharedStore) {
    people(&store).await;
    let (one, two) = (sample::org_id(1), sample::org_id(2));
    assert_eq!(
        store.user(one, sample::user_id(1)).await,
        Ok(Some(sample::user(1, 1)))
    );
    assert_eq!(store.user(two, sample::user_id(1)).await, Ok(None));
    assert_eq!(store.user(one, sample::user_id(3)).await, Ok(None));

    let keys = Change::InsertUserKeys {
        keys: sample::user_keys(1, 2, 1, 2),
        pairs: vec![sample::key_pair(1, 2, 1, 1), sample::key_pair(1, 2, 2, 1)],
    };
    store.commit(keys.into()).await.expect("keys");
    let first = UserAndPublicKey {
        user: sample::user(1, 1),
        keys: None,
        pair: None,
    };
    let pair = Some(sample::key_pair(1, 2, 2, 1));
    let second = UserAndPublicKey {
        user: sample::user(1, 2),
        keys: Some(sample::user_keys(1, 2, 1, 2)),
        pair,
    };
    let page = store
        .users(one, None, LIST_LIMIT_MAX)
        .await
        .expect("a page");
    assert_eq!(
        (page.rows, page.more),
        (vec![first.clone(), second.clone()], false)
    );
    let page = store.users(one, None, 1).await.expect("a page");
    assert_eq!((page.rows, page.more), (vec![first], true));
    let page = store
        .users(one, Some(sample::user_id(1)), 1)
        .await
        .expect("a page");
    assert_eq!((page.rows, page.more), (vec![second], false));
}

/// No user without an organisation, and no id twice anywhere.
pub async fn users_need_their_organisation_and_a_new_id(store: SharedStore) {
    people(&store).await;
    let insert = |org, number| Change::InsertUser(sample::user(org, number)).into();
    assert_conflict(store.commit(insert(5, 9)).await, conflict::PARENT);
    assert_conflict(store.commit(insert(1, 1)).await, conflict::USER);
    assert_conflict(store.commit(insert(2, 1)).await, conflict::USER);
}

/// A stale version and an altered identity change nothing.
pub async fn replacing_expects_the_stored_version(store: SharedStore) {
    people(&store).await;
    let mut row = sample::user(1, 1);
    (row.name, row.is_admin, row.disabled) = ("renamed".into(), false, true);
    (row.version, row.mac) = (2, sample::mac(77));
    let replace = |row| Change::ReplaceUser {
        expected_version: 1,
        row,
    };
    store
        .commit(replace(row.clone()).into())
        .await
        .expect("the stored version");
    let stored = || store.user(sample::org_id(1), sample::user_id(1));
    assert_eq!(stored().await, Ok(Some(row.clone())));
    assert_conflict(
        store.commit(replace(row.clone()).into()).await,
        conflict::USER,
    );

    let mut altered = row.clone();
    (altered.version, altered.created) = (3, crate::UtcMillis(0));
    let change = Change::ReplaceUser {
        expected_version: 2,
        row: altered,
    };
    assert_conflict(store.commit(change.into()).await, conflict::USER);
    assert_eq!(stored().await, Ok(Some(row)));

    let mut absent = sample::org(8);
    absent.version = 2;
    let change = Change::ReplaceOrg {
        expected_version: 1,
        row: absent,
    };
    assert_conflict(store.commit(change.into()).await, conflict::ORG);
    let mut org = sample::org(1);
    (org.version, org.name) = (2, "renamed".into());
    let change = Change::ReplaceOrg {
        expected_version: 1,
        row: org.clone(),
    };
    store
        .commit(change.clone().into())
        .await
        .expect("the stored version");
    assert_eq!(store.org(org.org_id).await, Ok(Some(org)));
    assert_conflict(store.commit(change.into()).await, conflict::ORG);
}

/// One read answers who is calling.
pub async fn api_keys_come_with_their_user(store: SharedStore) {
    people(&store).await;
    let (root, users) = (sample::api_key(1, None), sample::api_key(2, Some((1, 2))));
    for key in [root.clone(), users.clone()] {
        store
            .commit(Change::InsertApiKey(key).into())
            .await
            .expect("new");
    }
    let found = store.api_key(sample::key_id(1)).await.expect("readable");
    assert_eq!(
        found,
        Some(ApiKeyAndUser {
            key: root,
            user: None
        })
    );
    let found = store.api_key(sample::key_id(2)).await.expect("readable");
    let user = Some(sample::user(1, 2));
    assert_eq!(found, Some(ApiKeyAndUser { key: users, user }));
    assert_eq!(store.api_key(sample::key_id(3)).await, Ok(None));

    let insert = |number, owner| Change::InsertApiKey(sample::api_key(number, owner)).into();
    assert_conflict(store.commit(insert(2, None)).await, conflict::API_KEY);
    assert_conflict(
        store.commit(insert(4, Some((1, 3)))).await,
        conflict::PARENT,
    );
}

/// Version and owner guard replacing and erasing.
pub async fn api_keys_are_replaced_and_deleted_at_their_version(store: SharedStore) {
    people(&store).await;
    for (number, owner) in [(1, None), (2, Some((1, 1)))] {
        let key = sample::api_key(number, owner);
        store
            .commit(Change::InsertApiKey(key.clone()).into())
            .await
            .expect("new");

        let mut next = key.clone();
        (next.version, next.expires) = (2, Some(crate::UtcMillis(5)));
        let mut stolen = next.clone();
        stolen.owner = sample::api_key(0, Some((1, 2))).owner;
        let replace = |row| {
            Change::ReplaceApiKey {
                expected_version: 1,
                row,
            }
            .into()
        };
        assert_conflict(store.commit(replace(stolen)).await, conflict::API_KEY);
        store
            .commit(replace(next.clone()))
            .await
            .expect("the stored version");
        assert_conflict(store.commit(replace(next.clone())).await, conflict::API_KEY);
        let found = store
            .api_key(key.key_id)
            .await
            .expect("readable")
            .expect("stored");
        assert_eq!(found.key, next);

        let delete = |expected_version| {
            Change::DeleteApiKey {
                key_id: key.key_id,
                expected_version,
            }
            .into()
        };
        assert_conflict(store.commit(delete(1)).await, conflict::API_KEY);
        store.commit(delete(2)).await.expect("the stored version");
        assert_eq!(store.api_key(key.key_id).await, Ok(None));
        assert_conflict(store.commit(delete(2)).await, conflict::API_KEY);
    }
}

/// Keys of others and of root are not in a user's list.
pub async fn api_keys_are_listed_by_user(store: SharedStore) {
    people(&store).await;
    for (number, owner) in [
        (4, Some((1, 1))),
        (1, None),
        (3, Some((1, 2))),
        (2, Some((1, 1))),
        (5, Some((2, 3))),
        (6, None),
    ] {
        let key = sample::api_key(number, owner);
        store
            .commit(Change::InsertApiKey(key).into())
            .await
            .expect("new");
    }
    let (org, user) = (sample::org_id(1), sample::user_id(1));
    let page = store.api_keys(org, user, None, 9).await.expect("a page");
    let keys = [
        sample::api_key(2, Some((1, 1))),
        sample::api_key(4, Some((1, 1))),
    ];
    assert_eq!((page.rows.as_slice(), page.more), (&keys[..], false));
    let page = store.api_keys(org, user, None, 1).await.expect("a page");
    assert_eq!((page.rows.as_slice(), page.more), (&keys[..1], true));
    let page = store
        .api_keys(org, user, Some(sample::key_id(2)), 1)
        .await
        .expect("a page");
    assert_eq!((page.rows.as_slice(), page.more), (&keys[1..], false));

    let of_root = [sample::api_key(1, None), sample::api_key(6, None)];
    let page = store.root_api_keys(None, 9).await.expect("a page");
    assert_eq!((page.rows.as_slice(), page.more), (&of_root[..], false));
    let page = store.root_api_keys(None, 1).await.expect("a page");
    assert_eq!((page.rows.as_slice(), page.more), (&of_root[..1], true));
    let after = Some(sample::key_id(1));
    let page = store.root_api_keys(after, 1).await.expect("a page");
    assert_eq!((page.rows.as_slice(), page.more), (&of_root[1..], false));
}
