//! The one thread that writes, and its group commit.
//!
//! In: change sets through a queue bounded in number and in bytes. Out: one answer each. The
//! thread takes what waits, up to a bound, applies each change set in its own savepoint inside one
//! transaction, commits once (one fsync), and only then answers. A change set that is refused
//! rolls back alone; the others of the group do not notice. Audit entries of those that applied
//! follow in the same transaction, one block per organisation.
//!
//! After a failure of the disk or the file (an input/output error, damage, a failed fsync) nothing
//! the system says about the log can be believed: a second fsync may report success for pages that
//! the first one dropped. So the writer never tries again: all of the group are answered
//! `Unavailable`, every later write is too, reads go on, and opening the database anew, which
//! recovers from the log what really is on disk, is the way back. A full disk is not such a
//! failure: SQLite notices it before it commits, and writing goes on once there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::apply;
use super::audit::Chains;
use super::failure::{Severity, severity, store_error};
use super::{BROKEN, CLOSED};
use crate::audit::{AuditSealer, NO_SEALER};
use crate::change_set::{ChangeSet, Committed};
use crate::error::StoreError;
use crate::limits::{
    GROUP_COMMIT_BYTES_MAX, GROUP_COMMIT_MAX, WRITE_QUEUE_BYTES_MAX, WRITE_QUEUE_MAX,
};

type Outcome = Result<Committed, StoreError>;

/// The queue counts in units of this many bytes.
const QUEUE_UNIT_BYTES: usize = 1024;

/// A change set that waits, with its claim on the queue's bytes.
struct Pending {
    changes: ChangeSet,
    bytes: usize,
    reply: oneshot::Sender<Outcome>,
    _room: OwnedSemaphorePermit,
}

/// What the thread and its handle both see.
struct Shared {
    /// Set once, after a failure that nothing repairs but opening anew.
    broken: AtomicBool,
    /// Pages the file may grow to.
    pages_max: AtomicU32,
}

pub(super) struct Writer {
    /// `None` only while dropping.
    queue: Option<mpsc::Sender<Pending>>,
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
    takes_audit: bool,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        pages_max: u32,
        sealer: Option<Arc<dyn AuditSealer>>,
    ) -> std::io::Result<Self> {
        let takes_audit = sealer.is_some();
        let (queue, waiting) = mpsc::channel(WRITE_QUEUE_MAX);
        let shared = Arc::new(Shared {
            broken: AtomicBool::new(false),
            pages_max: AtomicU32::new(pages_max),
        });
        let worker = Worker {
            connection,
            waiting,
            shared: Arc::clone(&shared),
            pages_max: None,
            chains: Chains::new(sealer),
        };
        let thread = thread::Builder::new()
            .name("vault-store-write".into())
            .spawn(|| worker.run())?;
        Ok(Self {
            queue: Some(queue),
            room: Arc::new(Semaphore::new(WRITE_QUEUE_BYTES_MAX / QUEUE_UNIT_BYTES)),
            shared,
            takes_audit,
            thread: Some(thread),
        })
    }

    /// Waits for room in the queue, then for the commit.
    pub(super) async fn commit(&self, changes: ChangeSet) -> Outcome {
        let bytes = changes.check()?;
        if !self.takes_audit && !changes.audit().is_empty() {
            return Err(NO_SEALER);
        }
        let units = u32::try_from(bytes.div_ceil(QUEUE_UNIT_BYTES))
            .map_err(|_| StoreError::TooLarge("bytes in a change set"))?;
        let room = Arc::clone(&self.room)
            .acquire_many_owned(units)
            .await
            .map_err(|_| CLOSED)?;
        let (reply, answer) = oneshot::channel();
        let pending = Pending {
            changes,
            bytes,
            reply,
            _room: room,
        };
        let queue = self.queue.as_ref().ok_or(CLOSED)?;
        queue.send(pending).await.map_err(|_| CLOSED)?;
        answer.await.map_err(|_| CLOSED)?
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        let stopped = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        if stopped || self.shared.broken.load(Ordering::Acquire) {
            return Err(BROKEN);
        }
        Ok(())
    }

    /// Holds from the next group on.
    pub(super) fn limit_pages(&self, pages_max: u32) {
        self.shared.pages_max.store(pages_max, Ordering::Release);
    }
}

impl Drop for Writer {
    /// Waits until all that was queued is answered and the file is closed.
    fn drop(&mut self) {
        self.queue = None;
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the writer thread of the store panicked");
        }
    }
}

