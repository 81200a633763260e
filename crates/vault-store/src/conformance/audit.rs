//! Promises about audit blocks. The store is opened with
//! [`SampleSealer`](super::sample::SampleSealer).

use super::{SharedStore, assert_conflict, assert_invalid, assert_too_large, sample};
use crate::audit::AuditHead;
use crate::change_set::{Change, ChangeSet};
use crate::error::conflict;
use crate::limits;
use crate::rows::{AuditBlockRow, AuditEntry};

/// Tasks that record at once.
const TASKS: u32 = 32;
/// Entries of each.
const ENTRIES: u32 = 20;

/// The whole log of an organisation, its chain checked.
pub(super) async fn log(store: &SharedStore, org: u32) -> Vec<Vec<u8>> {
    let (mut head, mut entries) = (AuditHead::START, Vec::new());
    loop {
        let after = head.next_seq - 1;
        let page = store.audit_blocks(sample::org_id(org), after, 3).await;
        let page = page.expect("a page");
        for block in &page.rows {
            assert_eq!(block.first_seq, head.next_seq);
            assert_eq!(block.previous_hash, head.hash);
            let hash = sample::sample_hash(block.org_id, &head, &block.entries);
            assert_eq!(block.hash, hash);
            let found = sample::sample_entries(&block.entries);
            assert_eq!(block.last_seq + 1 - block.first_seq, found.len() as u64);
            entries.extend(found);
            head = block.head();
        }
        if !page.more {
            break;
        }
    }
    assert_eq!(store.audit_head(sample::org_id(org)).await, Ok(head));
    entries
}

fn texts(entries: &[Vec<u8>]) -> Vec<&str> {
    let text = |entry| std::str::from_utf8(entry).expect("text");
    entries.iter().map(|entry| text(entry)).collect()
}

/// Entries come in with a change or alone, in order, one chain per organisation.
pub async fn entries_are_chained_per_organisation(store: SharedStore) {
    assert_eq!(
        store.audit_head(sample::org_id(1)).await,
        Ok(AuditHead::START)
    );
    let set = ChangeSet::from(Change::InsertOrg(sample::org(1)))
        .with_audit(sample::audit_entry(1, "one"))
        .with_audit(sample::audit_entry(2, "other"))
        .with_audit(sample::audit_entry(1, "two"));
    store.commit(set).await.expect("both");
    let alone = vec![
        sample::audit_entry(1, "three"),
        sample::audit_entry(1, "four"),
    ];
    store.record(alone).await.expect("recorded");
    assert_eq!(
        texts(&log(&store, 1).await),
        ["one", "two", "three", "four"]
    );
    assert_eq!(texts(&log(&store, 2).await), ["other"]);
    assert_eq!(log(&store, 3).await, Vec::<Vec<u8>>::new());

    let first = |blocks: &[AuditBlockRow]| blocks.first().map(|block| block.first_seq);
    for (after, expected) in [(0, Some(1)), (1, Some(1)), (2, Some(3)), (3, Some(3))] {
        let page = store.audit_blocks(sample::org_id(1), after, 9).await;
        assert_eq!(
            first(&page.expect("a page").rows),
            expected,
            "after {after}"
        );
    }
    for after in [4, u64::MAX] {
        let page = store.audit_blocks(sample::org_id(1), after, 9).await;
        assert_eq!(page.expect("a page").rows, []);
    }
    let page = store
        .audit_blocks(sample::org_id(1), 0, 1)
        .await
        .expect("a page");
    assert_eq!((page.rows.len(), page.more), (1, true));
}

