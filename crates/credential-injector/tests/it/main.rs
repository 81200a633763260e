//! Integration tests of the injector: tables of what must be refused, properties, and real
//! sockets on loopback.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod address_policy;
mod canary;
mod connector;
mod hostile_targets;
mod inject;
mod patterns;
mod properties;
mod scrub;
mod special_ranges;
mod strip;
mod support;
mod target;
mod template;
