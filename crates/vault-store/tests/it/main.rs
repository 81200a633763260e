//! The integration tests of the store, one binary.

mod backends;
mod backup;
mod blobs;
mod crash;
mod crash_nouns;
mod full_disk;
mod io_failure;
mod model;
mod model_nouns;
mod opening;
mod support;
