//! `kill -9` while values are written, shared and revoked, files are uploaded and deleted, and
//! all of it is audited.
//!
//! Step `n` of a task is one change set: version `n` of a value for whoever holds a share of it,
//! then a share (odd `n`) or its revocation (even `n`), a new file instead of that of the step
//! before, and one audit entry. So the whole state follows from the last step, and a step that is
//! lost, half or out of order shows.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use vault_store::conformance::sample::{self, SampleSealer};
use vault_store::rows::{Record, ShareRow};
use vault_store::{
    AuditHead, AuditStore, BlobDirectory, BlobId, BlobStore, Change, ChangeSet, FileChange,
    FileStore, OpenMode, ShareChange, ShareStore, SqliteOptions, SqliteStore, Store, ValueStore,
};

use crate::crash::{ROUNDS, ROUNDS_PER_DATABASE, ROUNDS_VARIABLE, run_and_kill};
use crate::support::{add_people, database_of_child, new_path, once_free};

const TASKS: u32 = 8;
const STEPS_PER_TASK: u32 = 100_000;
const OWNER: u32 = 1;
const RECIPIENT: u32 = 2;
const BODY_BYTES: usize = 20_000;
const CHILD: &str = "crash_nouns::child_works_until_killed";

fn open(database: &Path) -> (SqliteStore, BlobDirectory) {
    let store = once_free(|| {
        SqliteStore::open_audited(
            database,
            OpenMode::CreateIfMissing,
            SqliteOptions::default(),
            Arc::new(SampleSealer),
        )
    });
    let blobs = once_free(|| BlobDirectory::open(database.with_file_name("bodies")));
    (store, blobs)
}

fn name(task: u32) -> String {
    format!("shared {task}")
}

fn record(task: u32) -> u32 {
    1000 + task
}

/// Of the file, its body and the share of a step.
fn number(task: u32, step: u32) -> u32 {
    (task + 1) * STEPS_PER_TASK + step
}

fn body(task: u32, step: u32) -> BlobId {
    sample::blob_id(number(task, step))
}

fn share(task: u32, step: u32) -> ShareRow {
    sample::share(number(task, step), record(task), OWNER, RECIPIENT, 1)
}

fn upload(blobs: &BlobDirectory, task: u32, step: u32) {
    let mut writer = blobs.create(body(task, step)).expect("a new body");
    for _ in 0..4 {
        let part = vec![step as u8; BODY_BYTES / 4];
        writer.write_all(&part).expect("room");
    }
    writer.finish().expect("durable");
}

fn step(task: u32, step: u32) -> ChangeSet {
    let version = u64::from(step);
    let mut put = sample::put(1, OWNER, record(task), &name(task), version);
    put.versions_kept = 2;
    let revoked = step.is_multiple_of(2).then(|| share(task, step - 1));
    let write = sample::put_shared(put, revoked.as_slice(), version - 1);
    let sharing = match revoked {
        None => sample::insert_share(share(task, step), version, version),
        Some(share) => ShareChange::Delete {
            share_id: share.share_id,
            expected_version: 1,
        },
    };
    let mut insert = sample::insert_file(OWNER, number(task, step));
    if let FileChange::Insert { row, .. } = &mut insert {
        row.body = body(task, step);
    }
    let entry = sample::audit_entry(1, &format!("{task} {step}"));
    let mut set = ChangeSet::from(write)
        .with(sharing.into())
        .with(insert.into())
        .with_audit(entry);
    if step > 1 {
        let delete = FileChange::Delete {
            org_id: sample::org_id(1),
            owner: sample::user_id(OWNER),
            file_id: sample::record_id(number(task, step - 1)),
            expected_version: 1,
        };
        set.push(delete.into());
    }
    if step > 2 {
        set.push(FileChange::ForgetErasedBody(body(task, step - 2)).into());
    }
    set
}

#[tokio::test]
async fn shares_files_and_audit_survive_kill_9() {
    let rounds = std::env::var(ROUNDS_VARIABLE)
        .map_or(ROUNDS, |text| text.parse().expect("a number of rounds"));
    let mut database = new_path();
    let (mut before, mut acknowledged_in_all) = (BTreeMap::new(), 0);
    for round in 0..rounds {
        if round.is_multiple_of(ROUNDS_PER_DATABASE) {
            database = new_path();
            before = BTreeMap::new();
        }
        let acknowledged = run_and_kill(CHILD, &database.1, round);
        acknowledged_in_all += acknowledged.len();
        before = check(&database.1, &before, &acknowledged).await;
    }
    assert!(acknowledged_in_all > 0, "no round wrote anything");
}

async fn check(
    database: &Path,
    before: &BTreeMap<u32, u32>,
    acknowledged: &BTreeMap<u32, u32>,
) -> BTreeMap<u32, u32> {
    let (store, blobs) = open(database);
    store.verify().await.expect("a whole file");
    let audited = audited_steps(&store).await;
    let mut last_steps = BTreeMap::new();
    for task in 0..TASKS {
        let value = store.value(sample::name(1, OWNER, &name(task))).await;
        let last = value
            .expect("readable")
            .map_or(0, |row| row.current_version as u32);
        let known = acknowledged.get(&task).or(before.get(&task));
        let known = known.copied().unwrap_or(0);
        assert!(
            last == known || last == known + 1,
            "task {task}: {known} acknowledged, {last} kept"
        );
        assert_eq!(audited.get(&task).copied().unwrap_or(0), last);
        if last > 0 {
            check_share(&store, task, last).await;
            check_file(&store, &blobs, task, last).await;
        }
        last_steps.insert(task, last);
    }
    sweep(&store, &blobs).await;
    let mut left: Vec<_> = bodies(&blobs);
    left.sort();
    let steps = last_steps.iter().filter(|(_, last)| **last > 0);
    let current: Vec<_> = steps.map(|(task, last)| body(*task, *last)).collect();
    assert_eq!(left, current);
    last_steps
}

