//! Idle upstream connections of one worker.
//!
//! Keyed by organisation and origin: no connection serves two tenants or two origins, and one that
//! the upstream has tied to a user serves nobody else. The last
//! one given back is the first one taken, so that few stay busy and the rest age out. HTTP/2
//! connections are shared by the requests of one key, as many as the peer permits on each; one that
//! is full is passed over, so that no request waits behind another.
//!
//! Promise: counts, ages and lives are bounded: a name that has moved is looked up again. Where there
//! are too many, the oldest goes, so that one tenant with many origins does not shut the others
//! out. The lock is never contended: a pool belongs to one thread.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use credential_injector::{Scheme, Target};
use http::uri::Authority;
use hyper::client::conn::http1;
use tokio::time::Instant;
use vault_store::OrgId;

use super::shared_sender::{OpenStream, SharedSender};
use super::streaming::UpBody;
use crate::config::defaults::{
    POOL_IDLE_MAX, POOL_IDLE_PER_ORIGIN_MAX, POOL_IDLE_TIMEOUT_SECONDS, POOL_LIFE_MAX_SECONDS,
};

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
    Http2(SharedSender),
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
    by_key: HashMap<PoolKey, Vec<Kept>>,
}

/// A connection that waits for its next request.
struct Kept {
    sender: Sender,
    made: Instant,
    used: Instant,
}

/// A connection in use.
pub(crate) struct Lease {
    pub(crate) sender: Sender,
    /// For HTTP/2.
    stream: Option<OpenStream>,
    made: Instant,
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
        let (sender, made) = idle.take(key)?;
        Some(self.lease(key.clone(), sender, made))
    }

    /// A lease on a fresh connection. An HTTP/2 one is shared from now on, unless enough are.
    pub(crate) fn adopt(&self, key: PoolKey, sender: Sender) -> Lease {
        let made = Instant::now();
        if let Sender::Http2(shared) = &sender {
            let shared = Sender::Http2(shared.clone());
            self.lock().put(key.clone(), shared, made);
        }
        self.lease(key, sender, made)
    }

    fn lease(&self, key: PoolKey, sender: Sender, made: Instant) -> Lease {
        let stream = match &sender {
            Sender::Http1(_) => None,
            Sender::Http2(shared) => Some(shared.open()),
        };
        Lease {
            sender,
            stream,
            made,
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
    /// The connection for the next request of `key`, and when it was made.
    fn take(&mut self, key: &PoolKey) -> Option<(Sender, Instant)> {
        let waiting = self.by_key.get_mut(key)?;
        for place in (0..waiting.len()).rev() {
            let kept = &mut waiting[place];
            if kept.is_over() {
                waiting.remove(place);
                self.count -= 1;
                continue;
            }
            match &kept.sender {
                Sender::Http1(_) => {
                    self.count -= 1;
                    let kept = waiting.remove(place);
                    return Some((kept.sender, kept.made));
                }
                Sender::Http2(shared) if shared.has_room() => {
                    // Stays for the next request, and is young again.
                    kept.used = Instant::now();
                    return Some((Sender::Http2(shared.clone()), kept.made));
                }
                Sender::Http2(_) => {}
            }
        }
        if waiting.is_empty() {
            self.by_key.remove(key);
        }
        None
    }

    /// Keeps a connection; at the bound, in the place of the one that was used longest ago.
    fn put(&mut self, key: PoolKey, sender: Sender, made: Instant) {
        let waiting = self.by_key.get(&key).map_or(0, Vec::len);
        if waiting >= POOL_IDLE_PER_ORIGIN_MAX {
            return;
        }
        if self.count >= POOL_IDLE_MAX {
            self.drop_oldest();
        }
        self.by_key.entry(key).or_default().push(Kept {
            sender,
            made,
            used: Instant::now(),
        });
        self.count += 1;
    }

    fn drop_oldest(&mut self) {
        let mut oldest: Option<(Instant, &PoolKey, usize)> = None;
        for (key, waiting) in &self.by_key {
            for (place, kept) in waiting.iter().enumerate() {
                if oldest.is_none_or(|(used, ..)| kept.used < used) {
                    oldest = Some((kept.used, key, place));
                }
            }
        }
        let Some((_, key, place)) = oldest else {
            return;
        };
        let key = key.clone();
        if let Some(waiting) = self.by_key.get_mut(&key) {
            waiting.remove(place);
            self.count -= 1;
            if waiting.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    fn sweep(&mut self) {
        for waiting in self.by_key.values_mut() {
            waiting.retain(|kept| !kept.is_over());
        }
        self.by_key.retain(|_, waiting| !waiting.is_empty());
        self.count = self.by_key.values().map(Vec::len).sum();
    }
}

impl Kept {
    fn is_over(&self) -> bool {
        self.sender.is_closed()
            || self.used.elapsed() >= Duration::from_secs(POOL_IDLE_TIMEOUT_SECONDS)
            || self.made.elapsed() >= Duration::from_secs(POOL_LIFE_MAX_SECONDS)
    }
}

impl Lease {
    /// The stream that counts as long as a clone of this is held; HTTP/1.1 has none.
    pub(crate) fn stream(&self) -> Option<OpenStream> {
        self.stream.clone()
    }

    /// The upstream has tied the connection to whoever uses it now: nobody else shall.
    pub(crate) fn bind(&mut self) {
        self.is_bound = true;
    }

    /// Returns the connection once it can carry another request. HTTP/2 needs no return.
    pub(crate) fn give_back(self) {
        let Self {
            sender,
            made,
            key,
            pool,
            is_bound,
            ..
        } = self;
        let Sender::Http1(mut sender) = sender else {
            return;
        };
        if is_bound {
            return;
        }
        if sender.is_ready() {
            pool.lock().put(key, Sender::Http1(sender), made);
            return;
        }
        // The request's body may still be on its way; a connection that closes ends the wait.
        tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                pool.lock().put(key, Sender::Http1(sender), made);
            }
        });
    }
}

