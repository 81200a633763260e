//! The account of one proxied call: opened before anything is sent, closed when the call is over.
//!
//! In: where the call goes, what the answer was, the bytes each way. Out: one entry of the audit
//! log, when the last part of the call is dropped: its answer, its body, its tunnel. So a call
//! whose client left, and one that the server's stop ended, have their entry too.
//!
//! Promise: room for the entry is reserved first; without it the call is not made. The entry
//! holds the target without its query, and no header.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes};
use credential_injector::Target;
use http::{Method, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};

use crate::layers::trace::method_label;
use crate::problem::Problem;
use crate::vault::audit::{self, Call, CallEnd, Slot};

/// Bytes of a target that are recorded.
const TARGET_BYTES_MAX: usize = 2_048;
/// Outcome of a call that nobody waited for.
const ABANDONED: &str = "abandoned";

/// One proxied call.
pub(crate) struct Account {
    call: Arc<Call>,
    /// `None` only while dropping.
    slot: Option<Slot>,
    started: Instant,
    method: &'static str,
    outcome: OnceLock<&'static str>,
    status: AtomicU16,
    up: AtomicU64,
    down: AtomicU64,
    complete: AtomicBool,
}

impl Account {
    /// Opens the account of the current call; `None` where calls are not recorded.
    ///
    /// # Errors
    /// `audit_unavailable`.
    pub(crate) fn open(method: &Method) -> Result<Option<Arc<Self>>, Problem> {
        let Some(call) = audit::current() else {
            return Ok(None);
        };
        let Some(slot) = call.log().reserve()? else {
            return Ok(None);
        };
        // Whoever has the room has the duty.
        call.claim();
        Ok(Some(Arc::new(Self {
            call,
            slot: Some(slot),
            started: Instant::now(),
            method: method_label(method),
            outcome: OnceLock::new(),
            status: AtomicU16::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            complete: AtomicBool::new(false),
        })))
    }

    /// Says where the call goes.
    pub(crate) fn goes_to(&self, target: &Target) {
        let (scheme, authority) = (target.scheme(), target.authority());
        let mut text = format!("{scheme}://{authority}{}", target.path());
        let end = (0..=TARGET_BYTES_MAX.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        self.call.about("to", text);
    }

    /// Counts bytes of the request.
    pub(crate) fn sent(&self, bytes: usize) {
        self.up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes of the answer.
    pub(crate) fn received(&self, bytes: usize) {
        self.down.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// All of the answer went out.
    pub(crate) fn completed(&self) {
        self.complete.store(true, Ordering::Relaxed);
    }

    /// Notes how the answer begins, and counts what follows.
    pub(crate) fn watch(
        account: Option<Arc<Self>>,
        answer: Result<Response<Body>, Problem>,
    ) -> Result<Response<Body>, Problem> {
        let Some(account) = account else {
            return answer;
        };
        match answer {
            Ok(response) => {
                account.note_end(CallEnd::OK.outcome);
                account.note_status(response.status());
                // The tunnel that follows has an end of its own.
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    return Ok(response);
                }
                Ok(response.map(|inner| Body::new(Counted { inner, account })))
            }
            Err(problem) => {
                account.note_end(problem.code().as_str());
                account.note_status(problem.code().status());
                account.completed();
                Err(problem)
            }
        }
    }

    fn note_status(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Ordering::Relaxed);
    }

    fn note_end(&self, outcome: &'static str) {
        // The first one stays.
        let _ = self.outcome.set(outcome);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else {
            return;
        };
        let note = format!(
            "method={} status={} ms={} up={} down={} end={}",
            self.method,
            *self.status.get_mut(),
            self.started.elapsed().as_millis(),
            *self.up.get_mut(),
            *self.down.get_mut(),
            if *self.complete.get_mut() {
                "complete"
            } else {
                "cut"
            },
        );
        let outcome = self.outcome.get().copied().unwrap_or(ABANDONED);
        let end = CallEnd {
            outcome,
            note: &note,
        };
        slot.fill(self.call.entry(end, None));
    }
}

/// An answer's body that is counted on its way.
struct Counted {
    inner: Body,
    account: Arc<Account>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            None => self.account.completed(),
            Some(Ok(frame)) => self
                .account
                .received(frame.data_ref().map_or(0, |data| data.len())),
            Some(Err(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // A body of a known length is not asked for its end.
        if self.inner.is_end_stream() {
            self.account.completed();
        }
    }
}
