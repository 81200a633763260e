//! Promises about stored credentials.

use super::shares::{a_value, commit};
use super::{SharedStore, assert_conflict, assert_invalid, sample};
use crate::change_set::{CredentialChange, WrapChange};
use crate::error::conflict;
use crate::ids::UtcMillis;
use crate::rows::{CredentialRow, Grant, Permission, RecordKind, ShareRow};
use crate::store::{Candidate, CredentialRead, ListCandidates};

async fn read(store: &SharedStore, version: Option<u64>, reader: u32) -> Option<CredentialRead> {
    let (org, credential) = (sample::org_id(1), sample::record_id(7));
    let found = store
        .read_credential(org, credential, version, sample::user_id(reader))
        .await;
    found.expect("readable")
}

fn share(number: u32, recipient: u32) -> ShareRow {
    let mut row = sample::share(number, 7, 1, recipient, 1);
    row.permission = Permission::Use;
    sample::share_of(RecordKind::Credential, row)
}

fn replace(row: CredentialRow) -> crate::ChangeSet {
    CredentialChange::Replace {
        expected_version: row.version - 1,
        row,
    }
    .into()
}

fn list(user: u32) -> ListCandidates {
    ListCandidates {
        org_id: sample::org_id(1),
        user_id: sample::user_id(user),
        after: None,
        limit: 100,
        now: sample::NOW,
    }
}

async fn candidates(store: &SharedStore, list: ListCandidates) -> Vec<Candidate> {
    store.candidates(list).await.expect("a page").rows
}

/// Row, wanted version, wrap, box and share in one read, within one organisation.
pub async fn a_credential_comes_with_what_opening_needs(store: SharedStore) {
    a_value(&store).await;
    for version in 1..=2 {
        commit(&store, sample::put_credential(1, 7, version)).await;
    }
    let given = share(1, 2);
    commit(&store, sample::insert_share(given.clone(), 2, 2)).await;
    let row = sample::account_box(7, 2, 2, 5);
    let kind = RecordKind::Credential;
    commit(
        &store,
        WrapChange::PutBox {
            kind,
            row: row.clone(),
        },
    )
    .await;
    let expected = CredentialRead {
        credential: sample::credential(1, 1, 7, 2),
        version: sample::credential_version(7, 2),
        wrap: Some(sample::share_wrap(&given, 2)),
        account_box: Some(row),
        share: Some(given),
    };
    assert_eq!(read(&store, None, 2).await, Some(expected));
    let old = read(&store, Some(1), 1).await.expect("stored");
    assert_eq!(old.version, sample::credential_version(7, 1));
    assert_eq!(old.wrap, Some(sample::wrap(7, 1, 1, Grant::Owner)));
    assert_eq!((old.account_box, old.share), (None, None));
    let stranger = read(&store, None, 4).await.expect("stored");
    assert_eq!((stranger.wrap, stranger.share), (None, None));
    for absent in [0, 3, u64::MAX] {
        assert_eq!(read(&store, Some(absent), 1).await, None);
    }
    let (other, user) = (sample::org_id(2), sample::user_id(1));
    let foreign = store
        .read_credential(other, sample::record_id(7), None, user)
        .await;
    assert_eq!(foreign, Ok(None));
    assert_eq!(
        store.credential(other, user, sample::record_id(7)).await,
        Ok(None)
    );

    commit(&store, sample::put_credential(1, 5, 1)).await;
    let org = sample::org_id(1);
    let page = store.credentials(org, user, None, 1).await.expect("a page");
    let first = sample::credential(1, 1, 5, 1);
    assert_eq!((page.rows, page.more), (vec![first], true));
    let after = Some(sample::record_id(5));
    let page = store
        .credentials(org, user, after, 9)
        .await
        .expect("a page");
    let second = sample::credential(1, 1, 7, 2);
    assert_eq!((page.rows, page.more), (vec![second.clone()], false));
    let one = store.credential(org, user, second.credential_id).await;
    assert_eq!(one, Ok(Some(second)));
}