struct Worker {
    connection: Connection,
    waiting: mpsc::Receiver<Pending>,
    shared: Arc<Shared>,
    /// The page limit this connection has, once it has one.
    pages_max: Option<u32>,
    /// Where the audit chains end.
    chains: Chains,
}

impl Worker {
    fn run(mut self) {
        while let Some(first) = self.waiting.blocking_recv() {
            let group = self.gather(first);
            self.serve(group);
        }
        self.close();
    }

    /// What waits behind `first`, up to the bounds of a group.
    fn gather(&mut self, first: Pending) -> Vec<Pending> {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        while group.len() < GROUP_COMMIT_MAX && bytes < GROUP_COMMIT_BYTES_MAX {
            let Ok(next) = self.waiting.try_recv() else {
                break;
            };
            bytes += next.bytes;
            group.push(next);
        }
        group
    }

    fn serve(&mut self, group: Vec<Pending>) {
        match self.write(&group) {
            Ok(outcomes) => {
                for (pending, outcome) in group.into_iter().zip(outcomes) {
                    answer(pending, outcome);
                }
            }
            // Rolled back for certain, because one of them found no room: each again on its own.
            Err(error) if severity(&error) == Severity::Refused && group.len() > 1 => {
                group
                    .into_iter()
                    .for_each(|pending| self.serve(vec![pending]));
            }
            Err(error) => {
                self.note_failure(&error);
                for pending in group {
                    answer(pending, Err(error.clone()));
                }
            }
        }
    }

    /// One transaction. `Ok` holds one outcome per change set, all of them durable.
    fn write(&mut self, group: &[Pending]) -> Result<Vec<Outcome>, StoreError> {
        if self.shared.broken.load(Ordering::Acquire) {
            return Err(BROKEN);
        }
        self.apply_page_limit()?;
        let mut transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(store_error)?;
        let mut outcomes = Vec::with_capacity(group.len());
        for pending in group {
            outcomes.push(one_of_group(&mut transaction, &pending.changes)?);
        }
        let applied = group.iter().zip(&outcomes);
        let entries = applied
            .filter(|(_, outcome)| outcome.is_ok())
            .flat_map(|(pending, _)| pending.changes.audit());
        let moved = self.chains.append(&transaction, entries)?;
        transaction.commit().map_err(store_error)?;
        self.chains.advance(moved);
        Ok(outcomes)
    }

    fn apply_page_limit(&mut self) -> Result<(), StoreError> {
        let wanted = self.shared.pages_max.load(Ordering::Acquire);
        if self.pages_max != Some(wanted) {
            // Answers with the limit in force, which is never below the pages in use.
            self.connection
                .pragma_update_and_check(None, "max_page_count", wanted, |_| Ok(()))
                .map_err(store_error)?;
            self.pages_max = Some(wanted);
        }
        Ok(())
    }

    fn note_failure(&self, error: &StoreError) {
        if severity(error) == Severity::Refused {
            tracing::warn!(%error, "a write was refused");
            return;
        }
        if !self.shared.broken.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "writing failed; no further writes until the store is reopened");
        }
    }

    /// Moves the log into the database, so that the file is whole by itself.
    fn close(self) {
        if self.shared.broken.load(Ordering::Acquire) {
            return;
        }
        let checkpoint = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = checkpoint.map_err(store_error) {
            // Nothing is lost: the log is read again when the database is opened.
            tracing::warn!(%error, "the log stays beside the database");
        }
    }
}

/// Applies one change set in a savepoint. The outer error means that the whole group failed.
fn one_of_group(
    transaction: &mut rusqlite::Transaction<'_>,
    changes: &ChangeSet,
) -> Result<Outcome, StoreError> {
    let savepoint = transaction.savepoint().map_err(store_error)?;
    let outcome = apply::change_set(&savepoint, changes);
    match &outcome {
        Ok(_) => savepoint.commit().map_err(store_error)?,
        Err(error) if severity(error) == Severity::Broken => return Err(error.clone()),
        // When space runs out, SQLite may have rolled back the whole transaction by itself.
        Err(error) if savepoint.is_autocommit() => return Err(error.clone()),
        // Dropping a savepoint would roll back too, but swallow an error.
        Err(_) => savepoint.finish().map_err(store_error)?,
    }
    Ok(outcome)
}

fn answer(pending: Pending, outcome: Outcome) {
    // Whoever asked may have gone; the change set is applied nevertheless.
    let _unwanted = pending.reply.send(outcome);
}
