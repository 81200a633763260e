//! Reasons why no connection was made.

use std::net::SocketAddr;

use super::SpecialBlock;

/// A reason why a name has no addresses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The resolver knows no address for the name.
    #[error("the host name has no address")]
    NoAddress,
    /// More than [`super::RESOLVED_ADDRESSES_MAX`] addresses.
    #[error("the host name has too many addresses")]
    TooManyAddresses,
    /// No answer in time.
    #[error("resolving the host name took too long")]
    TimedOut,
    /// As many look-ups as permitted are already waiting.
    #[error("too many host names are being resolved")]
    Overloaded,
    /// The resolver failed.
    #[error("resolving the host name failed")]
    Failed(#[source] std::io::Error),
}

/// A reason why a target was not connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// The name did not resolve.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// An address of the target lies in a block that must not be dialled.
    #[error("{address} may not be dialled: {} ({})", block.name, block.source)]
    Forbidden {
        /// The address and port that were judged.
        address: SocketAddr,
        /// The block it lies in.
        block: &'static SpecialBlock,
    },
    /// The target is one of the server's own listeners.
    #[error("the target is this server")]
    OwnListener,
    /// No address answered in time.
    #[error("connecting took too long")]
    TimedOut,
    /// Every address refused the connection; the last reason.
    #[error("connecting failed")]
    Connect(#[source] std::io::Error),
    /// The socket is connected to something other than what was judged.
    #[error("connected to an address that was not judged")]
    PeerMismatch,
}
