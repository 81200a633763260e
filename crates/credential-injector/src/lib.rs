//! Decides which credential belongs to which upstream, injects it, and dials only checked
//! addresses.
//!
//! In: the text that names an upstream, a request, a credential that somebody else opened.
//! Out: a request bound to exactly one [`Target`], and a TCP connection to an address that
//! was judged before it was dialled.
//!
//! ```text
//! text ── Target::parse ──> Target ──┬── select(candidates)        which credential
//!                                    ├── Outbound (Injection)      what is injected, for this target alone
//!                                    ├── InjectCredential (tower)  strip, Host, URI, inject
//!                                    └── EgressConnector           resolve once, judge all, dial what was judged
//! ```
//!
//! Promises:
//!
//! - A [`Target`] is the only way from outside text to a connection. Matching, policy, name
//!   resolution, dialling, TLS server name and `Host` all read the same parsed value.
//! - A credential is rendered only into an [`Outbound`] whose target its pattern matches, and
//!   an [`OutboundRequest`] carries that same target to the dialler.
//! - No address of a special-purpose block is dialled unless an operator allowed it.
//! - No `Debug`, `Display` or error text shows a secret, a header value or a query.
//!
//! Not here: opening envelopes (`hardened-crypto`), storage (`vault-store`), TLS, HTTP
//! connections, JSON and status codes (`vault-server`).

#![forbid(unsafe_code)]

pub mod egress;
mod error;
mod host;
mod host_pattern;
mod inject;
mod layer;
mod own_keys;
mod path_prefix;
mod query_parameter;
mod scheme;
mod scrub;
mod select;
mod strip;
mod target;
mod template;

pub use error::{
    HostError, HostPatternError, InjectError, PathPrefixError, TargetError, TemplateError,
};
pub use host::{DNS_NAME_BYTES_MAX, DnsName, Host};
pub use host_pattern::{
    CONTAINS_BYTES_MIN, HOST_PATTERN_BYTES_MAX, HostPattern, Specificity, SubstringPatterns,
};
pub use inject::{
    INJECTED_SECRET_BYTES_MAX, Injection, Outbound, OutboundRequest, Slot, echoes_request,
};
pub use layer::{InjectCredential, InjectCredentialLayer, ResponseFuture};
pub use own_keys::{carries_own_key, holds_own_key, leaks_own_key};
pub use path_prefix::{PATH_PREFIX_BYTES_MAX, PathPrefix, PathSegments};
pub use query_parameter::{QUERY_PARAMETER_BYTES_MAX, QueryParameter};
pub use scheme::{Scheme, SchemePolicy};
pub use scrub::{BodyFilter, EchoScrub, EchoedSecret, Filtered, SCRUBBED_BYTES_MIN, SecretEchoed};
pub use select::{Selection, select};
pub use strip::{
    CONTROL_HEADERS, is_control_header, is_hop_by_hop, remove_header, strip_request,
    strip_response, strip_trailers,
};
pub use target::{BASE_URL_PREFIX, TARGET_BYTES_MAX, Target};
pub use template::{TEMPLATE_BYTES_MAX, Template};
