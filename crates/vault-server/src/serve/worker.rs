//! One thread, one runtime, one listener.
//!
//! A worker accepts, admits, shakes hands and drives its connections on its own current-thread
//! runtime. On the stop signal it closes its listener, lets its connections finish for a
//! bounded time and returns; what is left then is dropped with the runtime.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use super::connection::{Edge, drive};
use super::peers::{Admission, Peers};
use super::place::Place;
use super::stall_io::StallIo;
use crate::config::Config;
use crate::layers::BodyBudget;
use crate::layers::limit_in_flight::LimitInFlightLayer;
use crate::proxy::{Door, ProxySetup};
use crate::stack::{Services, compose};

/// Pause after a failed accept: the process is usually out of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What all workers share.
#[derive(Clone)]
pub(crate) struct WorkerSetup {
    pub(crate) config: Arc<Config>,
    pub(crate) services: Services,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) in_flight: LimitInFlightLayer,
    pub(crate) bodies: BodyBudget,
    pub(crate) proxy: ProxySetup,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Reports the end of a thread, also of one that panics.
struct Ending(mpsc::Sender<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        // There is room for one message per worker.
        let _ = self.0.try_send(());
    }
}

/// A worker before its thread starts.
pub(crate) struct Worker {
    setup: WorkerSetup,
    listener: TcpListener,
}

impl Worker {
    pub(crate) fn new(setup: WorkerSetup, listener: TcpListener) -> Self {
        Self { setup, listener }
    }

    /// Starts the thread. Its end, for whatever reason, sends a message to `ended` and drops it.
    pub(crate) fn start(
        self,
        index: usize,
        ended: mpsc::Sender<()>,
    ) -> io::Result<thread::JoinHandle<io::Result<()>>> {
        thread::Builder::new()
            .name(format!("sealgate-worker-{index}"))
            .spawn(move || {
                let _ending = Ending(ended);
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?
                    .block_on(self.serve())
            })
    }

    async fn serve(self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let setup = Arc::new(self.setup);
        let door = Door::new(&setup.proxy);
        let stack = compose(
            &setup.services,
            &setup.config.limits,
            setup.in_flight.clone(),
            setup.bodies.clone(),
            door,
        );
        let edge = Arc::new(Edge::new(stack, &setup.config.limits));
        // Held by every connection: closed once the last one is gone.
        let (open, mut closed) = mpsc::channel::<()>(1);
        let mut stopping = setup.stopping.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopping.wait_for(|stop| *stop) => break,
            };
            let Some((stream, admission)) = admitted(&setup, accepted).await else {
                continue;
            };
            let place = Place::new(admission, open.clone(), setup.stopping.clone());
            let io = StallIo::new(stream, setup.config.limits.write_stall_timeout);
            // Two kinds of task: each takes as much memory as its largest state.
            match &setup.tls {
                None => tokio::spawn(drive(Arc::clone(&edge), io, place)),
                Some(acceptor) => {
                    let timeout = setup.config.limits.tls_handshake_timeout;
                    let handshake = tokio::time::timeout(timeout, acceptor.accept(io));
                    let edge = Arc::clone(&edge);
                    tokio::spawn(async move {
                        // A failed or late handshake leaves nobody to answer.
                        if let Ok(Ok(stream)) = Box::pin(handshake).await {
                            drive(edge, stream, place).await;
                        }
                    })
                }
            };
        }
        drop((listener, open));
        // Late connections are dropped with the runtime.
        let _ = tokio::time::timeout(setup.config.limits.drain_timeout, closed.recv()).await;
        Ok(())
    }
}

/// The stream and its place, if there was a connection and room for it.
async fn admitted(
    setup: &WorkerSetup,
    accepted: io::Result<(TcpStream, SocketAddr)>,
) -> Option<(TcpStream, Admission)> {
    match accepted {
        Ok((stream, peer)) => {
            let admission = setup.peers.admit(peer.ip(), tokio::time::Instant::now());
            if admission.is_none() {
                tracing::debug!("a connection over the bound is closed");
            }
            let admission = admission?;
            // Small answers leave at once; failing only costs latency.
            let _ = stream.set_nodelay(true);
            Some((stream, admission))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_RETRY).await;
            None
        }
    }
}
