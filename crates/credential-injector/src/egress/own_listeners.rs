//! Recognises a target that is this very server.
//!
//! In: the addresses the server listens on, and the addresses a target resolved to. Out: yes
//! or no. Promise: a listener on all interfaces is recognised by its port on loopback and
//! unspecified addresses before dialling, and on any other own interface by the connection's
//! two ends having one address. Not here: names and addresses of a load balancer in front,
//! which only a mark on the request can tell.

use std::net::{IpAddr, SocketAddr};

/// The server's own listeners.
#[derive(Debug, Clone, Default)]
pub struct OwnListeners(Vec<SocketAddr>);

impl OwnListeners {
    /// The addresses as bound, port included; `0.0.0.0` and `::` stand for every interface.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self(addresses.into_iter().map(canonical).collect())
    }

    /// Whether dialling `address` would reach a listener, as far as can be told beforehand.
    pub fn includes(&self, address: SocketAddr) -> bool {
        let address = canonical(address);
        let local = address.ip().is_loopback() || address.ip().is_unspecified();
        self.0.iter().any(|own| {
            own.port() == address.port()
                && (own.ip() == address.ip()
                    || (local && own.ip().is_unspecified())
                    // Dialling 0.0.0.0 or :: reaches loopback.
                    || (address.ip().is_unspecified() && own.ip().is_loopback()))
        })
    }

    /// Whether a connection's ends show that it came back to this machine and a listener.
    pub fn is_loop(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        let (local, peer) = (canonical(local), canonical(peer));
        local.ip() == peer.ip()
            && self
                .0
                .iter()
                .any(|own| own.port() == peer.port() && own.ip().is_unspecified())
    }
}

/// An IPv4-mapped address is the IPv4 address; scope and flow do not matter.
fn canonical(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}
