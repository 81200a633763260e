//! Idle upstream connections of one worker.
//!
//! Keyed by organisation and origin: no connection serves two tenants or two origins, and one that
//! the upstream has tied to a user serves nobody else. The last
//! one given back is the first one taken, so that few stay busy and the rest age out. HTTP/2
//! connections are shared by the requests of one key.
//!
//! Promise: counts and ages are bounded. The lock is never contended: a pool belongs to one
//! thread.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use credential_injector::{Scheme, Target};
use http::uri::Authority;
use hyper::client::conn::{http1, http2};
use tokio::time::Instant;
use vault_store::OrgId;

use super::streaming::UpBody;
use crate::config::defaults::{POOL_IDLE_MAX, POOL_IDLE_PER_ORIGIN_MAX, POOL_IDLE_TIMEOUT_SECONDS};

/// Pause between two searches for aged connections.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Who may use a connection, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey {
    org_id: OrgId,
    origin: (Scheme, Authority),
}

impl PoolKey {
    /// The requests of an organisation to the origin of `target`.
    pub(crate) fn new(org_id: OrgId, target: &Target) -> Self {
        Self {
            org_id,
            origin: target.origin_key(),
        }
    }
}

/// The sending end of a connection.
pub(crate) enum Sender {
    Http1(http1::SendRequest<UpBody>),
    Http2(http2::SendRequest<UpBody>),
}

impl Sender {
    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }
}

/// The idle connections of one worker.
#[derive(Clone)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Idle>>,
}

#[derive(Default)]
struct Idle {
    count: usize,
    by_key: HashMap<PoolKey, Vec<(Sender, Instant)>>,
}

/// A connection in use.
pub(crate) struct Lease {
    pub(crate) sender: Sender,
    key: PoolKey,
    pool: Pool,
    is_bound: bool,
}

impl Pool {
    /// An empty pool, swept in the background of the current runtime.
    pub(crate) fn new() -> Self {
        let idle = Arc::default();
        tokio::spawn(sweep(Arc::downgrade(&idle)));
        Self { idle }
    }

    /// An open connection for `key`, if there is one.
    pub(crate) fn take(&self, key: &PoolKey) -> Option<Lease> {
        let mut idle = self.lock();
        let sender = idle.take(key)?;
        Some(self.lease(key.clone(), sender))
    }

    /// A lease on a fresh connection. An HTTP/2 one is shared from now on.
    pub(crate) fn adopt(&self, key: PoolKey, sender: Sender) -> Lease {
        if let Sender::Http2(shared) = &sender {
            self.lock().put(key.clone(), Sender::Http2(shared.clone()));
        }
        self.lease(key, sender)
    }

    fn lease(&self, key: PoolKey, sender: Sender) -> Lease {
        Lease {
            sender,
            key,
            pool: self.clone(),
            is_bound: false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn take(&mut self, key: &PoolKey) -> Option<Sender> {
        let waiting = self.by_key.get_mut(key)?;
        while let Some((sender, since)) = waiting.pop() {
            self.count -= 1;
            if sender.is_closed() || since.elapsed() >= age_max() {
                continue;
            }
            if let Sender::Http2(shared) = &sender {
                // Stays for the next request, and is young again.
                let again = Sender::Http2(shared.clone());
                waiting.push((again, Instant::now()));
                self.count += 1;
            }
            return Some(sender);
        }
        self.by_key.remove(key);
        None
    }

    fn put(&mut self, key: PoolKey, sender: Sender) {
        if self.count >= POOL_IDLE_MAX {
            return;
        }
        let waiting = self.by_key.entry(key).or_default();
        if waiting.len() < POOL_IDLE_PER_ORIGIN_MAX {
            waiting.push((sender, Instant::now()));
            self.count += 1;
        }
    }

    fn sweep(&mut self) {
        for waiting in self.by_key.values_mut() {
            waiting.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < age_max());
        }
        self.by_key.retain(|_, waiting| !waiting.is_empty());
        self.count = self.by_key.values().map(Vec::len).sum();
    }
}

impl Lease {
    /// The upstream has tied the connection to whoever uses it now: nobody else shall.
    pub(crate) fn bind(&mut self) {
        self.is_bound = true;
    }

    /// Returns the connection once it can carry another request. HTTP/2 needs no return.
    pub(crate) fn give_back(self) {
        let Self {
            sender,
            key,
            pool,
            is_bound,
        } = self;
        let Sender::Http1(mut sender) = sender else {
            return;
        };
        if is_bound {
            return;
        }
        if sender.is_ready() {
            pool.lock().put(key, Sender::Http1(sender));
            return;
        }
        // The request's body may still be on its way; a connection that closes ends the wait.
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                pool.lock().put(key, Sender::Http1(sender));
            }
        });
    }
}

fn age_max() -> Duration {
    Duration::from_secs(POOL_IDLE_TIMEOUT_SECONDS)
}

async fn sweep(idle: Weak<Mutex<Idle>>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(idle) = idle.upgrade() else { return };
        idle.lock().unwrap_or_else(PoisonError::into_inner).sweep();
    }
}
