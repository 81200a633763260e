//! The integration tests of the store, one binary.

mod backends;
mod crash;
mod full_disk;
mod io_failure;
mod model;
mod opening;
mod support;
