//! An answer's body without the secret that went up.
//!
//! In: the body on its way down and what to look for. Out: the same body, each echo overwritten,
//! or broken off where one begins. Lengths stay true. A piece is passed on at once, apart from
//! last bytes that may begin the secret: these wait for the next piece, for the trailers or for
//! the end.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use credential_injector::{BodyFilter, EchoScrub, EchoedSecret, SecretEchoed};
use http::HeaderMap;
use http_body::{Frame, SizeHint};

type BodyError = Box<dyn Error + Send + Sync>;

/// A body that is searched on its way.
pub(crate) struct ScrubBody<B> {
    inner: B,
    secret: EchoedSecret,
    filter: BodyFilter,
    refuses: bool,
    trailers: Option<HeaderMap>,
}

impl<B> ScrubBody<B> {
    pub(crate) fn new(inner: B, secret: EchoedSecret, policy: EchoScrub) -> Self {
        Self {
            inner,
            filter: secret.clone().body_filter(),
            secret,
            refuses: policy == EchoScrub::Refuse,
            trailers: None,
        }
    }

    /// One frame of the inner body; `None` when all of it is kept back for now.
    fn pass(&mut self, frame: Frame<Bytes>) -> Result<Option<Frame<Bytes>>, BodyError> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return self.pass_trailers(frame.into_trailers().unwrap_or_default()),
        };
        let filtered = self.filter.push(data);
        self.judge(filtered.found)?;
        Ok((!filtered.bytes.is_empty()).then(|| Frame::data(filtered.bytes)))
    }

    fn pass_trailers(
        &mut self,
        mut trailers: HeaderMap,
    ) -> Result<Option<Frame<Bytes>>, BodyError> {
        let found = self.secret.redact_headers(&mut trailers);
        self.judge(found)?;
        if self.filter.kept_bytes() == 0 {
            return Ok(Some(Frame::trailers(trailers)));
        }
        self.trailers = Some(trailers);
        Ok(Some(Frame::data(self.filter.finish())))
    }

    fn judge(&self, found: bool) -> Result<(), BodyError> {
        if found && self.refuses {
            return Err(SecretEchoed.into());
        }
        Ok(())
    }
}

impl<B> http_body::Body for ScrubBody<B>
where
    B: http_body::Body<Data = Bytes, Error = BodyError> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(trailers) = this.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        loop {
            let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)) else {
                let rest = this.filter.finish();
                let last = (!rest.is_empty()).then(|| Ok(Frame::data(rest)));
                return Poll::Ready(last);
            };
            match frame.and_then(|frame| this.pass(frame)) {
                Ok(None) => {}
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.filter.kept_bytes() == 0 && self.trailers.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, kept) = (self.inner.size_hint(), self.filter.kept_bytes() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(kept));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(kept));
        }
        hint
    }
}