/// One owner does not use a name twice, also not by renaming.
pub async fn credential_names_are_unique_for_one_owner(store: SharedStore) {
    a_value(&store).await;
    commit(&store, sample::put_credential(1, 7, 1)).await;
    commit(&store, sample::put_credential(1, 8, 1)).await;
    let named = |owner, number, name: &str| {
        let mut change = sample::put_credential(owner, number, 1);
        if let CredentialChange::Insert { row, .. } = &mut change {
            row.name = name.to_owned();
        }
        change
    };
    let again = named(1, 9, "credential 7");
    assert_conflict(store.commit(again.into()).await, conflict::CREDENTIAL);
    commit(&store, named(2, 9, "credential 7")).await;
    assert_conflict(
        store.commit(named(3, 6, "x").into()).await,
        conflict::PARENT,
    );
    assert_conflict(
        store.commit(named(1, 7, "x").into()).await,
        conflict::CREDENTIAL,
    );
    let mut renamed = sample::credential(1, 1, 8, 1);
    (renamed.version, renamed.name) = (2, "credential 7".into());
    assert_conflict(
        store.commit(replace(renamed.clone())).await,
        conflict::CREDENTIAL,
    );
    renamed.name = "free".into();
    store
        .commit(replace(renamed.clone()))
        .await
        .expect("a free name");
    assert_conflict(store.commit(replace(renamed)).await, conflict::CREDENTIAL);
}

/// A roll-back names a stored version and its use; version numbers are never given twice.
pub async fn versions_roll_back_and_never_repeat(store: SharedStore) {
    a_value(&store).await;
    for version in 1..=2 {
        commit(&store, sample::put_credential(1, 7, version)).await;
    }
    let mut back = sample::credential(1, 1, 7, 1);
    (back.newest_version, back.version) = (2, 3);
    let mut elsewhere = back.clone();
    elsewhere.host_pattern = "evil.example".into();
    assert_conflict(store.commit(replace(elsewhere)).await, conflict::CREDENTIAL);
    let mut forgetful = back.clone();
    forgetful.newest_version = 1;
    assert_conflict(store.commit(replace(forgetful)).await, conflict::CREDENTIAL);
    store
        .commit(replace(back.clone()))
        .await
        .expect("a roll-back");
    let current = read(&store, None, 1).await.expect("stored");
    assert_eq!(current.credential, back);
    assert_eq!(current.version, sample::credential_version(7, 1));

    let next = |version| {
        let mut row = sample::credential(1, 1, 7, version);
        row.version = 4;
        CredentialChange::PutVersion {
            expected_version: 3,
            share_revision: 0,
            version_row: sample::credential_version(7, version),
            row,
            wraps: Vec::new(),
            versions_kept: 2,
        }
    };
    for repeated_or_skipped in [2, 4] {
        let refused = store.commit(next(repeated_or_skipped).into()).await;
        assert_conflict(refused, conflict::CREDENTIAL);
    }
    let committed = store.commit(next(3).into()).await.expect("a version");
    assert_eq!(committed.versions_erased, 1);
    let (org, user, id) = (sample::org_id(1), sample::user_id(1), sample::record_id(7));
    let page = store
        .credential_versions(org, user, id, None, 9)
        .await
        .expect("a page");
    let kept = [2, 3].map(|version| sample::credential_version(7, version));
    assert_eq!((page.rows.as_slice(), page.more), (&kept[..], false));
    let page = store
        .credential_versions(org, user, id, None, 1)
        .await
        .expect("a page");
    assert_eq!((page.rows.as_slice(), page.more), (&kept[..1], true));
    let page = store
        .credential_versions(org, user, id, Some(2), 9)
        .await
        .expect("a page");
    assert_eq!(page.rows, kept[1..]);
    let foreign = store
        .credential_versions(org, sample::user_id(2), id, None, 9)
        .await;
    assert_eq!(foreign.expect("a page").rows, Vec::new());
    // The erased version is not one to roll back to.
    let mut gone = sample::credential(1, 1, 7, 1);
    (gone.newest_version, gone.version) = (3, 5);
    assert_conflict(store.commit(replace(gone)).await, conflict::CREDENTIAL);
}

