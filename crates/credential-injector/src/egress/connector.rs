//! Resolves once, judges every address, dials what was judged.
//!
//! In: a [`Target`]. Out: a connected TCP socket with `TCP_NODELAY`. Promise: see
//! [`crate::egress`]; all of it ends within [`ConnectLimits::total`].
//! Not here: trying both families at once. Addresses are tried in the resolver's order.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{
    AddressPolicy, EgressError, OwnListeners, RESOLVED_ADDRESSES_MAX, ResolveError, Resolver,
    TenantId, Verdict,
};
use crate::{Host, Target};

/// How long the steps of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectLimits {
    /// For the answer of the resolver.
    pub resolve: Duration,
    /// For one address to accept.
    pub per_address: Duration,
    /// For all of it.
    pub total: Duration,
}

impl Default for ConnectLimits {
    /// 5 seconds to resolve, 4 seconds per address, 10 seconds in all.
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5),
            per_address: Duration::from_secs(4),
            total: Duration::from_secs(10),
        }
    }
}

/// Connects to targets whose every address the policy permits.
#[derive(Clone)]
pub struct EgressConnector {
    resolver: Arc<dyn Resolver>,
    policy: Arc<AddressPolicy>,
    own: OwnListeners,
    limits: ConnectLimits,
}

impl EgressConnector {
    /// A connector with default limits and no listeners of its own.
    pub fn new(resolver: Arc<dyn Resolver>, policy: Arc<AddressPolicy>) -> Self {
        Self {
            resolver,
            policy,
            own: OwnListeners::default(),
            limits: ConnectLimits::default(),
        }
    }

    /// Refuses targets that are one of these listeners.
    #[must_use]
    pub fn with_own_listeners(mut self, own: OwnListeners) -> Self {
        self.own = own;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: ConnectLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Connects to a target.
    ///
    /// # Errors
    ///
    /// [`EgressError`]. One forbidden address among several refuses the target: a name that
    /// answers with both is set up to be dialled wrongly by somebody.
    pub async fn connect(&self, target: &Target) -> Result<TcpStream, EgressError> {
        self.connect_within(target, None).await
    }

    /// As [`EgressConnector::connect`], with the look-up counted among those of a tenant.
    ///
    /// # Errors
    ///
    /// As [`EgressConnector::connect`]; [`ResolveError::Overloaded`] at the tenant's share.
    pub async fn connect_for(
        &self,
        tenant: TenantId,
        target: &Target,
    ) -> Result<TcpStream, EgressError> {
        self.connect_within(target, Some(tenant)).await
    }

    async fn connect_within(
        &self,
        target: &Target,
        tenant: Option<TenantId>,
    ) -> Result<TcpStream, EgressError> {
        timeout(self.limits.total, self.resolve_and_dial(target, tenant))
            .await
            .unwrap_or(Err(EgressError::TimedOut))
    }

    /// Whether a target is one of the server's own listeners, after resolving it once.
    ///
    /// # Errors
    ///
    /// [`ResolveError`] if its name does not resolve.
    pub async fn is_own_listener(&self, target: &Target) -> Result<bool, ResolveError> {
        let addresses = self.resolve(target, None).await?;
        Ok(addresses
            .into_iter()
            .any(|address| self.own.includes(address)))
    }

    async fn resolve_and_dial(
        &self,
        target: &Target,
        tenant: Option<TenantId>,
    ) -> Result<TcpStream, EgressError> {
        let addresses = self.resolve(target, tenant).await?;
        self.judge_all(target.host(), &addresses)?;
        let mut last = EgressError::from(ResolveError::NoAddress);
        for address in addresses {
            match self.dial(address).await {
                Ok(stream) => return Ok(stream),
                Err(error @ (EgressError::OwnListener | EgressError::PeerMismatch)) => {
                    return Err(error);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn resolve(
        &self,
        target: &Target,
        tenant: Option<TenantId>,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        let ips: Vec<IpAddr> = match target.host() {
            Host::Ip(ip) => vec![*ip],
            Host::Dns(name) => {
                let looking_up = match tenant {
                    Some(tenant) => self.resolver.resolve_for(tenant, name),
                    None => self.resolver.resolve(name),
                };
                let answer = timeout(self.limits.resolve, looking_up).await;
                answer.unwrap_or(Err(ResolveError::TimedOut))?
            }
        };
        match ips.len() {
            0 => Err(ResolveError::NoAddress),
            1..=RESOLVED_ADDRESSES_MAX => Ok(ips
                .into_iter()
                .map(|ip| SocketAddr::new(ip, target.port()))
                .collect()),
            _ => Err(ResolveError::TooManyAddresses),
        }
    }

    fn judge_all(&self, host: &Host, addresses: &[SocketAddr]) -> Result<(), EgressError> {
        // First, so that a loop is called a loop and not merely a loopback address.
        if addresses.iter().any(|address| self.own.includes(*address)) {
            return Err(EgressError::OwnListener);
        }
        for &address in addresses {
            if let Verdict::Forbidden(block) = self.policy.judge(host, address) {
                return Err(EgressError::Forbidden { address, block });
            }
        }
        Ok(())
    }

    async fn dial(&self, address: SocketAddr) -> Result<TcpStream, EgressError> {
        let stream = timeout(self.limits.per_address, TcpStream::connect(address))
            .await
            .map_err(|_| EgressError::TimedOut)?
            .map_err(EgressError::Connect)?;
        let peer = stream.peer_addr().map_err(EgressError::Connect)?;
        let local = stream.local_addr().map_err(EgressError::Connect)?;
        if peer.ip().to_canonical() != address.ip().to_canonical() || peer.port() != address.port()
        {
            return Err(EgressError::PeerMismatch);
        }
        if self.own.is_loop(local, peer) {
            return Err(EgressError::OwnListener);
        }
        stream.set_nodelay(true).map_err(EgressError::Connect)?;
        Ok(stream)
    }
}

impl std::fmt::Debug for EgressConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EgressConnector")
            .field("policy", &self.policy)
            .field("own", &self.own)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
