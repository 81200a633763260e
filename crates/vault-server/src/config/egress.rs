//! Where proxied requests may go, beyond the public internet over https.

use std::path::PathBuf;
use std::str::FromStr;

use credential_injector::EchoScrub;
use uuid::Uuid;
use vault_store::OrgId;

use super::TlsFiles;

/// The operator's exceptions to the egress rules. Empty is the safest.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    /// Networks in CIDR notation that are dialled although they are not public.
    pub allowed_networks: Vec<String>,
    /// Such networks that one organisation alone may dial.
    pub networks_of_orgs: Vec<OrgNetwork>,
    /// Hosts to which plain http is allowed, exact names.
    pub http_hosts: Vec<String>,
    /// Loopback addresses may be dialled, with https and with plain http.
    pub allow_loopback: bool,
    /// PEM file of certificate authorities trusted in addition to the system's.
    pub extra_ca_file: Option<PathBuf>,
    /// The certificate shown to upstreams that ask for one, and to which of them.
    pub client_identity: Option<ClientIdentity>,
    /// What happens to an answer that repeats the value of `X-Identity-Key`.
    pub identity_echo_scrub: EchoScrub,
    /// The client's `Accept-Encoding` travels even where echoes are searched for, although a
    /// compressed answer cannot be searched. Off: such requests ask for `identity`.
    pub keep_accept_encoding: bool,
    /// The client's `Range` travels even where echoes are searched for, although an echo may be
    /// split over two ranges. Off: such requests ask for the whole.
    pub keep_range: bool,
    /// Names under which clients reach this server; a target with such a host is refused.
    pub own_hosts: Vec<String>,
}

/// A network that one organisation may dial, as `organisation id:[host=]address[/prefix]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgNetwork {
    /// Which organisation.
    pub org_id: OrgId,
    /// The network, as in [`Egress::allowed_networks`].
    pub network: String,
}

/// Text that does not begin with the id of an organisation and a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an organisation's id, a colon and a network")]
pub struct NotAnOrgNetwork;

impl FromStr for OrgNetwork {
    type Err = NotAnOrgNetwork;

    fn from_str(text: &str) -> Result<Self, NotAnOrgNetwork> {
        let (org_id, network) = text.split_once(':').ok_or(NotAnOrgNetwork)?;
        let org_id: Uuid = org_id.parse().map_err(|_| NotAnOrgNetwork)?;
        Ok(Self {
            org_id: org_id.into(),
            network: network.to_owned(),
        })
    }
}

/// A client certificate for upstreams.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// Certificate chain and key.
    pub files: TlsFiles,
    /// Host patterns of the upstreams that may learn who is calling; nobody else is shown it.
    pub hosts: Vec<String>,
}