/// Walks the whole chain; the last step of each task, which has one entry per step.
async fn audited_steps(store: &SqliteStore) -> BTreeMap<u32, u32> {
    let (mut head, mut steps) = (AuditHead::START, BTreeMap::new());
    loop {
        let page = store
            .audit_blocks(sample::org_id(1), head.next_seq - 1, 1000)
            .await
            .expect("a page");
        for block in page.rows {
            let previous = (block.first_seq, block.previous_hash);
            assert_eq!(previous, (head.next_seq, head.hash));
            let hash = sample::sample_hash(block.org_id, &head, &block.entries);
            assert_eq!(block.hash, hash);
            for entry in sample::sample_entries(&block.entries) {
                let text = String::from_utf8(entry).expect("text");
                let (task, step) = text.split_once(' ').expect("two numbers");
                let known = steps.entry(task.parse().expect("a task")).or_insert(0);
                *known += 1;
                assert_eq!(step, known.to_string(), "task {task}");
            }
            head = block.head();
        }
        if !page.more {
            break;
        }
    }
    assert_eq!(store.audit_head(sample::org_id(1)).await, Ok(head));
    steps
}

async fn check_share(store: &SqliteStore, task: u32, last: u32) {
    let record = Record::value(sample::record_id(record(task)));
    let found = store.recipients(record, sample::NOW).await;
    let found = found.expect("readable").expect("a record");
    assert_eq!(found.share_revision, last.into());
    let shares: Vec<_> = found.recipients.into_iter().map(|one| one.share).collect();
    let live = !last.is_multiple_of(2);
    let expected = live.then(|| share(task, last));
    assert_eq!(shares, expected.as_slice());
    let wraps = store.wraps(record.record_id, last.into()).await;
    let wraps = wraps.expect("readable");
    assert_eq!(wraps.len(), 1 + usize::from(live));
    if let Some(share) = expected {
        assert_eq!(wraps[1], sample::share_wrap(&share, last.into()));
    }
}

async fn check_file(store: &SqliteStore, blobs: &BlobDirectory, task: u32, last: u32) {
    let (org, owner) = (sample::org_id(1), sample::user_id(OWNER));
    let id = |step| sample::record_id(number(task, step));
    let read = store.read_file(org, owner, id(last), owner).await;
    let read = read.expect("readable").expect("the file of the last step");
    assert!(read.wrap.is_some());
    let mut body = blobs
        .open(read.file.body)
        .expect("readable")
        .expect("its body");
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes).expect("readable");
    assert_eq!(bytes, vec![last as u8; BODY_BYTES]);
    for other in [last - 1, last + 1] {
        let absent = store.read_file(org, owner, id(other), owner).await;
        assert_eq!(absent, Ok(None));
    }
}

fn bodies(blobs: &BlobDirectory) -> Vec<BlobId> {
    let bodies = blobs.bodies().expect("readable");
    bodies.map(|body| body.expect("readable")).collect()
}

/// What a server does when it starts.
async fn sweep(store: &SqliteStore, blobs: &BlobDirectory) {
    blobs.remove_unfinished().expect("removed");
    let unused = store.unused_bodies(&bodies(blobs)).await;
    for body in unused.expect("readable") {
        assert!(blobs.delete(body).expect("removed"));
    }
    let erased = store.erased_bodies(None, 1000).await.expect("a page");
    assert!(!erased.more, "each task leaves two at most");
    for body in erased.rows {
        blobs.delete(body).expect("removed");
        let forget: Change = FileChange::ForgetErasedBody(body).into();
        store.commit(forget.into()).await.expect("no condition");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run in a child process by the test above"]
async fn child_works_until_killed() {
    let mut output = std::io::stdout();
    // The harness has begun a line of its own.
    output.write_all(b"\nopening\n").expect("a pipe");
    let opened = Arc::new(open(&database_of_child()));
    add_people(&opened.0).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(work(opened.clone(), task)))
        .collect();
    for task in tasks {
        task.await.expect("no task ends");
    }
}

async fn work(opened: Arc<(SqliteStore, BlobDirectory)>, task: u32) {
    let (store, blobs) = opened.as_ref();
    let value = store.value(sample::name(1, OWNER, &name(task))).await;
    let start = value
        .expect("readable")
        .map_or(0, |row| row.current_version as u32);
    for number in start + 1..STEPS_PER_TASK {
        upload(blobs, task, number);
        store.commit(step(task, number)).await.expect("a step");
        // One write call, so that lines of several tasks do not mix.
        let line = format!("ack {task} {number}\n");
        std::io::stdout()
            .lock()
            .write_all(line.as_bytes())
            .expect("a pipe");
        if number > 1 {
            blobs.delete(body(task, number - 1)).expect("removed");
        }
    }
}
