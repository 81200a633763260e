use std::future::Future;
use std::sync::atomic::AtomicUsize;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use secrecy::ExposeSecret;
use uuid::Uuid;
use vault_store::rows::{FIRST_VERSION, OrgRow};
use vault_store::{
    AuditHead, AuditSealer, AuditStore, Change, KeyId, OpenMode, OrgId, SealedBlock, SqliteOptions,
    SqliteStore,
};

use super::*;
use crate::vault::audit::commit_room::{COMMIT_BYTES_MAX, COMMITS_MAX};
use crate::vault::audit::links_of;
use crate::vault::clock::SystemClock;
use crate::vault::principal::{Principal, Role};
use crate::vault::row_integrity::UNSIGNED;

/// Organisations of one large change set.
const ORGS: usize = 1_000;
/// Bytes of each name, the longest there is.
const NAME_BYTES: usize = 512;
/// Large commits that are left, many more than there is room for.
const ABANDONED: usize = 200;
/// Entries that find no room in the queue.
const OVERFLOW: usize = 5_000;

/// A disk that stands still while a test says so: nothing is committed before it is sealed.
#[derive(Default)]
struct HeldSealer {
    inner: Arc<ChainSealer>,
    held: Mutex<bool>,
    changed: Condvar,
}

impl HeldSealer {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.changed.notify_all();
    }
}

impl AuditSealer for HeldSealer {
    fn seal(&self, org_id: OrgId, head: &AuditHead, entries: &[&[u8]]) -> SealedBlock {
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |held| *held).unwrap());
        self.inner.seal(org_id, head, entries)
    }
}

struct Scene {
    log: Arc<AuditLog>,
    store: Arc<SqliteStore>,
    sealer: Arc<HeldSealer>,
    _directory: tempfile::TempDir,
}

fn scene() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let sealer = Arc::new(HeldSealer::default());
    let chains = Arc::clone(&sealer) as Arc<dyn AuditSealer>;
    let (path, options) = (directory.path().join("db"), SqliteOptions::default());
    let store =
        SqliteStore::open_audited(path, OpenMode::CreateIfMissing, options, chains).unwrap();
    let store = Arc::new(store);
    let text = RootKeyring::make_text().unwrap();
    let log = AuditLog::start(AuditParts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        sealer: Arc::clone(&sealer.inner),
        root_keys: Arc::new(RootKeyring::parse(text.expose_secret()).unwrap()),
        clock: Arc::new(SystemClock::start()),
        checkpoint_file: None,
        when_unavailable: WhenUnavailable::Refuse,
    });
    Scene {
        log: log.unwrap(),
        store,
        sealer,
        _directory: directory,
    }
}

impl Scene {
    /// Begins commits and leaves them; how many go on, each with a share of `living`.
    async fn abandon_commits(
        &self,
        (count, orgs): (usize, usize),
        living: &Arc<AtomicUsize>,
    ) -> usize {
        for _ in 0..count {
            let ended = Arc::clone(living);
            let ended = move |outcome: &CommitOutcome| {
                outcome.as_ref().unwrap();
                ended.fetch_add(1, Ordering::SeqCst);
            };
            begin(self.log.commit(inserts(orgs), ended)).await;
        }
        Arc::strong_count(living) - 1
    }

    /// Action, outcome and note of every entry of the server, once the log is closed.
    async fn entries(self) -> Vec<[String; 3]> {
        let Self { log, store, .. } = self;
        drop(log);
        let (mut told, mut after) = (Vec::new(), 0);
        loop {
            let page = store.audit_blocks(SERVER_LOG, after, 100).await.unwrap();
            for link in page.rows.iter().flat_map(|block| links_of(block).unwrap()) {
                let event = link.entry.event;
                let texts = [
                    event.action.as_str(),
                    event.outcome.as_str(),
                    event.note.as_str(),
                ];
                told.push(texts.map(str::to_owned));
            }
            after = page.rows.last().map_or(after, |block| block.last_seq);
            if !page.more {
                return told;
            }
        }
    }
}

/// Polls what does not end, and drops it.
async fn begin(call: impl Future) {
    assert!(tokio::time::timeout(Duration::ZERO, call).await.is_err());
}

fn inserts(orgs: usize) -> ChangeSet {
    let org = |_| {
        Change::InsertOrg(OrgRow {
            org_id: Uuid::now_v7().into(),
            name: "x".repeat(NAME_BYTES),
            created: UtcMillis(0),
            version: FIRST_VERSION,
            mac: UNSIGNED,
        })
    };
    (0..orgs).map(org).collect()
}

#[tokio::test]
async fn callers_who_leave_take_along_what_has_no_room_yet() {
    let scene = scene();
    scene.sealer.hold(true);
    let committed = Arc::new(AtomicUsize::new(0));
    let large = (ABANDONED, ORGS);
    let kept = scene.abandon_commits(large, &committed).await;
    assert!(kept > 0);
    assert!(kept <= COMMIT_BYTES_MAX / (ORGS * NAME_BYTES), "{kept}");
    scene.sealer.hold(false);
    // What had room is committed to the end, and leaves its room to others.
    let last = scene.log.commit(inserts(ORGS), |_| ());
    last.await.unwrap();
    while Arc::strong_count(&committed) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(committed.load(Ordering::SeqCst), kept);
}

#[tokio::test]
async fn a_caller_who_leaves_before_there_is_room_for_the_entry_is_recorded() {
    let scene = scene();
    scene.sealer.hold(true);
    // No room is left for the smallest.
    let small = (COMMITS_MAX, 1);
    scene.abandon_commits(small, &Arc::default()).await;
    let call = Call::open(&scene.log, "request".to_owned());
    call.act("kv.read");
    let key_id = KeyId::parse("abcdefgh").unwrap();
    call.identify(&Principal::unlimited(key_id, Role::Root));
    begin(scene.log.record_end(&call, CallEnd::OK)).await;
    drop(call);
    scene.sealer.hold(false);
    let entries = scene.entries().await;
    let of_call = entries.iter().filter(|[action, ..]| action == "kv.read");
    let outcomes: Vec<_> = of_call.map(|[_, outcome, _]| outcome.as_str()).collect();
    assert_eq!(outcomes, ["abandoned"]);
}

#[tokio::test]
async fn entries_without_room_in_the_queue_are_counted_in_one() {
    let scene = scene();
    scene.sealer.hold(true);
    let sent = AUDIT_QUEUE_MAX + OVERFLOW;
    let of_test = OwnEntry {
        action: "test",
        ..OwnEntry::OF_NO_CALL
    };
    for _ in 0..sent {
        let entry = scene.log.of_the_server(&of_test, None);
        scene.log.record_later(entry);
    }
    scene.sealer.hold(false);
    let entries = scene.entries().await;
    let stored = entries.iter().filter(|[action, ..]| action == "test");
    let mut counts = entries
        .iter()
        .filter(|[action, ..]| action == "audit.unrecorded");
    let [_, outcome, note] = counts.next().unwrap();
    assert_eq!(outcome, "lost");
    let count: usize = note.strip_prefix("count=").unwrap().parse().unwrap();
    assert_eq!(stored.count() + count, sent);
    assert!(counts.next().is_none());
}
