//! The binary as an operator starts it.

// Helpers outside `#[test]` functions fail the test in the same way.
#![allow(clippy::unwrap_used, clippy::panic)]

mod serve;
