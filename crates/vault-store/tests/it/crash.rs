//! `kill -9` in the middle of a burst of writes.
//!
//! A child process writes with many tasks at once and prints what was acknowledged. The parent
//! kills it, opens the database and compares. Each change set of a task writes the next version of
//! the task's counter and one new item, so that a lost, half or reordered change set shows.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use vault_store::conformance::sample;
use vault_store::{
    Change, ChangeSet, OpenError, OpenMode, PutValue, SqliteStore, Store, ValueRead, ValueStore,
};

use crate::support::{add_people, child, create, database_of_child, new_path};

pub(crate) const ROUNDS: u64 = 30;
/// Raises [`ROUNDS`].
pub(crate) const ROUNDS_VARIABLE: &str = "VAULT_STORE_CRASH_ROUNDS";
/// After so many rounds a new database is made, so that creation is interrupted too.
pub(crate) const ROUNDS_PER_DATABASE: u64 = 10;
const ACKNOWLEDGEMENTS_MAX: u64 = 400;
const TASKS: u32 = 16;
/// Versions of a counter that are kept, so that erasing is interrupted too.
const VERSIONS_KEPT: u32 = 3;
const ITEMS_PER_TASK: u32 = 1_000_000;

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_kill_9() {
    let rounds = std::env::var(ROUNDS_VARIABLE)
        .map_or(ROUNDS, |text| text.parse().expect("a number of rounds"));
    let mut acknowledged_in_all = 0;
    let mut database = new_path();
    let mut before = BTreeMap::new();
    for round in 0..rounds {
        if round.is_multiple_of(ROUNDS_PER_DATABASE) {
            database = new_path();
            before = BTreeMap::new();
        }
        let acknowledged = run_and_kill("crash::child_writes_until_killed", &database.1, round);
        acknowledged_in_all += acknowledged
            .values()
            .map(|last| u64::from(*last))
            .sum::<u64>();
        before = check(&database.1, &before, &acknowledged).await;
    }
    assert!(acknowledged_in_all > 0, "no round wrote anything");
}

/// Starts a child, kills it at some moment, and returns the last acknowledged write of each task.
pub(crate) fn run_and_kill(test: &str, database: &Path, round: u64) -> BTreeMap<u32, u32> {
    let mut child = child(&[], test, database).spawn().expect("a child");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut read = Vec::new();
    wait_for(&mut output, &mut read, b"opening");
    if round.is_multiple_of(ROUNDS_PER_DATABASE) {
        // While it opens, creates and migrates.
        thread::sleep(Duration::from_micros(random() % 30_000));
    } else {
        for _ in 0..random() % ACKNOWLEDGEMENTS_MAX {
            wait_for(&mut output, &mut read, b"ack");
        }
        // Whoever acknowledges has the database to itself.
        wait_for(&mut output, &mut read, b"ack");
        let second = SqliteStore::open(database, OpenMode::CreateIfMissing);
        assert!(matches!(second, Err(OpenError::InUse)), "{second:?}");
    }
    kill(&mut child);
    output.read_to_end(&mut read).expect("the rest of the pipe");
    last_acknowledged(&read)
}

/// Reads lines up to and including one that starts with `word`.
fn wait_for(output: &mut BufReader<ChildStdout>, read: &mut Vec<u8>, word: &[u8]) {
    loop {
        let start = read.len();
        let count = output.read_until(b'\n', read).expect("a pipe");
        assert!(count > 0, "the child ended by itself");
        if read[start..].starts_with(word) {
            return;
        }
    }
}

fn kill(child: &mut Child) {
    // SIGKILL on Unix: no destructor, no handler, no flush.
    child.kill().expect("a running child");
    let status = child.wait().expect("the child ends");
    assert!(!status.success(), "the child ended by itself");
}

/// A line that the kill cut off does not count.
fn last_acknowledged(output: &[u8]) -> BTreeMap<u32, u32> {
    let mut last = BTreeMap::new();
    for line in output
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b"\n"))
    {
        let line = String::from_utf8_lossy(line);
        let Some((task, item)) = line
            .trim()
            .strip_prefix("ack ")
            .and_then(|l| l.split_once(' '))
        else {
            continue;
        };
        last.insert(
            task.parse().expect("a task"),
            item.parse().expect("an item"),
        );
    }
    last
}

