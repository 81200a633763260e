//! Counts connections, in total and per peer, over all workers.
//!
//! A peer is an IPv4 address or an IPv6 /64, the smallest block that one customer gets. The
//! address is the socket's: no forwarding header is trusted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The shared count.
#[derive(Debug)]
pub(crate) struct Peers {
    total_max: usize,
    per_peer_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    per_peer: HashMap<IpAddr, usize>,
}

/// One counted connection; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Admission {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    pub(crate) fn new(total_max: usize, per_peer_max: usize) -> Self {
        Self {
            total_max,
            per_peer_max,
            open: Mutex::default(),
        }
    }

    /// A place for one more connection from `address`, unless a bound is reached.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admission> {
        let peer = peer_of(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total_max {
            return None;
        }
        // The map holds open connections only, so `total_max` bounds it too.
        let count = open.per_peer.entry(peer).or_insert(0);
        if *count >= self.per_peer_max {
            return None;
        }
        *count += 1;
        open.total += 1;
        Some(Admission {
            peers: Arc::clone(self),
            peer,
        })
    }

    fn release(&self, peer: IpAddr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(count) = open.per_peer.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                open.per_peer.remove(&peer);
            }
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.peers.release(self.peer);
    }
}

fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_per_peer_and_in_total_and_given_back() {
        let peers = Arc::new(Peers::new(3, 2));
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = peers.admit(address("192.0.2.1")).unwrap();
        // The same peer in another spelling.
        let _second = peers.admit(address("::ffff:192.0.2.1")).unwrap();
        assert!(peers.admit(address("192.0.2.1")).is_none());
        let _other = peers.admit(address("2001:db8::1")).unwrap();
        assert!(peers.admit(address("2001:db8:0:1::1")).is_none(), "total");
        drop(first);
        let _again = peers.admit(address("192.0.2.1")).unwrap();
        drop(_again);
        let _neighbour = peers.admit(address("2001:db8::ffff:1")).unwrap();
        assert_eq!(peers.open.lock().unwrap().per_peer.len(), 2);
    }
}
