//! Work on bodies that blocks, kept off the reactor: also what is dropped while nobody waits.

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;

use crate::vault::error::VaultError;

/// Runs work that blocks where it may.
pub(in crate::vault) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(VaultError::Internal("a blocking task was cut off")))
}

/// As [`blocking`], for work that takes long: it can ask whether somebody still waits for it.
pub(super) async fn blocking_while_awaited<T: Send + 'static>(
    work: impl FnOnce(&Awaited) -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let waiting = Arc::new(());
    let awaited = Awaited(Arc::downgrade(&waiting));
    let done = blocking(move || work(&awaited)).await;
    drop(waiting);
    done
}

/// Whether somebody waits for work.
pub(super) struct Awaited(Weak<()>);

impl Awaited {
    /// Ends work that nobody waits for.
    ///
    /// # Errors
    /// One that nobody sees.
    pub(super) fn check(&self) -> Result<(), VaultError> {
        match self.0.strong_count() {
            0 => Err(VaultError::Internal("nobody waits for it any more")),
            _ => Ok(()),
        }
    }
}

/// Runs work that blocks and that nobody waits for.
pub(super) fn in_background(work: impl FnOnce() + Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        // There is no reactor here.
        Err(_) => work(),
    }
}

/// Something whose dropping blocks. It is dropped in the background.
pub(super) struct Aside<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Aside<T> {
    pub(super) fn new(inner: T) -> Self {
        Self(Some(inner))
    }

    /// What is in it, to be dropped where it may block.
    pub(super) fn into_inner(mut self) -> T {
        self.0.take().expect("only this and dropping take it")
    }
}

impl<T: Send + 'static> Drop for Aside<T> {
    fn drop(&mut self) {
        if let Some(inner) = self.0.take() {
            in_background(move || drop(inner));
        }
    }
}
