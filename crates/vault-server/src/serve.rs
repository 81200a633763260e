//! From the socket to the stack: listeners, workers, connections and their deadlines.
//!
//! In: accepted sockets. Out: requests for the stack. Promise: every connection ends. A bare
//! HTTP library never closes a silent peer, one that sends or takes a byte now and then, or
//! one that opens HTTP/2 and says nothing more; the deadlines for these live here:
//!
//! | peer | ended by |
//! | --- | --- |
//! | opens too many connections, or too fast | [`peers`]: closed at once |
//! | sends nothing, or half a version preface | [`parked`]: first request timeout |
//! | sends a head slowly | hyper: header read timeout |
//! | keeps a connection without requests | [`watch`], [`parked`]: keep-alive timeout |
//! | sends a body slowly | [`crate::layers::body`]: minimum rate |
//! | takes no bytes of an answer | [`stall_io`]: write stall timeout |
//! | opens no HTTP/2 window for an answer | [`watch`]: hand-over timeout |
//!
//! Silence is also cheap: a connection on which nothing happens is [`parked`], before its first
//! byte and between the requests of HTTP/1.1.
//!
//! Heads that hyper itself refuses (400, 414, 431) are answered by it, without a body and without
//! a request id: no request came into being.
//!
//! A streaming answer whose source is silent is not a stall: neither clock runs while the
//! server itself has nothing to send. The proxy bounds that silence separately.

mod attend;
mod connection;
mod guarded_body;
mod lent_io;
pub(crate) mod listener;
mod parked;
mod peers;
mod place;
mod received_body;
mod session;
mod stall_io;
pub(crate) mod tls;
mod watch;
mod worker;

pub(crate) use peers::Peers;
pub(crate) use place::Place;
pub(crate) use worker::{Worker, WorkerSetup};