/// What contradicts itself is refused before anything is looked up.
pub async fn malformed_credentials_are_refused(store: SharedStore) {
    a_value(&store).await;
    let malformed: [fn(&mut CredentialRow); 7] = [
        |row| row.version = 2,
        |row| row.current_version = 2,
        |row| row.newest_version = 2,
        |row| row.host_pattern = "other.example".into(),
        |row| row.header.clear(),
        |row| row.name.clear(),
        |row| row.protection = Some(vec![7; 80]),
    ];
    for change in malformed {
        let mut refused = sample::put_credential(1, 7, 1);
        if let CredentialChange::Insert { row, .. } = &mut refused {
            change(row);
        }
        assert_invalid(store.commit(refused.into()).await);
    }
}

/// Own ones and those shared, live ones alone, each once.
pub async fn candidates_are_own_and_shared(store: SharedStore) {
    a_value(&store).await;
    commit(&store, sample::put_credential(1, 7, 1)).await;
    commit(&store, sample::put_credential(2, 5, 1)).await;
    commit(&store, sample::put_credential(4, 6, 1)).await;
    let mut given = share(1, 2);
    given.expires = Some(UtcMillis(sample::NOW.0 + 10));
    commit(&store, sample::insert_share(given.clone(), 1, 1)).await;
    let own = Candidate {
        credential: sample::credential(1, 2, 5, 1),
        share: None,
    };
    let shared = Candidate {
        credential: sample::credential(1, 1, 7, 1),
        share: Some(given),
    };
    assert_eq!(
        candidates(&store, list(2)).await,
        vec![own.clone(), shared.clone()]
    );
    let page = store
        .candidates(ListCandidates {
            limit: 1,
            ..list(2)
        })
        .await;
    let page = page.expect("a page");
    assert_eq!((page.rows, page.more), (vec![own.clone()], true));
    let after = Some(own.credential.credential_id);
    let later = candidates(&store, ListCandidates { after, ..list(2) }).await;
    assert_eq!(later, vec![shared.clone()]);
    let now = UtcMillis(sample::NOW.0 + 10);
    assert_eq!(
        candidates(&store, ListCandidates { now, ..list(2) }).await,
        vec![own]
    );
    let org_id = sample::org_id(2);
    assert_eq!(
        candidates(&store, ListCandidates { org_id, ..list(2) }).await,
        Vec::new()
    );
    let owners = candidates(&store, list(1)).await;
    assert_eq!((owners.len(), &owners[0].share), (1, &None));

    let mut expired = sample::credential(1, 1, 7, 1);
    (expired.version, expired.expires) = (2, Some(sample::NOW));
    store
        .commit(replace(expired))
        .await
        .expect("the stored version");
    assert_eq!(candidates(&store, list(1)).await, Vec::new());
    assert_eq!(candidates(&store, list(2)).await.len(), 1);
}

/// A new version knows its recipients, and deletion takes everything along.
pub async fn credential_shares_follow_updates_and_deletion(store: SharedStore) {
    a_value(&store).await;
    commit(&store, sample::put_credential(1, 7, 1)).await;
    let given = share(1, 2);
    commit(&store, sample::insert_share(given.clone(), 1, 1)).await;
    let mut next = sample::put_credential(1, 7, 2);
    assert_conflict(
        store.commit(next.clone().into()).await,
        conflict::SHARE_REVISION,
    );
    if let CredentialChange::PutVersion {
        share_revision,
        wraps,
        ..
    } = &mut next
    {
        *share_revision = 1;
        wraps.push(sample::share_wrap(&given, 2));
    }
    commit(&store, next).await;
    let used = read(&store, None, 2).await.expect("stored");
    assert_eq!(used.wrap, Some(sample::share_wrap(&given, 2)));
    let delete = |expected_version| CredentialChange::Delete {
        org_id: given.org_id,
        owner: given.owner,
        credential_id: given.record_id,
        expected_version,
    };
    assert_conflict(store.commit(delete(1).into()).await, conflict::CREDENTIAL);
    commit(&store, delete(2)).await;
    assert_eq!(read(&store, None, 1).await, None);
    assert_eq!(store.share(given.share_id).await, Ok(None));
    for user in [1, 2] {
        let left = candidates(&store, list(user)).await;
        assert_eq!(left, Vec::new());
    }
    let left = store.count_wraps_of_generation(sample::user_id(2), 1).await;
    assert_eq!(left, Ok(0));
    commit(&store, sample::put_credential(1, 7, 1)).await;
}
