//! The server: everything between a socket and the use cases, and the proxy.
//!
//! In: a [`Config`] and connections. Out: answers of the JSON API, and proxied answers with a
//! credential injected on the way up.
//!
//! ```text
//! socket ── serve ──> stack ──┬── api     routes of the JSON API ── vault  use cases
//!                             └── proxy   the door to upstreams
//! ```
//!
//! Promise: this crate alone knows JSON, public header names and status codes; [`problem`]
//! alone chooses the last. Nothing here logs a secret, and every wait has an end.
//! Not here: cryptography (`hardened-crypto`), storage (`vault-store`), which headers travel
//! and which addresses may be dialled (`credential-injector`).

#![forbid(unsafe_code)]

pub mod api;
pub mod audit_files;
pub mod backup;
pub mod config;
pub mod layers;
pub mod problem;
pub mod proxy;
mod run;
mod serve;
mod server;
mod shutdown;
mod stack;
pub mod telemetry;
pub mod vault;

pub use config::Config;
pub use run::{RunError, run, services};
pub use serve::tls::TlsError;
pub use server::{Server, ServerError};
pub use shutdown::on_signal;
pub use stack::Services;
