//! The integration tests of the store, one binary.

mod backends;
