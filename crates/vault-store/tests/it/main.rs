//! The integration tests of the store, one binary.

mod backends;
mod blobs;
mod crash;
mod full_disk;
mod io_failure;
mod model;
mod opening;
mod support;
