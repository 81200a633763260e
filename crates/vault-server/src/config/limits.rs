//! Every bound of the edge, with its default and its unit.
//!
//! Defaults follow measurements of what a bare HTTP library leaves open: silent connections,
//! slow bodies, slow readers and unread pipelines all end within a minute.

use std::time::Duration;

use super::ConfigError;

/// Default values, units last in each name.
pub mod defaults {
    /// Connections open at once, all peers together.
    pub const CONNECTIONS_MAX: usize = 8_192;
    /// Connections open at once from one peer (an IPv4 address or an IPv6 /64).
    pub const CONNECTIONS_PER_PEER_MAX: usize = 1_024;
    /// New connections per second from one peer, with a burst of four seconds' worth.
    pub const CONNECTIONS_PER_PEER_PER_SECOND: u32 = 500;
    /// Pending connections per listener before the kernel refuses.
    pub const LISTEN_BACKLOG: u32 = 1_024;
    /// From accept to a finished TLS handshake.
    pub const TLS_HANDSHAKE_TIMEOUT_SECONDS: u64 = 10;
    /// From accept (or handshake) to the first complete request head.
    pub const FIRST_REQUEST_TIMEOUT_SECONDS: u64 = 15;
    /// From the first byte of an HTTP/1 head to its last.
    pub const HEADER_READ_TIMEOUT_SECONDS: u64 = 10;
    /// A connection without any request in flight is closed after this.
    pub const KEEP_ALIVE_TIMEOUT_SECONDS: u64 = 45;
    /// A peer that takes no answer bytes for this long is disconnected.
    pub const WRITE_STALL_TIMEOUT_SECONDS: u64 = 30;
    /// Waiting for request body bytes before the minimum rate counts.
    pub const BODY_GRACE_SECONDS: u64 = 20;
    /// Rate a request body must keep up, averaged over the time spent waiting for it.
    pub const BODY_RATE_MIN_BYTES_PER_SECOND: u64 = 1_024;
    /// Header fields of one request, and of one upstream answer. It is hyper's own bound: any other
    /// that hyper is told costs two allocations for each head.
    pub const HEADER_COUNT_MAX: usize = 100;
    /// Bytes of one request head; also the read buffer, which bounds unread pipelines.
    pub const HEADER_BYTES_MAX: usize = 32 * 1_024;
    /// HTTP/2 streams open at once on one connection.
    pub const HTTP2_STREAMS_MAX: u32 = 128;
    /// HTTP/2 resets that the peer provokes before the connection ends (CVE-2025-8671).
    pub const HTTP2_LOCAL_RESETS_MAX: usize = 100;
    /// HTTP/2 streams reset by the peer before they are accepted (CVE-2023-44487).
    pub const HTTP2_PENDING_RESETS_MAX: usize = 20;
    /// HTTP/2 bytes buffered for sending, per stream.
    pub const HTTP2_SEND_BUFFER_BYTES_MAX: usize = 64 * 1_024;
    /// HTTP/2 ping to a peer that says nothing.
    pub const HTTP2_PING_INTERVAL_SECONDS: u64 = 20;
    /// A peer that leaves a ping unanswered this long is gone.
    pub const HTTP2_PING_TIMEOUT_SECONDS: u64 = 10;
    /// Requests in flight at once, streaming answers and tunnels included. One organisation can
    /// hold half of them.
    pub const REQUESTS_IN_FLIGHT_MAX: usize = 4_096;
    /// Body of one API call that is collected in memory.
    pub const API_BODY_BYTES_MAX: usize = 2 * 1_024 * 1_024;
    /// Bodies of API calls that are collected in memory at once, all together. Those of one user
    /// can take half of it.
    pub const COLLECTED_BYTES_MAX: usize = 64 * 1_024 * 1_024;
    /// Body of one proxied request; streamed, never collected.
    pub const PROXY_BODY_BYTES_MAX: u64 = 16 * 1_024 * 1_024 * 1_024;
    /// From the decision to dial to a finished TLS handshake with the upstream.
    pub const PROXY_CONNECT_TIMEOUT_SECONDS: u64 = 10;
    /// From the end of the request's body to the first byte of the upstream's answer.
    pub const PROXY_FIRST_BYTE_TIMEOUT_SECONDS: u64 = 30;
    /// From the request to the first byte of the upstream's answer, whatever moves meanwhile;
    /// the most that `X-Proxy-Timeout` may ask for.
    pub const PROXY_FIRST_BYTE_TIMEOUT_MAX_SECONDS: u64 = 600;
    /// A streaming answer, or a body sent beside one, may be silent this long.
    pub const PROXY_STREAM_IDLE_SECONDS: u64 = 900;
    /// A WebSocket tunnel ends after this, however busy it is.
    pub const PROXY_TUNNEL_TOTAL_SECONDS: u64 = 12 * 60 * 60;
    /// The most that `X-Retry-Count` may ask for.
    pub const RETRY_COUNT_MAX: u32 = 5;
    /// Pause before another try, when `X-Retry-Delay` does not say.
    pub const RETRY_DELAY_MILLISECONDS: u64 = 200;
    /// The most that `X-Retry-Delay` may ask for.
    pub const RETRY_DELAY_MAX_MILLISECONDS: u64 = 10_000;
    /// Body that is kept for another try.
    pub const RETRY_BODY_BYTES_MAX: usize = 64 * 1_024;
    /// Upstream connections kept per origin and organisation, per worker: idle ones, and those of
    /// HTTP/2 that requests share. What is opened beyond carries one request and ends.
    pub const POOL_IDLE_PER_ORIGIN_MAX: usize = 32;
    /// Idle upstream connections kept in total, per worker.
    pub const POOL_IDLE_MAX: usize = 512;
    /// An upstream connection idle for this long is closed.
    pub const POOL_IDLE_TIMEOUT_SECONDS: u64 = 50;
    /// An upstream connection takes no further request after this, however busy it is: its name
    /// may have moved.
    pub const POOL_LIFE_MAX_SECONDS: u64 = 600;
    /// Bytes of one upstream answer head.
    pub const UPSTREAM_HEADER_BYTES_MAX: usize = 128 * 1_024;
    /// From the stop signal to the end of the last request.
    pub const DRAIN_TIMEOUT_SECONDS: u64 = 25;
}

