//! The edge over real sockets: every test starts a server and speaks to it as a client would.

// Helpers outside `#[test]` functions fail the test in the same way.
#![allow(clippy::unwrap_used, clippy::panic)]

mod api_admin;
mod api_attempts;
mod api_canary;
mod api_credentials;
mod api_input;
mod api_isolation;
mod api_keys;
mod api_openapi;
mod api_restart;
mod api_scopes;
mod api_shares;
mod api_storage;
mod api_support;
mod api_tampering;
mod api_users_change;
mod api_values;
mod api_versions;
mod canary;
mod deadlines;
mod floods;
mod frames;
mod framing;
mod futures_joined;
mod health;
mod keys;
mod limits;
mod logged;
mod proxy_credentials;
mod proxy_decisions;
mod proxy_echo;
mod proxy_exchange;
mod proxy_failures;
mod proxy_fidelity;
mod proxy_framing;
mod proxy_http2;
mod proxy_retry;
mod proxy_streaming;
mod proxy_upgrade;
mod shutdown;
mod support;
mod tls;
mod tls_groups;
mod upstream;
