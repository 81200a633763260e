//! From a name to addresses.
//!
//! In: a [`DnsName`]. Out: its addresses, at most [`RESOLVED_ADDRESSES_MAX`]. Promise: one
//! question per call, no cache, a bound on questions in flight, of which one tenant holds a part;
//! a look-up that outlives its
//! caller keeps counting until the system lets go of it. Not here: judging the answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ResolveError;
use crate::DnsName;

/// The most addresses taken from one answer; a longer answer is refused.
pub const RESOLVED_ADDRESSES_MAX: usize = 64;

/// The most look-ups a [`SystemResolver`] has in flight. Each may hold a thread for as long
/// as the system's own timeouts last.
pub const LOOKUPS_IN_FLIGHT_MAX: usize = 128;

/// The most of them for one tenant, so that names which nobody answers for leave room to others.
pub const LOOKUPS_PER_TENANT_MAX: usize = LOOKUPS_IN_FLIGHT_MAX / 2;

/// For whom a name is looked up: any id that is the same for the same tenant.
pub type TenantId = [u8; 16];

/// Answers which addresses a name has.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The addresses of `name`, in the order in which they should be tried.
    ///
    /// The caller sets the time limit and drops the future when it is over.
    async fn resolve(&self, name: &DnsName) -> Result<Vec<IpAddr>, ResolveError>;

    /// As [`Resolver::resolve`], counted among the look-ups of a tenant where those are counted.
    async fn resolve_for(
        &self,
        _tenant: TenantId,
        name: &DnsName,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        self.resolve(name).await
    }
}

/// The operating system's resolver, `/etc/hosts` and search domains included.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    in_flight: Arc<Semaphore>,
    /// Who holds nothing has no entry.
    held: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// The place of one look-up, given back when dropped.
struct Place {
    tenant: Option<TenantId>,
    held: Arc<Mutex<HashMap<TenantId, usize>>>,
    _permit: OwnedSemaphorePermit,
}

impl SystemResolver {
    /// A resolver with [`LOOKUPS_IN_FLIGHT_MAX`] places.
    pub fn new() -> Self {
        Self {
            in_flight: Arc::new(Semaphore::new(LOOKUPS_IN_FLIGHT_MAX)),
            held: Arc::default(),
        }
    }

    fn place(&self, tenant: Option<TenantId>) -> Result<Place, ResolveError> {
        let mut held = lock(&self.held);
        let own = tenant.map(|tenant| held.get(&tenant).copied().unwrap_or_default());
        if own.is_some_and(|own| own >= LOOKUPS_PER_TENANT_MAX) {
            return Err(ResolveError::Overloaded);
        }
        let permit = Arc::clone(&self.in_flight).try_acquire_owned();
        let permit = permit.map_err(|_| ResolveError::Overloaded)?;
        if let Some(tenant) = tenant {
            *held.entry(tenant).or_default() += 1;
        }
        Ok(Place {
            tenant,
            held: Arc::clone(&self.held),
            _permit: permit,
        })
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
        look_up(self.place(None)?, name).await
    }

    async fn resolve_for(
        &self,
        tenant: TenantId,
        name: &DnsName,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        look_up(self.place(Some(tenant))?, name).await
    }
}

async fn look_up(place: Place, name: &DnsName) -> Result<Vec<IpAddr>, ResolveError> {
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

/// No step under the lock can panic halfway.
fn lock(held: &Mutex<HashMap<TenantId, usize>>) -> MutexGuard<'_, HashMap<TenantId, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(tenant) = self.tenant else { return };
        let mut held = lock(&self.held);
        match held.get_mut(&tenant) {
            Some(places) if *places > 1 => *places -= 1,
            _ => {
                held.remove(&tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_tenant_holds_half_of_the_look_ups_and_another_is_served() {
        let resolver = SystemResolver::new();
        let (one, other) = ([1; 16], [2; 16]);
        let place = |tenant| resolver.place(Some(tenant));
        let held: Vec<_> = (0..LOOKUPS_PER_TENANT_MAX).map(|_| place(one)).collect();
        assert!(held.iter().all(Result::is_ok));
        let name = DnsName::parse("localhost").unwrap();
        let refused = resolver.resolve_for(one, &name).await;
        assert!(matches!(refused, Err(ResolveError::Overloaded)));
        assert!(!resolver.resolve_for(other, &name).await.unwrap().is_empty());
        drop(held);
        assert!(!resolver.resolve_for(one, &name).await.unwrap().is_empty());
        assert!(lock(&resolver.held).is_empty());
        assert_eq!(
            resolver.in_flight.available_permits(),
            LOOKUPS_IN_FLIGHT_MAX
        );
    }
}