/// Every task has all its items up to its counter, at least what was acknowledged, at most the one
/// write more that was under way. Returns the counters.
async fn check(
    database: &Path,
    before: &BTreeMap<u32, u32>,
    acknowledged: &BTreeMap<u32, u32>,
) -> BTreeMap<u32, u32> {
    let store = create(database);
    store.verify().await.expect("a whole file");
    let mut counters = BTreeMap::new();
    for task in 0..TASKS {
        let counter = store.value(counter_name(task, &counter_text(task))).await;
        let last = counter
            .expect("readable")
            .map_or(0, |row| row.current_version as u32);
        let known = acknowledged
            .get(&task)
            .or(before.get(&task))
            .copied()
            .unwrap_or(0);
        assert!(
            last == known || last == known + 1,
            "task {task}: {known} acknowledged, {last} kept"
        );
        if last > 0 {
            check_task(&store, task, last).await;
        }
        counters.insert(task, last);
    }
    counters
}

async fn check_task(store: &SqliteStore, task: u32, last: u32) {
    let (reader, counter) = (sample::user_id(1), counter_text(task));
    for version in 1..=last {
        let kept = version + VERSIONS_KEPT > last;
        let read = store
            .read_value(counter_name(task, &counter), Some(version.into()), reader)
            .await;
        assert_eq!(
            read.expect("readable").is_some(),
            kept,
            "task {task}, version {version}"
        );
    }
    let read = store
        .read_value(counter_name(task, &counter), None, reader)
        .await;
    assert_whole(
        read.expect("readable").expect("stored"),
        &counter_put(task, last),
    );
    for item in 1..=last {
        let put = item_put(task, item);
        let read = store
            .read_value(sample::name(1, 1, &put.row.name), None, reader)
            .await;
        assert_whole(
            read.expect("readable").expect("an item below the counter"),
            &put,
        );
    }
    let beyond = item_put(task, last + 1);
    assert_eq!(
        store.value(sample::name(1, 1, &beyond.row.name)).await,
        Ok(None)
    );
}

fn assert_whole(read: ValueRead, put: &PutValue) {
    assert_eq!(read.value, put.row);
    assert_eq!(read.version, put.version_row);
    assert_eq!(read.wrap.as_ref(), put.wraps.first());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run in a child process by the test above"]
async fn child_writes_until_killed() {
    let mut output = std::io::stdout();
    // The harness has begun a line of its own.
    output.write_all(b"\nopening\n").expect("a pipe");
    let store = Arc::new(create(&database_of_child()));
    add_people(store.as_ref()).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(burst(store.clone(), task)))
        .collect();
    for task in tasks {
        task.await.expect("no task ends");
    }
}

async fn burst(store: Arc<SqliteStore>, task: u32) {
    let counter = store
        .value(counter_name(task, &counter_text(task)))
        .await
        .expect("readable");
    let start = counter.map_or(0, |row| row.current_version as u32);
    for item in start + 1..ITEMS_PER_TASK {
        let changes = ChangeSet::new()
            .with(Change::PutValue(counter_put(task, item)))
            .with(Change::PutValue(item_put(task, item)));
        store.commit(changes).await.expect("a write");
        // One write call, so that lines of several tasks do not mix.
        let line = format!("ack {task} {item}\n");
        std::io::stdout()
            .lock()
            .write_all(line.as_bytes())
            .expect("a pipe");
    }
}

fn counter_text(task: u32) -> String {
    format!("counter {task}")
}

fn counter_name(_task: u32, text: &str) -> vault_store::ValueName<'_> {
    sample::name(1, 1, text)
}

fn counter_put(task: u32, version: u32) -> PutValue {
    let mut put = sample::put(1, 1, task, &counter_text(task), version.into());
    put.versions_kept = VERSIONS_KEPT;
    put
}

fn item_put(task: u32, item: u32) -> PutValue {
    let record = (task + 1) * ITEMS_PER_TASK + item;
    sample::put(1, 1, record, &format!("item {task} {item}"), 1)
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
