//! The proxy: doors that name a target, and the client that reaches it.
//!
//! In: an authenticated request with an `X-Target-URL`, or to `/to/{host}/…`. Out: the upstream's answer, streamed, or
//! a problem marked with `X-Sealgate-Error`.
//!
//! ```text
//! request ── control ──> Target, credential choice, time ── decide ──> Outbound
//!         ── door: strip and inject (credential-injector) ── upstream: pool, TLS, send ──> answer
//! ```
//!
//! Promises:
//!
//! - Nothing is sent before the target, the credential and the address have been judged.
//! - Bodies and trailers are streamed both ways and never collected. When the client leaves, the
//!   upstream's connection is closed; when the upstream breaks off, so does the client's transfer.
//! - Redirects are answers like any other. No upstream connection is shared between two origins or
//!   two organisations.
//! - An answer is passed on as it came, hop-by-hop headers excepted, with `X-Sealgate-Request-Id`
//!   added. A 100 is passed on by asking for the body when the upstream does; the server library
//!   cannot send other informational answers (1xx), so these are consumed here.
//! - An upstream that repeats the injected credential is not heard: it is overwritten in headers,
//!   body and trailers, or the answer is refused.
//! - A WebSocket handshake is carried, and its tunnel after the upstream's 101; no other upgrade.
//!
//! Not here: which headers travel and which addresses may be dialled (`credential-injector`).

mod account;
pub mod base_url;
mod bound_connection;
mod continue_gate;
pub mod control;
mod decide;
mod door;
mod pool;
mod request_form;
mod retry;
mod scrub;
mod scrub_body;
mod setup;
mod shared_sender;
mod streaming;
mod trust;
mod tunnel;
mod upgrade;
mod upstream;

pub use control::{X_TARGET_URL, is_for_the_door};
pub(crate) use door::Door;
pub use setup::ProxySetupError;
pub(crate) use setup::{ProxySetup, scheme_policy};
