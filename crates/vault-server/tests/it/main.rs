//! The edge over real sockets: every test starts a server and speaks to it as a client would.

mod health;
mod support;
