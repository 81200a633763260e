//! The place of one connection in the accounts of the server.
//!
//! Held by the connection, and by a tunnel that outlives the HTTP on it, so that a tunnel counts
//! as the connection that it is: against the bounds of its peer and of the server, and at the end
//! of the server. It also brings the stop signal to whoever holds it.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::peers::Admission;

/// A counted connection; the last clone gives the place back.
#[derive(Clone)]
pub(crate) struct Place(Arc<Held>);

struct Held {
    _admission: Admission,
    // Closes the worker's channel with its last holder, which ends the drain.
    _open: mpsc::Sender<()>,
    stopping: watch::Receiver<bool>,
}

impl Place {
    pub(crate) fn new(
        admission: Admission,
        open: mpsc::Sender<()>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Held {
            _admission: admission,
            _open: open,
            stopping,
        }))
    }

    /// The stop signal of the server.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.clone()
    }

    /// Ready once the server is told to stop.
    pub(crate) async fn stopped(&self) {
        // A sender that is gone means the same.
        let _ = self.stopping().wait_for(|stop| *stop).await;
    }
}
