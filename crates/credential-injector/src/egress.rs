//! From a target to a TCP connection, with every address judged before it is dialled.
//!
//! In: a [`crate::Target`]. Out: a connected socket, or the reason why there is none.
//!
//! Promise: a name is resolved once and the very addresses that were judged are dialled, so
//! an answer that changes afterwards changes nothing; one forbidden address in an answer
//! refuses the whole answer. Not here: TLS, pooling, HTTP (`vault-server`).

mod address_policy;
mod connector;
mod error;
mod own_listeners;
mod resolver;
mod special_ranges;

pub use address_policy::{
    ALLOW_ENTRIES_MAX, AddressPolicy, AllowEntry, AllowEntryError, Cidr, Verdict,
};
pub use connector::{ConnectLimits, EgressConnector};
pub use error::{EgressError, ResolveError};
pub use own_listeners::OwnListeners;
pub use resolver::{
    LOOKUPS_IN_FLIGHT_MAX, LOOKUPS_PER_TENANT_MAX, RESOLVED_ADDRESSES_MAX, Resolver,
    SystemResolver, TenantId,
};
pub use special_ranges::{
    IPV4_BLOCKS, IPV6_BLOCKS, METADATA_ADDRESSES, OUTSIDE_GLOBAL_UNICAST, SpecialBlock,
    special_block,
};
