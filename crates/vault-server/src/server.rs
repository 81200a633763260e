//! The server as a value: bind it, learn its address, run it until told to stop.
//!
//! In: a checked [`Config`] and the [`Services`] behind the edge. Out: a server that ends when
//! its shutdown future does, after the requests in flight have had their time.
//! Not here: building the services, and closing the store, which comes after `run` returned.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::config::{Config, ConfigError};
use crate::layers::BodyBudget;
use crate::layers::limit_in_flight::LimitInFlightLayer;
use crate::proxy::{ProxySetup, ProxySetupError};
use crate::serve::tls::{TlsError, acceptor};
use crate::serve::{Peers, Worker, WorkerSetup, listener};
use crate::stack::Services;

/// A bound server that does not serve yet.
pub struct Server {
    setup: WorkerSetup,
    stop: watch::Sender<bool>,
    listeners: Vec<TcpListener>,
    local_addr: SocketAddr,
}

/// A reason why a server does not start or does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The configuration must not be served.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The listener's certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Trust roots or egress rules of the proxy.
    #[error(transparent)]
    Proxy(#[from] ProxySetupError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// A thread could not be started or ended on its own.
    #[error("a worker failed: {0}")]
    Worker(io::Error),
}

impl Server {
    /// Checks the configuration, reads certificates and binds one listener per worker.
    ///
    /// # Errors
    /// [`ServerError`]; nothing listens then.
    pub async fn bind(config: Config, services: Services) -> Result<Self, ServerError> {
        config.validate()?;
        let tls = config.tls.as_ref().map(acceptor).transpose()?;
        let listeners = listener::bind_all(config.listen, config.worker_count())
            .and_then(|all| Ok((all.first().map(TcpListener::local_addr).transpose()?, all)));
        let (local_addr, listeners) = listeners.map_err(|cause| ServerError::Bind {
            address: config.listen,
            cause,
        })?;
        let local_addr = local_addr.unwrap_or(config.listen);
        let (stop, stopping) = watch::channel(false);
        let limits = &config.limits;
        let setup = WorkerSetup {
            proxy: ProxySetup::new(&config, local_addr)?.with_vault(services.vault.clone()),
            peers: Arc::new(Peers::new(limits)),
            in_flight: LimitInFlightLayer::new(limits.requests_in_flight_max),
            bodies: BodyBudget::new(limits.collected_bytes_max, limits.api_body_bytes_max),
            services,
            tls,
            stopping,
            config: Arc::new(config),
        };
        Ok(Self {
            setup,
            stop,
            listeners,
            local_addr,
        })
    }

    /// The address that clients reach, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` is ready, then drains and returns.
    ///
    /// # Errors
    /// [`ServerError::Worker`] when a thread cannot start or ends before it was told to.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let (alive, mut ended) = mpsc::channel(self.listeners.len().max(1));
        let mut threads = Vec::with_capacity(self.listeners.len());
        for (index, listener) in self.listeners.into_iter().enumerate() {
            let worker = Worker::new(self.setup.clone(), listener);
            let thread = worker.start(index, alive.clone());
            threads.push(thread.map_err(ServerError::Worker)?);
        }
        drop(alive);
        tracing::info!(address = %self.local_addr, workers = threads.len(), "serving");
        // When this future is dropped, so is `stop`, which workers take for the signal too. A
        // worker that ends before it was told to ends the others: the server is then restarted
        // whole by whoever supervises it.
        tokio::select! {
            () = shutdown => {}
            _ = ended.recv() => {}
        }
        self.stop.send_replace(true);
        // Each worker bounds its own drain.
        while ended.recv().await.is_some() {}
        for thread in threads {
            thread
                .join()
                .map_err(|_| ServerError::Worker(io::Error::other("a worker panicked")))?
                .map_err(ServerError::Worker)?;
        }
        tracing::info!("drained");
        Ok(())
    }
}
