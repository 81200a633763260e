//! Takes entries in: with a change, at once, or for later.
//!
//! In: entries and change sets. Out: `Ok` once they are durable. What comes through the queue
//! is written by a thread of its own in batches; a slot in the queue is taken before a proxied
//! call is made, so that its entry finds room whenever the call ends.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hardened_crypto::audit_chain::{Actor, AuditEvent, LogText};
use hardened_crypto::root_key::RootKeyring;
use tokio::sync::mpsc;
use vault_store::rows::AuditEntry;
use vault_store::{ChangeSet, Committed, OrgId, Store, StoreError, UtcMillis};

use super::SERVER_LOG;
use super::call::{Call, CallEnd, current};
use super::commit_room::{CUT_OFF, CommitRoom, Room};
use super::recorder::Recorder;
use super::sealer::ChainSealer;
use super::subject::{Subject, ended_beside};
use super::tally::Tally;
use crate::vault::clock::Clock;

/// Entries that wait for the recorder, and proxied calls in progress.
pub const AUDIT_QUEUE_MAX: usize = 16_384;

/// What became of a change set.
pub(crate) type CommitOutcome = Result<Committed, StoreError>;

/// What happens to a call that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenUnavailable {
    /// It is refused.
    #[default]
    Refuse,
    /// It is served, and its entry is lost if the queue is full, too. Each loss is logged.
    Serve,
}

/// The call cannot be recorded at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log cannot be written at the moment")]
pub struct AuditUnavailable;

/// What an [`AuditLog`] works with.
pub struct AuditParts {
    /// Where entries go. It was opened with `sealer`.
    pub store: Arc<dyn Store>,
    /// What chains them.
    pub sealer: Arc<ChainSealer>,
    /// Signs checkpoints.
    pub root_keys: Arc<RootKeyring>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where checkpoints go besides the log; `None` for nowhere.
    pub checkpoint_file: Option<PathBuf>,
    /// What happens to calls that cannot be recorded.
    pub when_unavailable: WhenUnavailable,
}

/// The audit log of one store.
///
/// Dropping it writes what is queued and a last checkpoint; this blocks for as long as that
/// takes, which is bounded.
pub struct AuditLog {
    store: Arc<dyn Store>,
    root_keys: Arc<RootKeyring>,
    clock: Arc<dyn Clock>,
    when_unavailable: WhenUnavailable,
    room: CommitRoom,
    strangers: Arc<Tally>,
    unrecorded: Arc<Tally>,
    available: Arc<AtomicBool>,
    /// `None` only while dropping.
    queue: Option<mpsc::Sender<AuditEntry>>,
    recorder: Option<JoinHandle<()>>,
}

/// What the entry of a change says that the server makes of its own accord.
pub(crate) struct OwnEntry {
    org_id: OrgId,
    action: &'static str,
    /// The call beside which it is made, or nothing.
    request_id: String,
}

impl OwnEntry {
    const OF_NO_CALL: Self = Self {
        org_id: SERVER_LOG,
        action: "server.change",
        request_id: String::new(),
    };

    /// In the log of this organisation, with the id of the current call.
    pub(crate) fn beside_the_call(org_id: OrgId, action: &'static str) -> Self {
        let request_id = current().map(|call| call.request_id().to_owned());
        Self {
            org_id,
            action,
            request_id: request_id.unwrap_or_default(),
        }
    }
}

/// Room in the queue for one entry.
pub struct Slot(mpsc::OwnedPermit<AuditEntry>);

impl Slot {
    /// Puts the entry there.
    pub(crate) fn fill(self, entry: AuditEntry) {
        drop(self.0.send(entry));
    }
}

