//! The edge over real sockets: every test starts a server and speaks to it as a client would.

// Helpers outside `#[test]` functions fail the test in the same way.
#![allow(clippy::unwrap_used, clippy::panic)]

mod canary;
mod deadlines;
mod framing;
mod health;
mod keys;
mod limits;
mod proxy_decisions;
mod proxy_exchange;
mod proxy_failures;
mod proxy_http2;
mod proxy_streaming;
mod shutdown;
mod support;
mod tls;
mod upstream;
