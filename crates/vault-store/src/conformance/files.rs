//! Promises about files.

use super::shares::{a_value, commit};
use super::{SharedStore, assert_conflict, assert_invalid, assert_too_large, sample};
use crate::change_set::{FileChange, ShareChange, WrapChange};
use crate::error::conflict;
use crate::limits::LIST_LIMIT_MAX;
use crate::rows::{FileRow, Grant, Record, RecordKind};
use crate::store::{FileRead, SharedFileRead};

async fn read(store: &SharedStore, number: u32, reader: u32) -> Option<FileRead> {
    let (org, owner) = (sample::org_id(1), sample::user_id(1));
    let file = sample::record_id(number);
    let found = store
        .read_file(org, owner, file, sample::user_id(reader))
        .await;
    found.expect("readable")
}

fn delete(row: &FileRow, expected_version: u64) -> crate::ChangeSet {
    FileChange::Delete {
        org_id: row.org_id,
        owner: row.owner,
        file_id: row.file_id,
        expected_version,
    }
    .into()
}

async fn erased(store: &SharedStore) -> Vec<crate::BlobId> {
    store.erased_bodies(None, 100).await.expect("a page").rows
}

fn replace_body(share_revision: u64, version: u64) -> FileChange {
    FileChange::ReplaceBody {
        expected_version: version - 1,
        share_revision,
        row: sample::file(1, 1, 7, version),
        wraps: vec![sample::wrap(7, version, 1, Grant::Owner)],
    }
}

/// A file with all that opening needs, for its owner and nobody else.
pub async fn a_file_comes_with_what_opening_needs(store: SharedStore) {
    a_value(&store).await;
    commit(&store, sample::insert_file(1, 7)).await;
    let row = sample::account_box(7, 1, 1, 5);
    let kind = RecordKind::File;
    commit(
        &store,
        WrapChange::PutBox {
            kind,
            row: row.clone(),
        },
    )
    .await;
    let expected = FileRead {
        file: sample::file(1, 1, 7, 1),
        wrap: Some(sample::wrap(7, 1, 1, Grant::Owner)),
        account_box: Some(row),
    };
    assert_eq!(read(&store, 7, 1).await, Some(expected.clone()));
    let stranger = read(&store, 7, 2).await.expect("stored");
    assert_eq!((stranger.wrap, stranger.account_box), (None, None));
    assert_eq!(read(&store, 8, 1).await, None);
    for (org, owner) in [(1, 2), (2, 1)] {
        let (org, owner) = (sample::org_id(org), sample::user_id(owner));
        let found = store
            .read_file(org, owner, sample::record_id(7), owner)
            .await;
        assert_eq!(found, Ok(None));
    }
    // A box of a value of the same id is another thing.
    let elsewhere = WrapChange::PutBox {
        kind: RecordKind::Credential,
        row: sample::account_box(7, 1, 1, 6),
    };
    let committed = store.commit(elsewhere.into()).await.expect("best effort");
    assert_eq!(committed.account_boxes_stored, 0);

    commit(&store, sample::insert_file(1, 5)).await;
    commit(&store, sample::insert_file(2, 6)).await;
    let (org, owner) = (sample::org_id(1), sample::user_id(1));
    let page = store.files(org, owner, None, 9).await.expect("a page");
    assert_eq!((page.rows.len(), page.more), (2, false));
    assert_eq!(page.rows[1], expected);
    let page = store.files(org, owner, None, 1).await.expect("a page");
    assert_eq!(
        (page.rows[0].file.file_id, page.more),
        (sample::record_id(5), true)
    );
    let after = Some(sample::record_id(5));
    let page = store.files(org, owner, after, 9).await.expect("a page");
    assert_eq!((page.rows, page.more), (vec![expected], false));
}

/// Of two files neither id nor body is the same; an unknown owner or a contradiction is refused.
pub async fn files_need_ids_of_their_own(store: SharedStore) {
    a_value(&store).await;
    commit(&store, sample::insert_file(1, 7)).await;
    let insert = |row: FileRow| FileChange::Insert {
        wraps: vec![sample::wrap(8, 1, 1, Grant::Owner)],
        row,
    };
    let again = sample::insert_file(1, 7);
    assert_conflict(store.commit(again.into()).await, conflict::FILE);
    let mut same_body = sample::file(1, 1, 8, 1);
    same_body.body = sample::file(1, 1, 7, 1).body;
    assert_conflict(store.commit(insert(same_body).into()).await, conflict::FILE);
    let nobody = sample::file(1, 3, 8, 1);
    assert_conflict(store.commit(insert(nobody).into()).await, conflict::PARENT);
    let malformed: [fn(&mut FileRow); 4] = [
        |row| row.version = 2,
        |row| row.content_version = 2,
        |row| row.sealed_bytes = u64::MAX,
        |row| row.label_box.clear(),
    ];
    for change in malformed {
        let mut row = sample::file(1, 1, 8, 1);
        change(&mut row);
        assert_invalid(store.commit(insert(row).into()).await);
    }
    let mut large = sample::file(1, 1, 8, 1);
    large.label_box = vec![7; crate::limits::LABEL_BOX_BYTES_MAX + 1];
    assert_too_large(store.commit(insert(large).into()).await);
}

