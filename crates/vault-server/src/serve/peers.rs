//! Counts connections, in total and per peer, and how fast a peer opens new ones.
//!
//! A peer is an IPv4 address or an IPv6 /64, the smallest block that one customer gets. The
//! address is the socket's: no forwarding header is trusted. The rate bounds floods that cost
//! one connection each, such as HTTP/2 resets: the protocol library ends every such connection,
//! and the peer opens the next.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::config::Limits;

/// Peers that are remembered beyond those with open connections.
const REMEMBERED_PEERS_MAX: usize = 16 * 1_024;
/// Seconds of its rate that a peer may spend at once.
const BURST_SECONDS: f64 = 4.0;

/// The count that all workers share.
#[derive(Debug)]
pub(crate) struct Peers {
    total_max: usize,
    per_peer_max: usize,
    per_second: f64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    peers: HashMap<IpAddr, Peer>,
}

#[derive(Debug)]
struct Peer {
    open: usize,
    /// Connections that it may open now; refilled with time.
    allowance: f64,
    refilled: Instant,
}

/// One counted connection; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Admission {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            total_max: limits.connections_max,
            per_peer_max: limits.connections_per_peer_max,
            per_second: f64::from(limits.connections_per_peer_per_second),
            open: Mutex::default(),
        }
    }

    /// A place for one more connection from `address`, unless a bound is reached.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Admission> {
        let address = peer_of(address);
        let mut open = self.lock();
        if open.total >= self.total_max || !self.has_room_for(&mut open, address, now) {
            return None;
        }
        let burst = self.burst();
        let peer = open.peers.entry(address).or_insert(Peer {
            open: 0,
            allowance: burst,
            refilled: now,
        });
        peer.refill(self.per_second, burst, now);
        if peer.open >= self.per_peer_max || peer.allowance < 1.0 {
            return None;
        }
        peer.allowance -= 1.0;
        peer.open += 1;
        open.total += 1;
        Some(Admission {
            peers: Arc::clone(self),
            peer: address,
        })
    }

    /// Whether `address` is known or can be remembered. Peers without a connection whose
    /// allowance is full again are forgotten first: nothing is lost with them.
    fn has_room_for(&self, open: &mut Open, address: IpAddr, now: Instant) -> bool {
        let bound = self.total_max.saturating_add(REMEMBERED_PEERS_MAX);
        if open.peers.len() < bound || open.peers.contains_key(&address) {
            return true;
        }
        let burst = self.burst();
        open.peers.retain(|_, peer| {
            peer.refill(self.per_second, burst, now);
            peer.open > 0 || peer.allowance < burst
        });
        open.peers.len() < bound
    }

    fn burst(&self) -> f64 {
        self.per_second * BURST_SECONDS
    }

    fn release(&self, address: IpAddr) {
        let mut open = self.lock();
        open.total -= 1;
        if let Some(peer) = open.peers.get_mut(&address) {
            peer.open -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer {
    fn refill(&mut self, per_second: f64, burst: f64, now: Instant) {
        let waited = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.allowance = (self.allowance + waited * per_second).min(burst);
        self.refilled = now;
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
    use std::time::Duration;

    fn peers(total: usize, per_peer: usize, per_second: u32) -> Arc<Peers> {
        Arc::new(Peers::new(&Limits {
            connections_max: total,
            connections_per_peer_max: per_peer,
            connections_per_peer_per_second: per_second,
            ..Limits::default()
        }))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_counted_per_peer_and_in_total_and_given_back() {
        let (peers, now) = (peers(3, 2, 1_000), Instant::now());
        let first = peers.admit(address("192.0.2.1"), now).unwrap();
        // The same peer in another spelling.
        let _second = peers.admit(address("::ffff:192.0.2.1"), now).unwrap();
        assert!(peers.admit(address("192.0.2.1"), now).is_none());
        let _other = peers.admit(address("2001:db8::1"), now).unwrap();
        assert!(
            peers.admit(address("2001:db8:0:1::1"), now).is_none(),
            "total"
        );
        drop(first);
        let again = peers.admit(address("192.0.2.1"), now).unwrap();
        drop(again);
        let _neighbour = peers.admit(address("2001:db8::ffff:1"), now).unwrap();
        assert!(
            peers.admit(address("2001:db8::2"), now).is_none(),
            "one /64 is one peer"
        );
    }

    #[test]
    fn a_peer_that_comes_and_goes_too_fast_has_to_wait() {
        let (peers, now) = (peers(10, 10, 5), Instant::now());
        let flood = |at| {
            (0..100)
                .filter(|_| peers.admit(address("192.0.2.1"), at).is_some())
                .count()
        };
        assert_eq!(flood(now), 20);
        assert_eq!(flood(now), 0);
        assert!(
            peers.admit(address("192.0.2.2"), now).is_some(),
            "others are not concerned"
        );
        assert_eq!(flood(now + Duration::from_secs(1)), 5);
        assert_eq!(flood(now + Duration::from_secs(3_600)), 20);
    }

    #[test]
    fn remembered_peers_are_bounded_and_forgotten_when_rested() {
        let (peers, now) = (peers(1, 1, 1), Instant::now());
        let bound = 1 + REMEMBERED_PEERS_MAX;
        let nth = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
        for n in 0..bound {
            assert!(peers.admit(nth(n), now).is_some());
        }
        assert!(
            peers.admit(nth(bound), now).is_none(),
            "full of peers that came just now"
        );
        let later = now + Duration::from_secs(60);
        assert!(peers.admit(nth(bound), later).is_some());
        assert_eq!(peers.lock().peers.len(), 1);
    }
}