async fn sweep(idle: Weak<Mutex<Idle>>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(idle) = idle.upgrade() else { return };
        idle.lock().unwrap_or_else(PoisonError::into_inner).sweep();
    }
}

#[cfg(test)]
mod tests {
    use credential_injector::SchemePolicy;
    use hyper_util::rt::TokioIo;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_in_use_is_made_anew_now_and_then() {
        let (near, _far) = tokio::io::duplex(64);
        let (sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
        tokio::spawn(connection);
        let pool = Pool::new();
        let target = Target::parse("https://a.example/", &SchemePolicy::https_only());
        let key = PoolKey::new(OrgId::from_bytes([1; 16]), &target.unwrap());
        let made = Instant::now();
        pool.adopt(key.clone(), Sender::Http1(sender)).give_back();
        let pause = Duration::from_secs(POOL_IDLE_TIMEOUT_SECONDS - 1);
        let in_use = async {
            loop {
                tokio::time::sleep(pause).await;
                let Some(lease) = pool.take(&key) else { return };
                lease.give_back();
            }
        };
        let life = Duration::from_secs(POOL_LIFE_MAX_SECONDS);
        tokio::time::timeout(life * 2, in_use)
            .await
            .expect("its life ends");
        assert!((life..=life + pause).contains(&made.elapsed()));
    }

    const CONNECTION_BYTES: usize = 64;

    fn key(org: u8, port: usize) -> PoolKey {
        let url = format!("https://a.example:{port}/");
        let target = Target::parse(&url, &SchemePolicy::https_only()).unwrap();
        PoolKey::new(OrgId::from_bytes([org; 16]), &target)
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_bound_the_oldest_makes_room() {
        let mut idle = Idle::default();
        let mut open = Vec::new();
        for at in 0..=POOL_IDLE_MAX {
            let (ours, theirs) = tokio::io::duplex(CONNECTION_BYTES);
            let (sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
            open.push((connection, theirs));
            // The last one is of another tenant.
            let org = if at == POOL_IDLE_MAX { 2 } else { 1 };
            idle.put(key(org, 1 + at), Sender::Http1(sender), Instant::now());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(idle.count, POOL_IDLE_MAX);
        assert!(idle.take(&key(1, 1)).is_none(), "the oldest went");
        assert!(idle.take(&key(1, 2)).is_some());
        assert!(idle.take(&key(2, 1 + POOL_IDLE_MAX)).is_some());
        assert_eq!(idle.count, POOL_IDLE_MAX - 2);
    }
}
