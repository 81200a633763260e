//! The thread that writes what waits, tells of what was only counted and makes checkpoints.
//!
//! Entries are gathered for a moment and written in batches: one fsync for many. While they
//! cannot be written they are kept, and tried again every second; new proxied calls are refused
//! meanwhile, so what is kept is bounded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hardened_crypto::audit_chain::{CHECKPOINT_EVERY_ENTRIES, Checkpoint};
use hardened_crypto::root_key::RootKeyring;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use vault_store::rows::AuditEntry;
use vault_store::{AuditHead, OrgId, Store, StoreError};

use super::SERVER_LOG;
use super::block::chain_at;
use super::checkpoints::CheckpointFile;
use super::log::AuditParts;
use super::sealer::ChainSealer;
use super::tally::{TALLY_EVERY, Tally};
use crate::vault::clock::Clock;

/// How long an entry may wait for others to be written with it.
const GATHER: Duration = Duration::from_millis(10);
/// Pause between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);
/// Entries of one batch.
const BATCH_ENTRIES_MAX: usize = 1_000;
/// Bytes of one batch.
const BATCH_BYTES_MAX: usize = 512 * 1024;
/// Time between two checkpoints of a chain that grows slowly.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Tries to write what is left at the end.
const LAST_TRIES: u32 = 5;
/// Pause between these.
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// A tally, and when it was told of last.
struct Counted {
    tally: Arc<Tally>,
    told: Option<Instant>,
}

pub(super) struct Recorder {
    store: Arc<dyn Store>,
    sealer: Arc<ChainSealer>,
    root_keys: Arc<RootKeyring>,
    clock: Arc<dyn Clock>,
    checkpoints: Option<CheckpointFile>,
    queue: mpsc::Receiver<AuditEntry>,
    tallies: [Counted; 2],
    available: Arc<AtomicBool>,
    waiting: VecDeque<AuditEntry>,
    checkpoints_at: Instant,
}

impl Recorder {
    pub(super) fn new(
        parts: &AuditParts,
        queue: mpsc::Receiver<AuditEntry>,
        tallies: [Arc<Tally>; 2],
        available: Arc<AtomicBool>,
    ) -> Self {
        Self {
            store: Arc::clone(&parts.store),
            sealer: Arc::clone(&parts.sealer),
            root_keys: Arc::clone(&parts.root_keys),
            clock: Arc::clone(&parts.clock),
            checkpoints: parts.checkpoint_file.clone().map(CheckpointFile::new),
            queue,
            tallies: tallies.map(|tally| Counted { tally, told: None }),
            available,
            waiting: VecDeque::new(),
            checkpoints_at: Instant::now(),
        }
    }

    /// Works until every sender is gone and all is written.
    pub(super) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                first = self.queue.recv(), if self.waiting.is_empty() => match first {
                    Some(first) => {
                        self.waiting.push_back(first);
                        sleep(GATHER).await;
                    }
                    None => break,
                },
                _ = tick.tick() => self.look_at_what_is_due().await,
            }
            self.write().await;
            if self.queue.is_closed() && self.queue.is_empty() {
                break;
            }
        }
        self.end().await;
    }

    /// Writes all that waits; stops at the first failure.
    async fn write(&mut self) {
        loop {
            while self.waiting.len() < BATCH_ENTRIES_MAX {
                let Ok(next) = self.queue.try_recv() else {
                    break;
                };
                self.waiting.push_back(next);
            }
            let batch = self.batch();
            if batch.is_empty() {
                return;
            }
            let count = batch.len();
            let outcome = self.store.record(batch).await;
            self.note_outcome(&outcome);
            if outcome.is_err() {
                return;
            }
            self.waiting.drain(..count);
        }
    }

    fn batch(&self) -> Vec<AuditEntry> {
        let mut bytes = 0;
        let fitting = self.waiting.iter().take_while(|entry| {
            bytes += entry.entry.len();
            bytes <= BATCH_BYTES_MAX
        });
        fitting.take(BATCH_ENTRIES_MAX).cloned().collect()
    }

    fn note_outcome(&self, outcome: &Result<(), StoreError>) {
        let available = outcome.is_ok();
        let was = self.available.swap(available, Ordering::Relaxed);
        match outcome {
            Err(error) if was => tracing::error!(%error, "the audit log cannot be written"),
            Ok(()) if !was => tracing::info!("the audit log can be written again"),
            _ => {}
        }
    }

    async fn look_at_what_is_due(&mut self) {
        let due = |last: Instant, every| last.elapsed() >= every;
        self.tell_counts(|told| told.is_none_or(|last| due(last, TALLY_EVERY)));
        let mut grown = self.sealer.take_grown(CHECKPOINT_EVERY_ENTRIES);
        if due(self.checkpoints_at, CHECKPOINT_EVERY) {
            grown.extend(self.sealer.take_grown(1));
            self.checkpoints_at = Instant::now();
        }
        self.make_checkpoints(grown).await;
    }

    /// One entry for each kind that is due.
    fn tell_counts(&mut self, is_due: impl Fn(Option<Instant>) -> bool) {
        let now = self.clock.utc();
        for counted in self.tallies.iter_mut().filter(|one| is_due(one.told)) {
            if let Some(event) = counted.tally.take(now) {
                counted.told = Some(Instant::now());
                self.waiting.push_back(AuditEntry {
                    org_id: SERVER_LOG,
                    entry: event.to_bytes(),
                });
            }
        }
    }

    async fn make_checkpoints(&mut self, grown: Vec<OrgId>) {
        for org_id in grown {
            match self.store.audit_head(org_id).await {
                // Sealed, and not committed after all.
                Ok(head) if head == AuditHead::START => {}
                Ok(head) => self.make_checkpoint(org_id, &head),
                Err(error) => {
                    tracing::error!(%error, "no checkpoint of an audit chain");
                    self.sealer.note_grown(org_id, 1);
                }
            }
        }
    }

    fn make_checkpoint(&mut self, org_id: OrgId, head: &AuditHead) {
        let chain = chain_at(org_id, head);
        let signed = Checkpoint::of(&chain, self.clock.utc().0).sign(&self.root_keys);
        let text = signed.to_text();
        tracing::info!(checkpoint = ?text, "audit checkpoint");
        if let Some(file) = &self.checkpoints
            && let Err(error) = file.append(&text)
        {
            tracing::error!(%error, "an audit checkpoint stays out of its file");
            self.sealer.note_grown(org_id, 1);
        }
    }

    async fn end(mut self) {
        self.tell_counts(|_| true);
        for _ in 0..LAST_TRIES {
            self.write().await;
            if self.waiting.is_empty() {
                break;
            }
            sleep(LAST_PAUSE).await;
        }
        if !self.waiting.is_empty() {
            tracing::error!(entries = self.waiting.len(), "audit entries are lost");
        }
        let grown = self.sealer.take_grown(1);
        self.make_checkpoints(grown).await;
    }
}