/// Smallest read buffer that the HTTP/1 implementation accepts, in bytes.
const HEADER_BYTES_MIN: usize = 8 * 1_024;
/// Largest head that may be asked for, in bytes.
const HEADER_BYTES_CEILING: usize = 1_024 * 1_024;

/// The longest time that may be set.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The bounds in force. Each field is documented at its default in [`defaults`].
#[derive(Debug, Clone)]
#[allow(
    missing_docs,
    reason = "each field is described at the constant of its name"
)]
pub struct Limits {
    pub connections_max: usize,
    pub connections_per_peer_max: usize,
    pub connections_per_peer_per_second: u32,
    pub tls_handshake_timeout: Duration,
    pub first_request_timeout: Duration,
    pub header_read_timeout: Duration,
    pub keep_alive_timeout: Duration,
    pub write_stall_timeout: Duration,
    pub body_grace: Duration,
    pub body_rate_min_bytes_per_second: u64,
    pub header_count_max: usize,
    pub header_bytes_max: usize,
    pub http2_streams_max: u32,
    pub requests_in_flight_max: usize,
    pub api_body_bytes_max: usize,
    pub collected_bytes_max: usize,
    pub proxy_body_bytes_max: u64,
    pub proxy_connect_timeout: Duration,
    pub proxy_first_byte_timeout: Duration,
    pub proxy_first_byte_timeout_max: Duration,
    pub proxy_stream_idle: Duration,
    pub proxy_tunnel_total: Duration,
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        use defaults::*;
        let seconds = Duration::from_secs;
        Self {
            connections_max: CONNECTIONS_MAX,
            connections_per_peer_max: CONNECTIONS_PER_PEER_MAX,
            connections_per_peer_per_second: CONNECTIONS_PER_PEER_PER_SECOND,
            tls_handshake_timeout: seconds(TLS_HANDSHAKE_TIMEOUT_SECONDS),
            first_request_timeout: seconds(FIRST_REQUEST_TIMEOUT_SECONDS),
            header_read_timeout: seconds(HEADER_READ_TIMEOUT_SECONDS),
            keep_alive_timeout: seconds(KEEP_ALIVE_TIMEOUT_SECONDS),
            write_stall_timeout: seconds(WRITE_STALL_TIMEOUT_SECONDS),
            body_grace: seconds(BODY_GRACE_SECONDS),
            body_rate_min_bytes_per_second: BODY_RATE_MIN_BYTES_PER_SECOND,
            header_count_max: HEADER_COUNT_MAX,
            header_bytes_max: HEADER_BYTES_MAX,
            http2_streams_max: HTTP2_STREAMS_MAX,
            requests_in_flight_max: REQUESTS_IN_FLIGHT_MAX,
            api_body_bytes_max: API_BODY_BYTES_MAX,
            collected_bytes_max: COLLECTED_BYTES_MAX,
            proxy_body_bytes_max: PROXY_BODY_BYTES_MAX,
            proxy_connect_timeout: seconds(PROXY_CONNECT_TIMEOUT_SECONDS),
            proxy_first_byte_timeout: seconds(PROXY_FIRST_BYTE_TIMEOUT_SECONDS),
            proxy_first_byte_timeout_max: seconds(PROXY_FIRST_BYTE_TIMEOUT_MAX_SECONDS),
            proxy_stream_idle: seconds(PROXY_STREAM_IDLE_SECONDS),
            proxy_tunnel_total: seconds(PROXY_TUNNEL_TOTAL_SECONDS),
            drain_timeout: seconds(DRAIN_TIMEOUT_SECONDS),
        }
    }
}

