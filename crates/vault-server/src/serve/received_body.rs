//! The body of a request, which tells its connection's watch when nobody reads it any more.
//!
//! A body may outlive the answer to its request: an upstream may answer early and go on reading.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::watch::Watch;

/// A body that counts as being received until it is dropped.
pub(super) struct ReceivedBody {
    inner: Incoming,
    watch: Arc<Watch>,
}

impl ReceivedBody {
    pub(super) fn new(inner: Incoming, watch: Arc<Watch>) -> Self {
        watch.begin_body();
        Self { inner, watch }
    }
}

impl Drop for ReceivedBody {
    fn drop(&mut self) {
        self.watch.end_body();
    }
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
