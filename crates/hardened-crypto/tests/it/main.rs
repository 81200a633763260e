//! Tests of the crate from outside: properties, tampering, attacks, vectors of primitives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stop a test the way tests do"
)]

mod attacks;
mod contexts;
mod encoding;
mod golden;
mod golden_place;
mod primitives;
mod round_trips;
mod streams;
mod tampering;
mod unlocking;
#[allow(dead_code, reason = "unit tests use the rest of it")]
#[path = "../../src/vector_files.rs"]
mod vector_files;
mod world;
