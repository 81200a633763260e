//! The real binary, over real sockets, as its users meet it.

// Helpers outside `#[test]` functions fail the test in the same way.
#![allow(clippy::unwrap_used, clippy::panic)]

mod audit;
mod backup;
mod canary;
mod crash;
mod files;
mod first_start;
mod memory;
mod operator;
mod recovery;
mod secret_offloading;
mod support;
mod upstream;
mod use_cases;
