//! What the proxy needs from the configuration, read once and shared by all workers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use credential_injector::egress::{
    AddressPolicy, AllowEntry, AllowEntryError, ConnectLimits, EgressConnector, OwnListeners,
    Resolver, SystemResolver,
};
use credential_injector::{EchoScrub, HostPattern, HostPatternError, SchemePolicy};

use vault_store::OrgId;

use super::scrub::Untouched;
use super::trust::{TrustError, UpstreamTls};
use crate::config::{Config, Egress, Limits, OrgNetwork};
use crate::vault::Vault;

/// Rules, trust and bounds of the proxy.
#[derive(Clone)]
pub(crate) struct ProxySetup {
    pub(crate) schemes: Arc<SchemePolicy>,
    pub(crate) own_hosts: Arc<[HostPattern]>,
    connector: EgressConnector,
    connectors_of_orgs: Arc<HashMap<OrgId, EgressConnector>>,
    pub(crate) tls: Arc<UpstreamTls>,
    pub(crate) limits: Arc<Limits>,
    /// Where stored credentials are found; `None` on a server that keeps none.
    pub(crate) vault: Option<Arc<Vault>>,
    pub(crate) identity_echo_scrub: EchoScrub,
    pub(crate) untouched: Untouched,
}

/// A reason why the proxy cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxySetupError {
    /// An entry of the allow-list.
    #[error("egress network {entry:?}: {cause}")]
    Network {
        /// The entry as configured.
        entry: String,
        /// What is wrong with it.
        cause: AllowEntryError,
    },
    /// A host of the http list or of this server's own names.
    #[error("egress host {entry:?}: {cause}")]
    Host {
        /// The entry as configured.
        entry: String,
        /// What is wrong with it.
        cause: HostPatternError,
    },
    /// Trust roots.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl ProxySetup {
    /// Finds stored credentials in `vault`.
    pub(crate) fn with_vault(self, vault: Option<Arc<Vault>>) -> Self {
        Self { vault, ..self }
    }

    /// Dials for an organisation, where it may.
    pub(crate) fn connector_of(&self, org_id: OrgId) -> &EgressConnector {
        self.connectors_of_orgs
            .get(&org_id)
            .unwrap_or(&self.connector)
    }

    pub(crate) fn new(config: &Config, listener: SocketAddr) -> Result<Self, ProxySetupError> {
        let egress = &config.egress;
        let identity = match &egress.client_identity {
            Some(identity) => Some((&identity.files, patterns(&identity.hosts)?)),
            None => None,
        };
        let tls = UpstreamTls::new(egress.extra_ca_file.as_deref(), identity)?;
        let resolver = Arc::new(SystemResolver::new());
        let connector = |policy| {
            EgressConnector::new(Arc::clone(&resolver) as Arc<dyn Resolver>, Arc::new(policy))
                .with_own_listeners(OwnListeners::new([listener]))
                .with_limits(connect_limits(&config.limits))
        };
        let policies = policies_of_orgs(egress)?.into_iter();
        let of_orgs = policies.map(|(org_id, policy)| (org_id, connector(policy)));
        Ok(Self {
            schemes: Arc::new(scheme_policy(egress)?),
            own_hosts: patterns(&egress.own_hosts)?.into(),
            connectors_of_orgs: Arc::new(of_orgs.collect()),
            connector: connector(address_policy(egress)?),
            tls: Arc::new(tls),
            limits: Arc::new(config.limits.clone()),
            vault: None,
            identity_echo_scrub: egress.identity_echo_scrub,
            untouched: Untouched {
                accept_encoding: egress.keep_accept_encoding,
                range: egress.keep_range,
            },
        })
    }
}

/// What each organisation with networks of its own may dial: these and everybody's.
fn policies_of_orgs(egress: &Egress) -> Result<HashMap<OrgId, AddressPolicy>, ProxySetupError> {
    let mut policies = HashMap::new();
    for OrgNetwork { org_id, network } in &egress.networks_of_orgs {
        let policy = match policies.remove(org_id) {
            Some(policy) => policy,
            None => address_policy(egress)?,
        };
        policies.insert(*org_id, allowed(policy, network)?);
    }
    Ok(policies)
}

fn allowed(policy: AddressPolicy, entry: &str) -> Result<AddressPolicy, ProxySetupError> {
    let refused = |cause| ProxySetupError::Network {
        entry: entry.to_owned(),
        cause,
    };
    let parsed: AllowEntry = entry.parse().map_err(refused)?;
    policy.allow(parsed).map_err(refused)
}

fn address_policy(egress: &Egress) -> Result<AddressPolicy, ProxySetupError> {
    let mut policy = AddressPolicy::deny_special();
    for entry in &egress.allowed_networks {
        policy = allowed(policy, entry)?;
    }
    Ok(if egress.allow_loopback {
        policy.allow_loopback()
    } else {
        policy
    })
}

/// Which targets may be plain http.
pub(crate) fn scheme_policy(egress: &Egress) -> Result<SchemePolicy, ProxySetupError> {
    let start = if egress.allow_loopback {
        SchemePolicy::https_only().permit_http_on_loopback()
    } else {
        SchemePolicy::https_only()
    };
    Ok(patterns(&egress.http_hosts)?
        .into_iter()
        .fold(start, SchemePolicy::permit_http))
}

fn patterns(hosts: &[String]) -> Result<Vec<HostPattern>, ProxySetupError> {
    let parse = |entry: &String| {
        HostPattern::parse(entry).map_err(|cause| ProxySetupError::Host {
            entry: entry.clone(),
            cause,
        })
    };
    hosts.iter().map(parse).collect()
}

/// Divides the time to connect: half may go to the resolver, two fifths to one address.
fn connect_limits(limits: &Limits) -> ConnectLimits {
    let total = limits.proxy_connect_timeout;
    ConnectLimits {
        resolve: total / 2,
        per_address: total * 2 / 5,
        total,
    }
}