impl Limits {
    /// Refuses bounds of zero and those that the protocol libraries cannot hold.
    ///
    /// # Errors
    /// [`ConfigError::Limit`] with the field's name.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let within = |time: Duration| !time.is_zero() && time <= TIME_MAX;
        let head = HEADER_BYTES_MIN..=HEADER_BYTES_CEILING;
        let checks = [
            ("connections_max", self.connections_max > 0),
            (
                "connections_per_peer_max",
                self.connections_per_peer_max > 0,
            ),
            (
                "connections_per_peer_per_second",
                self.connections_per_peer_per_second > 0,
            ),
            ("tls_handshake_timeout", within(self.tls_handshake_timeout)),
            ("first_request_timeout", within(self.first_request_timeout)),
            ("header_read_timeout", within(self.header_read_timeout)),
            ("keep_alive_timeout", within(self.keep_alive_timeout)),
            ("write_stall_timeout", within(self.write_stall_timeout)),
            ("body_grace", within(self.body_grace)),
            ("body_rate_min", self.body_rate_min_bytes_per_second > 0),
            ("header_count_max", self.header_count_max > 0),
            ("header_bytes_max", head.contains(&self.header_bytes_max)),
            ("http2_streams_max", self.http2_streams_max > 0),
            ("requests_in_flight_max", self.requests_in_flight_max > 0),
            ("api_body_bytes_max", self.api_body_bytes_max > 0),
            (
                "collected_bytes_max",
                self.collected_bytes_max >= self.api_body_bytes_max,
            ),
            ("proxy_body_bytes_max", self.proxy_body_bytes_max > 0),
            ("proxy_connect_timeout", within(self.proxy_connect_timeout)),
            (
                "proxy_first_byte_timeout_max",
                within(self.proxy_first_byte_timeout_max),
            ),
            (
                "proxy_first_byte_timeout",
                within(self.proxy_first_byte_timeout)
                    && self.proxy_first_byte_timeout <= self.proxy_first_byte_timeout_max,
            ),
            ("proxy_stream_idle", within(self.proxy_stream_idle)),
            ("proxy_tunnel_total", within(self.proxy_tunnel_total)),
            ("drain_timeout", self.drain_timeout <= TIME_MAX),
        ];
        match checks.iter().find(|(_, fine)| !fine) {
            Some((name, _)) => Err(ConfigError::Limit(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_fine_and_extremes_are_refused_by_name() {
        assert!(Limits::default().validate().is_ok());
        let check = |name: &str, adjust: fn(&mut Limits)| {
            let mut limits = Limits::default();
            adjust(&mut limits);
            let Err(ConfigError::Limit(found)) = limits.validate() else {
                panic!("{name} was accepted");
            };
            assert_eq!(found, name);
        };
        check("connections_max", |l| l.connections_max = 0);
        check("header_bytes_max", |l| l.header_bytes_max = 100);
        check("collected_bytes_max", |l| l.collected_bytes_max = 1_000);
        check("proxy_stream_idle", |l| l.proxy_stream_idle = Duration::MAX);
        check("drain_timeout", |l| l.drain_timeout = Duration::MAX);
        check("proxy_first_byte_timeout", |l| {
            l.proxy_first_byte_timeout = l.proxy_first_byte_timeout_max * 2;
        });
    }
}
