//! Polls hyper's connection, and asks the [`Watch`] how long it may go on.
//!
//! In: a connection of either version. Out: whether it is over, or has fallen quiet and its stream
//! could be had back. The stop signal is passed on to it.

use std::pin::{Pin, pin};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use tokio::time::Instant;

use super::connection::CLOSING_GRACE;
use super::lent_io::Loan;
use super::place::Place;
use super::watch::{Verdict, Watch};

/// How long an HTTP/1.1 connection is quiet between requests before it is parked. Connections in
/// use are asked about that often whether they are.
const PARK_AFTER: Duration = Duration::from_millis(250);
/// The longest pause between two looks at a connection whose answer lasts.
const LOOK_MAX: Duration = Duration::from_secs(60);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What hyper's connections have in common.
pub(super) trait Connection: Future<Output = hyper::Result<()>> {
    /// Finishes what is in flight, and then ends.
    fn end_politely(self: Pin<&mut Self>);
}

impl<I, B, S> Connection for http1::UpgradeableConnection<I, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + Send + 'static,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    fn end_politely(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S, E> Connection for http2::Connection<I, S, E>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + 'static,
    B: Body + 'static,
    B::Error: Into<BoxError>,
    E: Http2ServerConnExec<S::Future, B>,
{
    fn end_politely(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// How it ended.
pub(super) enum Attended {
    /// The connection is over.
    Over,
    /// Nothing has happened since its last answer, for [`PARK_AFTER`].
    Quiet,
}

/// Polls `connection` until it is over or, where its stream is only lent, quiet.
pub(super) async fn attend<C: Connection>(
    mut connection: Pin<&mut C>,
    watch: &Watch,
    place: &Place,
    loan: Option<&Loan>,
) -> Attended {
    let mut stopping = place.stopping();
    let mut looks = loan.map(|loan| Looks::new(watch, loan));
    let begin = match looks {
        Some(_) => Instant::now() + PARK_AFTER,
        None => watch.idle_end(),
    };
    let mut alarm = pin!(tokio::time::sleep_until(begin));
    let mut closing = false;
    loop {
        tokio::select! {
            // On a busy worker the alarm may ring while a request lies in the socket already: the
            // connection is asked first.
            biased;
            // Errors here are the peer's doing; there is nobody left to tell.
            _ = connection.as_mut() => return Attended::Over,
            _ = stopping.wait_for(|stop| *stop), if !closing => {
                closing = true;
                connection.as_mut().end_politely();
            }
            () = alarm.as_mut() => match (watch.verdict(), &mut looks) {
                (Verdict::Until(end), Some(looks)) if !closing => match looks.next(watch) {
                    Some(next) => alarm.as_mut().reset(next.min(end)),
                    None => return Attended::Quiet,
                },
                (Verdict::Until(end), _) => alarm.as_mut().reset(end),
                (Verdict::Idle, _) if !closing => {
                    closing = true;
                    connection.as_mut().end_politely();
                    alarm.as_mut().reset(Instant::now() + CLOSING_GRACE);
                }
                (Verdict::Idle | Verdict::Stalled, _) => return Attended::Over,
            },
        }
    }
}

/// When to look whether a connection has fallen quiet: soon while requests come and go, and ever
/// more rarely while one answer lasts.
struct Looks<'a> {
    loan: &'a Loan,
    /// Requests before this; a connection is never quiet before its next.
    before: u64,
    seen: u64,
    wait: Duration,
}

impl<'a> Looks<'a> {
    fn new(watch: &Watch, loan: &'a Loan) -> Self {
        let before = watch.glance().requests;
        Self {
            loan,
            before,
            seen: before,
            wait: PARK_AFTER,
        }
    }

    /// The time of the next look; `None` if the connection is quiet now.
    fn next(&mut self, watch: &Watch) -> Option<Instant> {
        let glance = watch.glance();
        let news = glance.requests != self.seen;
        self.seen = glance.requests;
        let quiet_since = glance.quiet_since.filter(|_| {
            // The head of a request that is under way has its deadline from hyper.
            glance.requests != self.before && self.loan.can_be_called_in()
        });
        let now = Instant::now();
        match quiet_since.map(|since| since + PARK_AFTER) {
            Some(due) if due <= now => None,
            Some(due) => Some(due),
            None => {
                self.wait = if news {
                    PARK_AFTER
                } else {
                    self.wait.saturating_mul(2).min(LOOK_MAX)
                };
                Some(now + self.wait)
            }
        }
    }
}