/// Deleting erases wraps, boxes and shares, and the body is noted down until it is forgotten.
pub async fn a_deleted_file_leaves_its_body_to_be_removed(store: SharedStore) {
    a_value(&store).await;
    commit(&store, sample::insert_file(1, 7)).await;
    let share = sample::share_of(RecordKind::File, sample::share(1, 7, 1, 2, 1));
    commit(&store, sample::insert_share(share.clone(), 1, 1)).await;
    let row = sample::file(1, 1, 7, 1);
    assert_eq!(erased(&store).await, Vec::new());
    for foreign in [sample::file(1, 2, 7, 1), sample::file(2, 1, 7, 1)] {
        assert_conflict(store.commit(delete(&foreign, 1)).await, conflict::FILE);
    }
    assert_conflict(store.commit(delete(&row, 2)).await, conflict::FILE);
    assert_eq!(erased(&store).await, Vec::new());
    store.commit(delete(&row, 1)).await.expect("a file");
    assert_eq!(erased(&store).await, vec![row.body]);
    assert_eq!(read(&store, 7, 1).await, None);
    assert_eq!(store.share(share.share_id).await, Ok(None));
    assert_eq!(store.shared_file(share.share_id).await, Ok(None));
    let left = store.count_wraps_of_generation(sample::user_id(2), 1).await;
    assert_eq!(left, Ok(0));
    assert_conflict(store.commit(delete(&row, 1)).await, conflict::FILE);

    // Its body is still there: nobody may have the id.
    let again = sample::insert_file(1, 7);
    assert_conflict(store.commit(again.clone().into()).await, conflict::FILE);
    for _ in 0..2 {
        commit(&store, FileChange::ForgetErasedBody(row.body)).await;
    }
    assert_eq!(erased(&store).await, Vec::new());
    commit(&store, again).await;
}

/// A new body comes with new wraps for everyone, or not at all.
pub async fn a_new_body_knows_its_recipients(store: SharedStore) {
    a_value(&store).await;
    commit(&store, sample::insert_file(1, 7)).await;
    let share = sample::share_of(RecordKind::File, sample::share(1, 7, 1, 2, 1));
    commit(&store, sample::insert_share(share.clone(), 1, 1)).await;
    let stale = sample::insert_share(
        sample::share_of(RecordKind::File, sample::share(2, 7, 1, 4, 1)),
        2,
        1,
    );
    assert_conflict(store.commit(stale.into()).await, conflict::FILE);
    let blind = replace_body(0, 2);
    assert_conflict(store.commit(blind.into()).await, conflict::SHARE_REVISION);
    assert_eq!(erased(&store).await, Vec::new());
    let mut replace = replace_body(1, 2);
    if let FileChange::ReplaceBody { wraps, .. } = &mut replace {
        wraps.push(sample::share_wrap(&share, 2));
    }
    commit(&store, replace.clone()).await;
    assert_conflict(store.commit(replace.into()).await, conflict::FILE);
    assert_eq!(erased(&store).await, vec![sample::file(1, 1, 7, 1).body]);
    let found = store.shared_file(share.share_id).await;
    let expected = SharedFileRead {
        share: share.clone(),
        read: FileRead {
            file: sample::file(1, 1, 7, 2),
            wrap: Some(sample::share_wrap(&share, 2)),
            account_box: None,
        },
    };
    assert_eq!(found, Ok(Some(expected)));
    let record = Record::file(sample::record_id(7));
    let recipients = store.recipients(record, sample::NOW).await;
    let recipients = recipients.expect("readable").expect("a record");
    assert_eq!(recipients.share_revision, 1);
    let revoke = ShareChange::Delete {
        share_id: share.share_id,
        expected_version: 1,
    };
    commit(&store, revoke).await;
    assert_eq!(read(&store, 7, 2).await.expect("stored").wrap, None);
    assert!(read(&store, 7, 1).await.expect("stored").wrap.is_some());
}

/// A sweep learns which bodies no row has.
pub async fn unused_bodies_are_told_apart(store: SharedStore) {
    a_value(&store).await;
    commit(&store, sample::insert_file(1, 7)).await;
    let used = sample::file(1, 1, 7, 1).body;
    let bodies = [sample::blob_id(9), used, sample::blob_id(3)];
    let unused = store.unused_bodies(&bodies).await;
    assert_eq!(unused, Ok(vec![bodies[0], bodies[2]]));
    let erased_file = sample::file(1, 1, 7, 1);
    let change = delete(&erased_file, erased_file.version);
    store.commit(change).await.expect("no condition");
    let unused = store.unused_bodies(&bodies).await;
    assert_eq!(unused, Ok(vec![bodies[0], bodies[2]]), "known as erased");
    let forget = FileChange::ForgetErasedBody(used);
    commit(&store, forget).await;
    assert_eq!(store.unused_bodies(&bodies).await, Ok(bodies.to_vec()));
    assert_eq!(store.unused_bodies(&[]).await, Ok(Vec::new()));
    let many = vec![used; LIST_LIMIT_MAX as usize + 1];
    assert_too_large(store.unused_bodies(&many).await);
}
