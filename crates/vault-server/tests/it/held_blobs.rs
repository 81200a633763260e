//! A directory of bodies whose steps can be held, so that a test can act while one is under way.
//!
//! In a child of the crash table a step can also be the one at which the process is killed.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use vault_store::{
    BlobDirectory, BlobError, BlobId, BlobReader, BlobStore, BlobWriter, Bodies, LostBodies,
    UtcMillis,
};

use super::crash_table::step;

/// What is done to bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlobStep {
    Create,
    Write,
    Finish,
    Delete,
    /// An unfinished body is dropped.
    GiveUp,
}

/// Lets steps pass, but for one kind while a test says so.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: Option<BlobStep>,
    waiting: usize,
}

/// Holds steps until it is dropped.
pub(crate) struct Hold<'g>(&'g Gate);

impl Gate {
    pub(crate) fn hold(&self, step: BlobStep) -> Hold<'_> {
        self.state().held = Some(step);
        Hold(self)
    }

    /// Steps that stand at the gate.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting
    }

    fn pass(&self, step: BlobStep) {
        let mut state = self.state();
        state.waiting += 1;
        while state.held == Some(step) {
            state = self.changed.wait(state).unwrap();
        }
        state.waiting -= 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.state().held = None;
        self.0.changed.notify_all();
    }
}

/// The directory behind its gate.
pub(crate) struct HeldBlobs {
    pub(crate) directory: BlobDirectory,
    pub(crate) gate: Arc<Gate>,
}

struct HeldWriter {
    inner: Option<Box<dyn BlobWriter>>,
    gate: Arc<Gate>,
}

impl BlobStore for HeldBlobs {
    fn create(&self, body: BlobId) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.gate.pass(BlobStep::Create);
        let inner = step(|| self.directory.create(body))?;
        Ok(Box::new(HeldWriter {
            inner: Some(inner),
            gate: Arc::clone(&self.gate),
        }))
    }

    fn open(&self, body: BlobId) -> Result<Option<Box<dyn BlobReader>>, BlobError> {
        self.directory.open(body)
    }

    fn delete(&self, body: BlobId) -> Result<bool, BlobError> {
        self.gate.pass(BlobStep::Delete);
        step(|| self.directory.delete(body))
    }

    fn bodies(&self) -> Result<Bodies<'_>, BlobError> {
        self.directory.bodies()
    }

    fn set_aside(&self, body: BlobId, now: UtcMillis) -> Result<bool, BlobError> {
        self.directory.set_aside(body, now)
    }

    fn lost(&self) -> Result<LostBodies<'_>, BlobError> {
        self.directory.lost()
    }

    fn note_old(&self, body: BlobId, now: UtcMillis) -> Result<bool, BlobError> {
        self.directory.note_old(body, now)
    }

    fn take_back(&self, body: BlobId) -> Result<bool, BlobError> {
        self.directory.take_back(body)
    }

    fn delete_lost(&self, body: BlobId) -> Result<bool, BlobError> {
        self.directory.delete_lost(body)
    }

    fn remove_unfinished(&self) -> Result<u64, BlobError> {
        self.directory.remove_unfinished()
    }
}

impl Write for HeldWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gate.pass(BlobStep::Write);
        let inner = self.inner.as_mut().unwrap();
        step(|| inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.as_mut().unwrap().flush()
    }
}

impl BlobWriter for HeldWriter {
    fn finish(mut self: Box<Self>) -> Result<u64, BlobError> {
        self.gate.pass(BlobStep::Finish);
        let inner = self.inner.take().unwrap();
        step(|| inner.finish())
    }
}

impl Drop for HeldWriter {
    fn drop(&mut self) {
        if self.inner.is_some() {
            self.gate.pass(BlobStep::GiveUp);
        }
    }
}