impl AuditLog {
    /// Starts the recorder.
    ///
    /// # Errors
    /// When its thread cannot be started.
    pub fn start(parts: AuditParts) -> std::io::Result<Arc<Self>> {
        let (queue, waiting) = mpsc::channel(AUDIT_QUEUE_MAX);
        let strangers = Arc::new(Tally::strangers());
        let unrecorded = Arc::new(Tally::unrecorded());
        let available = Arc::new(AtomicBool::new(true));
        let recorder = Recorder::new(
            &parts,
            waiting,
            [Arc::clone(&strangers), Arc::clone(&unrecorded)],
            Arc::clone(&available),
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let recorder = thread::Builder::new()
            .name("sealgate-audit".into())
            .spawn(move || runtime.block_on(recorder.run()))?;
        Ok(Arc::new(Self {
            store: parts.store,
            root_keys: parts.root_keys,
            clock: parts.clock,
            when_unavailable: parts.when_unavailable,
            room: CommitRoom::new(),
            strangers,
            unrecorded,
            available,
            queue: Some(queue),
            recorder: Some(recorder),
        }))
    }

    /// Commits changes with the entry of the current call. The first of a call's change sets
    /// carries it; changes that no call asked for are the server's own.
    ///
    /// `settled` runs once the outcome is known and before it is told, also when nobody waits
    /// for it any more. Who goes away while there is no room for the changes yet takes them
    /// along: they are dropped, and so is `settled`.
    pub(crate) async fn commit(
        &self,
        changes: ChangeSet,
        settled: impl FnOnce(&CommitOutcome) + Send + 'static,
    ) -> CommitOutcome {
        let Some(call) = current() else {
            return self
                .commit_own(changes, &OwnEntry::OF_NO_CALL, settled)
                .await;
        };
        // Before anything tells of an entry on its way.
        let room = match self.room.take(&changes).await {
            Ok(room) => room,
            Err(error) => return refused(error, settled),
        };
        let subject = Subject::of(&changes);
        if !call.join() {
            return self.finish(room, changes, settled).await;
        }
        let version = subject.as_ref().and_then(|subject| subject.version);
        if let Some(subject) = subject {
            call.about(subject.kind, subject.id);
            if let Some(org_id) = subject.new_org {
                super::about_org(org_id);
            }
        }
        let entry = call.entry_with(CallEnd::OK, version, ended_beside(&changes));
        let joined = move |outcome: &CommitOutcome| {
            settled(outcome);
            call.joined(outcome.is_ok());
        };
        let changes = changes.with_audit(entry);
        self.finish(room, changes, joined).await
    }

    /// Commits changes of the server's own, with an entry of theirs.
    pub(crate) async fn commit_own(
        &self,
        changes: ChangeSet,
        own: &OwnEntry,
        settled: impl FnOnce(&CommitOutcome) + Send + 'static,
    ) -> CommitOutcome {
        let room = match self.room.take(&changes).await {
            Ok(room) => room,
            Err(error) => return refused(error, settled),
        };
        let entry = self.of_the_server(own, Subject::of(&changes).as_ref());
        let changes = changes.with_audit(entry);
        self.finish(room, changes, settled).await
    }

    /// Records the end of a call that no change told of, if nobody has.
    ///
    /// # Errors
    /// [`AuditUnavailable`]; the answer must not leave. The entry of the refusal follows as soon
    /// as it can be written.
    pub async fn record_end(
        &self,
        call: &Arc<Call>,
        end: CallEnd<'_>,
    ) -> Result<(), AuditUnavailable> {
        let alone = ChangeSet::of_audit(vec![call.entry(end, None)]);
        // Whoever goes away meanwhile is recorded, too.
        let committed = match call.run(self.room.take(&alone)).await {
            Ok(_) if !call.join() => return Ok(()),
            Ok(room) => {
                let joining = Arc::clone(call);
                let joined = move |outcome: &CommitOutcome| joining.joined(outcome.is_ok());
                self.finish(room, alone, joined).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = committed {
            tracing::error!(%error, "a call could not be recorded");
            return self.refuse(call, end);
        }
        Ok(())
    }

    fn refuse(&self, call: &Call, end: CallEnd<'_>) -> Result<(), AuditUnavailable> {
        let refuses = self.when_unavailable == WhenUnavailable::Refuse;
        let outcome = if refuses {
            "audit_unavailable"
        } else {
            end.outcome
        };
        if call.claim() {
            self.record_later(call.entry(CallEnd { outcome, ..end }, None));
        }
        if refuses {
            Err(AuditUnavailable)
        } else {
            Ok(())
        }
    }

    /// Commits to the end, whoever waits for it.
    async fn finish(
        &self,
        room: Room,
        changes: ChangeSet,
        done: impl FnOnce(&CommitOutcome) + Send + 'static,
    ) -> CommitOutcome {
        let store = Arc::clone(&self.store);
        // On its own: dropping a commit does not take it back.
        let commit = tokio::spawn(async move {
            let outcome = store.commit(changes).await;
            drop(room);
            done(&outcome);
            outcome
        });
        commit.await.unwrap_or(Err(CUT_OFF))
    }

    /// Room for the entry of a call that ends later.
    ///
    /// # Errors
    /// [`AuditUnavailable`] while entries cannot be written, and when too many wait.
    pub(crate) fn reserve(&self) -> Result<Option<Slot>, AuditUnavailable> {
        let slot = self
            .queue
            .clone()
            .filter(|_| self.available.load(Ordering::Relaxed))
            .and_then(|queue| queue.try_reserve_owned().ok());
        match (slot, self.when_unavailable) {
            (Some(slot), _) => Ok(Some(Slot(slot))),
            (None, WhenUnavailable::Refuse) => Err(AuditUnavailable),
            (None, WhenUnavailable::Serve) => {
                self.unrecorded.note();
                tracing::error!("a proxied call is not recorded");
                Ok(None)
            }
        }
    }

    /// Hands an entry to the recorder. One that finds no room is counted.
    pub(super) fn record_later(&self, entry: AuditEntry) {
        let queue = self.queue.as_ref();
        if queue.is_none_or(|queue| queue.try_send(entry).is_err()) {
            self.unrecorded.note();
            tracing::error!("an audit entry found no room in the queue");
        }
    }

    /// Counts a caller who was not recognised.
    pub fn note_stranger(&self) {
        self.strangers.note();
    }

    pub(super) fn now(&self) -> UtcMillis {
        self.clock.utc()
    }

    pub(super) fn root_keys(&self) -> &RootKeyring {
        &self.root_keys
    }

    fn of_the_server(&self, own: &OwnEntry, subject: Option<&Subject>) -> AuditEntry {
        let target = subject.map(|subject| format!("{}:{}", subject.kind, subject.id));
        let event = AuditEvent {
            time_utc_ms: self.now().0,
            actor: Actor::System,
            action: LogText::lossy(own.action),
            target: LogText::lossy(&target.unwrap_or_default()),
            outcome: LogText::lossy(CallEnd::OK.outcome),
            new_version: subject.and_then(|subject| subject.version),
            request_id: LogText::lossy(&own.request_id),
            note: LogText::default(),
        };
        AuditEntry {
            org_id: own.org_id,
            entry: event.to_bytes(),
        }
    }
}

/// Tells of changes that were not even tried.
fn refused(error: StoreError, settled: impl FnOnce(&CommitOutcome)) -> CommitOutcome {
    let refused = Err(error);
    settled(&refused);
    refused
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.queue = None;
        let panicked = |recorder: JoinHandle<()>| recorder.join().is_err();
        if self.recorder.take().is_some_and(panicked) {
            tracing::error!("the recorder of the audit log panicked");
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