/// A refused change set leaves no entry, and the chain does not move.
pub async fn a_refused_change_set_leaves_no_entry(store: SharedStore) {
    let org = || ChangeSet::from(Change::InsertOrg(sample::org(1)));
    let audited = |text| org().with_audit(sample::audit_entry(1, text));
    store.commit(audited("made")).await.expect("new");
    assert_conflict(store.commit(audited("again")).await, conflict::ORG);
    let mut oversized = org();
    oversized.push_audit(AuditEntry {
        entry: vec![7; limits::AUDIT_ENTRY_BYTES_MAX + 1],
        ..sample::audit_entry(1, "")
    });
    assert_too_large(store.commit(oversized).await);
    assert_invalid(store.record(vec![sample::audit_entry(1, "")]).await);
    assert_invalid(store.record(Vec::new()).await);
    let many = vec![sample::audit_entry(1, "x"); limits::AUDIT_ENTRIES_MAX + 1];
    assert_too_large(store.record(many).await);
    let large = AuditEntry {
        entry: vec![7; limits::AUDIT_ENTRY_BYTES_MAX],
        ..sample::audit_entry(1, "")
    };
    let heavy = vec![large.clone(); limits::AUDIT_BYTES_MAX / large.entry.len() + 1];
    assert_too_large(store.record(heavy).await);
    store
        .record(vec![large.clone()])
        .await
        .expect("the largest entry");
    assert_eq!(log(&store, 1).await, vec![b"made".to_vec(), large.entry]);
}

/// A page ends early when its blocks are large, and still goes on.
pub async fn a_page_of_blocks_is_bounded_in_bytes(store: SharedStore) {
    let large = AuditEntry {
        entry: vec![7; limits::AUDIT_ENTRY_BYTES_MAX],
        ..sample::audit_entry(1, "")
    };
    let per_set = limits::AUDIT_BYTES_MAX / large.entry.len();
    for _ in 0..6 {
        store
            .record(vec![large.clone(); per_set])
            .await
            .expect("recorded");
    }
    let page = store
        .audit_blocks(sample::org_id(1), 0, 9)
        .await
        .expect("a page");
    assert!(
        page.more && (4..6).contains(&page.rows.len()),
        "{}",
        page.rows.len()
    );
    let last = page.rows.last().expect("blocks").last_seq;
    let rest = store
        .audit_blocks(sample::org_id(1), last, 9)
        .await
        .expect("a page");
    assert_eq!(page.rows.len() + rest.rows.len(), 6);
    assert!(!rest.more);
}

async fn log_while_it_grows(store: &SharedStore) {
    let mut head = AuditHead::START;
    while head.next_seq <= u64::from(TASKS) {
        let after = head.next_seq - 1;
        let page = store.audit_blocks(sample::org_id(1), after, 3).await;
        for block in page.expect("a page").rows {
            let previous = AuditHead {
                next_seq: block.first_seq,
                hash: block.previous_hash,
            };
            assert_eq!(previous, head);
            head = block.head();
        }
        tokio::task::yield_now().await;
    }
}

/// Many at once: every acknowledged entry once, each task's in its order, one unbroken chain.
pub async fn concurrent_entries_make_one_chain(store: SharedStore) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut kept = Vec::new();
                for entry in 0..ENTRIES {
                    let text = format!("{task}/{entry}");
                    // Of all tasks one makes the organisation: the others' entries stay out.
                    let set = ChangeSet::from(Change::InsertOrg(sample::org(entry + 10)));
                    let entry = sample::audit_entry(1, &text);
                    let (alone, made) = (text + " alone", set.with_audit(entry.clone()));
                    if store.commit(made).await.is_ok() {
                        kept.push(entry.entry);
                    }
                    let alone = sample::audit_entry(1, &alone);
                    kept.push(alone.entry.clone());
                    store.record(vec![alone]).await.expect("recorded");
                }
                kept
            })
        })
        .collect();
    // Unbroken at every moment, also while it grows.
    log_while_it_grows(&store).await;
    let mut kept = Vec::new();
    for task in tasks {
        kept.push(task.await.expect("the task ends"));
    }
    let found = log(&store, 1).await;
    assert_eq!(found.len() as u32, TASKS * ENTRIES + ENTRIES);
    for (task, kept) in kept.iter().enumerate() {
        let prefix = format!("{task}/").into_bytes();
        let own = found.iter().filter(|entry| entry.starts_with(&prefix));
        assert!(own.eq(kept.iter()), "task {task}");
    }
}
