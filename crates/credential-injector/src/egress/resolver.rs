//! From a name to addresses.
//!
//! In: a [`DnsName`]. Out: its addresses, at most [`RESOLVED_ADDRESSES_MAX`]. Promise: one
//! question per call, no cache, a bound on questions in flight; a look-up that outlives its
//! caller keeps counting until the system lets go of it. Not here: judging the answer.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::ResolveError;
use crate::DnsName;

/// The most addresses taken from one answer; a longer answer is refused.
pub const RESOLVED_ADDRESSES_MAX: usize = 64;

/// The most look-ups a [`SystemResolver`] has in flight. Each may hold a thread for as long
/// as the system's own timeouts last.
pub const LOOKUPS_IN_FLIGHT_MAX: usize = 128;

/// Answers which addresses a name has.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of `name`, in the order in which they should be tried.
    ///
    /// The caller sets the time limit and drops the future when it is over.
    async fn resolve(&self, name: &DnsName) -> Result<Vec<IpAddr>, ResolveError>;
}

/// The operating system's resolver, `/etc/hosts` and search domains included.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    in_flight: Arc<Semaphore>,
}

impl SystemResolver {
    /// A resolver with [`LOOKUPS_IN_FLIGHT_MAX`] places.
    pub fn new() -> Self {
        Self {
            in_flight: Arc::new(Semaphore::new(LOOKUPS_IN_FLIGHT_MAX)),
        }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &DnsName) -> Result<Vec<IpAddr>, ResolveError> {
        let place = Arc::clone(&self.in_flight)
            .try_acquire_owned()
            .map_err(|_| ResolveError::Overloaded)?;
        let name = name.as_str().to_owned();
        // A task of its own: the place is given back when the system's call ends, not when
        // an impatient caller leaves.
        let lookup = tokio::spawn(async move {
            let _place = place;
            let answers = tokio::net::lookup_host((name, 0)).await?;
            // One more than permitted, so that the caller can tell.
            Ok(answers
                .map(|a| a.ip())
                .take(RESOLVED_ADDRESSES_MAX + 1)
                .collect::<Vec<_>>())
        });
        match lookup.await {
            Ok(answer) => answer.map_err(ResolveError::Failed),
            Err(gone) => Err(ResolveError::Failed(std::io::Error::other(gone))),
        }
    }
}
